"""Changing a running session: re-INVITE (RFC 3261 14), UPDATE (RFC 3311), and who yields when both want to.

Ours: one offer at a time; a further one waits until the way is free, the latest wins. 491 is tried again after the
random time of 14.1 (the side that made the Call-ID waits longer).
The peer's: 491 while an offer of ours is open, 500 with Retry-After while one of its own is (14.2, RFC 3311 5.2).
"""

from trebuchet.sip.bodies import readable_body, session_body
from trebuchet.sip.call import Call, CallTimer, OwnOffer, PeerOffer, Phase
from trebuchet.sip.call_phases import CallEvent
from trebuchet.sip.call_setup import CallSetup, Facts
from trebuchet.sip.core import Core, put_sdp
from trebuchet.sip.dialog import Dialog
from trebuchet.sip.errors import Malformed, SipError, Unprintable
from trebuchet.sip.headers import parse_seconds
from trebuchet.sip.invite_client import InviteClient
from trebuchet.sip.message import Request, Response, make_response
from trebuchet.sip.outgoing_call import farewell
from trebuchet.sip.outputs import EndReason, Flow, OfferAnswered, Offered, OfferRefused, Send
from trebuchet.sip.session_timer import SessionTimer
from trebuchet.sip.transaction import ClientTransaction, Purpose

MAX_GLARE_RETRIES = 5
"""491 in a row before the offer is reported as refused: two sides with random waits meet once or twice."""
MAX_REINVITE_S = 180.0
"""A re-INVITE may ask a person, like a proxy's timer C (RFC 3261 16.6); a peer silent for longer has lost it."""
MAX_RETRY_AFTER_S = 10
"""14.2 lets the other side ask for this much when its own offer was still open."""
_GLARE_STEP_S = 0.01
_REFRESH_BUSY_S = 5.0
"""A refresh that meets an open offer is put off: the offer refreshes the session by itself."""


