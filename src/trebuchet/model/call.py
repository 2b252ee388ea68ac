"""A call: one party's connection to us. Immutable; every change makes a new value and is committed with its events."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, ApplicationId, CallId
from trebuchet.base.values import frozen_keywords
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.gather import Gather
from trebuchet.model.playback import Playback
from trebuchet.model.prompt import Prompt
from trebuchet.model.recording import RecordingSettings
from trebuchet.model.webhook import HttpMethod as HttpMethod
from trebuchet.model.webhook import WebhookTarget as WebhookTarget


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class CallState(StrEnum):
    RINGING = "ringing"
    """Exists, not answered yet."""
    ANSWERED = "answered"
    TRANSFERRING = "transferring"
    """Answered, and another call is being set up to be connected with it."""
    REJECTED = "rejected"
    """Refused before the answer. Final."""
    ENDED = "ended"
    """Final."""

    @property
    def is_final(self) -> bool:
        return self in (CallState.REJECTED, CallState.ENDED)

    @property
    def is_up(self) -> bool:
        """Answered and not ended: audio flows."""
        return self in (CallState.ANSWERED, CallState.TRANSFERRING)


DIVERSION_TREATMENTS = ("none", "propagate", "stack")
"""What becomes of an incoming call's diversions when it is transferred."""
DIVERSION_REASONS = (
    "unknown",
    "user-busy",
    "no-answer",
    "unavailable",
    "unconditional",
    "time-of-day",
    "do-not-disturb",
    "deflection",
    "follow-me",
    "out-of-service",
    "away",
)
"""RFC 5806 5, in the words that SIP, the API and BXML share."""


@frozen_keywords
class Diversion:
    """The last diversion of an incoming call (RFC 5806), as the application is told about it."""

    original_to: str
    reason: str = "unknown"
    screen: str = "no"
    privacy: str = "off"
    counter: int = 1
    limit: int | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    """Further parameters of the header."""


@frozen_keywords
class TransferRequest:
    """What was asked for when a call was transferred; read back in the call resource."""

    to: str
    caller_id: str | None = None
    """As asked for: a number, `private`, or `None` for the default."""
    whisper: Prompt | None = None


@frozen_keywords
class Call:
    id: CallId
    account_id: AccountId
    direction: Direction
    from_: str
    to: str
    state: CallState
    created_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    cause: Cause | None = None
    blame: Blame | None = None
    ring_timeout_s: int | None = None
    webhook: WebhookTarget | None = None
    application_id: ApplicationId | None = None
    tag: str | None = None
    sip_headers: dict[str, str] = field(default_factory=dict)
    """`X-` headers: received on the INVITE of an incoming call, sent on that of an outgoing one."""
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    recordings_made: int = 0
    """Recordings started so far: the n of the next media name is one more."""
    is_transcribed: bool = False
    bridge_id: str | None = None
    conference_id: str | None = None
    reserved_for: str | None = None
    """The conference it was created for; it can join no other."""
    transfer: TransferRequest | None = None
    connected_to: CallId | None = None
    """The other party after (or during) a transfer."""
    diversion: Diversion | None = None
    display_name: str | None = None
    preferred_id: str | None = None
    withholds_number: bool | None = None
    withholds_name: bool | None = None
    playback: Playback | None = None
    """What the party hears by order of the customer now."""
    gather: Gather | None = None
    """The gather that runs now."""
    dialog: bytes | None = None
    """What a restarted server needs to end the call at the peer's (BYE, CANCEL, or a refusal)."""
    events_logged: int = 0
    """Sequence number of the call's newest event; the first event has 1."""
