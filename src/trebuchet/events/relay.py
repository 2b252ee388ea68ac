"""Delivers the log's events to the customers' web servers.

- The requests of one call (or conference) start in the order of its events, each as soon as the one before has left;
  nobody waits for a response.
- Web servers do not know of each other: each has its lane (`lanes`), and a slow one uses up its own share.
- Nothing here grows without bound: what does not fit waits in the log.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.ids import Ids, OwnerId
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.events.failures import make_user_error
from trebuchet.events.lanes import PIECE, Lane, RelayLimits
from trebuchet.events.signing import Sign, leave_unsigned
from trebuchet.events.webhook import Attempt, Verdict, attempt
from trebuchet.fetch.client import GuardedClient
from trebuchet.model.event import LoggedEvent
from trebuchet.model.user_error import UserError
from trebuchet.store.interface import lane_of

REST_S = 5.0
"""How long a lane that read from the log is remembered: an event may be read there before its arrival is announced,
and must not be taken for a new one then."""
READ_AGAIN_S = 1.0
"""Pause before a lane reads the log again after the log could not be read."""

RESUMED_AT_ONCE = 1000
"""Events read from the log in one piece after a start: some 2 MB."""

_logger = structlog.get_logger()


class LogReader(Protocol):
    """The part of a store that the relay needs."""

    async def events_after(self, event: LoggedEvent, lane: str, limit: int) -> list[LoggedEvent]: ...

    async def queued_events(self, after: LoggedEvent | None, limit: int) -> list[LoggedEvent]: ...


class Relay:
    """Belongs to one event loop. Nothing it calls back may raise."""

    def __init__(
        self,
        client: GuardedClient,
        log: LogReader,
        ids: Ids,
        clock: Clock,
        limits: RelayLimits | None = None,
        sign: Sign = leave_unsigned,
    ) -> None:
        self._client = client
        self._log = log
        self._ids = ids
        self._clock = clock
        self._limits = limits or RelayLimits()
        self._sign = sign
        self._lanes: dict[str, Lane] = {}
        self._resting: dict[str, Lane] = {}
        self._starved: deque[Lane] = deque()
        self._in_flight = 0
        self._unsent: dict[OwnerId, asyncio.Future[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._is_resuming = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.report: Callable[[UserError], Awaitable[None]] = _discard
        """Takes the entries for the customer's error list; the event log puts itself here."""
        self.on_undeliverable: Callable[[LoggedEvent], None] = _ignore
        """Told of every event that neither URL acknowledged; the composition root connects call control here."""
        self.on_round: Callable[[LoggedEvent, Sequence[Attempt]], object] = _forget
        """Told of the attempts of every event, when they are over; the outbox is connected here."""

    def deliver(self, event: LoggedEvent) -> None:
        """Start the webhook of a stored event as soon as its turn comes; events without one are left alone.
        Call it in the order in which the events were stored. Returns at once."""
        if event.target is None or event.payload is None or self._is_closed:
            return
        key = lane_of(event.target.url)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = self._resting.pop(key) if key in self._resting else Lane(key)
        self._idle.clear()
        lane.add(event)
        self._advance(lane)

    async def resume(self) -> int:
        """Deliver what an earlier process left queued; returns how many events. To be called before any new event is
        stored. Raises `LogUnavailable`."""
        found, last = 0, None
        self._is_resuming = True  # nothing else is read meanwhile, or lanes would be given the same events twice
        try:
            while events := await self._log.queued_events(last, RESUMED_AT_ONCE):
                for event in events:
                    self.deliver(event)
                found, last = found + len(events), events[-1]
        finally:
            self._is_resuming = False
        for lane in list(self._lanes.values()):
            self._advance(lane)
        return found

    async def drain(self, timeout_s: float) -> bool:
        """Wait until everything is delivered or given up; whether it was in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
                while self._tasks:  # reports of failures are still on their way to the log
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Stop at once. What was not delivered stays in the log."""
        self._is_closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def in_flight(self) -> int:
        """Deliveries under way."""
        return self._in_flight

    # --- lanes ---

    def _advance(self, lane: Lane) -> None:
        """Start what may start on this lane, read on when it runs low, forget it when it is done."""
        while lane.waiting and self._may_start(lane):
            self._start(lane, lane.waiting.popleft())
        if lane.waiting and not lane.in_flight and lane not in self._starved:
            self._starved.append(lane)
        if lane.wants_reading and not (self._is_closed or self._is_resuming):
            self._spawn(self._read_on(lane, lane.begin_reading()))
        if lane.is_idle and self._lanes.pop(lane.key, None) is lane and lane.has_read:
            self._rest(lane)
        if not self._lanes:
            self._idle.set()

    def _rest(self, lane: Lane) -> None:
        self._resting[lane.key] = lane

        def forget() -> None:
            if self._resting.get(lane.key) is lane:
                del self._resting[lane.key]

        asyncio.get_running_loop().call_later(REST_S, forget)

    def _may_start(self, lane: Lane) -> bool:
        limits, in_flight = self._limits, self._in_flight
        return in_flight < limits.max_in_flight and lane.in_flight < limits.share(in_flight)

    async def _read_on(self, lane: Lane, mark: int) -> None:
        assert lane.last is not None
        try:
            events = await self._log.events_after(lane.last, lane.key, PIECE)
        except LogUnavailable:
            await asyncio.sleep(READ_AGAIN_S)
            lane.is_reading = False
        else:
            lane.add_read(mark, events)
        self._advance(lane)

    def _start(self, lane: Lane, event: LoggedEvent) -> None:
        lane.in_flight += 1
        self._in_flight += 1
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        previous = self._unsent.get(event.owner_id)
        self._unsent[event.owner_id] = sent
        self._spawn(self._run(lane, event, previous, sent))

    async def _run(
        self, lane: Lane, event: LoggedEvent, previous: asyncio.Future[None] | None, sent: asyncio.Future[None]
    ) -> None:
        try:
            if previous is not None:
                await asyncio.wait((previous,), timeout=self._limits.order_wait_s)
            await self._deliver_once(event, sent)
        except Exception:
            _logger.exception("webhook delivery failed", owner_id=event.owner_id, webhook_event=event.name)
        finally:
            self._mark_sent(event, sent)
            lane.in_flight -= 1
            self._in_flight -= 1
            if not self._is_closed:
                self._advance(lane)
                self._feed_starved()

    def _feed_starved(self) -> None:
        for _ in range(len(self._starved)):
            if self._in_flight >= self._limits.max_in_flight:
                return
            self._advance(self._starved.popleft())

    def _mark_sent(self, event: LoggedEvent, sent: asyncio.Future[None]) -> None:
        if not sent.done():
            sent.set_result(None)
        if self._unsent.get(event.owner_id) is sent:
            del self._unsent[event.owner_id]

    # --- policy: each URL once ---

    async def _deliver_once(self, event: LoggedEvent, sent: asyncio.Future[None]) -> None:
        assert event.target is not None
        made = await attempt(self._client, event, event.target.url, lambda: self._mark_sent(event, sent), self._sign)
        self._mark_sent(event, sent)
        attempts = [made]
        if not self._judge(event, made) and event.target.fallback_url is not None:
            made = await attempt(self._client, event, event.target.fallback_url, sign=self._sign)
            self._judge(event, made)
            attempts.append(made)
        self.on_round(event, attempts)
        if made.verdict is Verdict.ACKNOWLEDGED:
            return
        _logger.info(
            "webhook undeliverable", owner_id=event.owner_id, webhook_event=event.name, verdict=made.verdict.value
        )
        self.on_undeliverable(event)

    def _judge(self, event: LoggedEvent, made: Attempt) -> bool:
        """Whether it was acknowledged; if not, the customer reads why."""
        if made.verdict is Verdict.ACKNOWLEDGED:
            return True
        self._spawn(self._report(make_user_error(event, made, self._ids, self._clock)))
        return False

    async def _report(self, error: UserError) -> None:
        await self.report(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _discard(_: UserError) -> None:
    """Nobody listens yet."""


def _ignore(_: LoggedEvent) -> None:
    """Nobody listens yet."""


def _forget(_: LoggedEvent, __: Sequence[Attempt]) -> None:
    """Nobody listens yet."""
