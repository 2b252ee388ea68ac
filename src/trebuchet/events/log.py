"""The spine: facts become numbered rows, stored with the calls they changed; then, and only then, they are told."""

from collections.abc import Callable
from datetime import datetime

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.errors import TrebuchetError
from trebuchet.base.ids import Ids
from trebuchet.base.values import replace
from trebuchet.calls.interfaces import Change, UnitOfWork
from trebuchet.events.payload import describe
from trebuchet.events.relay import Relay
from trebuchet.model.call import Call
from trebuchet.model.event import Answered, Arrived, Created, Ended, Fact, LoggedEvent
from trebuchet.model.user_error import UserError
from trebuchet.store.interface import Batch, Store

Subscriber = Callable[[Call, LoggedEvent], None]
"""Told of every stored event with the call as it was stored. Must return at once."""

_logger = structlog.get_logger()


class EventLog:
    """Implements `calls.interfaces.Log`.

    Every fact is one row, so after a commit `call.events_logged` is its old value plus the number of facts; whoever
    holds the call advances it by the same sum. Commits of one call follow one another: a second one must not begin
    before the first has returned.
    """

    def __init__(self, store: Store, relay: Relay, ids: Ids, clock: Clock, base_url: str) -> None:
        """`base_url`: the public one of this server's API."""
        self._store = store
        self._relay = relay
        self._ids = ids
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._subscribers: list[Subscriber] = []
        relay.report = self.report

    async def commit(self, unit: UnitOfWork) -> None:
        """See `Log.commit`. What is stored is always told, also when the caller is cancelled meanwhile."""
        now = self._clock.utc()
        stored = [self._number(change, now) for change in unit.changes]
        batch = Batch(
            calls=tuple(call for call, _ in stored),
            events=tuple(event for _, events in stored for event in events),
            recordings=unit.recordings,
        )
        await self._store.write(batch, lambda: self._tell(stored))

    async def report(self, error: UserError) -> None:
        """See `Log.report`."""
        try:
            await self._store.write(Batch(user_errors=(error,)))
        except TrebuchetError as failure:
            _logger.warning("user error not stored", code=error.code, reason=failure.code)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Hear every event from now on, after it is stored; returns what ends the subscription."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    # --- inside ---

    def _number(self, change: Change, now: datetime) -> tuple[Call, list[LoggedEvent]]:
        call = change.call
        if not change.facts:
            return call, []
        first = call.events_logged + 1
        call = replace(call, events_logged=call.events_logged + len(change.facts))
        return call, [self._make_event(fact, call, first + index, now) for index, fact in enumerate(change.facts)]

    def _make_event(self, fact: Fact, call: Call, sequence: int, now: datetime) -> LoggedEvent:
        at = _time_of(fact, call) or now
        told = describe(fact, call, at, self._base_url)
        return LoggedEvent(
            id=self._ids.event(),
            account_id=call.account_id,
            call_id=call.id,
            sequence=sequence,
            at=at,
            name=told.name,
            data=told.data,
            payload=told.payload,
            target=call.webhook if told.payload is not None else None,
        )

    def _tell(self, stored: list[tuple[Call, list[LoggedEvent]]]) -> None:
        for call, events in stored:
            for event in events:
                self._relay.deliver(event)
                for subscriber in self._subscribers:
                    _tell_subscriber(subscriber, call, event)


def _time_of(fact: Fact, call: Call) -> datetime | None:
    """The moment the call's own record gives for it, so that the two never differ by a second."""
    match fact:
        case Created() | Arrived():
            return call.created_at
        case Answered():
            return call.answered_at
        case Ended():
            return call.ended_at
        case _:
            return None


def _tell_subscriber(subscriber: Subscriber, call: Call, event: LoggedEvent) -> None:
    try:
        subscriber(call, event)
    except Exception:  # a broken listener must not undo what is stored, nor keep it from the others
        _logger.exception("event subscriber failed", call_id=call.id, event_name=event.name)
