"""A media socket whose packets are protected (SRTP and SRTCP, RFC 3711), with the face of a plain one.

What is not authentic is an `OSError` of the receive call, like everything else the network does wrong: it is dropped,
and neither locks a source nor is heard. Plain ports never come here.
"""

import socket
from typing import Any

import pylibsrtp

from trebuchet.media.srtp_keys import Protection

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
REPLAY_WINDOW = 1024
"""Packets that may come late: 20 s, more than any jitter buffer wants."""
MAX_SOURCES = 64
"""SSRCs of one peer whose state is kept: a call has one, and a few more after transfers at the other end. The peer is
authentic, but must not make us grow."""
DATAGRAM_BYTES = 1500
"""Longest packet looked at, which is what the library takes."""
_RTP_SSRC, _RTCP_SSRC = slice(8, 12), slice(4, 8)


class NotAuthentic(OSError):
    """A packet that was not protected with the agreed key, or came twice."""


class PortCipher:
    """The protection of one port, for both of its sockets. `apply` again after a re-negotiation."""

    def __init__(self, protection: Protection) -> None:
        self._protection = protection
        self.outbound = _session(protection.suite, protection.ours, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        self.inbound = _session(protection.suite, protection.theirs, pylibsrtp.Policy.SSRC_ANY_INBOUND)
        self.sources: set[bytes] = set()

    def apply(self, protection: Protection) -> None:
        """Change what has changed: a side that keeps its key goes on counting its packets."""
        old, self._protection = self._protection, protection
        if (old.suite, old.ours) != (protection.suite, protection.ours):
            self.outbound = _session(protection.suite, protection.ours, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        if (old.suite, old.theirs) != (protection.suite, protection.theirs):
            self.inbound = _session(protection.suite, protection.theirs, pylibsrtp.Policy.SSRC_ANY_INBOUND)
            self.sources.clear()


def _session(suite: str, key: bytes, direction: int) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=key, ssrc_type=direction, srtp_profile=PROFILES[suite])
    policy.window_size = REPLAY_WINDOW
    return pylibsrtp.Session(policy)


class SrtpSocket:
    """The calls of a UDP socket that a media port uses, with protection. `cipher` may be shared by two sockets."""

    __slots__ = ("_cipher", "_is_rtcp", "_sock", "_ssrc")

    def __init__(self, sock: socket.socket, cipher: PortCipher, *, is_rtcp: bool) -> None:
        self._sock = sock
        self._cipher = cipher
        self._is_rtcp = is_rtcp
        self._ssrc = _RTCP_SSRC if is_rtcp else _RTP_SSRC

    def send(self, data: Any) -> int:
        """Raises `OSError`."""
        return self._sock.send(self._protect(data))

    def sendto(self, data: Any, address: tuple[str, int]) -> int:
        """Raises `OSError`."""
        return self._sock.sendto(self._protect(data), address)

    def recv_into(self, buffer: Any) -> int:
        """One packet, its protection checked and removed. Raises `OSError`, `NotAuthentic`."""
        return self._unprotect(self._sock.recv(DATAGRAM_BYTES), buffer)

    def recvfrom_into(self, buffer: Any) -> tuple[int, Any]:
        """The same with its source."""
        data, address = self._sock.recvfrom(DATAGRAM_BYTES)
        return self._unprotect(data, buffer), address

    def _protect(self, data: Any) -> bytes:
        session = self._cipher.outbound
        try:
            return session.protect_rtcp(bytes(data)) if self._is_rtcp else session.protect(bytes(data))
        except (pylibsrtp.Error, ValueError) as error:
            raise OSError(str(error)) from error

    def _unprotect(self, data: bytes, buffer: Any) -> int:
        cipher, source = self._cipher, data[self._ssrc]
        if source not in cipher.sources and len(cipher.sources) >= MAX_SOURCES:
            raise NotAuthentic("too many sources")
        session = cipher.inbound
        try:
            plain = session.unprotect_rtcp(data) if self._is_rtcp else session.unprotect(data)
        except (pylibsrtp.Error, ValueError) as error:
            raise NotAuthentic(str(error)) from error
        cipher.sources.add(source)
        if len(plain) > len(buffer):
            raise NotAuthentic("longer than any packet we asked for")
        buffer[: len(plain)] = plain
        return len(plain)

    def connect(self, address: tuple[str, int]) -> None:
        """Raises `OSError`."""
        self._sock.connect(address)

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()
