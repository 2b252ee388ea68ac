"""Strangers at the SIP door, and trunks that turn on us: who is told what, and who gets to see a digest."""

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from support.sip_parties import Call, Desk, address, describe, outgoing, place_call, plane
from trebuchet.calls.interfaces import IncomingCall, Leg, Refusal
from trebuchet.model.trunk import Trunk
from trebuchet.signalling.adapter import SipPlane
from trebuchet.sip.timers import TimerValues

KNOWN, UNKNOWN = "+15551230002", "+15551239999"
TRUNK_HOST, ATTACKER_HOST = "127.0.0.1", "127.0.0.2"
LIMIT_S = 10.0
FAST = TimerValues(t1=0.05, t2=0.2, t4=0.2)
METHODS = [
    "INVITE",
    "OPTIONS",
    "REGISTER",
    "MESSAGE",
    "SUBSCRIBE",
    "NOTIFY",
    "REFER",
    "PUBLISH",
    "INFO",
    "BYE",
    "UPDATE",
]
CHALLENGE = 'Digest realm="trunk", nonce="abc", algorithm=MD5, qop="auth"'


def desk() -> Desk:
    """Knows one number, as call control does."""

    def take(call: IncomingCall, leg: Leg) -> None:
        leg.ring() if call.to == KNOWN else leg.reject(Refusal.NOT_FOUND)

    return Desk(take)


