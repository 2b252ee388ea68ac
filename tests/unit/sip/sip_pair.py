"""Two user agents over a virtual network, and one user agent facing hand-written messages."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from trebuchet.sip.client_auth import TrunkCredentials
from trebuchet.sip.core import UserAgentConfig
from trebuchet.sip.headers import NameAddress
from trebuchet.sip.message import Request, Response, parse_message
from trebuchet.sip.outgoing_call import OutgoingInvite
from trebuchet.sip.outputs import (
    Address,
    Answered,
    Destination,
    Ended,
    IncomingInvite,
    LegId,
    Offered,
    Output,
)
from trebuchet.sip.uri import parse_uri
from trebuchet.sip.user_agent import UserAgent
from trebuchet.testing.network import Datagram, VirtualNetwork, drive_bounded
from trebuchet.testing.sip_party import Handler, SipParty

CALLER: Address = ("10.0.0.1", 5060)
CALLEE: Address = ("10.0.0.2", 5060)

T = TypeVar("T")


def only(news: list[Output], kind: type[T]) -> T:
    """The single output of that kind."""
    found = [output for output in news if isinstance(output, kind)]
    assert len(found) == 1, news
    return found[0]


def answering(party: SipParty, output: Output, now: float) -> None:
    """Rings and answers every call, accepts every offer."""
    if isinstance(output, IncomingInvite):
        party.ua.ring(output.leg, now)
        party.ua.answer(output.leg, b"v=0 answer", now)
    elif isinstance(output, Offered):
        party.ua.accept_offer(output.leg, b"v=0 re-answer", now)


def silent(party: SipParty, output: Output, now: float) -> None:
    """Does nothing by itself."""


class Alarm:
    """A party that only waits for a moment."""

    address: Address = ("alarm", 0)

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.has_rung = False

    def handle_datagram(self, datagram: Datagram, now: float) -> None:
        raise AssertionError("nobody writes to an alarm")

    def handle_timeout(self, now: float) -> None:
        self.has_rung = True

    def poll_timeout(self) -> float | None:
        return None if self.has_rung else self.moment

    def poll_datagram(self) -> Datagram | None:
        return None


class Pair:
    """A caller and a callee."""

    def __init__(
        self,
        seed: int = 1,
        *,
        callee: Handler = answering,
        caller: Handler = silent,
        transport: str = "udp",
        **network: float,
    ) -> None:
        self.network = VirtualNetwork(seed, **network)
        self.caller = SipParty(CALLER, seed=seed * 2, transport=transport, handler=caller)
        self.callee = SipParty(CALLEE, seed=seed * 2 + 1, transport=transport, handler=callee)

    def run(self, until: Callable[[], bool], limit_s: float = 600.0) -> None:
        drive_bounded(self.network, (self.caller, self.callee), until, limit_s=limit_s)

    def wait_news(self, party: SipParty, kind: type[T], count: int = 1) -> T:
        """Run until a party said that many things of a kind; gives the last of them."""
        self.run(lambda: len(party.news_of(kind)) >= count)
        found = party.news_of(kind)[count - 1]
        assert isinstance(found, kind)
        return found

    def pass_time(self, seconds: float) -> None:
        """Let everything happen that is due within the next seconds."""
        end = self.network.now + seconds
        alarm = Alarm(end)
        drive_bounded(self.network, (self.caller, self.callee, alarm), lambda: alarm.has_rung, limit_s=seconds + 1)

    def connect(self) -> tuple[LegId, LegId]:
        """A call that is up on both sides."""
        leg = self.caller.call(CALLEE, self.network.now)
        self.wait_news(self.caller, Answered)
        self.run(lambda: bool(self.callee.news_of(IncomingInvite)))
        incoming = only(self.callee.news, IncomingInvite)
        return leg, incoming.leg

    def finish(self) -> None:
        """Both sides forget everything, and everybody was told that it is over."""
        self.run(lambda: self.caller.ua.is_idle and self.callee.ua.is_idle, limit_s=100_000)
        for party in (self.caller, self.callee):
            legs = [ended.leg for ended in party.news_of(Ended) if isinstance(ended, Ended)]
            assert len(legs) == len(set(legs)), "Ended is told once"


class Lone:
    """One user agent at 10.0.0.2 and a peer at 10.0.0.1 that sends whatever a test writes."""

    def __init__(self, handler: Handler = silent, transport: str = "udp", **config: object) -> None:
        base = UserAgentConfig(local_address=lambda transport, host: CALLEE)
        self.party = SipParty(CALLEE, handler=handler, transport=transport, config=replace(base, **config))  # type: ignore[arg-type]  # fields by name
        self.now = 0.0

    @property
    def ua(self) -> UserAgent:
        return self.party.ua

    @property
    def news(self) -> list[Output]:
        self.sent()
        return self.party.news

    def send(self, data: bytes | str, source: Address = CALLER) -> list[Request | Response]:
        """A message arrives; gives what the user agent sends at once."""
        self.party.receive(data.encode() if isinstance(data, str) else data, source, self.now)
        return self.sent()

    def sent(self) -> list[Request | Response]:
        return [message for message, _ in self.sent_to()]

    def sent_to(self) -> list[tuple[Request | Response, Address]]:
        found = []
        while (datagram := self.party.poll_datagram()) is not None:
            found.append((parse_message(datagram.data), datagram.destination))
        return found

    def statuses(self, data: bytes | str, source: Address = CALLER) -> list[int]:
        return [message.status for message in self.send(data, source) if isinstance(message, Response)]

    def wait(self, seconds: float) -> list[Request | Response]:
        """Time passes; gives what was sent meanwhile."""
        until = self.now + seconds
        sent = self.sent()
        while (deadline := self.party.poll_timeout()) is not None and deadline <= until:
            self.now = max(deadline, self.now)
            self.party.handle_timeout(self.now)
            sent += self.sent()
        self.now = until
        self.party.now = until
        return sent

    def finish(self) -> None:
        self.wait(100_000.0)
        assert self.ua.is_idle


def request(
    method: str = "INVITE",
    *,
    branch: str = "z9hG4bK-1",
    to_tag: str | None = None,
    from_tag: str = "peer",
    call_id: str = "call-1",
    cseq: int = 1,
    headers: str = "",
    body: str = "",
    uri: str = "sip:service@10.0.0.2",
    content_type: str = "application/sdp",
    via: str = "10.0.0.1:5060",
) -> str:
    """A request of the peer at 10.0.0.1."""
    to = "<sip:service@10.0.0.2>" + (f";tag={to_tag}" if to_tag else "")
    contact = "Contact: <sip:peer@10.0.0.1:5060>\r\n" if method in ("INVITE", "UPDATE") else ""
    typed = f"Content-Type: {content_type}\r\n" if body else ""
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch={branch}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:peer@10.0.0.1>;tag={from_tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {cseq} {method}\r\n{contact}{headers}{typed}Content-Length: {len(body)}\r\n\r\n{body}"
    )


def response(
    to: Request, status: int, *, tag: str | None = "peer", headers: str = "", body: str = "", reason: str = "Reason"
) -> str:
    """An answer of the peer at 10.0.0.1 to a request of the user agent."""
    lines = [f"Via: {via}" for via in to.headers.get_all("Via")]
    lines.append(f"From: {to.headers.get('From')}")
    to_value = to.headers.get("To") or ""
    lines.append("To: " + (f"{to_value};tag={tag}" if tag and ";tag=" not in to_value else to_value))
    lines += [f"Call-ID: {to.call_id}", f"CSeq: {to.headers.get('CSeq')}"]
    if to.method == "INVITE" and status < 300:
        lines.append("Contact: <sip:peer@10.0.0.1:5060>")
    typed = "Content-Type: application/sdp\r\n" if body else ""
    head = "".join(f"{line}\r\n" for line in lines)
    return f"SIP/2.0 {status} {reason}\r\n{head}{headers}{typed}Content-Length: {len(body)}\r\n\r\n{body}"


def to_tag(message: Request | Response) -> str:
    tag = message.to.tag
    assert tag is not None
    return tag


def place(
    lone: Lone,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"v=0 offer",
    credentials: TrunkCredentials | None = None,
    host: str = "10.0.0.1",
    holds_ack: bool = False,
) -> LegId:
    """The user agent calls the peer."""
    order = OutgoingInvite(
        target=parse_uri(f"sip:peer@{host}"),
        from_=NameAddress("Me", "sip:me@10.0.0.2"),
        to=NameAddress("", f"sip:peer@{host}"),
        destination=Destination(host, 5060, None),
        body=body,
        headers=headers,
        credentials=credentials,
        holds_ack=holds_ack,
    )
    return lone.ua.invite(order, lone.now)


def first(messages: list[Request | Response], name: str) -> Request:
    """The first request of that method."""
    found = [message for message in messages if isinstance(message, Request) and message.method == name]
    assert found, messages
    return found[0]


def methods(messages: list[Request | Response]) -> list[str]:
    return [message.method for message in messages if isinstance(message, Request)]


def statuses(messages: list[Request | Response]) -> list[int]:
    return [message.status for message in messages if isinstance(message, Response)]
