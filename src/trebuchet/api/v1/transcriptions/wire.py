"""The transcription resource as clients read it."""

from typing import Literal

from typing_extensions import TypedDict

from trebuchet.api.fields import Body
from trebuchet.api.paging import PageQuery
from trebuchet.api.timestamps import wire_time
from trebuchet.api.wire import without_nulls
from trebuchet.model.charge import BILLED_S, started_minutes
from trebuchet.model.transcription import Transcription, TranscriptionState

TRANSCRIPTION_STATES: dict[TranscriptionState, Literal["transcribing", "completed", "error"]] = {
    TranscriptionState.TRANSCRIBING: "transcribing",
    TranscriptionState.COMPLETED: "completed",
    TranscriptionState.ERROR: "error",
}


class ListTranscriptionsQuery(PageQuery):
    """Everything is listed unless `page` or `size` is sent."""

    resource = "transcription"


class CreateTranscriptionBody(Body):
    """A transcription to make: there is nothing to say about it."""

    resource = "transcription"


class TranscriptionResource(TypedDict):
    """A transcription. What belongs to the text is left out until there is one."""

    id: str
    state: Literal["transcribing", "completed", "error"]
    time: str
    text: str | None
    textSize: int | None
    textUrl: str | None
    chargeableDuration: int | None


def transcription_to_wire(transcription: Transcription, user_url: str) -> TranscriptionResource:
    """`user_url`: the absolute URL of the account. `chargeableDuration`: seconds, whole minutes of them."""
    is_done = transcription.state is TranscriptionState.COMPLETED
    minutes = started_minutes((transcription.duration_ms or 0) / 1000)
    return without_nulls(
        TranscriptionResource(
            id=transcription.id,
            state=TRANSCRIPTION_STATES[transcription.state],
            time=wire_time(transcription.created_at),
            text=transcription.excerpt if is_done else None,
            textSize=transcription.text_chars if is_done else None,
            textUrl=f"{user_url}/media/{transcription.id}" if is_done else None,
            chargeableDuration=minutes * BILLED_S if is_done else None,
        )
    )
