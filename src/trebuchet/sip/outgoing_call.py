"""Calls we place: the INVITE, its answers, its forks (RFC 3261 13.2, 8.1.3, 22.2)."""

from trebuchet.base.values import frozen_keywords
from trebuchet.sip.bodies import readable_body
from trebuchet.sip.call import Call, CallTimer, Phase
from trebuchet.sip.call_phases import CallEvent
from trebuchet.sip.call_setup import CallSetup, Facts
from trebuchet.sip.client_auth import MAX_ATTEMPTS, ClientAuth, TrunkCredentials
from trebuchet.sip.core import ACCEPT, SUPPORTED, Core, put_sdp
from trebuchet.sip.dialog import Dialog
from trebuchet.sip.errors import Unprintable
from trebuchet.sip.grammar import check_printable
from trebuchet.sip.headers import NameAddress
from trebuchet.sip.invite_client import MAX_FORKS, InviteClient
from trebuchet.sip.message import Headers, Request, Response
from trebuchet.sip.outputs import Destination, EndReason, Flow, HeaderPairs, LegId, NextHop, Send
from trebuchet.sip.prack import Prack
from trebuchet.sip.session_timer import SessionTimer
from trebuchet.sip.transaction import Purpose
from trebuchet.sip.uri import SipUri

FAREWELL_HEADERS = ("Reason", "Retry-After", "Warning", "Contact", "Allow", "Accept", "Unsupported")
"""What of a refusal is worth telling: it explains, and holds no more than one message may."""


@frozen_keywords
class OutgoingInvite:
    """An INVITE to send.

    `from_` and `to` carry no tag. `headers` come after ours, in order (X-, P-Asserted-Identity, Privacy, Diversion).
    `credentials` answer challenges of `destination` only. To a `Flow` everything of the call goes that way, whatever
    Contact the peer shows: it is a registered phone, perhaps behind a NAT.
    """

    target: SipUri
    from_: NameAddress
    to: NameAddress
    destination: NextHop
    body: bytes
    headers: HeaderPairs = ()
    credentials: TrunkCredentials | None = None
    holds_ack: bool = False
    """The ACK of the answer waits for `UserAgent.acknowledge`, or for the first thing said in the dialog. Until then
    the callee repeats its answer, for 64*T1 at the most, and then gives up by itself (13.3.1.4)."""


