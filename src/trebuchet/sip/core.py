"""What every part of the user agent shares: configuration, tables, and the making and sending of messages."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import field

from trebuchet.base.rand import Rand
from trebuchet.base.values import frozen_keywords
from trebuchet.sip.call import Call, CallTimer
from trebuchet.sip.dialog import Dialog, DialogKey
from trebuchet.sip.errors import SipError
from trebuchet.sip.message import Headers, Request, Response, make_response, parse_message
from trebuchet.sip.outputs import (
    Address,
    Ended,
    EndReason,
    Flow,
    HeaderPairs,
    LegId,
    NextHop,
    Output,
    Send,
)
from trebuchet.sip.timers import TimerQueue, TimerValues
from trebuchet.sip.transaction import ClientTransaction, Purpose
from trebuchet.sip.transactions import MAGIC_COOKIE, Transactions
from trebuchet.sip.uri import print_host

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE")
EXTENSIONS = frozenset({"100rel", "timer"})
SUPPORTED = "100rel, timer"
ACCEPT = "application/sdp, multipart/mixed"

MAX_TRANSACTIONS = 100_000
"""A finished call leaves two server transactions for 32 s: this is room for 1,500 calls a second, some 60 MB."""
MAX_CALLS = 10_000
"""Legs alive at once: several times what one machine can give audio to."""
RETRY_AFTER_S = 5
"""What a refused caller is told to wait: longer than a burst, shorter than a person's patience."""


@frozen_keywords
class UserAgentConfig:
    """All settings of the user agent. Times in seconds.

    `local_address(transport, remote_host)` gives the address we write into Via and Contact for that transport and
    peer. `foreign_methods` are handed out as `OutOfDialogRequest` instead of being refused with 405.
    """

    local_address: Callable[[str, str], Address]
    product: str = "Trebuchet"
    timers: TimerValues = field(default_factory=TimerValues)
    session_expires_s: int = 1800
    min_se_s: int = 90
    max_transactions: int = MAX_TRANSACTIONS
    max_calls: int = MAX_CALLS
    foreign_methods: frozenset[str] = frozenset()


