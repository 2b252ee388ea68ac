"""A SIP user agent as a party of a virtual network, for tests of everything that speaks SIP."""

from collections import deque
from collections.abc import Callable

from trebuchet.base.rand import SeededRand
from trebuchet.sip.core import UserAgentConfig
from trebuchet.sip.errors import Malformed
from trebuchet.sip.headers import NameAddress
from trebuchet.sip.message import Request, Response, parse_message
from trebuchet.sip.outgoing_call import OutgoingInvite
from trebuchet.sip.outputs import Address, Destination, Flow, LegId, NextHop, Output, Send
from trebuchet.sip.uri import SipUri
from trebuchet.sip.user_agent import UserAgent
from trebuchet.testing.network import Datagram

DEFAULT_PORT = 5060

Handler = Callable[["SipParty", Output, float], None]


class SipParty:
    """A user agent with an address. Everything it says, apart from `Send`, is kept in `news` and given to `handler`.

    `wire` keeps every message it sent, as text to look at; `handler` answers calls, offers and so on by calling
    methods of `ua`.
    """

    def __init__(
        self,
        address: Address,
        *,
        seed: int = 1,
        transport: str = "udp",
        handler: Handler | None = None,
        config: UserAgentConfig | None = None,
    ) -> None:
        self.address = address
        self.transport = transport
        self.handler = handler
        self.config = config or UserAgentConfig(local_address=lambda transport, host: address)
        self.ua = UserAgent(self.config, SeededRand(seed))
        self.news: list[Output] = []
        self.wire: list[bytes] = []
        self._outgoing: deque[Datagram] = deque()
        self.now = 0.0

    def handle_datagram(self, datagram: Datagram, now: float) -> None:
        self.receive(datagram.data, datagram.source, now)

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Bytes from `source`."""
        self.now = now
        flow = self.flow(source)
        try:
            message: Request | Response = parse_message(data)
        except Malformed as error:
            self.ua.handle_malformed(error, flow, now)
        else:
            self.ua.handle_message(message, flow, now)

    def flow(self, source: Address) -> Flow:
        return Flow(self.transport, self.address, source, None if self.transport == "udp" else 1)

    def handle_timeout(self, now: float) -> None:
        self.now = now
        self.ua.handle_timeout(now)

    def poll_timeout(self) -> float | None:
        return self.ua.poll_timeout()

    def poll_datagram(self) -> Datagram | None:
        self.process()
        return self._outgoing.popleft() if self._outgoing else None

    def process(self) -> bool:
        """Take everything the user agent has to say. True when a datagram is ready to go."""
        while (output := self.ua.poll_output()) is not None:
            if isinstance(output, Send):
                self.wire.append(output.data)
                self._outgoing.append(Datagram(self.address, resolve(output.to), output.data))
                continue
            self.news.append(output)
            if self.handler is not None:
                self.handler(self, output, self.now)
        return bool(self._outgoing)

    def call(self, callee: Address, now: float, *, body: bytes = b"v=0 offer", user: str = "callee") -> LegId:
        """Place a plain call."""
        suffix = () if self.transport == "udp" else (("transport", self.transport),)
        target = SipUri("sip", user, None, callee[0], callee[1], suffix)
        order = OutgoingInvite(
            target=target,
            from_=NameAddress("", f"sip:caller@{self.address[0]}"),
            to=NameAddress("", f"sip:{user}@{callee[0]}"),
            destination=Destination(callee[0], callee[1], self.transport),
            body=body,
        )
        self.now = now
        return self.ua.invite(order, now)

    def news_of(self, kind: type) -> list[Output]:
        """What it said, of one kind."""
        return [output for output in self.news if isinstance(output, kind)]


def resolve(hop: NextHop) -> Address:
    """Addresses are literal in a virtual network."""
    return hop.remote if isinstance(hop, Flow) else (hop.host, hop.port or DEFAULT_PORT)
