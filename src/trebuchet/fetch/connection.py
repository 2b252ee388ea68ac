"""One HTTP/1.1 connection: writes a request, reads its answer, and may be used again.

Everything the far side sends is counted: the head, the body, and the raw bytes around both, so that neither an endless
header nor an endless chunk extension costs more than its bound.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

from trebuchet.fetch.errors import FetchError, FetchFailed, FetchTimeout, TooLarge

MAX_HEAD_BYTES = 64 * 1024
"""Status line and headers; generous, since common servers stop at 8 to 32 kB."""
MAX_OVERHEAD = 8
"""Raw bytes per body byte: a body in one-byte chunks has six."""
MAX_REFUSAL_BYTES = 4096
"""Body of an answer to a download that is no success: nobody reads it."""

Sink = Callable[[bytes], object]
"""Takes the body of a successful answer piece by piece."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Redirects are answers like any other."""

    status: int
    raw_headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    is_truncated: bool
    """The body is incomplete: it was longer than asked for, or the time or the connection ended within it."""

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case; repeated ones joined by a comma."""
        found: dict[str, str] = {}
        for name, value in self.raw_headers:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
            found[key] = f"{found[key]}, {text}" if key in found else text
        return found


class StaleConnection(FetchFailed):
    """A kept connection turned out to be closed before anything of the answer came."""


class Connection(asyncio.Protocol):
    """Owned by the pool. `when_closed` is called once, when the transport is gone."""

    __slots__ = (
        "_answer",
        "_body",
        "_body_size",
        "_has_length",
        "_headers",
        "_is_head_done",
        "_limit",
        "_parser",
        "_raw_size",
        "_sink",
        "_status",
        "_transport",
        "_used",
        "_when_closed",
        "idle_since",
        "is_open",
        "is_reusable",
    )

    def __init__(self, when_closed: "Callable[[Connection], None]") -> None:
        self._when_closed = when_closed
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._used = 0
        self.is_open = False
        self.is_reusable = False
        """The last answer ended cleanly and the far side keeps the connection."""
        self.idle_since = 0.0

    # --- asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has another base class
        self._parser = httptools.HttpResponseParser(self)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._parser is None:
            self.abort()  # nobody asked for this
            return
        self._raw_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(FetchFailed("the answer changes the protocol"))
        except httptools.HttpParserError as error:
            self._fail(_find_cause(error))
        if self._answer is not None and self._raw_size > MAX_HEAD_BYTES:
            self._check_size()

    def _check_size(self) -> None:
        if not self._is_head_done:
            self._fail(FetchFailed("the answer's head is too long"))
        elif self._raw_size > self._limit * MAX_OVERHEAD + MAX_HEAD_BYTES:
            self._end_body_early(TooLarge("the answer is too long"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = self.is_reusable = False
        self._transport = self._parser = None
        if self._answer is not None:
            self._lose_answer()
        self._when_closed(self)

    def _lose_answer(self) -> None:
        if self._is_head_done:
            if self._has_length:
                self._end_body_early(FetchFailed("the connection broke within the answer"))
            else:
                self._complete(is_truncated=False)  # a body that ends with the connection (RFC 9112 6.3)
        elif self._raw_size == 0 and self._used > 1:
            self._fail(StaleConnection("the connection was closed"))
        else:
            self._fail(FetchFailed("the connection was closed without an answer"))

    # --- commands ---

    def exchange(self, request: bytes, *, limit: int, sink: Sink | None = None) -> asyncio.Future[Answer]:
        """Send the request now; the future gives the answer or a `FetchError`. `limit`: most body bytes kept."""
        assert self._transport is not None and self._answer is None
        self._answer = asyncio.get_running_loop().create_future()
        self._limit, self._sink = limit, sink
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_size = self._raw_size = self._status = 0
        self._is_head_done = self._has_length = self.is_reusable = False
        self._used += 1
        self._transport.write(request)
        return self._answer

    def expire(self) -> None:
        """The time is up."""
        if self._answer is None:
            return
        if self._is_head_done:
            self._end_body_early(FetchTimeout("the answer was not complete in time"))
        else:
            self._fail(FetchTimeout("no answer in time"))

    def abort(self) -> None:
        """Drop the connection at once."""
        self.is_open = self.is_reusable = False
        if self._transport is not None:
            self._transport.abort()

    # --- parser ---

    def on_message_begin(self) -> None:
        if self._answer is None:
            self.abort()  # a second answer to one request: whatever follows could pass for the next one's

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_head_done:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        if self._parser.get_status_code() < 200:
            return
        self._is_head_done = True
        self._status = self._parser.get_status_code()
        if self._status // 100 != 2 and self._sink is not None:
            self._sink, self._limit = None, MAX_REFUSAL_BYTES
        for name, value in self._headers:
            key = name.lower()
            if key == b"content-length":
                self._has_length = True
                if self._sink is not None and value.strip().isdigit() and int(value) > self._limit:
                    raise TooLarge("the body is too long")
            elif key == b"transfer-encoding":
                self._has_length = True

    def on_body(self, data: bytes) -> None:
        if self._answer is None:
            return
        room = self._limit - self._body_size
        self._body_size += len(data)
        if self._sink is not None:
            if len(data) > room:
                raise TooLarge("the body is too long")
            self._sink(data)
        elif len(data) > room:
            self._body.append(data[:room])
            self._end_body_early(TooLarge("the body is too long"))
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if self._parser.get_status_code() < 200:
            self._headers = []  # an interim answer (RFC 9110 15.2): the real one follows
            return
        if self._answer is not None:
            self.is_reusable = self.is_open and self._parser.should_keep_alive()
            self._complete(is_truncated=False)

    # --- the end of an answer ---

    def _end_body_early(self, error: FetchError) -> None:
        """The status is known, the body is not complete: an answer all the same, but no download."""
        if self._sink is not None:
            self._fail(error)
        else:
            self._complete(is_truncated=True)
            self.abort()

    def _complete(self, *, is_truncated: bool) -> None:
        waiting, self._answer = self._answer, None
        if waiting is not None and not waiting.done():
            waiting.set_result(Answer(self._status, tuple(self._headers), b"".join(self._body), is_truncated))

    def _fail(self, error: FetchError) -> None:
        waiting, self._answer = self._answer, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
        self.abort()


def _find_cause(error: httptools.HttpParserError) -> FetchError:
    """What a callback of ours raised, or else that this is not HTTP."""
    cause = error.__context__
    if isinstance(cause, FetchError):
        return cause
    if isinstance(cause, OSError):
        failed = FetchFailed("the body could not be stored")
        failed.__cause__ = cause
        return failed
    return FetchFailed("the answer is not HTTP")
