"""The user agent: the hub that takes what arrives, asks the part that knows, and hands out what is to be done.

Sans-IO. Inputs: `handle_message`, `handle_malformed`, `handle_timeout`, `handle_transport_error`, and the commands.
After each of them the shell empties `poll_output()` and re-reads `poll_timeout()`.

Strangers reach everything behind `handle_message` and `handle_malformed`. Neither raises; a broken or unwelcome request
is answered without keeping state, a broken or stray response and a stray ACK are dropped, and the tables are bounded by
the configuration (503 with Retry-After beyond).
"""

from contextlib import suppress

from trebuchet.base.rand import Rand
from trebuchet.sip.call import Call, CallTimer, Phase
from trebuchet.sip.call_phases import CallEvent
from trebuchet.sip.call_setup import CallSetup, Facts
from trebuchet.sip.client_requests import ClientRequests
from trebuchet.sip.core import Core, UserAgentConfig
from trebuchet.sip.early_snapshot import OurInvite, PeerInvite, freeze, place_of
from trebuchet.sip.errors import Malformed, SipError, Unprintable
from trebuchet.sip.grammar import check_printable
from trebuchet.sip.in_dialog import InDialog, options_headers
from trebuchet.sip.incoming_call import IncomingCalls
from trebuchet.sip.invite_client import InviteClient
from trebuchet.sip.message import Request, Response, make_response, validate_request, validate_response
from trebuchet.sip.outgoing_call import OutgoingCalls, OutgoingInvite, check_response
from trebuchet.sip.outputs import (
    Destination,
    EndReason,
    Flow,
    HeaderPairs,
    LegId,
    OutOfDialogRequest,
    Output,
    Send,
)
from trebuchet.sip.prack import Prack
from trebuchet.sip.reinvite import Reinvite
from trebuchet.sip.screening import refusal_headers, screen
from trebuchet.sip.session_timer import SessionTimer
from trebuchet.sip.transaction import ClientTransaction, Purpose, ServerTransaction, State
from trebuchet.sip.transactions import Failed, Passed, Upcall, response_target

_OPEN = (State.TRYING, State.PROCEEDING)
_WITH_SNAPSHOT = (Phase.INVITED, Phase.ANSWERED, Phase.ESTABLISHED)


