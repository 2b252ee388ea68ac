"""Events: facts about a call or a conference for its customer, immutable, ordered and without gaps for each of them.

A *fact* is what happened, as call control sees it. The event log turns facts into rows (`LoggedEvent`): the same
unit of work that stores the new state of their owner stores them, and only then does anybody hear of them.
"""

from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, CallId, EventId, GatherId, OwnerId, RecordingId
from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.model.call import WebhookTarget
from trebuchet.model.cause import Cause
from trebuchet.model.conference import Member
from trebuchet.model.gather import GatherReason
from trebuchet.model.transcription import Transcription


@frozen
class Created:
    """The call exists. Log only: no webhook."""


@frozen
class Arrived:
    """An incoming call for the customer's application."""


@frozen
class Answered:
    pass


@frozen
class RingTimedOut:
    """Nobody answered in time; the end follows as its own fact."""


@frozen
class Ended:
    cause: Cause
    detail: str | None = None
    """Free text for the log (a SIP status line, the name of an error); never sent to the application."""


@frozen
class DigitPressed:
    digit: str
    duration_ms: int | None = None
    is_silent: bool = False
    """Log only."""


@frozen
class RecordingFinished:
    """The recording resource reads `complete` or `error`, and if complete its media can be fetched."""

    recording_id: RecordingId
    is_complete: bool
    started_at: datetime
    ended_at: datetime
    is_silent: bool = False
    """Log only."""
    webhook: WebhookTarget | None = None
    """Where its event goes instead of the call's own target."""


@frozen
class TranscriptionFinished:
    """The transcription resource reads `completed` or `error`, and if completed its text can be fetched."""

    transcription: Transcription


@frozen
class PlaybackChanged:
    """A file or a sentence began or ended on the call."""

    is_speech: bool
    is_started: bool
    tag: str | None = None
    is_silent: bool = False
    """Log only."""


@frozen
class GatherFinished:
    """The gather resource reads `completed`."""

    gather_id: GatherId
    digits: str
    reason: GatherReason
    tag: str | None = None
    is_silent: bool = False
    """Log only."""
    terminator: str | None = None
    """The key that ended it."""


@frozen
class TransferChanged:
    """Log only: a transfer began, was connected, or came to nothing."""

    phase: str
    """`started`, `connected` or `failed`."""
    other: CallId


@frozen
class TransferEnded:
    """The call was connected with another party and one of them has hung up. Only told when somebody asked for it."""

    from_: str
    to: str
    """Both of the other party's call."""
    webhook: WebhookTarget
    tag: str | None = None


Fact = (
    Created
    | Arrived
    | Answered
    | RingTimedOut
    | Ended
    | DigitPressed
    | RecordingFinished
    | TranscriptionFinished
    | PlaybackChanged
    | GatherFinished
    | TransferChanged
    | TransferEnded
)
"""What can happen to a call."""


@frozen
class ConferenceCreated:
    pass


@frozen
class ConferenceEnded:
    pass


@frozen
class MemberChanged:
    """A member joined, left, or was muted or held; `member` is as it is now."""

    member: Member
    active_members: int
    """After the change."""


@frozen
class ConferencePlaybackChanged:
    """A file or a sentence for all members began or ended."""

    is_speech: bool
    is_started: bool
    tag: str | None = None


ConferenceFact = ConferenceCreated | ConferenceEnded | MemberChanged | ConferencePlaybackChanged


class OwnerKind(StrEnum):
    """Whose log an event belongs to."""

    CALL = "call"
    CONFERENCE = "conference"


@frozen_keywords
class LoggedEvent:
    """One row of its owner's log: complete in itself, so that delivery and replay need nothing else."""

    id: EventId
    account_id: AccountId
    owner_id: OwnerId
    owner_kind: OwnerKind = OwnerKind.CALL
    sequence: int
    """1, 2, 3 … without gaps for each owner."""
    at: datetime
    name: str
    """The name in the owner's event list (`create`, `answer`, `hangup` …)."""
    data: str | None = None
    """The detail in the owner's event list."""
    payload: bytes | None = None
    """The webhook's JSON body, exactly as delivered; `None` when the fact concerns the log alone."""
    target: WebhookTarget | None = None
    """Where the webhook goes; `None`: nowhere."""
