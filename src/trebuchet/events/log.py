"""The spine: facts become numbered rows, stored with the calls and conferences they changed.

Then, and only then, they are told.
"""

from collections.abc import Callable
from datetime import datetime

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.errors import TrebuchetError
from trebuchet.base.ids import Ids
from trebuchet.base.values import replace
from trebuchet.calls.interfaces import Change, ConferenceChange, UnitOfWork
from trebuchet.events.charges import FREE, Tariff
from trebuchet.events.conference_payload import describe_conference
from trebuchet.events.payload import Description, describe
from trebuchet.events.relay import Relay
from trebuchet.model.call import Call
from trebuchet.model.charge import PriceList
from trebuchet.model.conference import Conference
from trebuchet.model.event import (
    Answered,
    Arrived,
    ConferenceCreated,
    ConferenceEnded,
    ConferenceFact,
    Created,
    Ended,
    Fact,
    LoggedEvent,
    OwnerKind,
)
from trebuchet.model.user_error import UserError
from trebuchet.store.interface import NO_CHANGES, Batch, LibraryChanges, Store

Watcher = Callable[[Call, tuple[Fact, ...]], None]
"""Told of every stored change of a call with its facts, before anything of them is delivered. Must return at once."""
Subscriber = Callable[[Call | Conference, LoggedEvent], None]
"""Told of every stored event with its owner as it was stored. Must return at once."""

_Stored = tuple[Call | Conference, list[LoggedEvent]]

_logger = structlog.get_logger()


class EventLog:
    """Implements `calls.interfaces.Log`.

    Every fact is one row, so after a commit the owner's `events_logged` is its old value plus the number of facts;
    whoever holds the owner advances it by the same sum. Commits of one owner follow one another: a second one must not
    begin before the first has returned.
    """

    def __init__(
        self, store: Store, relay: Relay, ids: Ids, clock: Clock, base_url: str, prices: PriceList = FREE
    ) -> None:
        """`base_url`: the public one of this server's API. `prices`: what is charged for calls and transcriptions."""
        self._store = store
        self._relay = relay
        self._ids = ids
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._tariff = Tariff(prices, ids)
        self._subscribers: list[Subscriber] = []
        self._watchers: list[Watcher] = []
        relay.report = self.report

    async def commit(self, unit: UnitOfWork) -> None:
        """See `Log.commit`. What is stored is always told, also when the caller is cancelled meanwhile."""
        now = self._clock.utc()
        calls = [self._number(change, now) for change in unit.changes]
        conferences = [self._number_conference(change, now) for change in unit.conferences]
        stored: list[_Stored] = [*calls, *conferences]
        batch = Batch(
            calls=tuple(call for call, _ in calls),
            conferences=tuple(conference for conference, _ in conferences),
            members=tuple(member for change in unit.conferences for member in change.members),
            bridges=unit.bridges,
            events=tuple(event for _, events in stored for event in events),
            recordings=unit.recordings,
            gathers=unit.gathers,
            library=self._library(unit, now),
        )
        await self._store.write(batch, lambda: self._tell(stored, unit.changes))

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

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """See every change of a call from now on, as call control means it; returns what ends it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    # --- inside ---

    def _library(self, unit: UnitOfWork, now: datetime) -> LibraryChanges:
        charges = tuple(
            charge
            for change in unit.changes
            for fact in change.facts
            if (charge := self._tariff.charge_for(fact, change.call, now)) is not None
        )
        if not charges and not unit.transcriptions:
            return NO_CHANGES
        return LibraryChanges(transcriptions=unit.transcriptions, charges=charges)

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
        return self._event(call, OwnerKind.CALL, sequence, at, told)

    def _number_conference(self, change: ConferenceChange, now: datetime) -> tuple[Conference, list[LoggedEvent]]:
        first = change.conference.events_logged + 1
        conference = replace(change.conference, events_logged=change.conference.events_logged + len(change.facts))
        events = []
        for sequence, fact in enumerate(change.facts, first):
            at = _time_of_conference(fact, conference) or now
            told = describe_conference(fact, conference, at, self._base_url)
            events.append(self._event(conference, OwnerKind.CONFERENCE, sequence, at, told))
        return conference, events

    def _event(
        self, owner: Call | Conference, kind: OwnerKind, sequence: int, at: datetime, told: Description
    ) -> LoggedEvent:
        return LoggedEvent(
            id=self._ids.event(),
            account_id=owner.account_id,
            owner_id=owner.id,
            owner_kind=kind,
            sequence=sequence,
            at=at,
            name=told.name,
            data=told.data,
            payload=told.payload,
            target=(told.target or owner.webhook) if told.payload is not None else None,
        )

    def _tell(self, stored: list[_Stored], changes: tuple[Change, ...]) -> None:
        for change in changes:
            for watcher in self._watchers:
                _tell_watcher(watcher, change)
        for owner, events in stored:
            for event in events:
                self._relay.deliver(event)
                for subscriber in self._subscribers:
                    _tell_subscriber(subscriber, owner, event)


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


def _time_of_conference(fact: ConferenceFact, conference: Conference) -> datetime | None:
    match fact:
        case ConferenceCreated():
            return conference.created_at
        case ConferenceEnded():
            return conference.ended_at
        case _:
            return None


def _tell_watcher(watcher: Watcher, change: Change) -> None:
    try:
        watcher(change.call, change.facts)
    except Exception:  # as for subscribers
        _logger.exception("watcher of calls failed", owner_id=change.call.id)


def _tell_subscriber(subscriber: Subscriber, owner: Call | Conference, event: LoggedEvent) -> None:
    try:
        subscriber(owner, event)
    except Exception:  # a broken listener must not undo what is stored, nor keep it from the others
        _logger.exception("event subscriber failed", owner_id=owner.id, event_name=event.name)
