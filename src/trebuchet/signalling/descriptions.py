"""Audio descriptions on both sides of the border: `MediaDescription` (ours) and `AudioStream` (SDP's)."""

from trebuchet.base.hosts import read_address
from trebuchet.model.media_description import Codec, MediaDescription, MediaDirection, SrtpKey
from trebuchet.sip.errors import SipError
from trebuchet.sip.offer_answer import AudioFormat, AudioStream, read_audio
from trebuchet.sip.sdes import CryptoLine, parse_crypto
from trebuchet.sip.sdp import SessionDescription, parse_sdp

CODECS = ("PCMU", "PCMA")
RATE_HZ = 8000
DIGITS = "telephone-event"
DIGITS_FMTP = "0-15"
"""Events 0–15: the sixteen keys (RFC 4733 3.2)."""
PLAIN_RTP = frozenset({"RTP/AVP", "RTP/AVPF"})
PROTECTED_RTP = frozenset({"RTP/SAVP", "RTP/SAVPF"})
MAX_CRYPTO_LINES = 16
"""Keys of one description looked at: there are two suites we know."""
MIN_PACKET_MS, MAX_PACKET_MS = 10, 60
DEFAULT_PACKET_MS = 20


def read_sdp(body: bytes, *, is_private: bool = False) -> tuple[SessionDescription, MediaDescription] | None:
    """The audio of an SDP body, together with the whole of it. `None` when there is none we could take part in.

    `is_private`: it came over TLS, so that keys in it are secrets (RFC 4568 7.1.1); else protected audio is refused."""
    try:
        sdp = parse_sdp(body)
    except SipError:
        return None
    description = to_description(sdp, is_private=is_private)
    return None if description is None else (sdp, description)


def to_description(sdp: SessionDescription, *, is_private: bool = False) -> MediaDescription | None:
    """The first audio stream in G.711 over RTP, plain or with keys, with an address, else `None`."""
    audio = read_audio(sdp)
    if audio is None or read_address(audio.address) is None:
        return None
    srtp = _read_keys(audio) if audio.protocol in PROTECTED_RTP and is_private else ()
    if audio.protocol not in PLAIN_RTP and not srtp:
        return None
    codecs = tuple(
        Codec(each.name.upper(), each.payload_type, each.rate_hz)
        for each in audio.formats
        if each.name.upper() in CODECS and each.rate_hz == RATE_HZ and each.channels == 1
    )
    if not codecs:
        return None
    return MediaDescription(
        address=audio.address,
        port=audio.port,
        rtcp_port=audio.rtcp_port or None,
        codecs=codecs,
        digits_payload_type=_digits_payload_type(audio),
        direction=MediaDirection(audio.direction),
        packet_ms=min(max(audio.ptime_ms or DEFAULT_PACKET_MS, MIN_PACKET_MS), MAX_PACKET_MS),
        srtp=srtp,
    )


def _read_keys(audio: AudioStream) -> tuple[SrtpKey, ...]:
    values = [value or "" for name, value in audio.attributes if name == "crypto"]
    lines = [parse_crypto(value) for value in values[:MAX_CRYPTO_LINES]]
    return tuple(SrtpKey(line.tag, line.suite, line.key) for line in lines if line is not None)


def _digits_payload_type(audio: AudioStream) -> int | None:
    events = (each for each in audio.formats if each.is_named(DIGITS) and each.rate_hz == RATE_HZ)
    found = next(events, None)
    return None if found is None else found.payload_type


def to_audio(description: MediaDescription) -> AudioStream:
    """Our side as SDP will say it."""
    formats = [AudioFormat(codec.payload_type, codec.name, codec.rate_hz) for codec in description.codecs]
    if description.digits_payload_type is not None:
        formats.append(AudioFormat(description.digits_payload_type, DIGITS, RATE_HZ, 1, DIGITS_FMTP))
    return AudioStream(
        address=description.address,
        port=description.port,
        formats=tuple(formats),
        rtcp_port=description.rtcp_port,
        ptime_ms=description.packet_ms,
        direction=description.direction.value,
        protocol="RTP/SAVP" if description.srtp else "RTP/AVP",
        attributes=tuple(("crypto", str(CryptoLine(key.tag, key.suite, key.key))) for key in description.srtp),
    )
