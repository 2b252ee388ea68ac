"""Carries out the steps of the call table: the one place that moves a call from phase to phase."""

from collections.abc import Callable

from trebuchet.base.values import frozen
from trebuchet.sip.call import Call, CallTimer, Phase, Unacked
from trebuchet.sip.call_phases import TABLE, CallDo, CallEvent
from trebuchet.sip.core import Core
from trebuchet.sip.dialog import Dialog
from trebuchet.sip.invite_client import InviteClient
from trebuchet.sip.message import Headers, Request, Response
from trebuchet.sip.outputs import Acked, Answered, EndReason, HeaderPairs, OfferAnswered, Progress, Send
from trebuchet.sip.session_timer import SessionTimer
from trebuchet.sip.transaction import Purpose


@frozen
class Facts:
    """What came with an event, as far as the actions need it."""

    reason: EndReason = EndReason.LOCAL
    status: int | None = None
    headers: HeaderPairs = ()
    body: bytes = b""
    response: Response | None = None
    dialog: Dialog | None = None
    transaction: InviteClient | None = None


NO_FACTS = Facts()


class CallSetup:
    """Moves calls through their phases."""

    def __init__(self, core: Core, session_timer: SessionTimer) -> None:
        self._core = core
        self._session_timer = session_timer
        self._do: dict[CallDo, Callable[[Call, Facts, float], None]] = {
            CallDo.TELL_PROGRESS: self._tell_progress,
            CallDo.CONFIRM: self._confirm,
            CallDo.ACK: self._ack,
            CallDo.ANSWER: self._answer,
            CallDo.REFUSE: self._refuse,
            CallDo.TELL_ACKED: self._tell_acked,
            CallDo.TELL_END: self._tell_end,
            CallDo.CANCEL: self._cancel,
            CallDo.BYE: self._bye,
            CallDo.ABANDON: self._abandon,
            CallDo.RELEASE: self._release,
        }

    def step(self, call: Call, event: CallEvent, now: float, facts: Facts = NO_FACTS) -> bool:
        """Apply an event; false when it means nothing in the present phase."""
        cell = TABLE.get((call.phase, event))
        if cell is None:
            return False
        call.phase, actions = cell
        for action in actions:
            self._do[action](call, facts, now)
        return True

    def accepts(self, call: Call, event: CallEvent) -> bool:
        return (call.phase, event) in TABLE

    # --- outgoing

    def _tell_progress(self, call: Call, facts: Facts, now: float) -> None:
        if facts.status is not None and facts.status > 100:
            self._core.outbox.append(Progress(call.leg, facts.status, facts.body))

    def _confirm(self, call: Call, facts: Facts, now: float) -> None:
        self._ack(call, facts, now, is_held=call.holds_ack)
        assert facts.response is not None
        call.remote_body = facts.body
        self._session_timer.start_as_caller(call, facts.response, now)
        self._core.outbox.append(Answered(call.leg, facts.body, facts.response))

    def _ack(self, call: Call, facts: Facts, now: float, *, is_held: bool = False) -> None:
        dialog, transaction = facts.dialog, facts.transaction
        assert dialog is not None and transaction is not None
        for early in call.early.values():
            self._core.dialogs.pop(early.key, None)
        earlier = call.early.get(dialog.remote_tag)
        if earlier is not None:
            dialog.remote_cseq = earlier.remote_cseq
        call.early = {}
        call.dialog = dialog
        self._core.index(call, dialog)
        self.acknowledge(call, dialog, transaction, is_held=is_held)

    def acknowledge(self, call: Call, dialog: Dialog, transaction: InviteClient, *, is_held: bool = False) -> None:
        """ACK a 2xx (13.2.2.4), to the trunk with the INVITE's credentials, and keep it to be repeated. `is_held`: it
        is kept, and sent when it is released."""
        invite = self._core.sent_request(transaction)
        ack = self._core.request(call, dialog, "ACK", invite.cseq.number)
        if call.auth is not None and call.auth.is_trunk(dialog.next_hop()):
            ack.headers.take(invite.headers, "Authorization")
            ack.headers.take(invite.headers, "Proxy-Authorization")
        sent = transaction.acks[dialog.remote_tag] = (ack.to_bytes(), dialog.next_hop())
        call.held_ack = Send(*sent, transaction.key)
        if not is_held:
            self._core.release_ack(call)

    def _cancel(self, call: Call, facts: Facts, now: float) -> None:
        transaction = self._core.transactions.client(call.invite_key)
        if transaction is None:
            return
        cancel = cancel_for(self._core.sent_request(transaction), call.reason_header)
        self._core.transactions.start_client(cancel, transaction.to, call.leg, Purpose.CANCEL, now)
        self._core.arm(call, CallTimer.GIVE_UP_CANCEL, now + self._core.config.timers.timeout)

    def _abandon(self, call: Call, facts: Facts, now: float) -> None:
        self._core.transactions.abandon(call.invite_key)

    # --- incoming

    def _answer(self, call: Call, facts: Facts, now: float) -> None:
        core, response = self._core, facts.response
        assert response is not None and call.flow is not None and call.dialog is not None
        core.disarm(call, CallTimer.REPEAT_RELIABLE, CallTimer.NO_PRACK, CallTimer.REPEAT_180, CallTimer.INVITE_EXPIRES)
        call.reliable, call.waiting_reliable = None, []
        call.invite, call.reply_headers = None, None
        self.send_success(call, response, call.invite_key, call.we_offered, True, now)

    def send_success(
        self, call: Call, response: Response, transaction: str, awaits_answer: bool, is_initial: bool, now: float
    ) -> None:
        """Send a 2xx to an INVITE and repeat it until its ACK, over every transport, for 64*T1 (13.3.1.4)."""
        core, values = self._core, self._core.config.timers
        data, server = core.transactions.respond(transaction, response, now), core.transactions.server(transaction)
        if data is None or server is None:
            return
        cseq = response.cseq.number
        call.unacked = Unacked(cseq, data, server.to, transaction, values.t1, awaits_answer, is_initial)
        core.arm(call, CallTimer.REPEAT_200, now + values.t1)
        core.arm(call, CallTimer.NO_ACK, now + values.timeout)

    def repeat_success(self, call: Call, now: float) -> None:
        """The ACK is still missing: send the 2xx again, at intervals up to T2."""
        unacked = call.unacked
        if unacked is None:
            return
        unacked.interval = min(2 * unacked.interval, self._core.config.timers.t2)
        self._core.outbox.append(Send(unacked.data, unacked.to, unacked.transaction))
        self._core.arm(call, CallTimer.REPEAT_200, now + unacked.interval)

    def handle_ack(self, call: Call, request: Request, body: bytes, now: float) -> None:
        """The ACK of our 2xx; an ACK for anything else is a late repetition."""
        unacked = call.unacked
        if unacked is None or request.cseq.number != unacked.cseq:
            return
        self._core.disarm(call, CallTimer.REPEAT_200, CallTimer.NO_ACK)
        call.unacked = None
        if unacked.awaits_answer and body:
            call.remote_body = body
        if unacked.is_initial:
            self.step(call, CallEvent.ACK, now, Facts(body=body if unacked.awaits_answer else b""))
        elif unacked.awaits_answer and not call.has_ended:
            self._core.outbox.append(OfferAnswered(call.leg, body))

    def _tell_acked(self, call: Call, facts: Facts, now: float) -> None:
        self._core.outbox.append(Acked(call.leg, facts.body))

    def _refuse(self, call: Call, facts: Facts, now: float) -> None:
        assert facts.response is not None
        self._core.transactions.respond(call.invite_key, facts.response, now)

    # --- the end

    def _tell_end(self, call: Call, facts: Facts, now: float) -> None:
        self._core.tell_ended(call, facts.reason, facts.status, facts.headers)

    def _bye(self, call: Call, facts: Facts, now: float) -> None:
        self._end_session(call, now)
        dialog = call.dialog
        assert dialog is not None
        bye = self._core.request(call, dialog, "BYE")
        if call.reason_header is not None:
            bye.headers.add("Reason", call.reason_header)
        self._core.send_request(call, dialog, bye, Purpose.BYE, now)

    def _release(self, call: Call, facts: Facts, now: float) -> None:
        self._end_session(call, now)
        call.phase = Phase.ENDED
        self._core.release(call)

    def _end_session(self, call: Call, now: float) -> None:
        """Nothing is negotiated or refreshed any more; an open offer of the peer gets its 487 (15.1.2)."""
        self._core.disarm(call, *CallTimer)
        if call.own_offer is not None:
            deadline = now + self._core.config.timers.timeout
            self._core.transactions.limit(call.own_offer.transaction, deadline)
        call.unacked, call.own_offer, call.queued_offer = None, None, None
        offer, call.peer_offer = call.peer_offer, None
        if offer is not None:
            self._core.reply(offer.transaction, offer.request, 487, now)


def cancel_for(invite: Request, reason: str | None) -> Request:
    """The CANCEL of an INVITE (9.1): same Request-URI, Call-ID, To, From, Route, CSeq number and topmost Via."""
    headers = Headers()
    headers.add("Via", invite.headers.values("Via")[0])
    headers.add("Max-Forwards", "70")
    for name in ("Route", "From", "To", "Call-ID"):
        headers.take(invite.headers, name)
    headers.add("CSeq", f"{invite.cseq.number} CANCEL")
    if reason is not None:
        headers.add("Reason", reason)
    return Request("CANCEL", invite.uri_text, headers)
