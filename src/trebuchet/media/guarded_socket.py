"""One UDP socket of a media port with its source lock: whom it hears, and where it sends."""

import contextlib
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from trebuchet.media.sockets import disconnect
from trebuchet.media.source_lock import Address, SourceLock
from trebuchet.media.srtp_socket import PortCipher, SrtpSocket

Send = Callable[[Any], Any]
"""Takes a buffer; raises `OSError` when the network does."""


def discard(data: Any) -> None:
    """Where packets go that have no destination."""


MediaSocket = socket.socket | SrtpSocket


def _send_to(sock: MediaSocket, address: Address, data: Any) -> None:
    sock.sendto(data, address)


class GuardedSocket:
    """Before the lock, packets are judged one by one; afterwards the socket is connected and the kernel does it.

    `send` is the fastest way to the current destination: look it up again after `signal` and `admit`."""

    __slots__ = ("_lock", "is_connected", "send", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock: MediaSocket = sock
        self.is_connected = False
        self.send: Send = discard
        self._lock = SourceLock()

    def protect(self, cipher: PortCipher, *, is_rtcp: bool) -> None:
        """From now on only protected packets go out and are heard. Look up `send` and `sock` again."""
        if isinstance(self.sock, SrtpSocket):
            return
        self.sock = SrtpSocket(self.sock, cipher, is_rtcp=is_rtcp)
        destination = self._lock.destination
        if self.is_connected:
            self.send = self.sock.send
        elif destination is not None:
            self.send = partial(_send_to, self.sock, destination)

    def signal(self, address: Address | None) -> bool:
        """Signalling names the peer's address (`None`: it has none). Returns whether that opened a lock."""
        was_locked = self._lock.signal(address)
        if self.is_connected and was_locked:
            with contextlib.suppress(OSError):
                disconnect(self.sock)
            self.is_connected = False
        if not self.is_connected:
            self.send = discard if address is None else partial(_send_to, self.sock, address)
        return was_locked

    def admit(self, source: Address, now: float) -> bool:
        """Whether a valid packet from `source` may be heard. The first one that may locks the source."""
        if not self._lock.offer(source, now):
            return False
        if not self.is_connected:
            self._connect(source)
        return True

    def _connect(self, source: Address) -> None:
        try:
            self.sock.connect(source)
        except OSError:
            self.send = partial(_send_to, self.sock, source)  # still guarded, packet by packet
            return
        self.is_connected = True
        self.send = self.sock.send

    @property
    def locked_source(self) -> Address | None:
        return self._lock.locked
