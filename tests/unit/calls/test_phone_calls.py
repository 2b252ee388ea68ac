"""Calls that a registered phone places: its application has them, whoever owns the number that was dialled."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from trebuchet.base.ids import AccountId, CallId, DomainId, EndpointId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.calls.commands import Transfer, UpdateCall
from trebuchet.calls.control import CallControl
from trebuchet.calls.interfaces import CallPolicy, EndpointRoute, IncomingCall
from trebuchet.model.application import Application
from trebuchet.model.call import CallState
from trebuchet.model.endpoint import Endpoint, make_secrets
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

ME, OTHER = AccountId("u-me"), AccountId("u-other")
THEIRS, AGENT = "+15550100", "+15550177"
REALM = "office.sip.example"
BOB = Endpoint(
    id=EndpointId("re-bob"), account_id=ME, domain_id=DomainId("rd-1"), name="bob", realm=REALM,
    secrets=make_secrets("bob", REALM, "secret"), created_at=datetime(2016, 3, 2, tzinfo=UTC),
)  # fmt: skip
CALL = IncomingCall(from_=BOB.address, to=THEIRS, offer=DESCRIPTION, endpoint_id=BOB.id)


class World:
    """The number that is dialled belongs to another account and has a fallback number."""

    def __init__(self, answering: Application | None) -> None:
        self.signalling, self.log, self.directory = FakeSignalling(), FakeLog(), FakeDirectory()
        self.directory.add(OTHER, THEIRS, application(OTHER), fallback_number=AGENT)
        bound = None if answering is None else answering.id
        self.directory.endpoints[BOB.id] = EndpointRoute(replace(BOB, application_id=bound), answering)
        self.control = CallControl(
            signalling=self.signalling,
            media=FakeMedia(),
            prompts=FakePrompts(),
            log=self.log,
            directory=self.directory,
            archive=self.log,
            finisher=FakeFinisher(),
            ids=Ids(SeededRand(1)),
            clock=VirtualClock(),
            policy=CallPolicy(),
        )

    def dial(self, call: IncomingCall = CALL) -> FakeLeg:
        leg = FakeLeg()
        self.control.handle_incoming(call, leg)
        return leg

    async def arrival(self) -> CallId:
        await until(lambda: bool(self.log.calls))
        (call_id,) = self.log.calls
        return call_id


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_the_call_belongs_to_the_endpoint_and_its_application() -> None:
    mine = application(ME)
    world = World(mine)
    leg = world.dial()
    call = world.log.calls[await world.arrival()]
    assert (call.account_id, call.application_id) == (ME, mine.id)
    assert (call.from_, call.to, call.state) == (BOB.address, THEIRS, CallState.RINGING)
    assert call.webhook == mine.webhook_target()
    assert leg.said == ["ring"]


async def test_without_an_application_the_call_is_refused_and_reported() -> None:
    world = World(None)
    leg = world.dial()
    await until(lambda: leg.said == ["reject unavailable"] and bool(world.log.errors))
    (error,) = world.log.errors
    assert (error.account_id, error.code) == (ME, "no-application-for-endpoint")
    assert error.details == (("endpointId", BOB.id),)
    assert not world.log.calls


async def test_an_application_without_a_url_is_reported() -> None:
    world = World(application(ME, incoming_call_url=None))
    world.dial()
    await until(lambda: bool(world.log.errors))
    assert world.log.errors[0].code == "no-callback-for-call"


async def test_an_endpoint_that_has_gone_meanwhile_is_nobody() -> None:
    world = World(application(ME))
    world.directory.endpoints.clear()
    leg = world.dial()
    await until(lambda: leg.said == ["reject not-found"])


async def test_the_fallback_number_of_whoever_was_dialled_is_not_for_it() -> None:
    world = World(application(ME))
    leg = world.dial()
    await world.control.handle_undeliverable(await world.arrival())
    assert leg.said == ["ring"] and not world.signalling.legs


async def test_it_can_be_transferred_to_another_endpoint() -> None:
    world = World(application(ME))
    world.dial()
    call_id = await world.arrival()
    change = UpdateCall(account_id=ME, call_id=call_id)
    await world.control.update(replace(change, state=CallState.ANSWERED))
    transfer = Transfer(to=f"sip:eve@{REALM}")
    new_id = await world.control.update(replace(change, state=CallState.TRANSFERRING, transfer=transfer))
    assert new_id is not None
    assert (world.log.calls[new_id].from_, world.log.calls[new_id].to) == (BOB.address, f"sip:eve@{REALM}")
