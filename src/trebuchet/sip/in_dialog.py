"""Requests of the peer within a call: in order, to the right place (RFC 3261 12.2.2), and BYE, INFO, OPTIONS."""

from trebuchet.sip.bodies import readable_body
from trebuchet.sip.call import Call, Phase
from trebuchet.sip.call_phases import CallEvent
from trebuchet.sip.call_setup import CallSetup, Facts
from trebuchet.sip.core import ACCEPT, SUPPORTED, Core
from trebuchet.sip.dialog import Dialog
from trebuchet.sip.errors import SipError
from trebuchet.sip.incoming_call import IncomingCalls
from trebuchet.sip.message import Request
from trebuchet.sip.outgoing_call import given_reason
from trebuchet.sip.outputs import EndReason, Flow, InfoReceived, OutOfDialogRequest
from trebuchet.sip.prack import Prack
from trebuchet.sip.reinvite import Reinvite

DIGIT_TYPES = frozenset({"application/dtmf-relay", "application/dtmf"})


class InDialog:
    """Dispatches what arrives inside a dialog."""

    def __init__(self, core: Core, setup: CallSetup, incoming: IncomingCalls, reinvite: Reinvite, prack: Prack) -> None:
        self._core = core
        self._setup = setup
        self._incoming = incoming
        self._reinvite = reinvite
        self._prack = prack

    def handle_ack(self, call: Call, request: Request, flow: Flow, now: float) -> None:
        """The ACK of a 2xx of ours; afterwards an offer that waited for it may go."""
        if call.dialog is not None:
            call.dialog.flow = flow
        self._setup.handle_ack(call, request, readable_body(request), now)
        self._reinvite.send_queued(call, now)

    def handle(self, call: Call, request: Request, flow: Flow, now: float) -> None:
        """Any other request. Raises `SipError` for what is to be refused; its number counts as used."""
        dialog = self._dialog(call, request)
        number = request.cseq.number
        if dialog.remote_cseq is not None and number <= dialog.remote_cseq:
            raise SipError("a request out of order", 500)
        dialog.remote_cseq = number
        dialog.flow = flow
        if request.method == "BYE":
            self._handle_bye(call, dialog, request, flow, now)
        elif call.has_ended:
            raise SipError("the call is over", 481)
        elif request.method in ("INVITE", "UPDATE"):
            self._reinvite.handle_request(call, dialog, request, flow, now)
        elif request.method == "PRACK":
            self._handle_prack(call, dialog, request, flow, now)
        else:
            self._handle_other(call, request, flow, now)

    def _dialog(self, call: Call, request: Request) -> Dialog:
        dialog = call.early.get(request.from_.tag or "") or call.dialog
        assert dialog is not None, "the dialog table names only calls that have the dialog"
        return dialog

    def _handle_bye(self, call: Call, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        transaction = self._core.transactions.start_server(request, flow, now)
        self._core.reply(transaction.key, request, 200, now)
        if call.phase is Phase.INVITED:
            self._incoming.handle_bye(call, request, now)
            return
        if call.dialog is None:
            call.early.pop(dialog.remote_tag, None)
            self._core.dialogs.pop(dialog.key, None)
            if call.early:
                return
        self._setup.step(call, CallEvent.PEER_BYE, now, Facts(EndReason.PEER_BYE, None, given_reason(request)))

    def _handle_prack(self, call: Call, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        if call.phase is not Phase.INVITED and self._prack.is_overtaken(call, request):
            self._reinvite.handle_request(call, dialog, request, flow, now)
            return
        if call.phase is not Phase.INVITED or not self._prack.acknowledges(call, request):
            raise SipError("no answer of ours waits for this PRACK", 481)
        reliable, call.reliable = call.reliable, None
        try:
            self._reinvite.handle_request(call, dialog, request, flow, now)
        except SipError:
            call.reliable = reliable
            raise
        self._incoming.handle_prack(call, now)

    def _handle_other(self, call: Call, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        if request.method == "INFO":
            self._check_info(request)
        transaction = core.transactions.start_server(request, flow, now)
        if request.method in core.config.foreign_methods:
            transaction.leg = call.leg
            core.outbox.append(OutOfDialogRequest(transaction.key, request, flow, call.leg))
            return
        core.reply(transaction.key, request, 200, now, options_headers(core) if request.method == "OPTIONS" else ())
        if request.method == "INFO" and request.body:
            core.outbox.append(InfoReceived(call.leg, request.content_type or "", request.body))

    def _check_info(self, request: Request) -> None:
        if request.body and request.content_type not in DIGIT_TYPES:
            raise SipError("an INFO of unknown content", 415)


def options_headers(core: Core) -> tuple[tuple[str, str], ...]:
    """What we can do, as OPTIONS asks (RFC 3261 11.2)."""
    return (
        ("Allow", core.allow),
        ("Accept", ACCEPT),
        ("Accept-Encoding", "identity"),
        ("Accept-Language", "en"),
        ("Supported", SUPPORTED),
        ("Server", core.config.product),
    )
