"""A call: one party's connection to us. Immutable; every change makes a new value and is committed with its events."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, ApplicationId, CallId
from trebuchet.base.values import frozen_keywords
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.prompt import Prompt
from trebuchet.model.recording import RecordingSettings


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


class HttpMethod(StrEnum):
    GET = "get"
    POST = "post"


@frozen_keywords
class WebhookTarget:
    """Where a call's events go, and how."""

    url: str
    method: HttpMethod = HttpMethod.POST
    timeout_ms: int | None = None
    """`None`: the default of 10 s."""
    fallback_url: str | None = None


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
    transfer: TransferRequest | None = None
    connected_to: CallId | None = None
    """The other party after (or during) a transfer."""
    diversion: Diversion | None = None
    display_name: str | None = None
    preferred_id: str | None = None
    withholds_number: bool | None = None
    withholds_name: bool | None = None
    dialog: bytes | None = None
    """What a restarted server needs to say BYE to the peer; empty for calls without a dialog."""
    events_logged: int = 0
    """Sequence number of the call's newest event; the first event has 1."""
