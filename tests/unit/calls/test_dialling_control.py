"""Everything that dials asks the same rules, before anything is stored or sent."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from trebuchet.base.ids import AccountId, CallId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.calls.call_limits import CallLimits
from trebuchet.calls.commands import (
    CannotCall,
    CreateCall,
    DestinationDenied,
    TooManyCalls,
    TooManyCallsAtOnce,
    Transfer,
    UpdateCall,
)
from trebuchet.calls.control import CallControl
from trebuchet.calls.dial_rules import DialRules
from trebuchet.calls.interfaces import CallPolicy, IncomingCall
from trebuchet.model.call import CallState
from trebuchet.model.cause import Blame, Cause
from trebuchet.testing.clock import VirtualClock
from trebuchet.testing.fakes import (
    DESCRIPTION,
    FakeDirectory,
    FakeFinisher,
    FakeLeg,
    FakeLog,
    FakeMedia,
    FakePrompts,
    FakeSignalling,
    application,
)

ME, OURS = AccountId("u-me"), "+15550100"
PREMIUM, CUBA, FRIEND = "+19002345678", "+5371234567", "+442079460000"
RULES = DialRules(denied_prefixes=("+53",))


class Desk:
    def __init__(self, limits: CallLimits, fallback: str | None = None) -> None:
        self.signalling, self.log, self.clock = FakeSignalling(), FakeLog(), VirtualClock()
        directory = FakeDirectory()
        directory.add(ME, OURS, application(ME), fallback_number=fallback)
        self.control = CallControl(
            signalling=self.signalling,
            media=FakeMedia(),
            prompts=FakePrompts(),
            log=self.log,
            directory=directory,
            archive=self.log,
            finisher=FakeFinisher(),
            ids=Ids(SeededRand(3)),
            clock=self.clock,
            policy=CallPolicy(),
            dial_rules=RULES,
            call_limits=limits,
        )

    async def create(self, to: str) -> CallId:
        return await self.control.create(CreateCall(account_id=ME, from_=OURS, to=to))

    async def arrive(self) -> CallId:
        """An incoming call that waits for its application."""
        incoming = IncomingCall(from_="+15550188", to=OURS, offer=DESCRIPTION)
        self.control.handle_incoming(incoming, FakeLeg())
        before = set(self.log.calls)
        while not set(self.log.calls) - before:
            await yield_once()
        (call_id,) = set(self.log.calls) - before
        return call_id

    async def transfer(self, call_id: CallId, to: str) -> CallId | None:
        change = UpdateCall(account_id=ME, call_id=call_id, state=CallState.TRANSFERRING, transfer=Transfer(to=to))
        return await self.control.update(change)


async def yield_once() -> None:
    await asyncio.sleep(0)


@pytest_asyncio.fixture
async def desks() -> AsyncIterator[list[Desk]]:
    made: list[Desk] = []
    yield made
    for desk in made:
        await desk.control.close(0)


def open_desk(desks: list[Desk], fallback: str | None = None, **limits: float) -> Desk:
    desk = Desk(CallLimits(**limits), fallback)  # type: ignore[arg-type]  # any of its numbers
    desks.append(desk)
    return desk


@pytest.mark.parametrize(("to", "error"), [(PREMIUM, CannotCall), (CUBA, DestinationDenied)])
async def test_a_denied_destination_is_not_called(desks: list[Desk], to: str, error: type[Exception]) -> None:
    desk = open_desk(desks)
    with pytest.raises(error) as refused:
        await desk.create(to)
    assert type(refused.value) is error
    assert not desk.signalling.legs and not desk.log.calls


@pytest.mark.parametrize("to", [PREMIUM, CUBA, f"sip:{PREMIUM}@127.0.0.1"])
async def test_a_transfer_to_it_changes_nothing(desks: list[Desk], to: str) -> None:
    desk = open_desk(desks)
    call_id = await desk.arrive()
    await desk.control.update(UpdateCall(account_id=ME, call_id=call_id, state=CallState.ANSWERED))
    with pytest.raises(CannotCall):
        await desk.transfer(call_id, to)
    assert not desk.signalling.legs
    assert desk.log.calls[call_id].state is CallState.ANSWERED


async def test_the_fallback_number_is_asked_for_as_well(desks: list[Desk]) -> None:
    desk = open_desk(desks, fallback=PREMIUM)
    await desk.control.handle_undeliverable(await desk.arrive())
    assert not desk.signalling.legs


async def test_the_log_says_which_rule_and_marks_the_number(desks: list[Desk]) -> None:
    desk = open_desk(desks)
    with capture_logs() as logs, pytest.raises(CannotCall):
        await desk.create(PREMIUM)
    (entry,) = logs
    assert (entry["rule"], entry["pii_number"], entry["account_id"]) == ("kinds", PREMIUM, ME)
    assert PREMIUM not in str({key: value for key, value in entry.items() if not key.startswith("pii_")})


async def test_new_calls_and_transfers_share_the_account_rate(desks: list[Desk]) -> None:
    desk = open_desk(desks, account_rate=0.2)
    call_id = await desk.arrive()
    await desk.control.update(UpdateCall(account_id=ME, call_id=call_id, state=CallState.ANSWERED))
    await desk.create(FRIEND)
    await desk.transfer(call_id, FRIEND)
    with pytest.raises(TooManyCalls):
        await desk.create(FRIEND)
    assert len(desk.signalling.legs) == 2


async def test_incoming_calls_do_not_count(desks: list[Desk]) -> None:
    desk = open_desk(desks, account_rate=0.1, at_once=1)
    for _ in range(3):
        await desk.arrive()
    await desk.create(FRIEND)


async def test_a_call_that_ended_makes_room(desks: list[Desk]) -> None:
    desk = open_desk(desks, at_once=1)
    first = await desk.create(FRIEND)
    with pytest.raises(TooManyCallsAtOnce):
        await desk.create(FRIEND)
    listener = desk.signalling.legs[0].listener
    assert listener is not None
    listener.handle_ended(Cause.BUSY, Blame.PEER, None)
    while desk.control.calls.get(first) is not None:
        await yield_once()
    await desk.create(FRIEND)
