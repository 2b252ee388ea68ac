"""Downloading the media behind recordings."""

import asyncio
import os

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.headers import header
from trebuchet.api.operation import Operation
from trebuchet.api.responses import RawHeaders
from trebuchet.api.v1.media.files import MediaResponse, Span, Unsatisfiable, media_path, open_media, read_range
from trebuchet.model.recording import Recording, RecordingState

CONTENT_TYPES = {".wav": b"audio/wav", ".mp3": b"audio/mpeg"}
DEFAULT_CONTENT_TYPE = b"application/octet-stream"


async def download_media(context: Context) -> Response:
    """Download a recording's audio, all of it or the range asked for."""
    name = context.path("mediaName")
    recording = await context.deps.store.recording_by_media_name(context.account.id, name)
    if recording is None or recording.state is not RecordingState.COMPLETE:
        raise errors.MEDIA_NOT_FOUND(name, details=(("mediaName", name),))
    path = media_path(context.deps, recording)
    opened = await asyncio.to_thread(open_media, path)
    if opened is None:
        raise errors.MEDIA_NOT_FOUND(name, details=(("mediaName", name),))
    return _respond(context, recording, *opened)


def _respond(context: Context, recording: Recording, descriptor: int, size_bytes: int) -> Response:
    headers: RawHeaders = [
        (b"content-type", CONTENT_TYPES.get(f".{recording.media_name.rpartition('.')[2]}", DEFAULT_CONTENT_TYPE)),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"no-cache"),
    ]
    asked = _asked_range(context)
    try:
        span = None if asked is None else read_range(asked, size_bytes)
    except Unsatisfiable as error:
        os.close(descriptor)
        refusal = errors.RANGE_NOT_SATISFIABLE(asked, size_bytes)
        refusal.headers = (("content-range", f"bytes */{size_bytes}"),)
        raise refusal from error
    if span is None:
        headers.append((b"content-length", str(size_bytes).encode()))
        return MediaResponse(200, headers, descriptor, Span(0, size_bytes - 1))
    headers.append((b"content-length", str(span.length).encode()))
    headers.append((b"content-range", f"bytes {span.first}-{span.last}/{size_bytes}".encode()))
    return MediaResponse(206, headers, descriptor, span)


def _asked_range(context: Context) -> str | None:
    """Ranges hold for GET alone, and not with `If-Range`: we give out no validators it could match."""
    scope = context.request.scope
    if scope["method"] != "GET" or header(scope, b"if-range") is not None:
        return None
    return header(scope, b"range")


OPERATIONS = (
    Operation(method="GET", path="/media/{mediaName:path}", handler=download_media),
    Operation(method="HEAD", path="/media/{mediaName:path}", handler=download_media),
)
