"""Transcriptions: what was said in a recording, as text."""

from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, CallId, RecordingId, TranscriptionId
from trebuchet.base.values import frozen_keywords
from trebuchet.model.call import WebhookTarget

MAX_EXCERPT_CHARS = 1000
"""Characters of the text that the resource and its event show (API rule); all of it is a media file."""
CUT_MARK = " ..."
"""Follows an excerpt that is not the whole text."""


class TranscriptionState(StrEnum):
    TRANSCRIBING = "transcribing"
    COMPLETED = "completed"
    ERROR = "error"


@frozen_keywords
class Transcription:
    """The text of one recording; a recording may have several. The whole text is the media file named like the id."""

    id: TranscriptionId
    account_id: AccountId
    call_id: CallId
    recording_id: RecordingId
    created_at: datetime
    state: TranscriptionState = TranscriptionState.TRANSCRIBING
    excerpt: str | None = None
    """The text, cut if it is long; set when completed."""
    text_chars: int | None = None
    """Length of the whole text; set when completed."""
    duration_ms: int | None = None
    """Of the recording."""
    webhook: WebhookTarget | None = None
    """Where its event goes instead of the call's own target."""


def make_excerpt(text: str) -> str:
    """The text itself, or its beginning with a mark that it was cut."""
    return text if len(text) <= MAX_EXCERPT_CHARS else text[:MAX_EXCERPT_CHARS] + CUT_MARK
