"""Recordings: what is asked for and what has become of it."""

from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, CallId, RecordingId
from trebuchet.base.values import frozen_keywords
from trebuchet.model.webhook import WebhookTarget


class RecordingFormat(StrEnum):
    WAV = "wav"
    MP3 = "mp3"


class RecordingState(StrEnum):
    RECORDING = "recording"
    SAVING = "saving"
    """Ended, not yet downloadable."""
    COMPLETE = "complete"
    ERROR = "error"


@frozen_keywords
class RecordingSettings:
    """How the next recording of a call is made, and whether one runs (or will run from the answer on)."""

    is_enabled: bool = False
    format: RecordingFormat = RecordingFormat.WAV
    max_duration_s: int | None = None
    """`None`: the server's maximum."""


@frozen_keywords
class Recording:
    """One span of recorded audio. Its file is `media_name` under the account's media folder."""

    id: RecordingId
    account_id: AccountId
    call_id: CallId
    media_name: str
    """`{callId}-{n}.{wav|mp3}`, n counting from 1 for each call."""
    state: RecordingState
    started_at: datetime
    ended_at: datetime | None = None
    duration_ms: int | None = None
    is_silent: bool = False
    """Whether its end goes to the log alone, not to the application."""
    webhook: WebhookTarget | None = None
    """Where its event goes instead of the call's own target."""
    transcript_webhook: WebhookTarget | None = None
    """Set: it is transcribed, whatever its call says, and that event goes here."""
