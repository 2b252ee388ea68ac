"""Tries waiting deliveries again when they are due, each web server on its own.

What waits is in the log. Here is only, for each server, when its first delivery is due; so memory grows with servers
and not with events. A server is served in pieces and comes back to the end of the queue after each, so one that is dead
or slow takes its turn and no more.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from trebuchet.base.clock import Clock
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.events.outbox import WRITE_AGAIN_S, Outbox
from trebuchet.events.retries import ask_again, is_wanted, settle
from trebuchet.events.signing import Sign
from trebuchet.events.webhook import Attempt, make_round
from trebuchet.fetch.client import GuardedClient
from trebuchet.model.call import Call
from trebuchet.model.conference import Conference
from trebuchet.model.delivery import Delivery, DeliveryState
from trebuchet.model.event import LoggedEvent

PIECE = 8
"""Deliveries to one server at once: enough for 20 a second at 0.4 s each, little for a server that is just up again."""
MAX_SERVED = 128
"""Servers served at once. Each holds its place for 20 s at the most (two URLs that do not answer)."""
LOOK_AGAIN_S = 30.0
"""Longest sleep: the clock may have been set meanwhile."""

_logger = structlog.get_logger()

OwnerOf = Callable[[LoggedEvent], Awaitable[Call | Conference | None]]
OnRound = Callable[[LoggedEvent, Sequence[Attempt]], None]


class WaitingRoom(Protocol):
    """The part of a store that is needed here."""

    async def waiting_lanes(self) -> list[tuple[str, datetime]]: ...

    async def due_deliveries(self, lane: str, until: datetime, limit: int) -> list[tuple[Delivery, LoggedEvent]]: ...

    async def next_due(self, lane: str) -> datetime | None: ...


class Retrier:
    """Belongs to one event loop."""

    def __init__(
        self,
        client: GuardedClient,
        log: WaitingRoom,
        outbox: Outbox,
        clock: Clock,
        sign: Sign,
        owner_of: OwnerOf,
    ) -> None:
        self._client, self._log, self._outbox, self._clock = client, log, outbox, clock
        self._sign, self._owner_of = sign, owner_of
        self._due: dict[str, datetime] = {}
        self._heap: list[tuple[datetime, str]] = []
        self._ready: deque[str] = deque()
        self._serving: set[str] = set()
        self._again: set[str] = set()
        """Became ready while they were being served."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self.on_round: OnRound = _ignore
        """Told of the attempts of every round."""
        outbox.on_waiting = self.expect

    async def start(self) -> None:
        """Take up what earlier processes left waiting. Raises `LogUnavailable`."""
        for lane, due_at in await self._log.waiting_lanes():
            self.expect(lane, due_at)

    def expect(self, lane: str, due_at: datetime) -> None:
        """A stored delivery to this lane waits until then."""
        known = self._due.get(lane)
        if self._is_closed or (known is not None and known <= due_at):
            return
        self._due[lane] = due_at
        heapq.heappush(self._heap, (due_at, lane))
        self._set_timer()

    async def redeliver(self, delivery: Delivery) -> None:
        """Deliver (again) at once, whatever came of it before. Raises `LogUnavailable`."""
        now = self._clock.utc()
        await self._outbox.store_now(ask_again(delivery, now))
        self.expect(delivery.server, now)

    async def close(self) -> None:
        """Stop at once; what waits stays in the log."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- when ---

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            wait_s = (self._heap[0][0] - self._clock.utc()).total_seconds()
            self._timer = asyncio.get_running_loop().call_later(min(max(wait_s, 0), LOOK_AGAIN_S), self._wake)

    def _wake(self) -> None:
        now = self._clock.utc()
        while self._heap and self._heap[0][0] <= now:
            due_at, lane = heapq.heappop(self._heap)
            if self._due.get(lane) == due_at:  # else it has become due earlier, or is ready already
                del self._due[lane]
                self._ready.append(lane)
        self._serve_ready()
        self._set_timer()

    def _serve_ready(self) -> None:
        for _ in range(len(self._ready)):
            if len(self._serving) >= MAX_SERVED:
                return
            lane = self._ready.popleft()
            if lane in self._serving:
                self._again.add(lane)
                continue
            self._serving.add(lane)
            task = asyncio.get_running_loop().create_task(self._serve(lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # --- what ---

    async def _serve(self, lane: str) -> None:
        try:
            next_at = await self._serve_piece(lane)
        except LogUnavailable:
            next_at = self._clock.utc() + timedelta(seconds=WRITE_AGAIN_S)
        except Exception:
            _logger.exception("deliveries could not be tried again")
            next_at = self._clock.utc() + timedelta(seconds=LOOK_AGAIN_S)
        finally:
            self._serving.discard(lane)
        if lane in self._again:
            self._again.discard(lane)
            next_at = self._clock.utc()
        if next_at is not None:
            self.expect(lane, next_at)
        self._serve_ready()

    async def _serve_piece(self, lane: str) -> datetime | None:
        """Returns when the lane wants to be served next. A server that acknowledged nothing is left in peace for the
        first pause, however much is due."""
        due = await self._log.due_deliveries(lane, self._clock.utc(), PIECE)
        results = await asyncio.gather(*(self._try_again(delivery, event) for delivery, event in due))
        while not await self._outbox.flush():  # what is not written down would be due once more
            await asyncio.sleep(WRITE_AGAIN_S)
        next_at = await self._log.next_due(lane)
        if next_at is None or not due or any(results):
            return next_at
        return max(next_at, self._clock.utc() + timedelta(seconds=self._outbox.rules.first_s))

    async def _try_again(self, delivery: Delivery, event: LoggedEvent) -> bool:
        """Whether the server acknowledged it, or was not asked."""
        if not is_wanted(delivery, event, await self._owner_of(event)):
            self._outbox.note(settle(delivery, DeliveryState.FAILED, self._clock.utc()))
            return True
        made = await make_round(self._client, event, self._sign)
        after = self._outbox.note_round(event, made, delivery)
        self.on_round(event, made)
        return after.state is DeliveryState.DELIVERED


def _ignore(_: LoggedEvent, __: Sequence[Attempt]) -> None:
    """Nobody listens yet."""
