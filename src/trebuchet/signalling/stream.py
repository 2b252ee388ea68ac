"""One TCP or TLS connection that carries SIP (RFC 3261 18.3): framing, keep-alives, and what it may cost.

A peer that drips bytes costs a buffer of bounded size and no work: the parser never reads a byte twice and no timer
runs per connection, the owner's sweep looks at `is_stale`.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from trebuchet.signalling.link import Receiver
from trebuchet.signalling.settings import LinkLimits
from trebuchet.sip.errors import Malformed
from trebuchet.sip.outputs import Flow
from trebuchet.sip.stream import StreamParser

KEEP_ALIVE_ANSWER = b"\r\n"
"""RFC 5626 4.4.1."""


class StreamConnection(asyncio.Protocol):
    """`on_made` and `on_lost` tell the owner; messages go straight to the receiver."""

    def __init__(
        self,
        transport_name: str,
        number: int,
        receiver: Receiver,
        limits: LinkLimits,
        on_made: Callable[["StreamConnection"], bool],
        on_lost: Callable[["StreamConnection"], None],
        now: Callable[[], float],
    ) -> None:
        self.number = number
        self.remote: tuple[str, int] = ("", 0)
        self.flow = Flow(transport_name, ("", 0), self.remote, number)
        self.place: tuple[tuple[str, int], str] | None = None
        """Under which address and certificate name the owner keeps it."""
        self.is_stranger = False
        self.has_spoken = False
        """Whether a whole message ever came: until then an accepted connection is on probation."""
        self.last_heard = self._begun = now()
        self._parser = StreamParser()
        self._is_inside = False
        self._receiver = receiver
        self._limits = limits
        self._on_made = on_made
        self._on_lost = on_lost
        self._now = now
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not peer or not local or not self._on_made_from(peer[:2], local[:2]):
            self._transport.abort()

    def _on_made_from(self, remote: tuple[str, int], local: tuple[str, int]) -> bool:
        self.remote = remote
        self.flow = Flow(self.flow.transport, local, remote, self.number)
        return self._on_made(self)

    def data_received(self, data: bytes) -> None:
        self.last_heard = self._now()
        pings = self._parser.pings
        try:
            messages = self._parser.feed(data)
        except Malformed:
            self.abort()
            return
        if self._parser.pings > pings:
            self._write(KEEP_ALIVE_ANSWER * (self._parser.pings - pings))
        self._note_progress(bool(messages))
        for message in messages:
            self._receiver.handle_data(message, self.flow)
        if messages:
            self._receiver.handle_batch_end()
        if self._parser.has_failed:
            self.close()

    def _note_progress(self, is_whole: bool) -> None:
        """A message's time runs from its first byte; a keep-alive alone begins nothing."""
        if is_whole:
            self.has_spoken = True
        is_inside = self._parser.is_inside_message
        if is_inside and (is_whole or not self._is_inside):
            self._begun = self.last_heard
        self._is_inside = is_inside

    def is_stale(self, now: float) -> bool:
        """Whether its time is up: nothing said since it opened, a message not finished, or silence for too long."""
        if self._is_inside or not self.has_spoken:
            return now - self._begun > self._limits.message_s
        return now - self.last_heard > self._limits.idle_s

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, data: bytes) -> bool:
        """False when the connection has gone, or is cut now because the peer does not read."""
        if not self.is_open:
            return False
        return self._write(data)

    def _write(self, data: bytes) -> bool:
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        transport.write(data)
        if transport.get_write_buffer_size() > self._limits.max_write_buffer_bytes:
            transport.abort()
            return False
        return True

    def trust(self) -> None:
        """We opened it ourselves: it need not prove itself."""
        self.has_spoken = True

    def connection_lost(self, error: Exception | None) -> None:
        self._on_lost(self)

    def close(self) -> None:
        """Send what is waiting, then close."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
