"""What can be done with recordings over the API."""

import asyncio

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.operation import Operation
from trebuchet.api.paging import PageQuery
from trebuchet.api.responses import empty, json_response
from trebuchet.api.v1.media.files import media_path
from trebuchet.api.v1.recordings.wire import RecordingResource, recording_to_wire
from trebuchet.base.ids import RecordingId
from trebuchet.model.recording import Recording, RecordingState


async def list_recordings(context: Context) -> Response:
    """List recordings, newest first."""
    page = context.query(PageQuery).to_page()
    recordings = await context.deps.store.recordings(context.account.id, page)
    return context.listed("/recordings", recordings, page, (), recording_to_wire)


async def read_recording(context: Context) -> Response:
    """Read a recording."""
    return json_response(recording_to_wire(await own_recording(context), context.user_url))


async def delete_recording(context: Context) -> Response:
    """Remove the audio of a finished recording; the recording itself stays listed."""
    recording = await own_recording(context)
    if recording.state in (RecordingState.RECORDING, RecordingState.SAVING):
        raise errors.RECORDING_CONFLICT(recording.id, details=(("recordingId", recording.id),))
    path = media_path(context.deps, recording)
    await asyncio.to_thread(path.unlink, missing_ok=True)
    return empty()


async def own_recording(context: Context) -> Recording:
    """The path's recording. Raises `ApiError`, also for other accounts' recordings."""
    recording_id = RecordingId(context.path("recordingId"))
    recording = await context.deps.store.recording(recording_id)
    if recording is None or recording.account_id != context.account.id:
        raise errors.RECORDING_NOT_FOUND(recording_id, details=(("recordingId", recording_id),))
    return recording


OPERATIONS = (
    Operation(
        method="GET", path="/recordings", handler=list_recordings, query=PageQuery, result=list[RecordingResource]
    ),
    Operation(method="GET", path="/recordings/{recordingId}", handler=read_recording, result=RecordingResource),
    Operation(method="DELETE", path="/recordings/{recordingId}", handler=delete_recording),
)
