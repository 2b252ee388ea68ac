"""What can be done with transcriptions over the API."""

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.operation import Creates, Operation
from trebuchet.api.responses import json_response
from trebuchet.api.v1.calls.routes import own_call
from trebuchet.api.v1.recordings.routes import own_recording
from trebuchet.api.v1.transcriptions.wire import (
    CreateTranscriptionBody,
    ListTranscriptionsQuery,
    TranscriptionResource,
    transcription_to_wire,
)
from trebuchet.base.ids import RecordingId, TranscriptionId


async def create_transcription(context: Context) -> Response:
    """Have a finished recording transcribed; any number of times."""
    recording = await own_recording(context)
    await context.optional_body(CreateTranscriptionBody)
    new_id = context.deps.ids.transcription()
    await context.deps.transcriptions.transcribe(recording, transcription_id=new_id)
    return _created(context, recording.id, new_id)


async def find_made_transcription(context: Context) -> Response | None:
    """The answer to a request, cut off earlier, that made a transcription."""
    made = await context.deps.store.transcription(context.deps.ids.transcription())
    return None if made is None else _created(context, made.recording_id, made.id)


def _created(context: Context, recording_id: RecordingId, transcription_id: TranscriptionId) -> Response:
    return context.created(f"/recordings/{recording_id}/transcriptions/{transcription_id}")


async def list_transcriptions(context: Context) -> Response:
    """List a recording's transcriptions, oldest first; all of them unless a page is asked for."""
    recording = await own_recording(context)
    query = context.query(ListTranscriptionsQuery)
    store = context.deps.store
    if not {"page", "size"} & set(context.request.query_params):
        user_url = context.user_url
        found = await store.transcriptions_of_recording(recording.id, None)
        return json_response([transcription_to_wire(item, user_url) for item in found])
    page = query.to_page()
    rows = await store.transcriptions_of_recording(recording.id, page)
    return context.listed(f"/recordings/{recording.id}/transcriptions", rows, page, (), transcription_to_wire)


async def read_transcription(context: Context) -> Response:
    """Read a transcription."""
    recording = await own_recording(context)
    transcription_id = TranscriptionId(context.path("transcriptionId"))
    transcription = await context.deps.store.transcription(transcription_id)
    if transcription is None or transcription.recording_id != recording.id:
        details = (("transcriptionId", transcription_id), ("recordingId", recording.id))
        raise errors.TRANSCRIPTION_NOT_FOUND(transcription_id, recording.id, details=details)
    return json_response(transcription_to_wire(transcription, context.user_url))


async def list_call_transcriptions(context: Context) -> Response:
    """List the transcriptions of all recordings of a call, oldest first."""
    call = await own_call(context)
    user_url = context.user_url
    found = await context.deps.store.transcriptions_of_call(call.id)
    return json_response([transcription_to_wire(item, user_url) for item in found])


_ALL = "/recordings/{recordingId}/transcriptions"
_ONE = _ALL + "/{transcriptionId}"

OPERATIONS = (
    Operation(
        method="GET",
        path=_ALL,
        handler=list_transcriptions,
        query=ListTranscriptionsQuery,
        result=list[TranscriptionResource],
    ),
    Operation(
        method="POST",
        path=_ALL,
        handler=create_transcription,
        body=CreateTranscriptionBody,
        is_body_optional=True,
        creates=Creates.ALWAYS,
        find_made=find_made_transcription,
    ),
    Operation(method="GET", path=_ONE, handler=read_transcription, result=TranscriptionResource),
    # One client library reads transcriptions here.
    Operation(method="GET", path="/bridges" + _ONE, handler=read_transcription, is_hidden=True),
    Operation(
        method="GET",
        path="/calls/{callId}/transcriptions",
        handler=list_call_transcriptions,
        result=list[TranscriptionResource],
    ),
)
