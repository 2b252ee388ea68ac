"""Our requests other than the first INVITE: BYE, CANCEL, PRACK, re-INVITE, UPDATE, OPTIONS, and their answers."""

from trebuchet.sip.call import Call, OwnOffer
from trebuchet.sip.call_phases import CallEvent
from trebuchet.sip.call_setup import CallSetup, cancel_for
from trebuchet.sip.client_auth import MAX_ATTEMPTS
from trebuchet.sip.core import ACCEPT, Core
from trebuchet.sip.dialog import Dialog
from trebuchet.sip.early_snapshot import PeerInvite, thaw
from trebuchet.sip.errors import Unprintable
from trebuchet.sip.message import Headers, Request, Response
from trebuchet.sip.outputs import Destination, Flow, OptionsAnswered
from trebuchet.sip.reinvite import Reinvite
from trebuchet.sip.session_timer import SessionTimer
from trebuchet.sip.transaction import ClientTransaction, Purpose
from trebuchet.sip.uri import SipUri

_OFFERS = (Purpose.REINVITE, Purpose.REFRESH_INVITE, Purpose.UPDATE)
SNAPSHOT_GAP = 10_000
"""How far the CSeq of a BYE from a snapshot lies beyond the snapshot's: more than the requests (a session refresh every
few minutes) that the dead process can have sent. A peer refuses lower numbers and takes gaps (RFC 3261 12.2.2)."""

GIVEN_UP_STATUS = 503
"""What a caller hears whose call a crash ended before the answer: try somewhere else, or later."""


class ClientRequests:
    """Sends what belongs to no call's set-up and sorts the answers."""

    def __init__(self, core: Core, setup: CallSetup, reinvite: Reinvite, session_timer: SessionTimer) -> None:
        self._core = core
        self._setup = setup
        self._reinvite = reinvite
        self._session_timer = session_timer

    def options(self, destination: Destination, now: float) -> int:
        """OPTIONS to a trunk; the number comes back in `OptionsAnswered`."""
        core = self._core
        probe = core.new_leg()
        target = str(SipUri("sip", None, None, destination.host, destination.port))
        contact = core.contact(destination)
        headers = Headers()
        headers.add("Via", core.via(destination))
        headers.add("Max-Forwards", "70")
        headers.add("From", f"{contact};tag={core.new_tag()}")
        headers.add("To", f"<{target}>")
        headers.add("Call-ID", core.rand.token(12).hex())
        headers.add("CSeq", "1 OPTIONS")
        headers.add("Contact", contact)
        headers.add("Accept", ACCEPT)
        headers.add("User-Agent", core.config.product)
        request = Request("OPTIONS", target, headers)
        core.transactions.start_client(request, destination, probe, Purpose.OPTIONS, now)
        return probe

    def bye_from_snapshot(self, snapshot: bytes, now: float) -> None:
        """BYE in a dialog of an earlier process. Raises `Malformed`."""
        dialog, cseq = Dialog.from_snapshot(snapshot)
        hop = dialog.next_hop()
        bye = dialog.request("BYE", cseq + SNAPSHOT_GAP, self._core.via(hop))
        self._core.transactions.start_client(bye, hop, None, Purpose.STRAY_BYE, now)

    def give_up_from_snapshot(self, snapshot: bytes, now: float) -> None:
        """End a call that an earlier process had not set up yet: CANCEL our INVITE and say BYE to whoever rang (an
        answer that crosses it is acknowledged, and ended by BYE), or refuse the peer's. Raises `Malformed`."""
        early, core = thaw(snapshot), self._core
        if isinstance(early, PeerInvite):
            transaction = core.transactions.start_server(early.request, early.flow, now)
            core.reply(transaction.key, early.request, GIVEN_UP_STATUS, now, tag=early.tag)
            return
        deadline = now + core.config.timers.timeout
        core.transactions.adopt_client(early.request, early.to, Purpose.INVITE, deadline)
        core.transactions.start_client(cancel_for(early.request, None), early.to, None, Purpose.CANCEL, now)
        for dialog in early.dialogs:
            self.bye_from_snapshot(dialog, now)

    def handle_answer(self, transaction: ClientTransaction, response: Response, flow: Flow, now: float) -> None:
        """A final answer ends the wait, unless it asks for the request again in another form."""
        if transaction.purpose is Purpose.OPTIONS:
            self._tell_options(transaction, response.status)
            return
        call = self._call(transaction)
        if call is not None and self._try_again(call, transaction, response, flow, now):
            return
        if transaction.purpose in _OFFERS:
            self._reinvite.handle_answer(call, transaction, response, now)
        elif transaction.purpose is Purpose.BYE and response.status >= 200:
            self._finish(call, now)

    def handle_no_answer(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Time-out (408) or transport error (503)."""
        if transaction.purpose is Purpose.OPTIONS:
            self._tell_options(transaction, None)
        elif transaction.purpose in _OFFERS:
            self._reinvite.handle_no_answer(self._call(transaction), transaction, status, now)
        elif transaction.purpose is Purpose.BYE:
            self._finish(self._call(transaction), now)

    def _call(self, transaction: ClientTransaction) -> Call | None:
        return self._core.calls.get(transaction.leg) if transaction.leg is not None else None

    def _finish(self, call: Call | None, now: float) -> None:
        if call is not None:
            self._setup.step(call, CallEvent.GIVE_UP, now)

    def _tell_options(self, transaction: ClientTransaction, status: int | None) -> None:
        if transaction.leg is not None and (status is None or status >= 200):
            self._core.outbox.append(OptionsAnswered(transaction.leg, status))

    def _try_again(
        self, call: Call, transaction: ClientTransaction, response: Response, flow: Flow, now: float
    ) -> bool:
        """After 401, 407 or 422: the request again, better."""
        if response.status not in (401, 407, 422) or transaction.attempts >= MAX_ATTEMPTS:
            return False
        sent = self._core.sent_request(transaction)
        if not self._improve(call, transaction, sent, response, flow):
            return False
        try:
            again = self._core.resend(call, transaction, sent, now)
        except Unprintable:
            return False
        own = call.own_offer
        if own is not None and own.transaction == transaction.key:
            call.own_offer = OwnOffer(again.key, own.body, own.is_refresh)
        return True

    def _improve(
        self, call: Call, transaction: ClientTransaction, sent: Request, response: Response, flow: Flow
    ) -> bool:
        if response.status == 422:
            return transaction.purpose in _OFFERS and self._session_timer.raise_interval(call, response, sent)
        if call.auth is None or transaction.purpose is Purpose.CANCEL:
            return False
        return call.auth.take_challenge(response, sent, transaction.to, flow, transaction.attempts)
