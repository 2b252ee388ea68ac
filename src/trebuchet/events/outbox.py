"""The outbox: writes down what became of deliveries, so that a restarted server tells what was not told, and no more.

A queued delivery is stored together with its event. What came of it is gathered for a moment and written in one batch,
so that it costs the log next to nothing; what is lost when the process dies in that moment is delivered once more,
under the same id.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.errors import TrebuchetError
from trebuchet.base.ids import OwnerId
from trebuchet.base.rand import Rand, SystemRand
from trebuchet.events.retries import RetryRules, after_round
from trebuchet.events.webhook import Attempt
from trebuchet.fetch.url import strip_credentials
from trebuchet.model.delivery import Delivery, DeliveryAttempt
from trebuchet.model.event import LoggedEvent
from trebuchet.store.interface import Batch, Store, queued_delivery

GATHER_S = 0.2
"""How long outcomes are gathered: also how much is told twice after a crash."""
WRITE_AGAIN_S = 1.0
"""Pause after the log could not be written."""
MAX_GATHERED = 20_000
"""Outcomes kept while the log cannot be written (some 10 MB). Later ones are forgotten: after a restart their events
are delivered once more."""

_logger = structlog.get_logger()


class Outbox:
    """Belongs to one event loop."""

    def __init__(self, store: Store, clock: Clock, rules: RetryRules | None = None, rand: Rand | None = None) -> None:
        """Without `rules` nothing is retried."""
        self.rules = rules or RetryRules(for_s=0)
        self._rand = rand or SystemRand()
        self._store, self._clock = store, clock
        self._gathered: dict[tuple[OwnerId, int], Delivery] = {}
        self._writing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.on_waiting: Callable[[str, datetime], None] = _ignore
        """Told of every delivery that waits for another round, by its server, once that is stored."""

    def note_round(self, event: LoggedEvent, made: Sequence[Attempt], before: Delivery | None = None) -> Delivery:
        """A round of attempts (one for each URL, until one acknowledged) is over; `before`: the delivery as it was,
        if this was not its first. Returns at once, with what has become of it."""
        if before is None:
            before = queued_delivery(event)
        assert before is not None and made
        now = self._clock.utc()
        after = after_round(before, _describe(made, now), now, self.rules, self._rand)
        self.note(after)
        return after

    def note(self, delivery: Delivery) -> None:
        """Write it down soon. Returns at once."""
        if len(self._gathered) >= MAX_GATHERED:
            return
        self._gathered[delivery.owner_id, delivery.sequence] = delivery
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_soon())

    async def store_now(self, delivery: Delivery) -> None:
        """Raises `LogUnavailable`."""
        async with self._turn:
            self._gathered.pop((delivery.owner_id, delivery.sequence), None)
            await self._store.write(Batch(deliveries=(delivery,)))

    async def flush(self) -> bool:
        """Write what is noted so far; whether it is stored."""
        return await self._write()

    async def close(self) -> None:
        """Write what is left, once."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._write()

    async def _write_soon(self) -> None:
        pause_s = GATHER_S
        while self._gathered:
            await asyncio.sleep(pause_s)
            pause_s = GATHER_S if await self._write() else WRITE_AGAIN_S
        self._writing = None

    async def _write(self) -> bool:
        """Whether all is written; if not, it is kept for the next time."""
        async with self._turn:
            taken, self._gathered = self._gathered, {}
            try:
                if taken:
                    await self._store.write(Batch(deliveries=tuple(taken.values())))
            except TrebuchetError as failure:
                _logger.warning("outcomes of deliveries not stored", count=len(taken), reason=failure.code)
                self._gathered = taken | self._gathered
                return False
            except asyncio.CancelledError:
                self._gathered = taken | self._gathered
                raise
        for delivery in taken.values():
            if delivery.due_at is not None:
                self.on_waiting(delivery.server, delivery.due_at)
        return True


def _ignore(_: str, __: datetime) -> None:
    """Nobody listens yet."""


def _describe(made: Sequence[Attempt], end: datetime) -> list[DeliveryAttempt]:
    """Attempts follow one another without a pause, the last of them up to `end`."""
    described: list[DeliveryAttempt] = []
    for attempt in reversed(made):
        end -= timedelta(milliseconds=attempt.total_ms)
        described.append(
            DeliveryAttempt(
                at=end,
                url=strip_credentials(attempt.url),
                verdict=attempt.verdict.value,
                status=None if attempt.answer is None else attempt.answer.status,
                duration_ms=attempt.total_ms,
            )
        )
    return described[::-1]
