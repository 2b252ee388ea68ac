"""The recording resource as clients read it."""

from typing_extensions import TypedDict

from trebuchet.api.timestamps import wire_time
from trebuchet.api.wire import without_nulls
from trebuchet.model.recording import Recording, RecordingState

RECORDING_STATES: dict[RecordingState, str] = {
    RecordingState.RECORDING: "recording",
    RecordingState.SAVING: "saving",
    RecordingState.COMPLETE: "complete",
    RecordingState.ERROR: "error",
}


class RecordingResource(TypedDict):
    """A recording. `endTime` is left out until it ended; `call` and `media` are always there."""

    id: str
    call: str
    media: str
    startTime: str
    endTime: str | None
    state: str


def recording_to_wire(recording: Recording, user_url: str) -> RecordingResource:
    """`user_url`: the absolute URL of the account."""
    return without_nulls(
        RecordingResource(
            id=recording.id,
            call=f"{user_url}/calls/{recording.call_id}",
            media=f"{user_url}/media/{recording.media_name}",
            startTime=wire_time(recording.started_at),
            endTime=None if recording.ended_at is None else wire_time(recording.ended_at),
            state=RECORDING_STATES[recording.state],
        )
    )
