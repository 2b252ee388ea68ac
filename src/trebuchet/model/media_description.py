"""What two sides tell each other about one audio stream; crosses the border between signalling, media and calls."""

from dataclasses import field
from enum import StrEnum

from trebuchet.base.values import frozen, frozen_keywords


class MediaDirection(StrEnum):
    """From the point of view of whoever wrote the description (RFC 3264 5.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (MediaDirection.SENDRECV, MediaDirection.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (MediaDirection.SENDRECV, MediaDirection.RECVONLY)

    def reversed(self) -> "MediaDirection":
        """The answer to this offer that agrees with it (RFC 3264 6.1)."""
        return {
            MediaDirection.SENDONLY: MediaDirection.RECVONLY,
            MediaDirection.RECVONLY: MediaDirection.SENDONLY,
        }.get(self, self)


@frozen
class Codec:
    """An audio format: `PCMU` or `PCMA` with the payload type it travels under."""

    name: str
    payload_type: int
    rate_hz: int = 8000


SRTP_SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""Ways to protect audio, in the order we prefer them (RFC 4568 6.2): the longer authentication tag first."""
SRTP_KEY_BYTES = 30
"""Master key of 16 bytes and salt of 14, for both suites (RFC 3711 8.2)."""


@frozen
class SrtpKey:
    """One way its owner protects what it sends: the number it is offered under, the suite, master key and salt."""

    tag: int
    suite: str
    key: bytes = field(repr=False)


@frozen_keywords
class MediaDescription:
    """One side of one audio stream. In an answer `codecs` holds the chosen one first."""

    address: str
    """IP literal; IPv6 without brackets."""
    port: int
    """RTP port, 1–65535."""
    rtcp_port: int | None = None
    """`None`: the RTP port plus one."""
    codecs: tuple[Codec, ...]
    digits_payload_type: int | None = None
    """Payload type of RFC 4733 telephone events; `None` when the side does not take them."""
    direction: MediaDirection = MediaDirection.SENDRECV
    packet_ms: int = 20
    """Preferred packet length."""
    srtp: tuple[SrtpKey, ...] = ()
    """How the audio is protected: in an offer the choices, in an answer the chosen one; empty: not at all."""