class UserAgent:
    """One SIP user agent with all its calls."""

    def __init__(self, config: UserAgentConfig, rand: Rand) -> None:
        core = self._core = Core(config, rand)
        session_timer = SessionTimer(core)
        self._setup = CallSetup(core, session_timer)
        self._prack = Prack(core)
        self._outgoing = OutgoingCalls(core, self._setup, self._prack, session_timer)
        self._incoming = IncomingCalls(core, self._setup, self._prack, session_timer)
        self._reinvite = Reinvite(core, self._setup, session_timer)
        self._in_dialog = InDialog(core, self._setup, self._incoming, self._reinvite, self._prack)
        self._requests = ClientRequests(core, self._setup, self._reinvite, session_timer)

    # --- outputs

    def poll_output(self) -> Output | None:
        """The next thing to be done or told, in order; `None` when there is nothing more."""
        return self._core.outbox.popleft() if self._core.outbox else None

    def poll_timeout(self) -> float | None:
        """When `handle_timeout` is due next (monotonic seconds); `None`: never."""
        return self._core.timers.next_deadline()

    @property
    def call_count(self) -> int:
        """Legs of which something is left, on the wire or in a table."""
        return len(self._core.calls)

    @property
    def transaction_count(self) -> int:
        return len(self._core.transactions)

    @property
    def is_idle(self) -> bool:
        """Whether every table is empty: no call, dialog, transaction or timer."""
        core = self._core
        return not (core.calls or core.dialogs or len(core.transactions) or len(core.timers))

    # --- inputs

    def handle_message(self, message: Request | Response, flow: Flow, now: float) -> None:
        """A message that could be read arrived. Never raises."""
        if isinstance(message, Response):
            try:
                self._handle_response(message, flow, now)
            except (SipError, Unprintable):
                return
            return
        try:
            _stamp(message, flow)
            if message.method != "ACK":  # never answered: what it lacks is missed where it is used, and drops it
                validate_request(message)
            self._handle_request(message, flow, now)
        except SipError as error:
            self._refuse(message, error.status, flow, now)
        except Unprintable:
            self._refuse(message, 400, flow, now)

    def handle_malformed(self, error: Malformed, flow: Flow, now: float) -> None:
        """Bytes arrived that are no message. Answered when enough of a request could be read. Never raises."""
        request = getattr(error, "request", None)
        if isinstance(request, Request):
            with suppress(SipError, Unprintable):
                _stamp(request, flow)
            self._refuse(request, error.status, flow, now)

    def is_known(self, transaction: str) -> bool:
        """Whether a request with this server key (`transactions.server_key`) has been let in."""
        return self._core.transactions.server(transaction) is not None

    def is_repeat(self, request: Request) -> bool:
        """Whether the request has come before and been let in. Raises `SipError` for one that cannot be read."""
        return self._core.transactions.find_server(request) is not None

    def turn_away(self, request: Request, status: int, flow: Flow, headers: HeaderPairs = ()) -> None:
        """Refuse a request of somebody who may not talk to us, or has not shown who it is, unchecked and without
        keeping anything. Never raises."""
        try:
            _stamp(request, flow)
        except (SipError, Unprintable):
            return
        if status == 503 and not headers:
            headers = (self._core.retry_after(),)
        self._send_stateless(request, status, headers, flow)

    def handle_timeout(self, now: float) -> None:
        """Do everything whose time has come."""
        core = self._core
        while (due := core.timers.pop_due(now)) is not None:
            owner, name = due
            if isinstance(owner, str):
                self._handle_upcall(core.transactions.handle_timer(owner, name, now), None, now)
            elif (call := core.calls.get(LegId(owner))) is not None:
                self._handle_call_timer(call, CallTimer(name), now)

    def handle_transport_error(self, transaction: str, now: float) -> None:
        """A `Send` of that transaction could not be delivered."""
        self._handle_upcall(self._core.transactions.handle_transport_error(transaction, now), None, now)

    # --- commands

    def invite(self, order: OutgoingInvite, now: float) -> LegId:
        """Call somebody. Raises `Unprintable`, having done nothing, for a value that would break out of its header."""
        return self._outgoing.invite(order, now)

    def acknowledge(self, leg: LegId) -> None:
        """The answer of a call whose INVITE said `holds_ack` may be acknowledged."""
        call = self._core.calls.get(leg)
        if call is not None:
            self._core.release_ack(call)

    def ring(self, leg: LegId, now: float) -> None:
        """180 for an incoming call, reliable when the peer requires that."""
        self.progress(leg, 180, b"", now)

    def progress(self, leg: LegId, status: int, body: bytes, now: float) -> None:
        """A provisional answer (101–199), with SDP or without."""
        call = self._core.calls.get(leg)
        if call is not None:
            self._incoming.progress(call, status, body, now)

    def answer(self, leg: LegId, body: bytes, now: float) -> None:
        """200 with our SDP: the answer, or the offer when the INVITE had none. `Acked` follows."""
        call = self._core.calls.get(leg)
        if call is not None:
            self._incoming.answer(call, body, now)

    def reject(self, leg: LegId, status: int, now: float, reason: str | None = None, headers: HeaderPairs = ()) -> None:
        """Refuse an unanswered incoming call. Raises `Unprintable` before anything is sent."""
        call = self._core.calls.get(leg)
        if call is not None:
            self._incoming.reject(call, status, reason, headers, now)

    def hang_up(self, leg: LegId, now: float, reason_header: str | None = None) -> None:
        """End a call in whatever state it is: CANCEL, BYE or a final answer. Raises `Unprintable` first of all.

        `reason_header` is the value of a Reason header (RFC 3326).
        """
        if reason_header is not None:
            check_printable(reason_header)
        call = self._core.calls.get(leg)
        if call is None or call.has_ended:
            return
        call.reason_header = reason_header
        if call.is_outgoing:
            self._outgoing.hang_up(call, now)
        else:
            self._incoming.hang_up(call, now)

    def reinvite(self, leg: LegId, body: bytes, now: float) -> None:
        """Offer the peer a changed session. `OfferAnswered` or `OfferRefused` follows while the call lives."""
        call = self._core.calls.get(leg)
        if call is not None and not call.has_ended:
            self._reinvite.offer(call, body, now)

    def accept_offer(self, leg: LegId, body: bytes, now: float) -> None:
        """Accept the peer's `Offered`; `body` is our answer, or our offer when it came without one."""
        call = self._core.calls.get(leg)
        if call is not None:
            self._reinvite.accept(call, body, now)

    def refuse_offer(self, leg: LegId, status: int, now: float) -> None:
        """Refuse the peer's `Offered`, usually with 488."""
        call = self._core.calls.get(leg)
        if call is not None:
            self._reinvite.refuse(call, status, now)

    def options(self, destination: Destination, now: float) -> int:
        """Probe a trunk; `OptionsAnswered` with this number follows."""
        return self._requests.options(destination, now)

    def respond(
        self, transaction: str, request: Request, status: int, now: float, headers: HeaderPairs = (), body: bytes = b""
    ) -> None:
        """Answer an `OutOfDialogRequest`."""
        core = self._core
        response = make_response(request, status, None, core.stateless_tag(request))
        for name, value in headers:
            response.headers.add(name, value)
        response.body = body
        core.transactions.respond(transaction, response, now)

    def dialog_snapshot(self, leg: LegId) -> bytes | None:
        """What `bye_from_snapshot` needs after a restart; `None` before there is a dialog. An incoming call has one
        from the INVITE on: who stores calls before acting on them wants it before the answer."""
        call = self._core.calls.get(leg)
        if call is None or call.dialog is None or call.phase not in _WITH_SNAPSHOT:
            return None
        return call.dialog.snapshot(call.cseq)

    def early_snapshot(self, leg: LegId) -> bytes | None:
        """What `give_up_from_snapshot` needs after a restart: for an outgoing call that rings, and for an incoming one
        over UDP that is not answered (a stream ends with its process, and the caller sees that)."""
        call = self._core.calls.get(leg)
        if call is None:
            return None
        if call.phase is Phase.INVITED and call.invite is not None and call.flow is not None:
            return None if call.flow.is_reliable else freeze(PeerInvite(call.invite, call.flow, call.local_tag))
        transaction = self._core.transactions.client(call.invite_key)
        if call.phase is not Phase.PROCEEDING or transaction is None:
            return None
        dialogs = tuple(dialog.snapshot(call.cseq) for dialog in call.early.values())
        return freeze(OurInvite(self._core.sent_request(transaction), place_of(transaction.to), dialogs))

    def give_up_from_snapshot(self, snapshot: bytes, now: float) -> None:
        """End a call that an earlier process had not set up. Raises `Malformed` for anything but such a snapshot."""
        self._requests.give_up_from_snapshot(snapshot, now)

    def bye_from_snapshot(self, snapshot: bytes, now: float) -> None:
        """Say BYE in a dialog an earlier process had. Raises `Malformed` for anything but a snapshot."""
        self._requests.bye_from_snapshot(snapshot, now)

    def drain(self) -> None:
        """From now on new calls and probes get 503 with Retry-After; running calls go on."""
        self._core.is_draining = True

    # --- requests

    def _handle_request(self, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        transaction = core.transactions.find_server(request)
        if request.method == "CANCEL":
            self._handle_cancel(request, transaction, flow, now)
            return
        if request.method == "ACK":
            self._handle_ack(request, transaction, flow, now)
            return
        if transaction is not None:
            core.transactions.handle_repeat(transaction, request, now)
            return
        if core.transactions.is_full:
            raise SipError("no room for another transaction", 503)
        screen(request, core.config.foreign_methods)
        to_tag = request.to.tag
        if to_tag is None:
            self._handle_out_of_dialog(request, flow, now)
            return
        call = core.find_call((request.call_id, to_tag, request.from_.tag or ""))
        if call is None:
            raise SipError("no such dialog", 481)
        self._in_dialog.handle(call, request, flow, now)

    def _handle_out_of_dialog(self, request: Request, flow: Flow, now: float) -> None:
        core, method = self._core, request.method
        if core.is_draining or (method == "INVITE" and len(core.calls) >= core.config.max_calls):
            raise SipError("no room for another call", 503)
        if method == "OPTIONS":
            self._send_stateless(request, 200, options_headers(core), flow)
        elif core.transactions.is_merged(request):
            raise SipError("the same request came another way", 482)
        elif method == "INVITE":
            self._incoming.handle_invite(request, flow, now)
        elif method in core.config.foreign_methods:
            transaction = core.transactions.start_server(request, flow, now)
            core.outbox.append(OutOfDialogRequest(transaction.key, request, flow, None))
        else:
            raise SipError("outside of any dialog", 481)

    def _handle_ack(self, request: Request, transaction: ServerTransaction | None, flow: Flow, now: float) -> None:
        """To a failure of ours (same branch) or to a 2xx (its own branch, within the dialog); others are dropped."""
        core = self._core
        if transaction is not None:
            core.transactions.handle_repeat(transaction, request, now)
        call = core.find_call((request.call_id, request.to.tag or "", request.from_.tag or ""))
        if call is not None:
            self._in_dialog.handle_ack(call, request, flow, now)

    def _handle_cancel(self, request: Request, transaction: ServerTransaction | None, flow: Flow, now: float) -> None:
        core = self._core
        if transaction is None:
            raise SipError("no such transaction", 481)
        self._send_stateless(request, 200, (), flow)
        call = core.calls.get(transaction.leg) if transaction.leg is not None else None
        if call is not None and call.invite_key == transaction.key:
            self._incoming.handle_cancel(call, request, now)
            return
        call = core.find_call((request.call_id, request.to.tag or "", request.from_.tag or ""))
        if call is not None and call.peer_offer is not None and call.peer_offer.transaction == transaction.key:
            self._reinvite.refuse(call, 487, now)

    def _refuse(self, request: Request, status: int, flow: Flow, now: float) -> None:
        """Answer a request that was refused: through its transaction if it got that far, inside a dialog by a
        transaction (its number is used up, a repetition must find the same answer), otherwise without state."""
        if request.method == "ACK":
            return
        core = self._core
        try:
            headers = refusal_headers(core, request, status)
            transaction = None if request.method == "CANCEL" else core.transactions.find_server(request)
            if transaction is None and self._is_in_dialog(request) and not core.transactions.is_full:
                transaction = core.transactions.start_server(request, flow, now)
            if transaction is None:
                self._send_stateless(request, status, headers, flow)
            elif transaction.state in _OPEN:
                core.reply(transaction.key, request, status, now, headers)
        except (SipError, Unprintable):
            self._send_stateless(request, status, (), flow)

    def _is_in_dialog(self, request: Request) -> bool:
        to_tag = request.to.tag
        key = (request.call_id, to_tag or "", request.from_.tag or "")
        return request.method != "CANCEL" and to_tag is not None and key in self._core.dialogs

    def _send_stateless(self, request: Request, status: int, headers: HeaderPairs, flow: Flow) -> None:
        if "Via" not in request.headers:
            return
        try:
            response = make_response(request, status, None, self._core.stateless_tag(request))
            for name, value in headers:
                response.headers.add(name, value)
        except (SipError, Unprintable):
            return
        self._core.outbox.append(Send(response.to_bytes(), _target(request, flow), ""))

    # --- responses and deadlines

    def _handle_response(self, response: Response, flow: Flow, now: float) -> None:
        validate_response(response)
        check_response(response, flow)
        self._handle_upcall(self._core.transactions.handle_response(response, now), flow, now)

    def _handle_upcall(self, upcall: Upcall | None, flow: Flow | None, now: float) -> None:
        if isinstance(upcall, Passed) and flow is not None:
            self._handle_passed(upcall.transaction, upcall.response, flow, now)
        elif isinstance(upcall, Failed):
            self._handle_failed(upcall, now)

    def _handle_passed(self, transaction: ClientTransaction, response: Response, flow: Flow, now: float) -> None:
        if isinstance(transaction, InviteClient) and transaction.purpose is Purpose.INVITE:
            self._outgoing.handle_answer(transaction, response, flow, now)
        else:
            self._requests.handle_answer(transaction, response, flow, now)

    def _handle_failed(self, failed: Failed, now: float) -> None:
        transaction = failed.transaction
        if isinstance(transaction, ServerTransaction):
            call = self._core.calls.get(transaction.leg) if transaction.leg is not None else None
            if call is not None:
                self._incoming.handle_unreachable(call, now)
        elif isinstance(transaction, InviteClient) and transaction.purpose is Purpose.INVITE:
            self._outgoing.handle_no_answer(transaction, failed.status, now)
        elif isinstance(transaction, ClientTransaction):
            self._requests.handle_no_answer(transaction, failed.status, now)

    def _handle_call_timer(self, call: Call, timer: CallTimer, now: float) -> None:
        match timer:
            case CallTimer.REPEAT_200:
                self._setup.repeat_success(call, now)
            case CallTimer.NO_ACK:
                self._core.disarm(call, CallTimer.REPEAT_200)
                self._setup.step(call, CallEvent.NO_ACK, now, Facts(EndReason.NO_ACK))
            case CallTimer.REPEAT_RELIABLE:
                self._prack.repeat(call, now)
            case CallTimer.NO_PRACK:
                self._incoming.handle_no_prack(call, now)
            case CallTimer.REPEAT_180:
                self._incoming.repeat_progress(call, now)
            case CallTimer.INVITE_EXPIRES:
                self._incoming.handle_expired(call, now)
            case CallTimer.GIVE_UP_CANCEL:
                self._outgoing.handle_cancel_overdue(call, now)
            case CallTimer.GLARE:
                self._reinvite.send_queued(call, now)
            case CallTimer.REFRESH:
                self._reinvite.refresh(call, now)
            case CallTimer.SESSION_END:
                self._setup.step(call, CallEvent.HANG_UP, now, Facts(EndReason.SESSION_EXPIRED))


def _target(request: Request, flow: Flow) -> Flow:
    """Where an answer goes: as Via asks, or to the source of the packet when Via cannot be read."""
    try:
        return response_target(request.via, flow)
    except SipError:
        return flow


def _stamp(request: Request, flow: Flow) -> None:
    """Note in the topmost Via where the request really came from (RFC 3261 18.2.1, RFC 3581 4)."""
    via = request.via
    host, port = flow.remote
    stamped = via
    if via.host != host or via.wants_rport or via.received is not None:
        stamped = stamped.with_param("received", host)
    if via.wants_rport:
        stamped = stamped.with_param("rport", str(port))
    if stamped is via:
        return
    others = request.headers.values("Via")[1:]
    request.headers.set("Via", ", ".join((str(stamped), *others)))
