"""SIP over UDP (RFC 3261 18): one socket, read directly.

A protocol of the event loop would cost the same a datagram (3.3 µs), but hides the socket's error queue. ICMP errors
are read from there, so that a peer that is not there fails a call at once instead of after 32 s; the quoted datagram
must name a transaction of ours, which a forger cannot. Up to `BATCH` datagrams are read in one wake-up.

The loop watches the socket through an epoll descriptor of its own: libuv stops watching a descriptor for good at its
first POLLERR, which a waiting ICMP error is; an epoll descriptor is readable then, and never in error.
"""

import asyncio
import select
import socket
import sys

from trebuchet.signalling.link import Receiver
from trebuchet.signalling.settings import LinkLimits
from trebuchet.sip.outputs import Flow
from trebuchet.sip.transactions import client_key

BATCH = 64
"""Enough to empty the socket after a pause, few enough (some ms of work) that timers and streams get their turn."""
MAX_DATAGRAM_BYTES = 65_535
QUOTE_BYTES = 1024
"""Bytes of our own datagram an ICMP error is read with; kernels quote less."""
_IP_RECVERR, _IPV6_RECVERR = 11, 25
"""Linux; the socket module does not name them."""


class UdpLink:
    """One bound UDP socket. Anybody can reach `Receiver.handle_data` through it with any bytes."""

    transport = "udp"

    def __init__(self, receiver: Receiver, limits: LinkLimits) -> None:
        self._receiver = receiver
        self._limits = limits
        self._socket: socket.socket | None = None
        self._readiness: select.epoll | None = None
        self._loop = asyncio.get_running_loop()
        self.local: tuple[str, int] = ("", 0)
        self.busy_since: float | None = None
        """When the socket was last seen with more in it than one wake-up takes; `None` once it was empty again."""
        self.dropped = 0
        """Datagrams the kernel did not take (full buffer, no route): retransmission makes up for them."""

    def open(self, host: str, port: int) -> None:
        """Bind and start reading. Raises `OSError`."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._limits.receive_buffer_bytes)
            sock.bind((host, port))
            _ask_for_errors(sock, family)
        except OSError:
            sock.close()
            raise
        self._socket = sock
        self.local = sock.getsockname()[:2]
        self._readiness = select.epoll()
        self._readiness.register(sock.fileno(), select.EPOLLIN)
        self._loop.add_reader(self._readiness.fileno(), self._read)

    def send(self, data: bytes, remote: tuple[str, int], connection_id: int | None, transaction: str) -> None:
        """One datagram. A full buffer counts as loss on the way; no route, or too long a message, as a failure."""
        if self._socket is None:
            return
        if not self._try_send(data, remote):
            self._read_errors()
            if not self._try_send(data, remote):
                self.dropped += 1
                self._receiver.handle_lost(transaction)

    def _try_send(self, data: bytes, remote: tuple[str, int]) -> bool:
        """False on an error, which may be one that ICMP reported about an earlier datagram to somebody else."""
        assert self._socket is not None
        try:
            self._socket.sendto(data, remote)
        except BlockingIOError:
            self.dropped += 1
        except (OSError, OverflowError):
            return False
        return True

    def _read(self) -> None:
        sock, receiver, local = self._socket, self._receiver, self.local
        has_read = False
        try:
            for _ in range(BATCH):
                if sock is None or sock.fileno() < 0:
                    return
                data, remote = sock.recvfrom(MAX_DATAGRAM_BYTES)
                has_read = True
                receiver.handle_data(data, Flow("udp", local, (remote[0], remote[1])))
            if self.busy_since is None:
                self.busy_since = self._loop.time()
        except BlockingIOError:
            self.busy_since = None
            if not has_read:  # woken for nothing but errors, whose one failure somebody else has seen already
                self._read_errors()
        except OSError:
            self._read_errors()
        receiver.handle_batch_end()

    def _read_errors(self) -> None:
        """Take what ICMP said; each error also makes one `recvfrom` or `sendto` fail, which is how it is noticed."""
        for _ in range(BATCH):
            if self._socket is None:
                return
            try:
                quoted = self._socket.recvmsg(QUOTE_BYTES, 512, socket.MSG_ERRQUEUE)[0]
            except OSError:
                return
            transaction = _transaction_of(quoted)
            if transaction is not None:
                self._receiver.handle_lost(transaction)

    async def close(self) -> None:
        if self._readiness is not None:
            self._loop.remove_reader(self._readiness.fileno())
            self._readiness.close()
            self._readiness = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _ask_for_errors(sock: socket.socket, family: int) -> None:
    if sys.platform == "linux":
        level, option = (socket.IPPROTO_IP, _IP_RECVERR)
        if family == socket.AF_INET6:
            level, option = (socket.IPPROTO_IPV6, _IPV6_RECVERR)
        sock.setsockopt(level, option, 1)


def _transaction_of(quoted: bytes) -> str | None:
    """Our client transaction a quoted request belongs to, if the quote reaches to the branch of the topmost Via."""
    method, _, rest = quoted.partition(b" ")
    _, found, rest = rest.partition(b";branch=")
    if not found or method == b"SIP/2.0":
        return None
    end = min((at for at in map(rest.find, (b"\r", b";", b",", b" ")) if at >= 0), default=-1)
    return client_key(rest[:end].decode("latin-1"), method.decode("latin-1")) if end > 0 else None
