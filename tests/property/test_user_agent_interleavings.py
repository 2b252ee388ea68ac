"""Random commands, network weather and mutated messages: never an exception, always an end, nothing left."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trebuchet.base.rand import SeededRand
from trebuchet.sip.core import UserAgentConfig
from trebuchet.sip.outputs import (
    Acked,
    Address,
    Answered,
    Ended,
    IncomingInvite,
    LegId,
    Offered,
    Output,
    Progress,
)
from trebuchet.testing.network import VirtualNetwork, drive_bounded
from trebuchet.testing.sip_party import SipParty

CALLER: Address = ("10.0.0.1", 5060)
CALLEE: Address = ("10.0.0.2", 5060)
SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Whim:
    """Reacts to everything at random: answers, rejects, hangs up, renegotiates, or waits."""

    def __init__(self, seed: int) -> None:
        self.rand = SeededRand(seed)
        self.legs: list[LegId] = []
        self.ended: list[LegId] = []
        self.is_leaving = False

    def __call__(self, party: SipParty, output: Output, now: float) -> None:
        if isinstance(output, IncomingInvite):
            self.legs.append(output.leg)
        if isinstance(output, Ended):
            self.ended.append(output.leg)
            return
        if self.is_leaving and isinstance(output, IncomingInvite):
            party.ua.hang_up(output.leg, now)
            return
        assert getattr(output, "leg", None) not in self.ended, f"{output} after Ended"
        if isinstance(output, IncomingInvite | Offered | Answered | Acked | Progress):
            self.act(party, output.leg, now)
            self.act(party, output.leg, now)

    def act(self, party: SipParty, leg: LegId, now: float) -> None:
        """One command of any kind, whether it fits or not."""
        ua = party.ua
        actions = (
            lambda: ua.ring(leg, now),
            lambda: ua.progress(leg, 183, b"v=0 early", now),
            lambda: ua.answer(leg, b"v=0 answer", now),
            lambda: ua.answer(leg, b"v=0 answer", now),
            lambda: ua.reject(leg, 486, now),
            lambda: ua.hang_up(leg, now),
            lambda: ua.reinvite(leg, b"v=0 again", now),
            lambda: ua.reinvite(leg, b"", now),
            lambda: ua.accept_offer(leg, b"v=0 fine", now),
            lambda: ua.refuse_offer(leg, 488, now),
            lambda: ua.dialog_snapshot(leg),
            lambda: None,
        )
        actions[self.rand.below(len(actions))]()


def _settle(network: VirtualNetwork, parties: list[SipParty]) -> None:
    """Hang up what is still up, and wait until nothing is left anywhere."""
    for party in parties:
        party.now = network.now
        assert isinstance(party.handler, Whim)
        party.handler.is_leaving = True
        for leg in party.handler.legs:
            party.ua.hang_up(leg, network.now)
    drive_bounded(network, parties, lambda: all(party.ua.is_idle for party in parties), limit_s=5000)
    for party in parties:
        assert isinstance(party.handler, Whim)
        assert sorted(party.handler.ended) == sorted(set(party.handler.legs)), "every leg ends, once"


@SETTINGS
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.05, 0.3]),
    reorder=st.sampled_from([0.0, 0.3]),
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.floats(0.0, 5.0)), max_size=25),
)
def test_any_interleaving_ends_with_empty_tables(
    seed: int, loss: float, reorder: float, steps: list[tuple[int, int, float]]
) -> None:
    network = VirtualNetwork(seed, loss=loss, duplicate=0.05, reorder=reorder, delay_s=0.02)
    parties = [
        SipParty(CALLER, seed=seed, handler=Whim(seed + 1)),
        SipParty(CALLEE, seed=seed + 2, handler=Whim(seed + 3)),
    ]
    with network:
        for what, who, pause in steps:
            party = parties[who % 2]
            whim = party.handler
            assert isinstance(whim, Whim)
            if what == 0:
                whim.legs.append(party.call(parties[1 - who % 2].address, network.now))
            elif whim.legs:
                whim.act(party, whim.legs[whim.rand.below(len(whim.legs))], network.now)
            _pass(network, parties, pause)
        _settle(network, parties)


def _pass(network: VirtualNetwork, parties: list[SipParty], seconds: float) -> None:
    until = network.now + seconds
    while True:
        for party in parties:
            party.now = network.now
            while (datagram := party.poll_datagram()) is not None:
                network.send(datagram.source, datagram.destination, datagram.data)
        moments = [moment for party in parties if (moment := party.poll_timeout()) is not None]
        moments += [] if network.next_delivery() is None else [network.next_delivery() or 0.0]
        if not moments or min(moments) > until:
            network.now = until
            return
        drive_bounded(network, parties, lambda moment=network.now: network.now > moment, limit_s=seconds + 1)


# --- hostile bytes

MESSAGES = {
    "INVITE": "INVITE sip:a@10.0.0.2 SIP/2.0",
    "ACK": "ACK sip:a@10.0.0.2 SIP/2.0",
    "BYE": "BYE sip:a@10.0.0.2 SIP/2.0",
    "CANCEL": "CANCEL sip:a@10.0.0.2 SIP/2.0",
    "UPDATE": "UPDATE sip:a@10.0.0.2 SIP/2.0",
    "PRACK": "PRACK sip:a@10.0.0.2 SIP/2.0",
    "INFO": "INFO sip:a@10.0.0.2 SIP/2.0",
}
ODD_LINES = [
    "Require: 100rel",
    "Supported: timer",
    "Session-Expires: 1",
    "Session-Expires: 99999999999999999999",
    "Min-SE: x",
    "RAck: 1 1 INVITE",
    "RAck: nonsense",
    "RSeq: 1",
    "Expires: 0",
    "Expires: -1",
    "Contact: *",
    "Contact: <tel:+1>",
    "Contact: <sip:[::1]:99999>",
    "Contact: <sip:a@b>, <sip:c@d>",
    "Record-Route: <sip:x>",
    "Record-Route: nonsense",
    "Record-Route: <http://x>",
    "Route: <sip:y;lr>",
    "Via: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKsecond",
    "Via: broken",
    "Content-Type: multipart/mixed",
    "Content-Encoding: gzip",
    "Accept: */*",
    "Reason: \udcff\udcfe",
    "Allow: UPDATE",
    "Retry-After: never",
    "WWW-Authenticate: Digest realm=x",
    "To: <sip:x@y>;tag=\udcff",
    "From: <sip:\udce4@y>;tag=z",
]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from(sorted(MESSAGES)))
    tag = draw(st.sampled_from(["", ";tag=known", ";tag=unknown"]))
    number = draw(st.integers(0, 5))
    lines = [
        MESSAGES[method],
        f"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{draw(st.integers(0, 4))}",
        "From: <sip:b@10.0.0.1>;tag=peer",
        f"To: <sip:a@10.0.0.2>{tag}",
        f"Call-ID: {draw(st.integers(0, 1))}",
        f"CSeq: {number} {method}",
        "Max-Forwards: 70",
        "Contact: <sip:b@10.0.0.1>",
        *draw(st.lists(st.sampled_from(ODD_LINES), max_size=3)),
    ]
    if draw(st.booleans()):
        lines.pop(draw(st.integers(1, len(lines) - 1)))
    body = draw(st.sampled_from([b"", b"v=0", b"\0\xff"]))
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(requests()))
    for _ in range(draw(st.integers(0, 4))):
        position = draw(st.integers(0, len(data) - 1))
        data[position : position + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


class Stranger:
    """Rewrites the tag `known` to the one the user agent really gave."""

    def __init__(self) -> None:
        self.tag = "none"

    def fit(self, data: bytes) -> bytes:
        return data.replace(b"tag=known", b"tag=" + self.tag.encode())

    def look(self, data: bytes) -> None:
        start = data.find(b"To: ")
        line = data[start : data.find(b"\r\n", start)]
        if b"tag=" in line:
            self.tag = line.rpartition(b"tag=")[2].decode("utf-8", "replace")


@SETTINGS
@given(seed=st.integers(0, 2**32), arrivals=st.lists(st.tuples(mutated(), st.floats(0.0, 3.0)), max_size=30))
def test_hostile_requests_never_raise_and_leave_nothing(seed: int, arrivals: list[tuple[bytes, float]]) -> None:
    whim, stranger = Whim(seed), Stranger()
    config = UserAgentConfig(local_address=lambda transport, host: CALLEE, max_calls=4, max_transactions=12)
    party = SipParty(CALLEE, seed=seed, handler=whim, config=config)
    now = 0.0
    for data, pause in arrivals:
        party.receive(stranger.fit(data), CALLER, now)
        while (datagram := party.poll_datagram()) is not None:
            stranger.look(datagram.data)
        assert party.ua.call_count <= 4
        assert party.ua.transaction_count <= 12 + 2 * 4 + 4, "our own BYE and CANCEL come on top"
        now += pause
        _until(party, now)
    for leg in whim.legs:
        party.ua.hang_up(leg, now)
    _until(party, now + 200_000.0)
    assert party.ua.is_idle
    assert sorted(whim.ended) == sorted(whim.legs)


def _until(party: SipParty, end: float) -> None:
    party.process()
    for _ in range(5000):
        deadline = party.poll_timeout()
        if deadline is None or deadline > end:
            break
        party.handle_timeout(deadline)
        while party.poll_datagram() is not None:
            continue


CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n"'
RESPONSE_LINES = [
    *ODD_LINES,
    "Require: 100rel\r\nRSeq: 7",
    "Min-SE: 4000",
    'WWW-Authenticate: Digest realm="r", nonce="n"',
]


@st.composite
def responses(draw: st.DrawFn) -> tuple[int, bytes, str, list[str], bool]:
    """Status, reason, To tag, further lines, and whether they go in front."""
    status = draw(st.sampled_from([100, 180, 183, 200, 202, 302, 401, 407, 408, 422, 481, 486, 487, 491, 500, 503]))
    tag = draw(st.sampled_from(["", ";tag=one", ";tag=two"]))
    lines = draw(st.lists(st.sampled_from(RESPONSE_LINES), max_size=3))
    return status, draw(st.binary(max_size=3)).replace(b"\r", b"").replace(b"\n", b""), tag, lines, draw(st.booleans())


@SETTINGS
@given(
    seed=st.integers(0, 2**32),
    script=st.lists(st.tuples(responses(), st.integers(0, 5), st.floats(0.0, 3.0)), max_size=25),
)
def test_hostile_responses_never_raise_and_leave_nothing(
    seed: int, script: list[tuple[tuple[int, bytes, str, list[str], bool], int, float]]
) -> None:
    whim = Whim(seed)
    party = SipParty(CALLEE, seed=seed, handler=whim)
    now = 0.0
    whim.legs.append(party.call(CALLER, now))
    requests_sent: list[bytes] = []
    for answer, which, pause in script:
        while (datagram := party.poll_datagram()) is not None:
            if not datagram.data.startswith((b"SIP/2.0", b"ACK")):
                requests_sent.append(datagram.data)
        if requests_sent:
            party.receive(_answer_to(requests_sent[-1 - which % len(requests_sent)], answer), CALLER, now)
        now += pause
        _until(party, now)
    for leg in whim.legs:
        party.ua.hang_up(leg, now)
    _until(party, now + 200_000.0)
    assert party.ua.is_idle
    assert whim.ended == whim.legs


def _answer_to(request: bytes, answer: tuple[int, bytes, str, list[str], bool]) -> bytes:
    status, reason, tag, extra, is_first = answer
    head = request.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape").split("\r\n")[1:]
    kept = [line for line in head if line.partition(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    kept = [line + tag if line.startswith("To:") and "tag=" not in line else line for line in kept]
    lines = [*extra, *kept] if is_first else [*kept, "Contact: <sip:x@10.0.0.1>", *extra]
    text = "\r\n".join([*lines, "Content-Length: 0"]) + "\r\n\r\n"
    return b"SIP/2.0 %d " % status + reason + b"\r\n" + text.encode("utf-8", "surrogateescape")
