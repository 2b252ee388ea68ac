"""The signalling side of one call: what `SipPlane` remembers of it, and the commands call control gives."""

from collections import deque
from typing import TYPE_CHECKING

from trebuchet.calls.interfaces import LegListener, OutgoingCall, Refusal
from trebuchet.model.media_description import MediaDescription
from trebuchet.model.trunk import Trunk
from trebuchet.signalling.resolver import Candidate
from trebuchet.sip.offer_answer import SdpSession
from trebuchet.sip.outputs import Flow, LegId
from trebuchet.sip.sdp import SessionDescription
from trebuchet.sip.uri import SipUri

if TYPE_CHECKING:
    from trebuchet.signalling.adapter import SipPlane


class Attempt:
    """An outgoing call on its way: where it may still be tried (RFC 3263 4.3); to a phone by its `flow` alone."""

    __slots__ = ("call", "candidates", "current", "flow", "target", "trunk")

    def __init__(self, call: OutgoingCall, target: SipUri, trunk: Trunk | None, flow: Flow | None = None) -> None:
        self.call = call
        self.target = target
        self.trunk = trunk
        self.flow = flow
        self.candidates: deque[Candidate] = deque()
        self.current: Candidate | None = None


class SipLeg:
    """Implements `calls.interfaces.Leg`. `id` is `None` while an outgoing call waits for DNS.

    `attempt` is kept while an outgoing call is being set up, so that nothing of it outlives that.
    """

    __slots__ = (
        "_plane",
        "attempt",
        "early_body",
        "has_ended",
        "has_rung",
        "id",
        "is_outgoing",
        "is_private",
        "is_unwanted",
        "listener",
        "peer_offer",
        "refusal",
        "sdp",
        "was_answered",
    )

    def __init__(self, plane: "SipPlane", sdp: SdpSession, leg_id: LegId | None, attempt: Attempt | None) -> None:
        self._plane = plane
        self.sdp = sdp
        self.id = leg_id
        self.attempt = attempt
        self.is_outgoing = attempt is not None
        self.is_private = False
        """Its signalling goes over TLS."""
        self.listener: LegListener | None = None
        self.peer_offer: SessionDescription | None = None
        self.early_body = b""
        self.has_rung = False
        self.was_answered = False
        self.is_unwanted = False
        """Hung up or refused by us: no further place is tried."""
        self.refusal: Refusal | None = None
        self.has_ended = False

    def ring(self) -> None:
        if not self.has_ended:
            self._plane.ring(self)

    def answer(self, description: MediaDescription) -> None:
        if not self.has_ended and not self.was_answered:
            self._plane.answer(self, description)

    def reject(self, refusal: Refusal) -> None:
        if not self.has_ended:
            self._plane.reject(self, refusal)

    def hang_up(self) -> None:
        if not self.has_ended:
            self._plane.hang_up(self)

    def confirm(self) -> None:
        if not self.has_ended:
            self._plane.confirm(self)

    def dialog_snapshot(self) -> bytes | None:
        return None if self.has_ended else self._plane.dialog_snapshot(self)

    def early_snapshot(self) -> bytes | None:
        return None if self.has_ended else self._plane.early_snapshot(self)
