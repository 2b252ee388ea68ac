"""Cutting a TCP or TLS byte stream into messages (RFC 3261 18.3, RFC 5626 4.4.1).

Framing needs only the end of the head and Content-Length, so nothing is parsed twice and no byte is
searched twice: one byte at a time costs what one large read costs. Reached by unauthenticated strangers.
"""

import re

from trebuchet.sip.errors import Malformed
from trebuchet.sip.grammar import decode, parse_decimal
from trebuchet.sip.message_values import Request
from trebuchet.sip.parse import MAX_MESSAGE_BYTES, parse_message

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*+:(?:[ \t]|\r\n[ \t])*+([^\r\n]*+)", re.IGNORECASE)
_ANY_LENGTH = 10**18
"""A bound for reading the number at all; what is too large for us is told apart from what is no number."""


class StreamParser:
    """Bytes in, whole messages out. One per connection; never holds more than one message and one read.

    After it raised, the position in the stream is lost: the connection must be closed.
    """

    __slots__ = ("_buffer", "_error", "_scanned", "_size", "pings")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._size = 0
        self._error: Malformed | None = None
        self.pings = 0
        """Keep-alives (double CRLF) seen so far; each wants a single CRLF back."""

    @property
    def is_inside_message(self) -> bool:
        """Whether a message has begun that is not complete; keep-alives are none."""
        return bool(self._buffer) and not _END.startswith(self._buffer)

    @property
    def has_failed(self) -> bool:
        """Whether the stream broke a rule: the next `feed` raises, whatever it is given."""
        return self._error is not None

    def feed(self, data: bytes) -> list[bytes]:
        """The messages completed by `data`, in order, each for `parse_message`.

        Raises `Malformed` for a message above `MAX_MESSAGE_BYTES` (513) or without a usable Content-Length
        (400); its `request` is set when the head could be read, so that it can be answered before closing.
        Messages that were complete before the broken one are returned first; the error then comes with the
        next call, and `has_failed` tells of it at once.
        """
        messages: list[bytes] = []
        if self._error is None:
            self._buffer += data
            try:
                self._cut(messages)
            except Malformed as error:
                self._error = error
                self._buffer.clear()
        if self._error is not None and not messages:
            raise self._error
        return messages

    def _cut(self, messages: list[bytes]) -> None:
        start = 0
        while True:
            start = self._skip_keep_alives(start)
            if not self._size:
                self._size = self._find_size(start)
            end = start + self._size
            if not self._size or len(self._buffer) < end:
                break
            messages.append(bytes(self._buffer[start:end]))
            start = end
            self._size = self._scanned = 0
        del self._buffer[:start]

    def _skip_keep_alives(self, start: int) -> int:
        """Past the CRLFs in front of a message: pairs are pings, a single one is the answer to ours."""
        buffer = self._buffer
        while buffer.startswith(_END, start):
            self.pings += 1
            start += len(_END)
        may_become_ping = _END.startswith(buffer[start : start + len(_END)])
        if buffer.startswith(b"\r\n", start) and not may_become_ping:
            start += 2
            self._scanned = 0
        return start

    def _find_size(self, start: int) -> int:
        """Size in bytes of the message at `start`, 0 while its head is not complete."""
        end = self._buffer.find(_END, start + self._scanned)
        if end < 0:
            waiting = len(self._buffer) - start
            if waiting > MAX_MESSAGE_BYTES:
                raise Malformed("message too large", 513)
            self._scanned = max(0, waiting - len(_END) + 1)
            return 0
        head = bytes(self._buffer[start : end + len(_END)])
        try:
            size = len(head) + _content_length(head)
            if size > MAX_MESSAGE_BYTES:
                raise Malformed("message too large", 513)
        except Malformed as error:
            error.request = _readable_request(head)
            raise
        return size


def _content_length(head: bytes) -> int:
    lengths = {parse_decimal(decode(text).strip(" \t"), _ANY_LENGTH) for text in _LENGTH.findall(head)}
    if len(lengths) != 1:
        raise Malformed("no single Content-Length")
    return lengths.pop()


def _readable_request(head: bytes) -> Request | None:
    try:
        message = parse_message(head[:MAX_MESSAGE_BYTES])
    except Malformed as error:
        return error.request
    return message if isinstance(message, Request) else None
