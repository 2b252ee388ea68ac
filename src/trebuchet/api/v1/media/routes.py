"""What can be done with media over the API: upload, list, download, delete."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.requests import Request
from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.errors import ApiError
from trebuchet.api.headers import header
from trebuchet.api.idempotency import TakenBody
from trebuchet.api.operation import Operation
from trebuchet.api.responses import RawHeaders, empty, json_response
from trebuchet.api.v1.media.files import MediaResponse, Span, Unsatisfiable, open_media, read_range
from trebuchet.api.v1.media.library import Medium, find_medium, list_media, media_folder
from trebuchet.api.v1.media.uploads import Draft, declared_size, publish, saved_draft
from trebuchet.api.v1.media.wire import (
    DEFAULT_CONTENT_TYPE,
    ListMediaQuery,
    MediaResource,
    check_media_name,
    media_to_wire,
    stored_header,
)
from trebuchet.base.errors import TrebuchetError
from trebuchet.model.media_file import FOLDER, MediaFile
from trebuchet.model.recording import RecordingState
from trebuchet.store.interface import Batch, LibraryChanges

_TAKEN = "trebuchet.draft"
"""In the scope of a request: its body, where that has been taken already."""


async def list_all_media(context: Context) -> Response:
    """List uploaded files, recordings and texts of transcriptions by name; all of them unless a page is asked for."""
    query = context.query(ListMediaQuery)
    found = await list_media(context)
    if not {"page", "size"} & set(context.request.query_params):
        user_url = context.user_url
        return json_response([media_to_wire(name, size, user_url) for name, size in found])
    page = query.to_page()
    start = page.page * page.size
    rows = found[start : start + page.size + 1]
    return context.listed("/media", rows, page, (), lambda row, url: media_to_wire(*row, url))


async def upload_media(context: Context) -> Response:
    """Upload a file, or replace the one of that name."""
    async with _draft_of(context) as draft:
        await _check_replaceable(context, draft.name)
        file = _uploaded(context, draft)
        path = media_folder(context) / file.place
        await publish(draft, path)
    try:
        async with context.deps.changes:
            old = await context.deps.store.media_file(context.account.id, file.name)
            answer = await context.commit(Batch(library=LibraryChanges(media_files=(file,))), empty())
    except TrebuchetError:  # whatever else ends this leaves open whether the file was stored; the next start knows
        await _unlink(context, file.place)
        raise
    if old is not None:
        await _unlink(context, old.place)
    return answer


def _uploaded(context: Context, draft: Draft) -> MediaFile:
    return MediaFile(
        id=context.deps.ids.media_file(),
        account_id=context.account.id,
        name=draft.name,
        size_bytes=draft.size_bytes,
        content_type=stored_header(context.request, b"content-type") or DEFAULT_CONTENT_TYPE,
        cache_control=stored_header(context.request, b"cache-control"),
        uploaded_at=context.deps.clock.utc(),
    )


@asynccontextmanager
async def _draft_of(context: Context) -> AsyncIterator[Draft]:
    """The body as a draft: the one that was taken before the key was looked up, or else it is taken now."""
    taken: Draft | None = context.request.scope.get(_TAKEN)
    if taken is not None:
        yield taken
        return
    name = check_media_name(context.path("mediaName"))
    size_bytes = declared_size(context.request)
    path = media_folder(context) / FOLDER / f".{context.deps.ids.random_part()}.draft"
    async with saved_draft(context.request, path, name, size_bytes) as draft:
        yield draft


@asynccontextmanager
async def take_upload(context: Context) -> AsyncIterator[TakenBody]:
    """The body of an upload with an idempotency key. Headers that are kept belong to what is uploaded."""
    request = context.request
    async with _draft_of(context) as draft:
        kept = "\0".join(stored_header(request, name) or "" for name in (b"content-type", b"cache-control"))
        yield TakenBody(draft.digest + kept.encode(), Request({**request.scope, _TAKEN: draft}))


async def _check_replaceable(context: Context, name: str) -> None:
    """The audio of a recording that is being written cannot be replaced meanwhile."""
    recording = await context.deps.store.recording_by_media_name(context.account.id, name)
    if recording is not None and recording.state in (RecordingState.RECORDING, RecordingState.SAVING):
        raise errors.RECORDING_CONFLICT(recording.id, details=(("recordingId", recording.id),))


async def download_media(context: Context) -> Response:
    """Download a file, all of it or the range asked for."""
    name = context.path("mediaName")
    medium = await find_medium(context, name)
    opened = None if medium is None else await asyncio.to_thread(open_media, medium.path)
    if medium is None or opened is None:
        raise _not_found(name)
    return _respond(context, medium, *opened)


async def delete_media(context: Context) -> Response:
    """Delete a file; its name is free at once."""
    name = context.path("mediaName")
    store = context.deps.store
    async with context.deps.changes:
        file = await store.media_file(context.account.id, name)
        if file is not None:
            answer = await context.commit(Batch(library=LibraryChanges(removed_media=(file,))), empty())
    if file is not None:
        await _unlink(context, file.place)
        return answer
    await _check_replaceable(context, name)
    medium = await find_medium(context, name)
    if medium is None:
        raise _not_found(name)
    try:
        await asyncio.to_thread(medium.path.unlink)
    except FileNotFoundError as error:
        raise _not_found(name) from error
    return empty()


async def _unlink(context: Context, place: str) -> None:
    """The bytes of a file that nothing leads to any more; if they cannot be removed now, the next start does it."""
    with suppress(OSError):
        await asyncio.to_thread((media_folder(context) / place).unlink, missing_ok=True)


def _not_found(name: str) -> ApiError:
    return errors.MEDIA_NOT_FOUND(name, details=(("mediaName", name),))


def _respond(context: Context, medium: Medium, descriptor: int, size_bytes: int) -> Response:
    headers: RawHeaders = [
        (b"content-type", medium.content_type.encode("latin-1")),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", medium.cache_control.encode("latin-1")),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"sandbox"),  # a page that a customer uploaded is not one of ours
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


NAMED = "/media/{mediaName:path}"
ANY_TYPE = "*/*"

OPERATIONS = (
    Operation(method="GET", path="/media", handler=list_all_media, query=ListMediaQuery, result=list[MediaResource]),
    Operation(method="PUT", path=NAMED, handler=upload_media, take_body=take_upload, consumes=ANY_TYPE),
    Operation(method="GET", path=NAMED, handler=download_media, produces=ANY_TYPE),
    Operation(method="HEAD", path=NAMED, handler=download_media, produces=ANY_TYPE),
    Operation(method="DELETE", path=NAMED, handler=delete_media),
)