class Core:
    """The tables and the pen. Parts of the user agent hold it; it knows none of them."""

    def __init__(self, config: UserAgentConfig, rand: Rand) -> None:
        self.config = config
        self.rand = rand
        self.outbox: deque[Output] = deque()
        self.timers = TimerQueue()
        self.transactions = Transactions(config.timers, self.timers, self.outbox, config.max_transactions)
        self.calls: dict[LegId, Call] = {}
        self.dialogs: dict[DialogKey, LegId] = {}
        self.is_draining = False
        self.allow = ", ".join((*METHODS, *sorted(config.foreign_methods)))
        self._last_leg = 0

    # --- names

    def new_leg(self) -> LegId:
        self._last_leg += 1
        return LegId(self._last_leg)

    def new_tag(self) -> str:
        return self.rand.token(8).hex()

    def via(self, hop: NextHop) -> str:
        """A fresh Via for a request to `hop`; `rport` asks for answers to where we really send from (RFC 3581)."""
        transport, (host, port) = self._local(hop)
        branch = MAGIC_COOKIE + self.rand.token(10).hex()
        return f"SIP/2.0/{transport.upper()} {print_host(host)}:{port};branch={branch};rport"

    def contact(self, hop: NextHop) -> str:
        transport, (host, port) = self._local(hop)
        suffix = "" if transport == "udp" else f";transport={transport}"
        return f"<sip:{print_host(host)}:{port}{suffix}>"

    def _local(self, hop: NextHop) -> tuple[str, Address]:
        transport = hop.transport or "udp"
        host = hop.remote[0] if isinstance(hop, Flow) else hop.host
        return transport, self.config.local_address(transport, host)

    # --- calls

    def find_call(self, key: DialogKey) -> Call | None:
        leg = self.dialogs.get(key)
        return None if leg is None else self.calls.get(leg)

    def index(self, call: Call, dialog: Dialog) -> None:
        self.dialogs[dialog.key] = call.leg

    def release(self, call: Call) -> None:
        """Forget a call whose timers are disarmed. Its transactions run out by themselves."""
        for dialog in (*call.early.values(), call.dialog):
            if dialog is not None:
                self.dialogs.pop(dialog.key, None)
        self.calls.pop(call.leg, None)

    def tell_ended(self, call: Call, reason: EndReason, status: int | None = None, headers: HeaderPairs = ()) -> None:
        """Say `Ended` once."""
        if not call.has_ended:
            call.has_ended = True
            self.outbox.append(Ended(call.leg, status, reason, headers))

    def arm(self, call: Call, timer: CallTimer, deadline: float) -> None:
        self.timers.set(call.leg, timer, deadline)

    def disarm(self, call: Call, *timers: CallTimer) -> None:
        for timer in timers:
            self.timers.cancel(call.leg, timer)

    # --- sending requests

    def request(self, call: Call, dialog: Dialog, method: str, cseq: int | None = None) -> Request:
        """A request within a dialog of the call, with the next number unless `cseq` is given (ACK)."""
        hop = dialog.next_hop()
        request = dialog.request(method, call.next_cseq() if cseq is None else cseq, self.via(hop))
        request.headers.add("User-Agent", self.config.product)
        return request

    def send_request(
        self, call: Call, dialog: Dialog, request: Request, purpose: Purpose, now: float
    ) -> ClientTransaction:
        """Send a request within a dialog, with credentials when it goes to the call's own trunk. A dialog that we use
        is one whose answer we have acknowledged."""
        self.release_ack(call)
        hop = dialog.next_hop()
        if call.auth is not None:
            for name, value in call.auth.headers_for(request, hop, self.rand):
                request.headers.add(name, value)
        is_elsewhere = isinstance(hop, Flow) and hop.is_reliable and not dialog.is_behind_nat
        fallback = dialog.destination() if is_elsewhere else None
        return self.transactions.start_client(request, hop, call.leg, purpose, now, fallback)

    def sent_request(self, transaction: ClientTransaction) -> Request:
        """The request of a client transaction, read back from its bytes."""
        request = parse_message(transaction.data)
        if not isinstance(request, Request):
            raise SipError("a client transaction holds a request")
        return request

    def resend(self, call: Call, transaction: ClientTransaction, request: Request, now: float) -> ClientTransaction:
        """Send a request again as a new one (next number, new branch), after a challenge or a 422."""
        request.headers.set("CSeq", f"{call.next_cseq()} {request.method}")
        request.headers.set("Via", self.via(transaction.to))
        if call.auth is not None:
            for name, value in call.auth.headers_for(request, transaction.to, self.rand):
                request.headers.set(name, value)
        again = self.transactions.start_client(request, transaction.to, call.leg, transaction.purpose, now)
        again.attempts = transaction.attempts + 1
        return again

    def send_ack(self, transaction_key: str, dialog: Dialog, ack: Request) -> tuple[bytes, NextHop]:
        """Send the ACK for a 2xx: no transaction, repeated only when the 2xx is."""
        sent = (ack.to_bytes(), dialog.next_hop())
        self.outbox.append(Send(*sent, transaction_key))
        return sent

    def release_ack(self, call: Call) -> None:
        """Send the ACK that was held back, if there is one."""
        ack, call.held_ack = call.held_ack, None
        if ack is not None:
            self.outbox.append(ack)

    # --- answering requests

    def reply(
        self,
        transaction: str,
        request: Request,
        status: int,
        now: float,
        headers: Iterable[tuple[str, str]] = (),
        tag: str | None = None,
    ) -> None:
        """Answer a request through its transaction."""
        response = make_response(request, status, None, tag or self.stateless_tag(request))
        for name, value in headers:
            response.headers.add(name, value)
        self.transactions.respond(transaction, response, now)

    def success(self, call: Call, request: Request, flow: Flow, body: bytes, status: int = 200) -> Response:
        """An answer that sets up or changes a session: Contact, Allow, Supported, and SDP when there is any."""
        if request is not call.invite:
            headers = self._session_headers(call, request, flow)
        elif call.reply_headers is None:
            headers = call.reply_headers = self._session_headers(call, request, flow)
        else:
            headers = call.reply_headers
        response = Response(status, None, headers.copy())
        put_sdp(response, body)
        return response

    def _session_headers(self, call: Call, request: Request, flow: Flow) -> Headers:
        """The headers all such answers to one request share."""
        headers = make_response(request, 200, None, call.local_tag).headers
        headers.add("Contact", self.contact(flow))
        headers.add("Allow", self.allow)
        headers.add("Supported", SUPPORTED)
        headers.add("Server", self.config.product)
        return headers

    def stateless_tag(self, request: Request) -> str:
        """A To tag that is the same for every repetition of a request we keep no state for (RFC 3261 8.2.7)."""
        via = request.headers.get("via") or ""
        return f"{hash((via, request.headers.get('call-id'))) & 0xFFFFFFFFFFFF:012x}"

    def retry_after(self) -> tuple[str, str]:
        return "Retry-After", str(RETRY_AFTER_S)


def put_sdp(message: Request | Response, body: bytes) -> None:
    """Attach an SDP body; nothing for an empty one."""
    if body:
        message.headers.add("Content-Type", "application/sdp")
        message.body = body
