"""What call control needs of the signalling plane."""

from dataclasses import field
from enum import StrEnum
from typing import Protocol

from trebuchet.base.errors import RemoteError
from trebuchet.base.ids import EndpointId
from trebuchet.base.values import frozen_keywords
from trebuchet.model.call import Diversion
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.media_description import MediaDescription


class Refusal(StrEnum):
    """Why an incoming call is not taken; the signalling plane knows the SIP status."""

    DECLINED = "declined"  # 603
    BUSY = "busy"  # 486
    UNAVAILABLE = "unavailable"  # 480
    NOT_FOUND = "not-found"  # 404
    FORBIDDEN = "forbidden"  # 403
    NOT_ACCEPTABLE = "not-acceptable"  # 488
    OVERLOADED = "overloaded"  # 503 with Retry-After
    INTERNAL = "internal"  # 500


@frozen_keywords
class IncomingCall:
    """A fresh INVITE that passed the door (allowed source, well-formed, offer readable)."""

    from_: str
    """E.164 number when the user part is one, else the SIP address `sip:user@host`; `anonymous` when withheld."""
    to: str
    """E.164 number when the Request-URI's user part is one, else the SIP address."""
    offer: MediaDescription | None
    """`None`: the INVITE had no offer, ours goes into the answer (RFC 3264 4)."""
    display_name: str | None = None
    preferred_id: str | None = None
    withholds_number: bool = False
    withholds_name: bool = False
    sip_headers: dict[str, str] = field(default_factory=dict)
    """`X-` headers."""
    diversion: Diversion | None = None
    diversion_headers: tuple[str, ...] = ()
    """Raw Diversion values, topmost first, for `propagate` and `stack` in a transfer."""
    request_uri: str = ""
    trunk: str | None = None
    """Name of the trunk it came from; `None` for phones, loopback and configured hosts."""
    endpoint_id: EndpointId | None = None
    """The phone that places it, which has proved who it is; `from_` is then its address."""
    wants_encryption: bool = False
    """Whether an offer of ours must be encrypted."""


@frozen_keywords
class OutgoingCall:
    """An INVITE to send. No string may hold CR, LF or NUL (`Unprintable` is raised, nothing is sent)."""

    from_: str
    """E.164 number or SIP address shown to the callee."""
    to: str
    """E.164 number (then `trunk` is set) or `sip:` URI."""
    trunk: str | None
    """Name of the trunk that carries it; `None`: direct to the URI's host."""
    offer: MediaDescription
    is_private: bool = False
    """Hide the caller: RFC 3323/3325 anonymous From, `Privacy: id`; the number only in
    P-Asserted-Identity, and that to a trunk alone."""
    sip_headers: dict[str, str] = field(default_factory=dict)
    diversion_headers: tuple[str, ...] = ()


class Leg(Protocol):
    """The signalling side of one call. After `LegListener.handle_ended` every method is a no-op."""

    def ring(self) -> None:
        """Tell the caller that it rings (180)."""
        ...

    def answer(self, description: MediaDescription) -> None:
        """Answer the incoming call (200): our answer, or our offer when the INVITE had none."""
        ...

    def reject(self, refusal: Refusal) -> None:
        """Refuse the incoming call. `handle_ended` follows."""
        ...

    def hang_up(self) -> None:
        """End the call in whatever state it is (CANCEL, BYE or a final 480). `handle_ended` follows."""
        ...

    def confirm(self) -> None:
        """The callee's answer is stored, or it cannot be now: it may be acknowledged. Nothing else needs this."""
        ...

    def dialog_snapshot(self) -> bytes | None:
        """What `SignallingPlane.hang_up_from_snapshot` needs after a restart; `None` before there is a dialog."""
        ...

    def early_snapshot(self) -> bytes | None:
        """The same for a call that is not answered: an outgoing one once it rings, an incoming one from the start."""
        ...


class LegListener(Protocol):
    """What a leg tells its call."""

    def handle_ringing(self) -> None:
        """The callee rings (180/183)."""
        ...

    def handle_answered(self, answer: MediaDescription | None) -> None:
        """The callee answered our INVITE (the ACK waits for `Leg.confirm`, or for what the leg is told first); `None`:
        without a usable answer."""
        ...

    def handle_confirmed(self, answer: MediaDescription | None) -> None:
        """The caller confirmed our 200 with ACK; `answer` is set when the offer was ours."""
        ...

    def handle_offer(self, offer: MediaDescription | None) -> MediaDescription | None:
        """The peer changes the stream (hold, resume, address, codec). Returns our answer at once, or, for `None`
        (offerless re-INVITE), our offer. Returning `None` refuses it (488) and leaves everything as it was."""
        ...

    def handle_digit(self, digit: str, duration_ms: int | None) -> None:
        """A key sent in signalling (INFO), not in the audio stream."""
        ...

    def handle_ended(self, cause: Cause, blame: Blame, detail: str | None) -> None:
        """The leg is over. Sent exactly once, last, whoever ended it. `detail`: e.g. `486 Busy Here`.
        `Cause.DECLINED` is used for 603 and 401/403/407."""
        ...


class IncomingCallHandler(Protocol):
    """Call control's door for new calls; set on the signalling plane by the composition root."""

    def handle_incoming(self, call: IncomingCall, leg: Leg) -> LegListener | None:
        """Take the call (100 is already sent) and return its listener, or `None` after having refused it."""
        ...


class SignallingError(RemoteError):
    """The INVITE cannot be sent: no route, unknown trunk, destination not allowed or not resolvable."""

    code = "signalling-error"


class DestinationForbidden(SignallingError):
    """A `sip:` URI whose host is neither loopback nor configured."""

    code = "destination-forbidden"


class SignallingPlane(Protocol):
    def place_call(self, call: OutgoingCall, listener: LegListener) -> Leg:
        """Send an INVITE. Raises `SignallingError`, `DestinationForbidden` or `sip.errors.Unprintable`."""
        ...

    def check_destination(self, to: str) -> str | None:
        """The trunk name for a number, `None` for a permitted SIP URI. Raises `SignallingError` when nothing leads
        there and `DestinationForbidden` when it may not be called. Sends nothing."""
        ...

    def wants_encryption(self, to: str) -> bool:
        """Whether audio to a destination that `check_destination` passed must be encrypted: then only an encrypted
        offer is sent there."""
        ...

    def hang_up_from_snapshot(self, snapshot: bytes) -> None:
        """After a restart: end a call that an earlier process had (BYE, CANCEL, or a refusal)."""
        ...