class Reinvite:
    """Offers after the first, in both directions, and session refreshes."""

    def __init__(self, core: Core, setup: CallSetup, session_timer: SessionTimer) -> None:
        self._core = core
        self._setup = setup
        self._session_timer = session_timer

    # --- our offers

    def offer(self, call: Call, body: bytes, now: float) -> None:
        """Offer a change, now or as soon as no other offer or ACK is open."""
        call.queued_offer = body
        call.glare_retries = 0
        self._core.disarm(call, CallTimer.GLARE)
        self.send_queued(call, now)

    def send_queued(self, call: Call, now: float) -> None:
        """Send the waiting offer when nothing is in its way."""
        body = call.queued_offer
        if body is None or not self._is_free(call) or self._core.timers.is_armed(call.leg, CallTimer.GLARE):
            return
        call.queued_offer = None
        self._send_invite(call, body, is_refresh=False, now=now)

    def _is_free(self, call: Call) -> bool:
        is_idle = call.own_offer is None and call.peer_offer is None and call.unacked is None
        return call.phase is Phase.ESTABLISHED and is_idle

    def _send_invite(self, call: Call, body: bytes, is_refresh: bool, now: float) -> None:
        core, dialog = self._core, call.dialog
        assert dialog is not None
        request = core.request(call, dialog, "INVITE")
        self._put_session_headers(call, request)
        put_sdp(request, body)
        purpose = Purpose.REFRESH_INVITE if is_refresh else Purpose.REINVITE
        transaction = core.send_request(call, dialog, request, purpose, now)
        call.own_offer = OwnOffer(transaction.key, body, is_refresh)

    def _put_session_headers(self, call: Call, request: Request) -> None:
        headers, dialog = request.headers, call.dialog
        assert dialog is not None
        headers.add("Contact", self._core.contact(dialog.next_hop()))
        headers.add("Allow", self._core.allow)
        headers.add("Supported", "timer")
        for name, value in self._session_timer.request_headers(call):
            headers.add(name, value)

    def refresh(self, call: Call, now: float) -> None:
        """Keep the session alive: UPDATE without SDP where the peer knows it, otherwise the last SDP again."""
        if not self._is_free(call):
            self._core.arm(call, CallTimer.REFRESH, now + _REFRESH_BUSY_S)
            return
        if not call.allows_update:
            self._send_invite(call, call.local_body, is_refresh=True, now=now)
            return
        dialog = call.dialog
        assert dialog is not None
        request = self._core.request(call, dialog, "UPDATE")
        self._put_session_headers(call, request)
        self._core.send_request(call, dialog, request, Purpose.UPDATE, now)

    # --- answers to them

    def handle_answer(self, call: Call | None, transaction: ClientTransaction, response: Response, now: float) -> None:
        """An answer to a re-INVITE or UPDATE of ours."""
        if response.status < 200:
            self._core.transactions.limit(transaction.key, now + MAX_REINVITE_S, is_new=False)
            return
        if response.status < 300:
            self._handle_success(call, transaction, response, now)
        elif call is not None and not call.has_ended:
            self._handle_failure(call, transaction, response, now)

    def _handle_success(
        self, call: Call | None, transaction: ClientTransaction, response: Response, now: float
    ) -> None:
        if isinstance(transaction, InviteClient):
            known = transaction.acks.get(response.to.tag or "")
            if known is not None:
                self._core.outbox.append(Send(*known, transaction.key))
                return
        if call is None or call.dialog is None:
            return
        self._refresh_target(call, response)
        if isinstance(transaction, InviteClient):
            self._setup.acknowledge(call, call.dialog, transaction)
        if call.has_ended:
            return
        self._session_timer.start_as_caller(call, response, now)
        own = call.own_offer
        if own is not None and own.transaction == transaction.key:
            self._take_answer(call, own, readable_body(response), now)

    def _take_answer(self, call: Call, own: OwnOffer, body: bytes, now: float) -> None:
        call.own_offer, call.local_body = None, own.body
        is_news = not own.is_refresh or (body and body != call.remote_body)
        call.remote_body = body or call.remote_body
        if is_news:
            self._core.outbox.append(OfferAnswered(call.leg, body))
        self.send_queued(call, now)

    def _refresh_target(self, call: Call, message: Request | Response) -> None:
        assert call.dialog is not None
        try:
            call.dialog.refresh_target(message)
        except (SipError, Unprintable):
            return

    def _handle_failure(self, call: Call, transaction: ClientTransaction, response: Response, now: float) -> None:
        own = call.own_offer
        if own is not None and own.transaction == transaction.key:
            call.own_offer = None
        if response.status in (408, 481):
            event = CallEvent.LOST if response.status == 481 else CallEvent.HANG_UP
            reason = EndReason.PROTOCOL if response.status == 481 else EndReason.TIMEOUT
            self._setup.step(call, event, now, Facts(reason, response.status, farewell(response)))
        elif own is None or own.is_refresh:
            self._handle_refresh_failure(call, response.status, now)
        else:
            self._handle_offer_failure(call, own, response, now)
        self.send_queued(call, now)

    def _handle_offer_failure(self, call: Call, own: OwnOffer, response: Response, now: float) -> None:
        delay = self._retry_delay(call, response)
        if call.queued_offer is not None:
            return
        if delay is None or call.glare_retries >= MAX_GLARE_RETRIES:
            self._core.outbox.append(OfferRefused(call.leg, response.status))
            return
        call.glare_retries += 1
        call.queued_offer = own.body
        self._core.arm(call, CallTimer.GLARE, now + delay)

    def _retry_delay(self, call: Call, response: Response) -> float | None:
        """When an offer may be tried again: after 491, or 500 with Retry-After, which say that it came too early."""
        if response.status == 491:
            return self._glare_delay(call)
        text = response.headers.get("retry-after")
        if response.status != 500 or text is None:
            return None
        try:
            return min(parse_seconds(text), MAX_RETRY_AFTER_S) + self._glare_delay(call) / 10
        except Malformed:
            return None

    def _handle_refresh_failure(self, call: Call, status: int, now: float) -> None:
        if call.allows_update and status in (405, 420, 501):
            call.allows_update = False
            self.refresh(call, now)
            return
        self._core.arm(call, CallTimer.REFRESH, now + self._glare_delay(call) + _REFRESH_BUSY_S)

    def _glare_delay(self, call: Call) -> float:
        """14.1: 2.1–4 s for the side that made the Call-ID, 0–2 s for the other, in steps of 10 ms."""
        rand = self._core.rand
        steps = 210 + rand.below(191) if call.is_outgoing else rand.below(201)
        return steps * _GLARE_STEP_S

    def handle_no_answer(self, call: Call | None, transaction: ClientTransaction, status: int, now: float) -> None:
        """A re-INVITE or refresh brought nothing back: like 408, the dialog is over (12.2.1.2)."""
        if call is not None and not call.has_ended:
            reason = EndReason.TIMEOUT if status == 408 else EndReason.TRANSPORT
            self._setup.step(call, CallEvent.HANG_UP, now, Facts(reason, status))

    # --- the peer's offers

    def handle_request(self, call: Call, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        """A re-INVITE, UPDATE or PRACK, in order and in a dialog of ours. Raises `SipError`, having changed nothing."""
        body = session_body(request)
        self._session_timer.check(request)
        if body or request.method == "INVITE":
            if call.own_offer is not None or (call.is_outgoing and call.dialog is None):
                raise SipError("an offer of ours is open", 491)
            if call.peer_offer is not None or call.unacked is not None or self._owes_answer(call):
                self._reply_later(call, request, flow, now)
                return
        self._accept_request(call, dialog, request, flow, body, now)

    def _owes_answer(self, call: Call) -> bool:
        """The INVITE of a call that is not answered yet still has its own offer open (RFC 3311 5.2)."""
        return call.phase is Phase.INVITED and not (call.rseq and call.local_body and call.reliable is None)

    def _reply_later(self, call: Call, request: Request, flow: Flow, now: float) -> None:
        """14.2: 500 with a random Retry-After of up to ten seconds."""
        transaction = self._core.transactions.start_server(request, flow, now)
        self._core.reply(transaction.key, request, 500, now, [("Retry-After", str(self._core.rand.below(11)))])

    def _accept_request(
        self, call: Call, dialog: Dialog, request: Request, flow: Flow, body: bytes, now: float
    ) -> None:
        if request.method != "PRACK":
            dialog.refresh_target(request)
        if "allow" in request.headers:
            call.allows_update = "UPDATE" in request.allow
        transaction = self._core.transactions.start_server(request, flow, now)
        if request.method == "INVITE":
            self._core.transactions.respond(transaction.key, make_response(request, 100), now)
        if not body and request.method != "INVITE":
            response = self._success(call, PeerOffer(transaction.key, request, flow), b"", now)
            self._core.transactions.respond(transaction.key, response, now)
            return
        call.peer_offer = PeerOffer(transaction.key, request, flow)
        self._core.outbox.append(Offered(call.leg, body or None, request.method))

    def accept(self, call: Call, body: bytes, now: float) -> None:
        """Answer the peer's open offer, or offer what it asked for."""
        offer, call.peer_offer = call.peer_offer, None
        if offer is None:
            return
        call.local_body = body
        response = self._success(call, offer, body, now)
        remote = session_body(offer.request)
        call.remote_body = remote or call.remote_body
        if offer.request.method == "INVITE":
            self._setup.send_success(call, response, offer.transaction, not remote, False, now)
            return
        self._core.transactions.respond(offer.transaction, response, now)
        self.send_queued(call, now)

    def _success(self, call: Call, offer: PeerOffer, body: bytes, now: float) -> Response:
        response = self._core.success(call, offer.request, offer.flow, body)
        if offer.request.method != "PRACK" and call.phase is Phase.ESTABLISHED:
            for name, value in self._session_timer.answer_headers(call, offer.request, now):
                response.headers.add(name, value)
        return response

    def refuse(self, call: Call, status: int, now: float) -> None:
        """Refuse the peer's open offer; the session stays as it was."""
        offer, call.peer_offer = call.peer_offer, None
        if offer is not None:
            self._core.reply(offer.transaction, offer.request, status, now)
            self.send_queued(call, now)
