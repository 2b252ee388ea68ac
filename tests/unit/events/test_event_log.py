"""Facts become numbered rows, stored with their calls, and are told only then."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from trebuchet.base.ids import AccountId, ApplicationId, CallId, Ids, UserErrorId
from trebuchet.base.rand import SeededRand
from trebuchet.calls.interfaces import Change, LogUnavailable, UnitOfWork
from trebuchet.events.log import EventLog
from trebuchet.events.relay import Relay
from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import GuardedClient
from trebuchet.model.call import Call, CallState, Direction, WebhookTarget
from trebuchet.model.cause import Cause
from trebuchet.model.event import Answered, Arrived, Created, DigitPressed, Ended, LoggedEvent
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.user_error import UserError
from trebuchet.store.interface import Batch, Page
from trebuchet.store.memory import MemoryStore
from trebuchet.testing.clock import VirtualClock

ME = AccountId("u-me")
TARGET = WebhookTarget(url="http://app.example/")


class RecordingRelay(Relay):
    """Notes what it is given, and whether the store had it by then."""

    def __init__(self, store: MemoryStore, ids: Ids, clock: VirtualClock) -> None:
        super().__init__(GuardedClient(AddressPolicy(LOOPBACK)), store, ids, clock)
        self.delivered: list[LoggedEvent] = []

    def deliver(self, event: LoggedEvent) -> None:
        self.delivered.append(event)


class World:
    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), VirtualClock()
        self.ids = Ids(SeededRand(1))
        self.relay = RecordingRelay(self.store, self.ids, self.clock)
        self.log = EventLog(self.store, self.relay, self.ids, self.clock, "https://api.example.test/")

    def make_call(self) -> Call:
        return Call(
            id=self.ids.call(),
            account_id=ME,
            direction=Direction.IN,
            from_="+1",
            to="+2",
            state=CallState.RINGING,
            created_at=datetime(2020, 1, 1, tzinfo=UTC),
            webhook=TARGET,
            application_id=ApplicationId("a-1"),
        )


@pytest.fixture
def world() -> World:
    return World()


async def test_facts_are_numbered_stored_and_told(world: World) -> None:
    call = world.make_call()
    await world.log.commit(UnitOfWork(changes=(Change(call, (Created(), Arrived())),)))
    assert await world.store.call(call.id) == replace(call, events_logged=2)
    events = await world.store.events(call.id)
    assert [(event.sequence, event.name) for event in events] == [(1, "create"), (2, "incomingcall")]
    assert events[0].payload is None
    assert events[0].target is None
    assert events[1].target == TARGET
    assert json.loads(events[1].payload or b"")["callUri"].startswith("https://api.example.test/v1/users/u-me/calls/c-")
    assert world.relay.delivered == events
    ended = replace(call, events_logged=2, state=CallState.ENDED)
    await world.log.commit(UnitOfWork(changes=(Change(ended, (DigitPressed("1"), Ended(Cause.HANGUP))),)))
    assert [event.sequence for event in await world.store.events(call.id)] == [1, 2, 3, 4]
    assert (await world.store.events(call.id))[3].data == "NORMAL_CLEARING"


async def test_a_unit_is_stored_together(world: World) -> None:
    first, second = world.make_call(), replace(world.make_call(), webhook=None)
    recording = Recording(
        id=world.ids.recording(),
        account_id=ME,
        call_id=first.id,
        media_name="x",
        state=RecordingState.RECORDING,
        started_at=world.clock.utc(),
    )
    unit = UnitOfWork(changes=(Change(first, (Created(),)), Change(second, (Answered(),))), recordings=(recording,))
    await world.log.commit(unit)
    assert await world.store.recording(recording.id) == recording
    assert (await world.store.events(second.id))[0].target is None
    await world.log.commit(UnitOfWork(changes=(Change(replace(first, events_logged=1, tag="x")),)))
    stored = await world.store.call(first.id)
    assert stored is not None
    assert (stored.tag, stored.events_logged) == ("x", 1)


async def test_times_agree_with_the_call(world: World) -> None:
    moments = [datetime(2020, 1, 1, 0, 0, n, tzinfo=UTC) for n in range(3)]
    call = replace(world.make_call(), created_at=moments[0], answered_at=moments[1], ended_at=moments[2])
    facts = (Created(), Arrived(), Answered(), Ended(Cause.HANGUP), DigitPressed("1"))
    await world.log.commit(UnitOfWork(changes=(Change(call, facts),)))
    at = [event.at for event in await world.store.events(call.id)]
    assert at == [moments[0], moments[0], moments[1], moments[2], world.clock.utc()]


async def test_what_is_not_stored_is_not_told(world: World) -> None:
    heard: list[LoggedEvent] = []
    world.log.subscribe(lambda _, event: heard.append(event))
    world.store.fail_with = LogUnavailable("disk full")
    with pytest.raises(LogUnavailable):
        await world.log.commit(UnitOfWork(changes=(Change(world.make_call(), (Arrived(),)),)))
    assert world.relay.delivered == []
    assert heard == []


async def test_what_is_stored_is_told_even_when_the_caller_is_cancelled(world: World) -> None:
    gate, write = asyncio.Event(), world.store.write
    running: list[asyncio.Task[None]] = []

    async def store_later(batch: Batch, then: Callable[[], None] | None) -> None:
        await gate.wait()
        await write(batch, then)

    async def slow_write(batch: Batch, then: Callable[[], None] | None = None) -> None:
        running.append(asyncio.create_task(store_later(batch, then)))
        await asyncio.shield(running[0])

    world.store.write = slow_write  # type: ignore[method-assign]  # a slow disk
    call = world.make_call()
    task = asyncio.create_task(world.log.commit(UnitOfWork(changes=(Change(call, (Arrived(),)),))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    async with asyncio.timeout(5):
        while not world.relay.delivered:
            await asyncio.sleep(0)
    assert await world.store.events(call.id) == world.relay.delivered


async def test_subscribers_hear_everything_until_they_leave(world: World) -> None:
    heard: list[tuple[CallId, str, int]] = []

    def fail(*_: object) -> None:
        raise RuntimeError("broken listener")

    world.log.subscribe(fail)
    leave = world.log.subscribe(lambda call, event: heard.append((call.id, event.name, call.events_logged)))
    call = world.make_call()
    await world.log.commit(UnitOfWork(changes=(Change(call, (Created(), Arrived())),)))
    leave()
    await world.log.commit(UnitOfWork(changes=(Change(replace(call, events_logged=2), (Answered(),)),)))
    assert heard == [(call.id, "create", 2), (call.id, "incomingcall", 2)]


async def test_reports_never_raise(world: World) -> None:
    error = UserError(
        id=UserErrorId("ue-1"), account_id=ME, at=world.clock.utc(), category="unavailable", code="x", message="y"
    )
    await world.log.report(error)
    assert await world.store.user_errors(ME, Page()) == [error]
    world.store.fail_with = LogUnavailable("disk full")
    await world.log.report(error)
