"""UDP sockets of media ports: pairs on an even port and the next, and what the standard library lacks for them."""

import ctypes
import errno
import socket
from dataclasses import dataclass
from typing import Protocol

RECEIVE_BUFFER_BYTES = 64 * 1024
"""A flood fills this and no more; about 80 packets of 20 ms, so a stall of the worker of one second loses nothing."""
SEND_BUFFER_BYTES = 64 * 1024
EXPEDITED_FORWARDING = 0xB8
"""DSCP EF in the traffic class byte (RFC 4594 4.1: telephony)."""

_libc = ctypes.CDLL(None, use_errno=True)
_UNSPECIFIED = bytes(16)
"""A socket address of family `AF_UNSPEC`."""

Address = tuple[str, int]


class HasDescriptor(Protocol):
    def fileno(self) -> int: ...


@dataclass(frozen=True, slots=True)
class SocketPair:
    """Bound, non-blocking, not connected."""

    family: int
    """4 or 6."""
    port: int
    rtp: socket.socket
    rtcp: socket.socket

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


def bind_pair(family: int, host: str, port: int) -> SocketPair | None:
    """The pair on `port` and the next one; `None` if somebody else has either. Raises `OSError` for everything that
    will not be better on another port (no such address, out of descriptors)."""
    rtp = _bind(family, host, port)
    if rtp is None:
        return None
    try:
        rtcp = _bind(family, host, port + 1)
    except OSError:
        rtp.close()
        raise
    if rtcp is None:
        rtp.close()
        return None
    return SocketPair(family, port, rtp, rtcp)


def _bind(family: int, host: str, port: int) -> socket.socket | None:
    sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        _set_options(sock, family)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return None
        raise
    return sock


def _set_options(sock: socket.socket, family: int) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if family == 6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, EXPEDITED_FORWARDING)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED_FORWARDING)


def disconnect(sock: HasDescriptor) -> None:
    """Undo `connect`: the socket hears everybody again. Its port stays bound (it was bound explicitly)."""
    if _libc.connect(sock.fileno(), _UNSPECIFIED, len(_UNSPECIFIED)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, "cannot disconnect a UDP socket")


def plain_address(address: tuple[object, ...]) -> Address:
    """Host and port of what `recvfrom` returns, without IPv6 flow and scope."""
    host, port = address[0], address[1]
    assert isinstance(host, str) and isinstance(port, int)
    return host.partition("%")[0], port