class Wire:
    """A UDP socket that speaks SIP in text."""

    def __init__(self, host: str) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.sock.setblocking(False)
        self.seen: list[str] = []

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    async def receive(self, wanted: Callable[[str], bool] = lambda text: True, within_s: float = LIMIT_S) -> str:
        """The next message that is wanted; raises `TimeoutError`."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(within_s):
            while True:
                data, _ = await loop.sock_recvfrom(self.sock, 65_535)
                self.seen.append(data.decode())
                if wanted(self.seen[-1]):
                    return self.seen[-1]

    def send(self, text: str, to: tuple[str, int]) -> None:
        self.sock.sendto(text.replace("\n", "\r\n").encode(), to)

    def answer(self, request: str, status: str, to: tuple[str, int], *headers: str, body: str = "") -> None:
        """A response to a request somebody received."""
        copied = [
            line for line in request.split("\r\n") if re.match(r"(?i)(via|from|call-id|cseq|record-route):", line)
        ]
        to_line = next(line for line in request.split("\r\n") if line.lower().startswith("to:"))
        to_line += "" if ";tag=" in to_line else ";tag=them"
        lines = [f"SIP/2.0 {status}", *copied, to_line, *headers, f"Content-Length: {len(body)}", "", body]
        self.sock.sendto("\r\n".join(lines).encode(), to)


@contextmanager
def wires(*hosts: str) -> Iterator[list[Wire]]:
    made = [Wire(host) for host in hosts]
    try:
        yield made
    finally:
        for wire in made:
            wire.sock.close()


def request(method: str, user: str, wire: Wire, target: tuple[str, int], serial: int) -> str:
    return (
        f"{method} sip:{user}@{target[0]}:{target[1]} SIP/2.0\n"
        f"Via: SIP/2.0/UDP {wire.sock.getsockname()[0]}:{wire.port};branch=z9hG4bK{serial:06}\n"
        f"Max-Forwards: 70\nFrom: <sip:stranger@{ATTACKER_HOST}>;tag=1\nTo: <sip:{user}@{target[0]}>\n"
        f"Call-ID: stranger{serial:06}\nCSeq: 1 {method}\nContact: <sip:stranger@{ATTACKER_HOST}:{wire.port}>\n"
        "Content-Length: 0\n\n"
    )


async def ask(wire: Wire, text: str, target: tuple[str, int]) -> str:
    wire.send(text, target)
    return await wire.receive()


def anonymised(text: str, user: str, serial: int) -> str:
    text = text.replace(user, "USER").replace(f"{serial:06}", "SERIAL")
    return re.sub(r"(To: <sip:USER@[^>]*>;tag=)\S+", r"\1TAG", text)


@pytest.mark.parametrize("method", METHODS)
async def test_a_stranger_cannot_tell_who_is_known_here(method: str) -> None:
    known_desk = desk()
    async with plane(desk=known_desk, allows_loopback=False) as made:
        with wires(ATTACKER_HOST) as (wire,):
            answers = set()
            for serial, user in enumerate((KNOWN, UNKNOWN, "alice", "root", "1000")):
                answer = await ask(wire, request(method, user, wire, address(made), serial), address(made))
                answers.add(anonymised(answer, user, serial))
        assert len(answers) == 1, answers
        assert answers.pop().startswith("SIP/2.0 403 ")
        assert made.leg_count == 0
    assert known_desk.calls == []


async def test_the_same_caller_is_told_the_difference_when_he_may_call_in() -> None:
    """Without this the test above could not fail."""
    async with plane(desk=desk()) as made:
        with wires(ATTACKER_HOST) as (wire,):
            answer = await ask(wire, request("INVITE", UNKNOWN, wire, address(made), 1), address(made))
            while answer.startswith("SIP/2.0 100"):
                answer = await wire.receive()
    assert answer.startswith("SIP/2.0 404 ")


def trunk(port: int) -> Trunk:
    return Trunk(name="trunk", host=TRUNK_HOST, port=port, username="me", password="secret")


def is_request(method: str) -> Callable[[str], bool]:
    return lambda text: text.startswith(f"{method} ")


def is_authorized(text: str) -> bool:
    return re.search(r"(?mi)^(proxy-)?authorization:", text) is not None


async def quiet(wire: Wire) -> None:
    """Whatever is still on its way arrives well within this."""
    try:
        while True:
            await wire.receive(within_s=0.5)
    except TimeoutError:
        return


def place(made: SipPlane, to: str = KNOWN, *, is_trunk: bool = True) -> Call:
    call = Call()
    place_call(made, outgoing(to, TRUNK_HOST, trunk="trunk" if is_trunk else None), call)
    return call


async def test_the_trunk_itself_gets_its_answer() -> None:
    with wires(TRUNK_HOST) as (carrier,):
        async with plane(trunks=(trunk(carrier.port),), timers=FAST) as made:
            call = place(made)
            invite = await carrier.receive(is_request("INVITE"))
            carrier.answer(invite, "407 Prove it", address(made), f"Proxy-Authenticate: {CHALLENGE}")
            assert is_authorized(await carrier.receive(lambda text: is_request("INVITE")(text) and is_authorized(text)))
            carrier.answer(carrier.seen[-1], "403 No", address(made))
            await call.wait("ended")


async def test_a_challenge_from_elsewhere_is_not_answered() -> None:
    """Somebody who saw the INVITE answers it from another address, before the trunk does."""
    with wires(TRUNK_HOST, ATTACKER_HOST) as (carrier, attacker):
        async with plane(trunks=(trunk(carrier.port),), timers=FAST) as made:
            call = place(made)
            invite = await carrier.receive(is_request("INVITE"))
            attacker.answer(invite, "401 Prove it", address(made), f"WWW-Authenticate: {CHALLENGE}")
            await call.wait("ended")
            await asyncio.gather(quiet(carrier), quiet(attacker))
        assert not any(map(is_authorized, carrier.seen + attacker.seen))


@pytest.mark.parametrize("status", ["301 Moved", "302 Moved", "305 Use that proxy"])
async def test_a_redirect_leads_nobody_to_the_digest(status: str) -> None:
    with wires(TRUNK_HOST, ATTACKER_HOST) as (carrier, attacker):
        async with plane(trunks=(trunk(carrier.port),), timers=FAST) as made:
            call = place(made)
            invite = await carrier.receive(is_request("INVITE"))
            contact = f"Contact: <sip:x@{ATTACKER_HOST}:{attacker.port}>"
            carrier.answer(invite, status, address(made), contact)
            await call.wait("ended")
            await asyncio.gather(quiet(carrier), quiet(attacker))
        assert attacker.seen == []
        assert not any(map(is_authorized, carrier.seen))


SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


@pytest.mark.parametrize("way", ["contact", "route"])
async def test_a_dialog_that_is_led_elsewhere_shows_no_digest(way: str) -> None:
    """The trunk took our digest for the INVITE, then sends our BYE to somebody who asks again."""
    with wires(TRUNK_HOST, ATTACKER_HOST) as (carrier, attacker):
        async with plane(trunks=(trunk(carrier.port),), timers=FAST) as made:
            call = Call()
            leg = place_call(made, outgoing(KNOWN, TRUNK_HOST, trunk="trunk"), call)
            invite = await carrier.receive(is_request("INVITE"))
            carrier.answer(invite, "407 Prove it", address(made), f"Proxy-Authenticate: {CHALLENGE}")
            invite = await carrier.receive(lambda text: is_request("INVITE")(text) and is_authorized(text))
            there = f"<sip:x@{ATTACKER_HOST}:{attacker.port};lr>"
            headers = [f"Contact: {there}"] if way == "contact" else [
                f"Record-Route: {there}", f"Contact: <sip:x@{TRUNK_HOST}:{carrier.port}>"
            ]  # fmt: skip
            carrier.answer(invite, "200 OK", address(made), "Content-Type: application/sdp", *headers, body=SDP)
            await call.wait("answered")
            leg.hang_up()
            bye = await attacker.receive(is_request("BYE"))
            attacker.answer(bye, "407 Prove it", address(made), f"Proxy-Authenticate: {CHALLENGE}")
            await call.wait("ended")
            await asyncio.gather(quiet(carrier), quiet(attacker))
        assert not any(map(is_authorized, attacker.seen))


async def test_a_direct_call_answers_no_challenge() -> None:
    with wires(TRUNK_HOST, ATTACKER_HOST) as (carrier, attacker):
        async with plane(trunks=(trunk(carrier.port),), timers=FAST) as made:
            call = place(made, f"sip:bob@{ATTACKER_HOST}:{attacker.port}", is_trunk=False)
            invite = await attacker.receive(is_request("INVITE"))
            attacker.answer(invite, "401 Prove it", address(made), f"WWW-Authenticate: {CHALLENGE}")
            await call.wait("ended")
            await quiet(attacker)
        assert not any(map(is_authorized, attacker.seen))


async def test_an_incoming_call_of_the_trunk_is_never_told_the_digest_by_a_challenge_in_it() -> None:
    """A 401 to the BYE of a call that the other side placed: we have nothing to prove there."""
    with wires(TRUNK_HOST) as (carrier,):
        taken = Desk(lambda call, leg: leg.answer(describe(TRUNK_HOST)))
        async with plane(desk=taken, trunks=(trunk(carrier.port),), timers=FAST) as made:
            text = request("INVITE", KNOWN, carrier, address(made), 1).replace(ATTACKER_HOST, TRUNK_HOST)
            carrier.send(text, address(made))
            await carrier.receive(lambda text: text.startswith("SIP/2.0 200"))
            taken.legs[0].hang_up()
            bye = await carrier.receive(is_request("BYE"))
            carrier.answer(bye, "401 Prove it", address(made), f"WWW-Authenticate: {CHALLENGE}")
            await taken.listeners[0].wait("ended")
            await quiet(carrier)
        assert not any(map(is_authorized, carrier.seen))
