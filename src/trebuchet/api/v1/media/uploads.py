"""Taking an uploaded file: straight to disk, within bounds, and never half of it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from trebuchet.api import errors
from trebuchet.api.body import closing
from trebuchet.api.headers import header
from trebuchet.base.disk import replace_durably

MAX_MEDIA_BYTES = 65 * 1024 * 1024
"""Largest file (API rule)."""
UPLOAD_TIMEOUT_S = 600.0
"""The largest file at 110 kB/s; a client that drips holds a task and a file for so long at most."""
WRITE_BYTES = 256 * 1024
"""Written at once: large enough to make threads cheap, small enough for hundreds of uploads."""
FILE_MODE = 0o640
FOLDER_MODE = 0o750


def declared_size(request: Request) -> int:
    """The size that the client promises. Raises `ApiError`: none, no number, too big."""
    text = header(request.scope, b"content-length")
    if text is None:
        raise closing(errors.MEDIA_SIZE_MISSING("Content-Length"))
    if not text.isdecimal() or not text.isascii():
        raise closing(errors.MEDIA_SIZE_UNREADABLE("Content-Length"))
    size = int(text) if len(text) <= len(str(MAX_MEDIA_BYTES)) + 1 else MAX_MEDIA_BYTES + 1
    if size > MAX_MEDIA_BYTES:
        raise closing(errors.MEDIA_TOO_BIG(text, MAX_MEDIA_BYTES))
    return size


@dataclass(frozen=True, slots=True)
class Draft:
    """A body that is on disk and has no name yet that anybody knows."""

    path: Path
    name: str
    """What the client calls it."""
    size_bytes: int
    digest: bytes
    """SHA-256."""


@contextlib.asynccontextmanager
async def saved_draft(request: Request, path: Path, name: str, size_bytes: int) -> AsyncIterator[Draft]:
    """The body as the file `path`, whole and on disk; in the end it is gone, unless it was published. Raises
    `ApiError`; `ClientDisconnect` when the client leaves before the end."""
    try:
        yield Draft(path, name, size_bytes, await _save(request, path, name, size_bytes))
    finally:
        with contextlib.suppress(OSError):
            await asyncio.to_thread(path.unlink, missing_ok=True)


async def _save(request: Request, path: Path, name: str, size_bytes: int) -> bytes:
    try:
        descriptor = await asyncio.to_thread(_open, path)
        try:
            digest = await _copy(request, descriptor, size_bytes)
            await asyncio.to_thread(os.fsync, descriptor)
        finally:
            os.close(descriptor)
    except TimeoutError as error:
        raise closing(errors.REQUEST_TIMEOUT()) from error
    except OSError as error:
        raise closing(errors.MEDIA_UNAVAILABLE(name)) from error
    return digest


async def publish(draft: Draft, target: Path) -> None:
    """The draft as the file `target`, which is on disk when this returns. Raises `ApiError`."""
    try:
        await asyncio.to_thread(replace_durably, draft.path, target)
    except OSError as error:
        raise errors.MEDIA_UNAVAILABLE(draft.name) from error


async def _copy(request: Request, descriptor: int, size_bytes: int) -> bytes:
    """Returns the digest of what was written."""
    waiting, left, digest = bytearray(), size_bytes, sha256()
    async for chunk in _chunks(request):
        waiting += chunk
        left -= len(chunk)
        if left < 0:
            raise closing(errors.MEDIA_TOO_BIG(size_bytes - left, size_bytes))
        if len(waiting) >= WRITE_BYTES:
            await asyncio.to_thread(_write, descriptor, bytes(waiting), digest.update)
            waiting.clear()
    if left:
        raise ClientDisconnect
    await asyncio.to_thread(_write, descriptor, bytes(waiting), digest.update)
    return digest.digest()


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises `TimeoutError`, and only while it waits for the client: a thread that writes must
    not be left behind with a descriptor that is closed meanwhile."""
    loop, stream = asyncio.get_running_loop(), request.stream()
    deadline = loop.time() + UPLOAD_TIMEOUT_S
    while loop.time() < deadline:
        async with asyncio.timeout_at(deadline):
            chunk = await anext(stream, None)
        if chunk is None:
            return
        yield chunk
    raise TimeoutError


def _open(draft: Path) -> int:
    draft.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


def _write(descriptor: int, data: bytes, note: Callable[[bytes], None]) -> None:
    note(data)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
