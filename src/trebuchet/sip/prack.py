"""Reliable provisional answers, both roles: RFC 3262.

Ours are sent only to a peer that requires them: one at a time, repeated at doubling intervals until its PRACK, given up
with a failure after 64*T1. A 2xx waits for the PRACK of an answer that carried SDP (3). The peer's are acknowledged in
order, each once.
"""

from trebuchet.sip.call import Call, CallTimer, Reliable
from trebuchet.sip.core import Core
from trebuchet.sip.dialog import Dialog
from trebuchet.sip.errors import Malformed, SipError
from trebuchet.sip.grammar import parse_decimal
from trebuchet.sip.headers import RAck
from trebuchet.sip.message import Request, Response
from trebuchet.sip.outputs import Send
from trebuchet.sip.transaction import Purpose

MAX_WAITING = 8
"""Provisional answers queued behind an unacknowledged one: ringing and early media change a few times, not more."""
MAX_RSEQ = 2**32 - 1
_FIRST_RSEQ_LIMIT = 2**31 - 1


class Prack:
    """Sends and acknowledges reliable provisional answers."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # --- ours, for an incoming call

    def is_required(self, call: Call) -> bool:
        return call.invite is not None and "100rel" in call.invite.require

    def send(self, call: Call, status: int, body: bytes, now: float) -> None:
        """A provisional answer, now or after the earlier one has been acknowledged."""
        if call.reliable is not None:
            if len(call.waiting_reliable) < MAX_WAITING:
                call.waiting_reliable.append((status, body))
            return
        assert call.invite is not None and call.flow is not None
        call.rseq = call.rseq + 1 if call.rseq else 1 + self._core.rand.below(_FIRST_RSEQ_LIMIT)
        response = self._core.success(call, call.invite, call.flow, body, status)
        response.headers.add("Require", "100rel")
        response.headers.add("RSeq", str(call.rseq))
        values = self._core.config.timers
        call.reliable = Reliable(call.rseq, response.to_bytes(), values.t1, bool(body))
        self._core.transactions.respond(call.invite_key, response, now)
        self._core.arm(call, CallTimer.REPEAT_RELIABLE, now + values.t1)
        self._core.arm(call, CallTimer.NO_PRACK, now + values.timeout)

    def repeat(self, call: Call, now: float) -> None:
        """No PRACK yet: the same answer again, at doubling intervals (3)."""
        server = self._core.transactions.server(call.invite_key)
        if call.reliable is None or server is None:
            return
        call.reliable.interval *= 2
        self._core.outbox.append(Send(call.reliable.data, server.to, call.invite_key))
        self._core.arm(call, CallTimer.REPEAT_RELIABLE, now + call.reliable.interval)

    def acknowledges(self, call: Call, request: Request) -> bool:
        """Whether a PRACK names our answer that waits for one; everything else is 481 (3). Raises `SipError`."""
        pending = call.reliable
        return pending is not None and self._names(call, request, pending.rseq)

    def is_overtaken(self, call: Call, request: Request) -> bool:
        """Whether a PRACK names our last reliable answer although our 2xx has gone out meanwhile (3): it is still
        to be answered, nothing else follows from it. Raises `SipError`."""
        return not call.is_outgoing and call.rseq > 0 and self._names(call, request, call.rseq)

    def _names(self, call: Call, request: Request, rseq: int) -> bool:
        text = request.headers.get("rack")
        if text is None:
            raise SipError("a PRACK without RAck")
        rack = RAck.parse(text)
        return rack.rseq == rseq and rack.method == "INVITE" and rack.cseq == call.invite_cseq

    def confirm(self, call: Call, now: float) -> None:
        """The PRACK came: stop repeating, send what waited behind."""
        self._core.disarm(call, CallTimer.REPEAT_RELIABLE, CallTimer.NO_PRACK)
        call.reliable = None
        if call.waiting_reliable and call.deferred_answer is None:
            self.send(call, *call.waiting_reliable.pop(0), now)

    # --- the peer's, for an outgoing call

    def acknowledge(self, call: Call, dialog: Dialog, response: Response, cseq: int, now: float) -> bool:
        """PRACK a reliable provisional answer. False: a repetition or out of order, so not to be told again (4)."""
        if "100rel" not in response.require:
            return True
        rseq = _read_rseq(response)
        if rseq is None or (dialog.peer_rseq is not None and rseq != dialog.peer_rseq + 1):
            return False
        dialog.peer_rseq = rseq
        prack = self._core.request(call, dialog, "PRACK")
        prack.headers.add("RAck", str(RAck(rseq, cseq, "INVITE")))
        self._core.send_request(call, dialog, prack, Purpose.PRACK, now)
        return True


def _read_rseq(response: Response) -> int | None:
    text = response.headers.get("rseq")
    try:
        return None if text is None else parse_decimal(text, MAX_RSEQ)
    except Malformed:
        return None
