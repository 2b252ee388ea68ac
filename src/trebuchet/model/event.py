"""Events: facts about a call for its customer, immutable, ordered and without gaps for each call.

A *fact* is what happened, as call control sees it. The event log turns facts into rows (`LoggedEvent`): the same
unit of work that stores the call's new state stores them, and only then does anybody hear of them.
"""

from datetime import datetime

from trebuchet.base.ids import AccountId, CallId, EventId, RecordingId
from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.model.call import WebhookTarget
from trebuchet.model.cause import Cause


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


@frozen
class RecordingFinished:
    """The recording resource reads `complete` or `error`, and if complete its media can be fetched."""

    recording_id: RecordingId
    is_complete: bool
    started_at: datetime
    ended_at: datetime


@frozen
class PlaybackChanged:
    """A file or a sentence began or ended on the call."""

    is_speech: bool
    is_started: bool
    tag: str | None = None


@frozen
class TransferChanged:
    """Log only: a transfer began, was connected, or came to nothing."""

    phase: str
    """`started`, `connected` or `failed`."""
    other: CallId


Fact = (
    Created
    | Arrived
    | Answered
    | RingTimedOut
    | Ended
    | DigitPressed
    | RecordingFinished
    | PlaybackChanged
    | TransferChanged
)


@frozen_keywords
class LoggedEvent:
    """One row of a call's log: complete in itself, so that delivery and replay need nothing else."""

    id: EventId
    account_id: AccountId
    call_id: CallId
    sequence: int
    """1, 2, 3 … without gaps for each call."""
    at: datetime
    name: str
    """The name in the call's event list (`create`, `answer`, `hangup` …)."""
    data: str | None = None
    """The detail in the call's event list."""
    payload: bytes | None = None
    """The webhook's JSON body, exactly as delivered; `None` when the fact concerns the log alone."""
    target: WebhookTarget | None = None
    """Where the webhook goes; `None`: nowhere."""