class OutgoingCalls:
    """Places calls and follows them to their answer."""

    def __init__(self, core: Core, setup: CallSetup, prack: Prack, session_timer: SessionTimer) -> None:
        self._core = core
        self._setup = setup
        self._prack = prack
        self._session_timer = session_timer

    def invite(self, order: OutgoingInvite, now: float) -> LegId:
        """Send an INVITE. Raises `Unprintable` before anything has happened."""
        core = self._core
        call = Call(core.new_leg(), True, core.new_tag())
        if order.credentials is not None:
            call.auth = ClientAuth(order.credentials, _host(order.destination))
        call.local_body, call.holds_ack = order.body, order.holds_ack
        call.cseq = core.rand.below(1 << 16)
        request = self._build(call, order)
        request.to_bytes()
        core.calls[call.leg] = call
        transaction = core.transactions.start_client(request, order.destination, call.leg, Purpose.INVITE, now)
        call.invite_key = transaction.key
        call.invite_cseq = call.cseq
        return call.leg

    def _build(self, call: Call, order: OutgoingInvite) -> Request:
        core = self._core
        host = core.config.local_address(order.destination.transport or "udp", _host(order.destination))[0]
        headers = Headers()
        headers.add("Via", core.via(order.destination))
        headers.add("Max-Forwards", "70")
        headers.add("From", str(order.from_.with_tag(call.local_tag)))
        headers.add("To", str(order.to.without_tag()))
        headers.add("Call-ID", f"{core.rand.token(12).hex()}@{host}")
        headers.add("CSeq", f"{call.next_cseq()} INVITE")
        headers.add("Contact", core.contact(order.destination))
        headers.add("Allow", core.allow)
        headers.add("Supported", SUPPORTED)
        headers.add("Accept", ACCEPT)
        headers.add("User-Agent", core.config.product)
        for name, value in (*self._session_timer.request_headers(call), *order.headers):
            headers.add(name, value)
        request = Request("INVITE", check_printable(str(order.target)), headers)
        put_sdp(request, order.body)
        return request

    # --- answers

    def handle_answer(self, transaction: InviteClient, response: Response, flow: Flow, now: float) -> None:
        """An answer to the first INVITE of a call; it has passed `check_response`."""
        call = self._core.calls.get(transaction.leg) if transaction.leg is not None else None
        if response.status >= 300:
            if call is not None and call.invite_key == transaction.key:
                self._handle_failure(call, transaction, response, flow, now)
            return
        if response.status == 100 or (response.to.tag is None and response.status < 200):
            self._handle_plain_progress(call, response, now)
            return
        dialog = Dialog.from_response(response, self._core.sent_request(transaction).uri_text, flow)
        dialog.is_behind_nat = isinstance(transaction.to, Flow)
        if response.status < 200:
            self._handle_progress(call, dialog, response, now)
        else:
            self._handle_success(call, transaction, dialog, response, now)

    def _handle_plain_progress(self, call: Call | None, response: Response, now: float) -> None:
        if call is not None:
            body = readable_body(response)
            self._setup.step(call, CallEvent.PROVISIONAL, now, Facts(status=response.status, body=body))

    def _handle_progress(self, call: Call | None, dialog: Dialog, response: Response, now: float) -> None:
        if call is None or not self._setup.accepts(call, CallEvent.PROVISIONAL):
            return
        early = call.early.get(dialog.remote_tag)
        if early is None and len(call.early) < MAX_FORKS:
            early = call.early[dialog.remote_tag] = dialog
            self._core.index(call, dialog)
        is_new = early is None or self._prack.acknowledge(call, early, response, call.invite_cseq, now)
        facts = Facts(status=response.status if is_new else None, body=readable_body(response))
        self._setup.step(call, CallEvent.PROVISIONAL, now, facts)

    def _handle_success(
        self, call: Call | None, transaction: InviteClient, dialog: Dialog, response: Response, now: float
    ) -> None:
        known = transaction.acks.get(dialog.remote_tag)
        if known is not None:
            again = Send(*known, transaction.key)
            if call is None or call.held_ack != again:
                self._core.outbox.append(again)
            return
        if len(transaction.acks) >= MAX_FORKS:
            return
        facts = Facts(response=response, dialog=dialog, transaction=transaction, body=readable_body(response))
        if call is None or not self._setup.step(call, CallEvent.SUCCESS, now, facts):
            self._end_stray(transaction, dialog, now)

    def _end_stray(self, transaction: InviteClient, dialog: Dialog, now: float) -> None:
        """A 2xx nobody waits for, of another fork or of a call given up: ACK, then BYE (13.2.2.4)."""
        core = self._core
        invite = core.sent_request(transaction)
        hop = dialog.next_hop()
        ack = dialog.request("ACK", invite.cseq.number, core.via(hop))
        transaction.acks[dialog.remote_tag] = core.send_ack(transaction.key, dialog, ack)
        bye = dialog.request("BYE", invite.cseq.number + 1, core.via(hop))
        core.transactions.start_client(bye, hop, None, Purpose.STRAY_BYE, now)

    def _handle_failure(
        self, call: Call, transaction: InviteClient, response: Response, flow: Flow, now: float
    ) -> None:
        if self._setup.accepts(call, CallEvent.RETRY) and self._try_again(call, transaction, response, flow, now):
            self._setup.step(call, CallEvent.RETRY, now)
            return
        reason = EndReason.TIMEOUT if response.status == 408 else EndReason.REFUSED
        headers = farewell(response)
        self._setup.step(call, CallEvent.FAILURE, now, Facts(reason, response.status, headers))

    def _try_again(self, call: Call, transaction: InviteClient, response: Response, flow: Flow, now: float) -> bool:
        core = self._core
        if transaction.attempts >= MAX_ATTEMPTS:
            return False
        sent = core.sent_request(transaction)
        if response.status == 422:
            is_new = self._session_timer.raise_interval(call, response, sent)
        else:
            is_new = call.auth is not None and call.auth.take_challenge(
                response, sent, transaction.to, flow, transaction.attempts
            )
        if not is_new:
            return False
        for early in call.early.values():
            core.dialogs.pop(early.key, None)
        call.early = {}
        try:
            again = core.resend(call, transaction, sent, now)
        except Unprintable:
            return False
        call.invite_key, call.invite_cseq = again.key, call.cseq
        return True

    def handle_no_answer(self, transaction: InviteClient, status: int, now: float) -> None:
        """Nobody answered the INVITE (408), or it could not be sent (503)."""
        call = self._core.calls.get(transaction.leg) if transaction.leg is not None else None
        if call is not None and call.invite_key == transaction.key:
            reason = EndReason.TIMEOUT if status == 408 else EndReason.TRANSPORT
            self._setup.step(call, CallEvent.FAILURE, now, Facts(reason))

    # --- giving up

    def hang_up(self, call: Call, now: float) -> None:
        self._setup.step(call, CallEvent.HANG_UP, now, Facts(EndReason.LOCAL))

    def handle_cancel_overdue(self, call: Call, now: float) -> None:
        """64*T1 after our CANCEL nothing came: the INVITE is dead (9.1)."""
        if call.phase is Phase.CANCELLING:
            self._setup.step(call, CallEvent.GIVE_UP, now)
        self._core.disarm(call, CallTimer.GIVE_UP_CANCEL)


def _host(hop: NextHop) -> str:
    return hop.host if isinstance(hop, Destination) else hop.remote[0]


def check_response(response: Response, flow: Flow) -> None:
    """Raises `SipError` or `Unprintable` for an answer that should open a dialog and cannot.

    To be asked before the transaction hears of the answer: what is dropped must not stop our repetitions.
    """
    if 100 < response.status < 300 and response.cseq.method == "INVITE":
        Dialog.from_response(response, "", flow)


def farewell(response: Response) -> HeaderPairs:
    """The headers of a refusal that explain it."""
    headers = response.headers
    present = [name for name in FAREWELL_HEADERS if name in headers]
    return tuple((name, value) for name in present for value in headers.get_all(name))


def given_reason(request: Request) -> HeaderPairs:
    """Why the peer says BYE or CANCEL (RFC 3326)."""
    if "Reason" not in request.headers:
        return ()
    return tuple(("Reason", value) for value in request.headers.get_all("Reason"))
