"""Both ends of a channel of message datagrams: one for an event loop, one for a process that waits by itself.

The socket pair is `AF_UNIX`/`SOCK_SEQPACKET`: message borders are kept, order is kept, and the death of either end is
seen by the other as the end of the channel.
"""

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

import msgspec

from trebuchet.media.messages import MAX_DATAGRAM_BYTES, encoder, pack

SOCKET_BUFFER_BYTES = 1 << 20
"""Asked for on both ends: room for a second's worth of commands while the other side is busy. Less is fine too."""
MESSAGES_PER_DATAGRAM = 1024
"""A command is 20 to 100 bytes, so a datagram is full at about this number anyway."""
DATAGRAMS_PER_WAKE = 64
"""Read at once before other work gets its turn."""

In = TypeVar("In")


class ChannelClosed(Exception):
    """The other end is gone."""


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """A connected, non-blocking pair: ours and the child's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
    return ours, theirs


def inherited_socket(descriptor: int) -> socket.socket:
    """The child's end. It gets a low number: a busy server's descriptors may lie above what `select` can wait for."""
    low = os.dup(descriptor)
    os.close(descriptor)
    sock = socket.socket(fileno=low)
    sock.setblocking(False)
    return sock


class Outbox:
    """Encoded messages waiting to be written, in order."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._waiting: deque[bytes] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: msgspec.Struct) -> None:
        self._waiting.append(encoder.encode(message))

    def flush(self) -> bool:
        """Write what the socket takes now. Returns whether everything is out. Raises `ChannelClosed`."""
        while self._waiting:
            datagram, count = pack(list(islice(self._waiting, MESSAGES_PER_DATAGRAM)))
            try:
                self._socket.send(datagram)
            except BlockingIOError:
                return False
            except OSError as error:
                raise ChannelClosed from error
            for _ in range(count):
                self._waiting.popleft()
        return True


class Inbox(Generic[In]):
    """Decodes datagrams."""

    def __init__(self, sock: socket.socket, decoder: "msgspec.msgpack.Decoder[list[In]]") -> None:
        self._socket = sock
        self._decoder = decoder

    def read(self) -> list[In]:
        """The messages of the datagrams waiting now, at most `DATAGRAMS_PER_WAKE`. Raises `ChannelClosed`, also for
        a datagram that cannot be decoded: the two ends do not speak the same language."""
        messages: list[In] = []
        for _ in range(DATAGRAMS_PER_WAKE):
            try:
                datagram = self._socket.recv(MAX_DATAGRAM_BYTES + 1024)
                if datagram:
                    messages += self._decoder.decode(datagram)
            except BlockingIOError:
                return messages
            except (OSError, msgspec.MsgspecError) as error:
                raise ChannelClosed from error
            if not datagram:
                if messages:
                    return messages  # the end is seen again at the next read
                raise ChannelClosed
        return messages


class LoopChannel(Generic[In]):
    """The event loop's end. `put` never blocks: what the socket does not take waits here.

    `handle` gets each message; `handle_lost` is called once when the channel ends, be it that the other side went away
    or that it took nothing for `stall_s` seconds."""

    def __init__(
        self,
        sock: socket.socket,
        decoder: "msgspec.msgpack.Decoder[list[In]]",
        handle: Callable[[In], None],
        handle_lost: Callable[[], None],
        *,
        stall_s: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._outbox = Outbox(sock)
        self._inbox = Inbox(sock, decoder)
        self._handle = handle
        self._handle_lost = handle_lost
        self._stall_s = stall_s
        self._flush_is_due = False
        self._stall_timer: asyncio.TimerHandle | None = None
        self._is_open = True
        self._loop.add_reader(sock.fileno(), self._read)

    def put(self, message: msgspec.Struct) -> None:
        """Send with everything else of this turn of the loop; ignored after the end."""
        if not self._is_open:
            return
        self._outbox.put(message)
        if not self._flush_is_due and self._stall_timer is None:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        if not self._is_open:
            return
        try:
            is_out = self._outbox.flush()
        except ChannelClosed:
            self._lose()
            return
        if is_out and self._stall_timer is not None:
            self._stop_waiting()
        elif not is_out and self._stall_timer is None:
            self._loop.add_writer(self._socket.fileno(), self._flush)
            self._stall_timer = self._loop.call_later(self._stall_s, self._lose)

    def _stop_waiting(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
            self._loop.remove_writer(self._socket.fileno())

    def _read(self) -> None:
        try:
            messages = self._inbox.read()
        except ChannelClosed:
            self._lose()
            return
        for message in messages:
            self._handle(message)

    def _lose(self) -> None:
        if self._is_open:
            self.close()
            self._handle_lost()

    def close(self) -> None:
        """End the channel without a call of `handle_lost`; what is not written yet gets its last chance."""
        if not self._is_open:
            return
        self._is_open = False
        self._stop_waiting()
        self._loop.remove_reader(self._socket.fileno())
        with contextlib.suppress(ChannelClosed):
            self._outbox.flush()
        self._socket.close()
