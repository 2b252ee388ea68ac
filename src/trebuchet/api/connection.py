"""One HTTP connection with the bounds the server library leaves out: size and time of a request's head, connections
at once, and JSON for what cannot be parsed. This is all that a peer meets before its request is complete.
"""

import asyncio
from asyncio import TimerHandle

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 32 * 1024
"""Request line and headers together; ours have below 1 kB, and the parser keeps what it is given."""
HEAD_TIMEOUT_S = 10.0
"""From connecting (or a request's first byte) to the end of its head; a dripping client is cut off then."""
MAX_CONNECTIONS = 2000
"""Connections at once: each costs a descriptor and about 10 kB, and more clients than that share proxies."""

_INVALID = msgspec.json.encode(
    {"category": "bad-request", "code": "validation-error", "message": "Bad parameters", "details": []}
)
_INVALID_RESPONSE = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    % len(_INVALID)
) + _INVALID


class BoundedHttpProtocol(HttpToolsProtocol):
    """The server library's HTTP protocol within bounds. A request whose head comes in one piece pays nothing."""

    _head_timer: TimerHandle | None = None
    _is_in_head = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("")
            elif self._head_timer is None:
                self._arm()

    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._disarm()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed is answered in JSON like everything else, and ends the connection."""
        self._disarm()
        self.transport.write(_INVALID_RESPONSE)
        self.transport.close()

    def _arm(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._handle_head_timeout)

    def _disarm(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _handle_head_timeout(self) -> None:
        self._head_timer = None
        self.transport.abort()
