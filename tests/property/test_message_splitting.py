"""No string of an API request can end a line of a SIP message or begin another: it is refused, or stays where it is.

Every string of every body that leads to an INVITE is given a line end (or what some reader takes for one) and a header
behind it. What reaches the wire at all is rendered and read back: it has the header lines of an ordinary INVITE.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.api_world import ApiWorld, make_world
from trebuchet.base.ids import AccountId, CallId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.calls.control import CallControl
from trebuchet.calls.interfaces import CallPolicy, IncomingCall, OutgoingCall
from trebuchet.model.trunk import Trunk
from trebuchet.signalling.door import Door
from trebuchet.signalling.outgoing import plan, write_invite
from trebuchet.signalling.resolver import Candidate
from trebuchet.signalling.routes import Routes
from trebuchet.sip.core import UserAgentConfig
from trebuchet.sip.message import parse_message
from trebuchet.sip.outputs import Send
from trebuchet.sip.user_agent import UserAgent
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

ME, OURS, FRIEND = AccountId("u-fiction"), "+15550100", "+442079460000"
LINE_ENDS = [*"\r\n\0\x0b\x0c\x1c\x1e\x85\u2028\u2029", "\r\n", "\r\n\r\n", "\n ", "\r\n\t"]
EVIL = "X-Evil: 1"
CREATE: dict[str, Any] = {
    "from": OURS,
    "to": FRIEND,
    "callTimeout": "30",
    "callbackUrl": "http://app.example/x",
    "callbackTimeout": "1000",
    "callbackHttpMethod": "POST",
    "fallbackUrl": "http://app.example/y",
    "recordingEnabled": "false",
    "recordingMaxDuration": "60",
    "recordingFileFormat": "wav",
    "transcriptionEnabled": "false",
    "tag": "a tag",
    "sipHeaders": {"X-One": "a value"},
}
TRANSFER: dict[str, Any] = {
    "state": "transferring",
    "transferTo": "sip:bob@127.0.0.1:5070;transport=udp",
    "transferCallerId": OURS,
    "callbackUrl": "http://app.example/x",
    "tag": "a tag",
    "diversionTreatment": "stack",
    "diversionReason": "follow-me",
    "recordingFileFormat": "wav",
    "recordingMaxDuration": "60",
    "whisperAudio": {"sentence": "Hello", "voice": "kate", "locale": "en_US", "gender": "female"},
}
FREE_TEXT = {("tag",), ("whisperAudio", "sentence")}
"""What people may write as they like, because it goes into no header."""


def places(body: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every string in it, and the names of headers."""
    for name, value in body.items():
        if isinstance(value, dict):
            yield from places(value, (*above, name))
            if name == "sipHeaders":
                yield (*above, name, "")
        else:
            yield (*above, name)


def poisoned(body: dict[str, Any], place: tuple[str, ...], cut: float, line_end: str) -> dict[str, Any]:
    changed = {name: dict(value) if isinstance(value, dict) else value for name, value in body.items()}
    if place[-1] == "":
        changed["sipHeaders"] = {split("X-One", cut, line_end): "a value"}
        return changed
    holder = changed[place[0]] if len(place) > 1 else changed
    holder[place[-1]] = split(holder[place[-1]], cut, line_end)
    return changed


def split(value: str, cut: float, line_end: str) -> str:
    at = round(cut * len(value))
    return value[:at] + line_end + EVIL + line_end + value[at:]


class World:
    """The API on real call control; what would be dialled is turned into the bytes of an INVITE."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.signalling = FakeSignalling()
        self.trunk = Trunk(name="carrier", host="192.0.2.1")
        self.door = Door((self.trunk,), (), (), allows_loopback=True)
        self.routes = Routes((self.trunk,))
        self.api: ApiWorld = self.loop.run_until_complete(self._open(folder))

    async def _open(self, folder: Path) -> ApiWorld:
        directory, log, clock = FakeDirectory(), FakeLog(), VirtualClock()
        directory.add(ME, OURS, application(ME))
        self.log = log
        self.control = CallControl(
            signalling=self.signalling, media=FakeMedia(), prompts=FakePrompts(), log=log, directory=directory,
            archive=log, finisher=FakeFinisher(), ids=Ids(SeededRand(5)), clock=clock, policy=CallPolicy(),
        )  # fmt: skip
        return await make_world(folder, calls=self.control)

    async def arrive(self) -> CallId:
        known = set(self.log.calls)
        incoming = IncomingCall(
            from_="+15550188", to=OURS, offer=DESCRIPTION, request_uri=f"sip:{OURS}@192.0.2.9",
            diversion_headers=("<sip:+15550177@192.0.2.1>;reason=no-answer",),
        )  # fmt: skip
        self.control.handle_incoming(incoming, FakeLeg())
        while not set(self.log.calls) - known:
            await asyncio.sleep(0)
        (call_id,) = set(self.log.calls) - known
        await self.api.add_call(id=call_id)
        assert (await self.api.update({"state": "active"}, call_id)).status_code == 200
        return call_id

    def create(self, body: dict[str, Any]) -> int:
        return self.loop.run_until_complete(self.api.post("/calls", body)).status_code

    def transfer(self, body: dict[str, Any]) -> int:
        async def run() -> int:
            return (await self.api.update(body, await self.arrive())).status_code

        return self.loop.run_until_complete(run())

    def take_dialled(self) -> list[OutgoingCall]:
        legs, self.signalling.legs = self.signalling.legs, []
        return [leg.invite for leg in legs if leg.invite is not None]

    def wire(self, call: OutgoingCall) -> bytes:
        ua = UserAgent(UserAgentConfig(local_address=lambda transport, host: ("192.0.2.9", 5060)), SeededRand(1))
        attempt = plan(call, self.routes, self.door)
        ua.invite(write_invite(attempt, Candidate("192.0.2.1", 5060, "udp"), "192.0.2.9", b"v=0\r\n"), 0.0)
        output = ua.poll_output()
        assert isinstance(output, Send)
        return output.data


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("splitting"))
    yield made
    made.loop.run_until_complete(made.control.close(0))
    made.loop.close()


def header_names(data: bytes) -> list[str]:
    return [name.lower() for name, _ in parse_message(data).headers]


def test_the_bodies_themselves_are_accepted(world: World) -> None:
    assert (world.create(CREATE), world.transfer(TRANSFER)) == (201, 201)
    created, transferred = world.take_dialled()
    assert "x-one" in header_names(world.wire(created))
    assert header_names(world.wire(transferred)).count("diversion") == 2


@pytest.mark.parametrize(("body", "place"), [(body, place) for body in (CREATE, TRANSFER) for place in places(body)])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0, 1), line_end=st.sampled_from(LINE_ENDS))
def test_no_string_splits_a_message(
    world: World, body: dict[str, Any], place: tuple[str, ...], cut: float, line_end: str
) -> None:
    is_new = body is CREATE
    ask = world.create if is_new else world.transfer
    status = ask(poisoned(body, place, cut, line_end))
    dialled = world.take_dialled()
    if place not in FREE_TEXT:
        assert (status, dialled) == (400, [])
        return
    assert status in (201, 400) and len(dialled) == (status == 201)
    ask(body)
    (usual,) = world.take_dialled()
    for call in dialled:
        data = world.wire(call)
        assert EVIL.encode() not in data
        assert header_names(data) == header_names(world.wire(usual))
