"""Audio descriptions on both sides of the border: `MediaDescription` (ours) and `AudioStream` (SDP's)."""

from trebuchet.model.media_description import Codec, MediaDescription, MediaDirection
from trebuchet.signalling.door import read_address
from trebuchet.sip.errors import SipError
from trebuchet.sip.offer_answer import AudioFormat, AudioStream, read_audio
from trebuchet.sip.sdp import SessionDescription, parse_sdp

CODECS = ("PCMU", "PCMA")
RATE_HZ = 8000
DIGITS = "telephone-event"
DIGITS_FMTP = "0-15"
"""Events 0–15: the sixteen keys (RFC 4733 3.2)."""
PLAIN_RTP = frozenset({"RTP/AVP", "RTP/AVPF"})
MIN_PACKET_MS, MAX_PACKET_MS = 10, 60
DEFAULT_PACKET_MS = 20


def read_sdp(body: bytes) -> tuple[SessionDescription, MediaDescription] | None:
    """The audio of an SDP body, together with the whole of it. `None` when there is none we could take part in."""
    try:
        sdp = parse_sdp(body)
    except SipError:
        return None
    description = to_description(sdp)
    return None if description is None else (sdp, description)


def to_description(sdp: SessionDescription) -> MediaDescription | None:
    """The first audio stream in G.711 over plain RTP with an address, else `None`."""
    audio = read_audio(sdp)
    if audio is None or audio.protocol not in PLAIN_RTP or read_address(audio.address) is None:
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
    )


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
    )
