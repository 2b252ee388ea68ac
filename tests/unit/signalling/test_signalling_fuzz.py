"""Whatever an INVITE holds, the plane answers or drops it; nothing is raised, nothing is left, all text is text."""

import json
import os
import random
from dataclasses import asdict

import pytest
from structlog.testing import capture_logs

from trebuchet.base.rand import SeededRand
from trebuchet.calls.interfaces import IncomingCall, Leg, LegListener, Refusal
from trebuchet.signalling.adapter import SipPlane
from trebuchet.signalling.settings import SipSettings
from trebuchet.sip.outputs import Flow
from trebuchet.testing.clock import VirtualClock

HOME = ("127.0.0.1", 5060)
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n"
)
INVITE = (
    "INVITE sip:+15551230002@127.0.0.1;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{n};rport\r\n"
    'From: "Ann" <sip:+1-555-123-0001@127.0.0.1>;tag=t{n}\r\nTo: <sip:+15551230002@127.0.0.1>\r\nCall-ID: c{n}\r\n'
    "CSeq: 1 INVITE\r\nContact: <sip:ann@127.0.0.1:5070>\r\nMax-Forwards: 70\r\nSupported: timer, 100rel\r\n"
    "Session-Expires: 1800;refresher=uac\r\nP-Asserted-Identity: <tel:+15551230001>, <sip:a@b>\r\nPrivacy: none\r\n"
    "Diversion: <sip:+15551230033@c>;reason=no-answer;counter=2;limit=4;x=y\r\nX-A: b\r\nExpires: 60\r\n"
    "Allow: INVITE, ACK, BYE, UPDATE\r\nContent-Type: application/sdp\r\nContent-Length: {size}\r\n\r\n"
)


AWKWARD = (b"\xff\xfe", b'"', b"<", b">", b";", b",", b"%00", b"\0", b"\r\n ", b"9" * 40)


class Nowhere:
    """A link that keeps what is sent."""

    transport = "udp"
    local = HOME

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, data: bytes, remote: tuple[str, int], connection_id: int | None, transaction: str) -> None:
        self.sent.append(data)

    async def close(self) -> None:
        """Nothing is open."""


class Refuser:
    """Reads every call and refuses it."""

    def __init__(self) -> None:
        self.calls: list[IncomingCall] = []

    def handle_incoming(self, call: IncomingCall, leg: Leg) -> LegListener | None:
        self.calls.append(call)
        leg.reject(Refusal.DECLINED)
        return None


def mutate(data: bytes, rand: random.Random) -> bytes:
    """Some bytes changed, or a piece doubled, cut, or replaced by an awkward one."""
    changed = bytearray(data)
    for _ in range(rand.randrange(1, 6)):
        at = rand.randrange(len(changed))
        match rand.randrange(4):
            case 0:
                changed[at] = rand.randrange(256)
            case 1:
                del changed[at : at + rand.randrange(30)]
            case 2:
                changed[at:at] = changed[at : at + rand.randrange(80)]
            case _:
                changed[at:at] = rand.choice(
                    [b"\xff\xfe", b'"', b"<", b">", b";", b",", b"%00", b"\0", b"\r\n ", b"9" * 40]
                )
    return bytes(changed)


async def test_mutated_invites_are_answered_or_dropped() -> None:
    seed = int.from_bytes(os.urandom(4))
    print("seed", seed)
    rand = random.Random(seed)
    clock = VirtualClock()
    plane = SipPlane(SipSettings(), SeededRand(seed), clock)
    link = Nowhere()
    plane.shell.links.append(link)
    refuser = plane.handler = Refuser()
    with capture_logs() as logs:
        for number in range(1500):
            good = (INVITE.format(n=number, size=len(SDP)) + SDP).encode()
            plane.shell.handle_data(mutate(good, rand), Flow("udp", HOME, ("127.0.0.1", 5070)))
    assert logs == []
    assert plane.leg_count == 0
    assert len(refuser.calls) > 100 and len(link.sent) > 500
    for call in refuser.calls:
        json.dumps(asdict(call), ensure_ascii=False).encode()
    await plane.close()


@pytest.mark.parametrize("piece", ["\udcff", "é", "%FF", "\x7f"])
async def test_odd_characters_reach_nobody_as_broken_text(piece: str) -> None:
    clock = VirtualClock()
    plane = SipPlane(SipSettings(), SeededRand(1), clock)
    plane.shell.links.append(Nowhere())
    refuser = plane.handler = Refuser()
    text = INVITE.format(n=1, size=len(SDP)) + SDP
    text = text.replace("Ann", "A" + piece).replace("X-A: b", f"X-A: b{piece}").replace("x=y", f'x="{piece}"')
    text = text.replace("sip:+15551230002@127.0.0.1;user", f"sip:b{piece}@127.0.0.1;user")
    plane.shell.handle_data(text.encode("utf-8", "surrogateescape"), Flow("udp", HOME, ("127.0.0.1", 5070)))
    for call in refuser.calls:
        json.dumps(asdict(call), ensure_ascii=False).encode()
    assert len(refuser.calls) == (0 if piece == "\x7f" else 1)
    await plane.close()
