"""The asyncio side of a SIP user agent: sockets in, outputs out, one timer.

Every input (message, time-out, command) is followed by taking all outputs: what is to be sent goes out at once, news is
handed on in order, never from inside a command, so that whoever commands sees his command return first.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.hosts import bracketed, read_address
from trebuchet.base.rand import Rand
from trebuchet.signalling.addresses import LocalAddresses
from trebuchet.signalling.dns import Dns, SystemDns
from trebuchet.signalling.link import Link
from trebuchet.signalling.resolver import DEFAULT_PORTS, Resolver, Unresolvable
from trebuchet.signalling.settings import Bind, SipSettings
from trebuchet.signalling.tcp import StreamLink
from trebuchet.signalling.trace import Trace
from trebuchet.signalling.udp import UdpLink
from trebuchet.sip.authenticator import Turned
from trebuchet.sip.core import UserAgentConfig
from trebuchet.sip.errors import Malformed, SipError
from trebuchet.sip.message import Request, parse_message
from trebuchet.sip.outputs import Destination, Flow, NextHop, Output, Send
from trebuchet.sip.shedding import Shedder
from trebuchet.sip.user_agent import UserAgent

log = structlog.get_logger(__name__)

MAX_RESOLVING = 1024
"""Messages waiting for DNS at once; beyond it they count as not deliverable."""
MAX_SERVER_NAMES = 1024
PORT_TRIES = 20
"""Attempts to find one free port for all transports of a bind with port 0."""

News = Callable[[Output], None]
Gate = Callable[[Request, Flow], Turned | None]
"""Looks at a request outside any dialog before the user agent does; what it gives is answered without keeping state.
Raises `SipError` for a request that cannot be read."""


class SipShell:
    """One user agent on its sockets. `on_news` gets every output but `Send`; it must not raise."""

    def __init__(
        self,
        settings: SipSettings,
        rand: Rand,
        clock: Clock,
        on_news: News,
        *,
        gate: Gate = lambda request, flow: None,
        is_known: Callable[[str], bool] = lambda host: True,
        dns: Dns | None = None,
        product: str = "Trebuchet",
        foreign_methods: frozenset[str] = frozenset(),
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_news = on_news
        self._gate = gate
        self._is_known = is_known
        self._product = product
        self._foreign_methods = foreign_methods
        self._rand = rand
        self.links: list[Link] = []
        self.addresses = LocalAddresses(self.links, settings.advertised_host)
        self.trace = Trace(settings.trace, clock)
        transports = tuple(dict.fromkeys(name for bind in settings.binds for name in bind.transports))
        self.resolver = Resolver(dns if dns is not None else SystemDns(), rand, clock.now, transports)
        self.ua = UserAgent(self._config(), rand)
        self.has_room: Callable[[], bool] = lambda: True
        """Whether a new call would be taken; while not, INVITEs are refused before they are read."""
        self._shedder = Shedder(rand, settings.retry_after_s)
        self.shed = 0
        """Calls refused in that way."""
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = float("inf")
        self._news: deque[Output] = deque()
        self._is_telling = False
        self._is_telling_soon = False
        self._resolving: set[asyncio.Task[None]] = set()
        self._server_names: dict[tuple[str, int], str] = {}

    def _config(self) -> UserAgentConfig:
        settings = self._settings
        return UserAgentConfig(
            local_address=self.addresses.address,
            product=self._product,
            timers=settings.timers,
            session_expires_s=settings.session_expires_s,
            max_transactions=settings.max_transactions,
            max_calls=settings.max_calls,
            foreign_methods=self._foreign_methods,
        )

    # --- life

    async def start(self) -> None:
        """Bind everything. Raises `OSError` naming the address that could not be had; then nothing is open."""
        try:
            for bind in self._settings.binds:
                await self._open(bind)
        except OSError:
            await self.close()
            raise

    async def _open(self, bind: Bind) -> None:
        """One port for all transports of the bind: a free port for UDP may be taken for TCP, so try some."""
        for attempt in range(PORT_TRIES):
            opened: list[Link] = []
            try:
                port = bind.port
                for transport in bind.transports:
                    opened.append(await self._open_link(transport, bind.host, port))
                    port = opened[-1].local[1]
            except OSError as error:
                for link in opened:
                    await link.close()
                if bind.port or attempt == PORT_TRIES - 1:
                    place = f"{bracketed(bind.host)}:{bind.port}"
                    raise OSError(f"cannot listen on sip {place}: {error.strerror or error}") from error
            else:
                self.links += opened
                return

    async def _open_link(self, transport: str, host: str, port: int) -> Link:
        settings = self._settings
        if transport == "udp":
            udp = UdpLink(self, settings.limits)
            udp.open(host, port)
            return udp
        is_tls = transport == "tls"
        stream = StreamLink(
            self,
            settings.limits,
            self._clock.now,
            is_tls=is_tls,
            server_tls=settings.tls_server if is_tls else None,
            client_tls=settings.tls_client if is_tls else None,
            server_name=self._server_names.get,
        )
        await stream.open(host, port)
        return stream

    async def close(self) -> None:
        """Close every socket; what has not been sent is lost."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in list(self._resolving):
            task.cancel()
        await asyncio.gather(*self._resolving, return_exceptions=True)
        await self.resolver.close()
        links, self.links[:] = list(self.links), []
        for link in links:
            await link.close()
        self.trace.close()

    @property
    def backlog_s(self) -> float:
        """For how long some socket has had more in it than was read: messages stand in line in the kernel."""
        busy = [link.busy_since for link in self.links if isinstance(link, UdpLink) and link.busy_since is not None]
        return asyncio.get_running_loop().time() - min(busy) if busy else 0.0

    # --- inputs

    def now(self) -> float:
        return self._clock.now()

    def is_known(self, host: str) -> bool:
        return self._is_known(host)

    def handle_data(self, data: bytes, flow: Flow) -> None:
        """One message off the wire. Whatever it holds, nothing is raised."""
        if flow.transport == "udp" and self._is_shed(data, flow):
            return
        if self.trace.is_on:
            self.trace.note(data, flow.transport, flow.remote, is_sent=False)
        try:
            self._handle(data, flow)
        except Exception as error:
            log.exception("sip message failed", transport=flow.transport, kind=type(error).__name__)
        self._take_outputs()
        self._tell()

    def _is_shed(self, data: bytes, flow: Flow) -> bool:
        """Without room for calls, a fresh INVITE is refused from its bytes; the ACK to that is nobody's."""
        if self._shedder.is_ack_of_refusal(data):
            return True
        if not data.startswith(b"INVITE ") or self.has_room() or not self._is_known(flow.remote[0]):
            return False
        answer = self._shedder.refuse(data, flow.remote, self.ua.is_known)
        if answer is None:
            return False
        self.shed += 1
        self._put(answer, flow, "")
        return True

    def _handle(self, data: bytes, flow: Flow) -> None:
        try:
            message = parse_message(data)
        except Malformed as error:
            if self._is_known(flow.remote[0]):
                self.ua.handle_malformed(error, flow, self.now())
            return
        if isinstance(message, Request) and self._is_refused(message, flow):
            return
        self.ua.handle_message(message, flow, self.now())

    def _is_refused(self, request: Request, flow: Flow) -> bool:
        """Strangers cost one answer and no memory. ACK and CANCEL belong to what was let in, or to nothing."""
        if request.method in ("ACK", "CANCEL"):
            return False
        try:
            if request.to.tag is not None:
                return False
            turned = self._gate(request, flow)
            if turned is None and request.method == "INVITE" and not self.has_room():
                turned = None if self.ua.is_repeat(request) else Turned(503, ())
            if turned is None:
                return False
            self.ua.turn_away(request, turned.status, flow, turned.headers)
        except SipError:
            return not self._is_known(flow.remote[0])
        return True

    def handle_lost(self, transaction: str) -> None:
        """A transport could not deliver."""
        if not transaction:
            return
        self.ua.handle_transport_error(transaction, self.now())
        self.flush()

    def handle_batch_end(self) -> None:
        self._arm()

    def _handle_timer(self) -> None:
        self._timer = None
        self._armed_for = float("inf")
        try:
            self.ua.handle_timeout(self.now())
        except Exception as error:
            log.exception("sip timer failed", kind=type(error).__name__)
        self._take_outputs()
        self._tell()
        self._arm()

    # --- outputs

    def flush(self) -> None:
        """Carry out what a command caused; news follows in the loop's next round."""
        self._take_outputs()
        if self._news and not self._is_telling and not self._is_telling_soon:
            self._is_telling_soon = True
            asyncio.get_running_loop().call_soon(self._tell)
        self._arm()

    def _take_outputs(self) -> None:
        poll_output, news = self.ua.poll_output, self._news
        while (output := poll_output()) is not None:
            if isinstance(output, Send):
                self._send(output)
            else:
                news.append(output)

    def _tell(self) -> None:
        if self._is_telling:
            return
        self._is_telling, self._is_telling_soon = True, False
        try:
            while self._news:
                self._on_news(self._news.popleft())
                self._take_outputs()
        finally:
            self._is_telling = False

    def _arm(self) -> None:
        """Keep one loop timer for the earliest deadline. A later deadline leaves it: it fires once for nothing."""
        deadline = self.ua.poll_timeout()
        if deadline is None or deadline >= self._armed_for:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = deadline
        delay = max(0.0, deadline - self.now())
        self._timer = asyncio.get_running_loop().call_later(delay, self._handle_timer)

    def _send(self, send: Send) -> None:
        hop = send.to
        if isinstance(hop, Destination) and read_address(hop.host) is None:
            self._resolve_and_send(send, hop)
        else:
            self._put(send.data, hop, send.transaction)

    def _put(self, data: bytes, hop: NextHop, transaction: str) -> None:
        """Towards an address: over the link it came by, or the one that leads there."""
        link, remote, connection_id = self._place(hop)
        if link is None:
            self.handle_lost(transaction)
            return
        if self.trace.is_on:
            self.trace.note(data, link.transport, remote, is_sent=True)
        link.send(data, remote, connection_id, transaction)

    def _place(self, hop: NextHop) -> tuple[Link | None, tuple[str, int], int | None]:
        if isinstance(hop, Flow):
            same = (link for link in self.links if link.transport == hop.transport and link.local == hop.local)
            link = next(same, None) or self.addresses.link(hop.transport, hop.remote[0])
            return link, hop.remote, hop.connection_id
        transport = hop.transport or "udp"
        remote = (hop.host, hop.port or DEFAULT_PORTS.get(transport, 5060))
        return self.addresses.link(transport, hop.host), remote, None

    def _resolve_and_send(self, send: Send, hop: Destination) -> None:
        if len(self._resolving) >= MAX_RESOLVING:
            self.handle_lost(send.transaction)
            return
        task = asyncio.get_running_loop().create_task(self._send_resolved(send, hop))
        self._resolving.add(task)
        task.add_done_callback(self._resolving.discard)

    async def _send_resolved(self, send: Send, hop: Destination) -> None:
        """The transport is fixed already: the Via inside the message names it."""
        try:
            candidates = await self.resolver.resolve(hop.host, hop.port, hop.transport or "udp")
        except Unresolvable:
            self.handle_lost(send.transaction)
            return
        best = candidates[0]
        self.remember_server_name((best.host, best.port), hop.host)
        self._put(send.data, Destination(best.host, best.port, best.transport), send.transaction)

    def vouch(self, flow: Flow) -> None:
        """Whoever speaks over this connection has shown who it is: it counts as a stranger's no longer."""
        for link in self.links:
            if isinstance(link, StreamLink) and link.transport == flow.transport and flow.connection_id is not None:
                link.vouch(flow.connection_id)

    def remember_server_name(self, remote: tuple[str, int], name: str) -> None:
        """The name a TLS certificate of that place must bear."""
        self._server_names[remote] = name
        if len(self._server_names) > MAX_SERVER_NAMES:
            del self._server_names[next(iter(self._server_names))]
