"""Calls we receive: INVITE, our provisional and final answers, ACK, CANCEL (RFC 3261 9.2, 13.3)."""

from trebuchet.sip.bodies import session_body
from trebuchet.sip.call import Call, CallTimer, Phase
from trebuchet.sip.call_phases import CallEvent
from trebuchet.sip.call_setup import CallSetup, Facts
from trebuchet.sip.core import Core
from trebuchet.sip.dialog import Dialog
from trebuchet.sip.headers import parse_seconds
from trebuchet.sip.message import Request, make_response
from trebuchet.sip.outgoing_call import given_reason
from trebuchet.sip.outputs import EndReason, Flow, HeaderPairs, IncomingInvite
from trebuchet.sip.prack import Prack
from trebuchet.sip.session_timer import SessionTimer

REPEAT_180_S = 60.0
"""RFC 3261 13.3.1.1: proxies on the way forget an INVITE that shows no sign of life for three minutes."""


class IncomingCalls:
    """Receives calls and carries out what the user decides about them."""

    def __init__(self, core: Core, setup: CallSetup, prack: Prack, session_timer: SessionTimer) -> None:
        self._core = core
        self._setup = setup
        self._prack = prack
        self._session_timer = session_timer

    def handle_invite(self, request: Request, flow: Flow, now: float) -> None:
        """A fresh INVITE that passed all checks: 100 goes out at once. Raises `SipError`, having changed nothing."""
        core = self._core
        body = session_body(request)
        self._session_timer.check(request)
        tag = core.new_tag()
        dialog = Dialog.from_request(request, tag, flow)
        trying = make_response(request, 100)
        transaction = core.transactions.start_server(request, flow, now)
        call = Call(core.new_leg(), False, tag)
        transaction.leg = call.leg
        call.invite, call.invite_key, call.invite_cseq = request, transaction.key, request.cseq.number
        call.dialog, call.flow = dialog, flow
        call.remote_body, call.we_offered = body, not body
        call.allows_update = "UPDATE" in request.allow
        core.calls[call.leg] = call
        core.index(call, dialog)
        core.transactions.respond(transaction.key, trying, now)
        self._limit_time(call, request, now)
        core.outbox.append(IncomingInvite(call.leg, request, flow, body))

    def _limit_time(self, call: Call, request: Request, now: float) -> None:
        expires = request.headers.get("expires")
        if expires is not None:
            self._core.arm(call, CallTimer.INVITE_EXPIRES, now + parse_seconds(expires))

    # --- commands

    def progress(self, call: Call, status: int, body: bytes, now: float) -> None:
        """A provisional answer, reliable when the peer requires it."""
        if call.phase is not Phase.INVITED or call.invite is None or call.flow is None:
            return
        if body:
            call.local_body = body
        if self._prack.is_required(call):
            self._prack.send(call, status, body, now)
            return
        response = self._core.success(call, call.invite, call.flow, body, status)
        self._core.transactions.respond(call.invite_key, response, now)
        self._core.arm(call, CallTimer.REPEAT_180, now + REPEAT_180_S)

    def repeat_progress(self, call: Call, now: float) -> None:
        """Still ringing after a minute: say so again."""
        server = self._core.transactions.server(call.invite_key)
        if server is not None and call.invite is not None:
            self._core.transactions.handle_repeat(server, call.invite, now)
            self._core.arm(call, CallTimer.REPEAT_180, now + REPEAT_180_S)

    def answer(self, call: Call, body: bytes, now: float) -> None:
        """200 with SDP. It waits for the PRACK of a provisional answer that carried SDP."""
        if call.phase is not Phase.INVITED or call.invite is None or call.flow is None:
            return
        if call.reliable is not None and call.reliable.has_body:
            call.deferred_answer = body
            return
        response = self._core.success(call, call.invite, call.flow, body)
        for name, value in self._session_timer.answer_headers(call, call.invite, now):
            response.headers.add(name, value)
        call.local_body = body
        self._setup.step(call, CallEvent.ANSWER, now, Facts(response=response))

    def reject(self, call: Call, status: int, reason: str | None, headers: HeaderPairs, now: float) -> None:
        """A final failure of our choice. Raises `Unprintable` before anything is sent."""
        self._refuse(call, status, reason, headers, Facts(EndReason.LOCAL, status), now)

    def hang_up(self, call: Call, now: float) -> None:
        """480 while unanswered, otherwise BYE as soon as the ACK allows it."""
        if call.phase is Phase.INVITED:
            self._refuse(call, 480, None, (), Facts(EndReason.LOCAL, 480), now)
        else:
            self._setup.step(call, CallEvent.HANG_UP, now, Facts(EndReason.LOCAL))

    def _refuse(
        self, call: Call, status: int, reason: str | None, headers: HeaderPairs, facts: Facts, now: float
    ) -> None:
        if call.phase is not Phase.INVITED or call.invite is None:
            return
        response = make_response(call.invite, status, reason, call.local_tag)
        response.headers.add("Server", self._core.config.product)
        for name, value in headers:
            response.headers.add(name, value)
        told = Facts(facts.reason, facts.status, facts.headers, response=response)
        self._setup.step(call, CallEvent.REFUSE, now, told)

    # --- what the peer does

    def handle_cancel(self, call: Call, request: Request, now: float) -> None:
        """The caller gives up: 487, unless we have answered finally already (9.2)."""
        self._refuse(call, 487, None, (), Facts(EndReason.PEER_CANCEL, 487, given_reason(request)), now)

    def handle_bye(self, call: Call, request: Request, now: float) -> None:
        """The caller ends an unanswered call with BYE (15.1.2)."""
        self._refuse(call, 487, None, (), Facts(EndReason.PEER_BYE, 487, given_reason(request)), now)

    def handle_prack(self, call: Call, now: float) -> None:
        """Our reliable provisional answer arrived; a waiting 200 may go."""
        self._prack.confirm(call, now)
        body, call.deferred_answer = call.deferred_answer, None
        if body is not None:
            self.answer(call, body, now)

    # --- deadlines

    def handle_no_prack(self, call: Call, now: float) -> None:
        """A reliable provisional answer was never acknowledged: the INVITE fails (RFC 3262 3)."""
        self._refuse(call, 504, None, (), Facts(EndReason.NO_ACK, 504), now)

    def handle_expired(self, call: Call, now: float) -> None:
        """The Expires of the INVITE has passed (13.3.1)."""
        self._refuse(call, 487, None, (), Facts(EndReason.TIMEOUT, 487), now)

    def handle_unreachable(self, call: Call, now: float) -> None:
        """Our answers do not get out."""
        self._setup.step(call, CallEvent.LOST, now, Facts(EndReason.TRANSPORT))
