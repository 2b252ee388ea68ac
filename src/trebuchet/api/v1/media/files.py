"""Media files on disk: where they are, which part of one is asked for, and sending it without loading it."""

import asyncio
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from trebuchet.api.dependencies import ApiDependencies
from trebuchet.api.responses import RawHeaders
from trebuchet.model.recording import Recording

CHUNK_BYTES = 256 * 1024
"""Read and sent at once: large enough to make threads cheap, small enough for hundreds of downloads."""

_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)


def media_path(deps: ApiDependencies, recording: Recording) -> Path:
    """Where a recording's file is. Account and name come from the store, never from a request."""
    return deps.media_directory / recording.account_id / recording.media_name


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `first` up to and including `last`."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class Unsatisfiable(Exception):
    """The range lies outside the file (RFC 9110 14.1.2)."""


def read_range(text: str, size_bytes: int) -> Span | None:
    """The part asked for; `None`: all of it, for ranges that are malformed or several (RFC 9110 14.2 allows that).
    Raises `Unsatisfiable`."""
    match = _RANGE.fullmatch(text)
    if match is None or match.group(1) == match.group(2) == "":
        return None
    if match.group(1) == "":
        length = min(int(match.group(2)), size_bytes)
        if length == 0:
            raise Unsatisfiable
        return Span(size_bytes - length, size_bytes - 1)
    first = int(match.group(1))
    last = int(match.group(2)) if match.group(2) else size_bytes - 1
    if match.group(2) and last < first:
        return None
    if first >= size_bytes:
        raise Unsatisfiable
    return Span(first, min(last, size_bytes - 1))


def open_media(path: Path) -> tuple[int, int] | None:
    """Descriptor and size of a regular file (no link is followed), or `None` when there is none. Blocks."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        return None
    return descriptor, status.st_size


class MediaResponse(Response):
    """Sends part of an open file in chunks, at the client's pace; closes it in the end."""

    def __init__(self, status_code: int, headers: RawHeaders, descriptor: int, span: Span) -> None:
        self.status_code = status_code
        self.raw_headers = headers
        self.background = None
        self._descriptor = descriptor
        self._span = span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                await self._send_span(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            os.close(self._descriptor)

    async def _send_span(self, send: Send) -> None:
        offset = self._span.first
        while offset <= self._span.last:
            size = min(CHUNK_BYTES, self._span.last + 1 - offset)
            chunk = await asyncio.to_thread(os.pread, self._descriptor, size, offset)
            if not chunk:
                return  # cut short meanwhile: the server notices the missing bytes and closes the connection
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            offset += len(chunk)
