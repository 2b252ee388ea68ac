"""The account's live event stream."""

import asyncio
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.headers import header
from trebuchet.api.live import LiveReader
from trebuchet.api.operation import Operation
from trebuchet.api.responses import RawHeaders
from trebuchet.api.v1.events.wire import HEARTBEAT, greeting, live_event_to_wire
from trebuchet.base.errors import TrebuchetError

HEARTBEAT_S = 15.0
"""Well below the minute after which proxies give up on a silent connection."""
FULL_RETRY_S = 5
"""When to try again while all streams are taken: clients that went away are noticed at the next heartbeat."""
MAX_POSITION_DIGITS = 18
"""Places in the log fit a database's integers."""

_HEADERS: RawHeaders = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
"""The last one keeps a common proxy from gathering events."""


async def stream_events(context: Context) -> Response:
    """Follow the account's events as they happen (server-sent events), from now on or after `Last-Event-ID`."""
    position = _read_position(header(context.request.scope, b"last-event-id"))
    reader = await context.deps.feed.open(context.account.id, position)
    if reader is None:
        raise errors.UNAVAILABLE(retry_after_s=FULL_RETRY_S)
    return EventStream(reader)


def _read_position(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > MAX_POSITION_DIGITS:
        raise errors.BAD_PARAMETERS()
    return int(text)


class EventStream(Response):
    """Sends events at the client's pace until it goes away, the server stops, or the log cannot be read; a client comes
    back with the place of the last event it saw."""

    def __init__(self, reader: LiveReader) -> None:
        self.status_code = 200
        self.raw_headers = list(_HEADERS)
        self.background = None
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watching = asyncio.create_task(self._close_when_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _send_piece(send, greeting(self._reader.position))
            with suppress(TrebuchetError):
                await self._send_events(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._reader.close()
            watching.cancel()

    async def _send_events(self, send: Send) -> None:
        while (events := await self._reader.read(HEARTBEAT_S)) is not None:
            await _send_piece(send, b"".join(live_event_to_wire(*placed) for placed in events) or HEARTBEAT)
            await self._reader.rest()

    async def _close_when_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._reader.close()


async def _send_piece(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


OPERATIONS = (Operation(method="GET", path="/events/stream", handler=stream_events, produces="text/event-stream"),)
