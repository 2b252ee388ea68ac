"""Offer and answer for one audio stream (RFC 3264): the view the rest of the program has of SDP.

An offer may hold anything; we use its first usable audio section, refuse the others, and keep their
places in every later description of the dialog, as RFC 3264 8 asks. `read_audio` is reached by strangers
and raises nothing: what cannot be used is `None`.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from functools import lru_cache

from trebuchet.base.values import frozen
from trebuchet.sip.errors import Malformed
from trebuchet.sip.grammar import parse_decimal
from trebuchet.sip.sdp import Attributes, Connection, MediaSection, Origin, SessionDescription
from trebuchet.sip.uri import MAX_PORT

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
PROTOCOLS = frozenset({"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"})
"""Media that is RTP over UDP; which of them is acceptable is for the caller to say."""
MAX_PAYLOAD_TYPE = 127
MAX_RATE_HZ = 384_000
MAX_CHANNELS = 255
MAX_PTIME_MS = 1_000
"""Beyond a second a packet time is nonsense; it is then treated as not said."""
REMEMBERED = 128
"""Lists of formats kept: more kinds of equipment rarely call at once; at the largest message that is 8 MB."""

_STATIC = {
    0: ("PCMU", 8000),
    3: ("GSM", 8000),
    4: ("G723", 8000),
    7: ("LPC", 8000),
    8: ("PCMA", 8000),
    9: ("G722", 8000),
    12: ("QCELP", 8000),
    13: ("CN", 8000),
    15: ("G728", 8000),
    18: ("G729", 8000),
}
"""Payload types that need no rtpmap (RFC 3551 table 4), those for telephony."""
_DESCRIBING = ("rtpmap", "fmtp")
_INTERPRETED = frozenset({"rtpmap", "fmtp", "ptime", "rtcp", *DIRECTIONS})
_REVERSED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
_WITHOUT_RECEIVING = {"sendrecv": "sendonly", "recvonly": "inactive"}


@frozen
class AudioFormat:
    """One codec under its payload type (0-127). `fmtp` is the text of its parameters, `None` when absent."""

    payload_type: int
    name: str
    rate_hz: int = 8000
    channels: int = 1
    fmtp: str | None = None

    def is_named(self, name: str) -> bool:
        """Whether this is that codec; names do not distinguish case."""
        return self.name.upper() == name.upper()


@frozen
class AudioStream:
    """One side's audio: where it wants RTP, which formats in order of preference, and in which direction.

    `direction` is as its owner says it: `sendonly` means the owner sends. `rtcp_port` is `None` for the
    usual next port. `attributes` are those not interpreted here (`crypto`, `rtcp-mux`), in order.
    """

    address: str
    port: int
    formats: tuple[AudioFormat, ...]
    rtcp_port: int | None = None
    protocol: str = "RTP/AVP"
    ptime_ms: int | None = None
    direction: str = "sendrecv"
    attributes: Attributes = ()

    def attribute(self, name: str) -> str | None:
        """The first kept attribute of that name; `""` for a bare flag, `None` when absent."""
        return next((value or "" for key, value in self.attributes if key == name), None)

    @property
    def is_held(self) -> bool:
        """Whether its owner does not want to hear us."""
        return self.direction in ("sendonly", "inactive")


def read_audio(sdp: SessionDescription) -> AudioStream | None:
    """The first usable audio of a description, or `None`: RTP over UDP, a port, an address, a known format.

    The connection `0.0.0.0` means that its owner does not receive (RFC 3264 8.4).
    """
    return next((audio for audio in _readable(sdp) if audio is not None), None)


def find_audio(sdp: SessionDescription) -> int | None:
    """The index of the section that `read_audio` reads."""
    return next((index for index, audio in enumerate(_readable(sdp)) if audio is not None), None)


def _readable(sdp: SessionDescription) -> Iterator[AudioStream | None]:
    return (_read_section(sdp, section) for section in sdp.media)


def _read_section(sdp: SessionDescription, section: MediaSection) -> AudioStream | None:
    connection = section.connection or sdp.connection
    if section.kind != "audio" or section.port == 0 or section.protocol not in PROTOCOLS:
        return None
    described = tuple(pair for pair in section.attributes if pair[0] in _DESCRIBING)
    formats = _read_formats(section.formats, described)
    if connection is None or not formats:
        return None
    direction = _read_direction(section.attributes) or _read_direction(sdp.attributes) or "sendrecv"
    if connection.is_unspecified:
        direction = _WITHOUT_RECEIVING.get(direction, direction)
    return AudioStream(
        address=connection.address,
        port=section.port,
        formats=formats,
        rtcp_port=_read_number(section.attribute("rtcp"), MAX_PORT),
        protocol=section.protocol,
        ptime_ms=_read_number(section.attribute("ptime"), MAX_PTIME_MS) or None,
        direction=direction,
        attributes=tuple(pair for pair in section.attributes if pair[0] not in _INTERPRETED),
    )


def _read_direction(attributes: Attributes) -> str | None:
    return next((name for name, value in attributes if value is None and name in DIRECTIONS), None)


def _read_number(text: str | None, limit: int) -> int | None:
    """The number at the start of an attribute; `None` when there is none worth having."""
    fields = text.split(maxsplit=1) if text else []
    try:
        return parse_decimal(fields[0], limit) if fields else None
    except Malformed:
        return None


@lru_cache(maxsize=REMEMBERED)
def _read_formats(listed: tuple[str, ...], described: Attributes) -> tuple[AudioFormat, ...]:
    """What the numbers of a media line stand for. Remembered: a peer writes the same lines in every call."""
    maps: dict[int, str] = {}
    parameters: dict[int, str] = {}
    for name, value in described:
        if value:
            number, _, rest = value.partition(" ")
            payload_type = _read_number(number, MAX_PAYLOAD_TYPE)
            if payload_type is not None:
                (maps if name == "rtpmap" else parameters).setdefault(payload_type, rest.strip(" "))
    formats: dict[int, AudioFormat] = {}
    for text in listed:
        payload_type = _read_number(text, MAX_PAYLOAD_TYPE)
        if payload_type is not None and payload_type not in formats:
            found = _read_format(payload_type, maps.get(payload_type), parameters.get(payload_type))
            if found is not None:
                formats[payload_type] = found
    return tuple(formats.values())


def _read_format(payload_type: int, rtpmap: str | None, fmtp: str | None) -> AudioFormat | None:
    if rtpmap is None:
        known = _STATIC.get(payload_type)
        return known and AudioFormat(payload_type, known[0], known[1], 1, fmtp)
    name, _, rest = rtpmap.partition("/")
    rate, slash, channels = rest.partition("/")
    rate_hz = _read_number(rate, MAX_RATE_HZ)
    count = _read_number(channels, MAX_CHANNELS) if slash else 1
    if not name or not rate_hz or not count:
        return None
    return AudioFormat(payload_type, name, rate_hz, count, fmtp)


def choose_formats(offered: AudioStream, names: Iterable[str]) -> tuple[AudioFormat, ...]:
    """The offered 8 kHz mono formats with these names: our order, the offer's payload types (RFC 3264 6.1).

    One format a name. Empty when nothing fits: the offer deserves 488.
    """
    chosen = []
    for name in names:
        fitting = (f for f in offered.formats if f.is_named(name) and f.rate_hz == 8000 and f.channels == 1)
        found = next(fitting, None)
        if found is not None:
            chosen.append(found)
    return tuple(chosen)


def answer_direction(offered: str, wanted: str = "sendrecv") -> str:
    """The direction of an answer (RFC 3264 6.1): what the offer leaves of what we want, as we say it."""
    possible = _REVERSED[offered]
    sends = "send" in possible and "send" in wanted
    receives = "recv" in possible and "recv" in wanted
    if sends and receives:
        return "sendrecv"
    if sends:
        return "sendonly"
    return "recvonly" if receives else "inactive"


class SdpSession:
    """Our descriptions over the life of one dialog: same `o=` line, a version that grows when the body does.

    `session_id` should be unpredictable and below 2**63; it is an argument because randomness is.
    """

    __slots__ = ("_last", "_places", "_session_id", "_version")

    def __init__(self, session_id: int) -> None:
        self._session_id = session_id
        self._version = 0
        self._last: SessionDescription | None = None
        self._places: tuple[MediaSection | None, ...] = (None,)

    def offer(self, audio: AudioStream) -> bytes:
        """Our offer: the audio in its place, refused sections of earlier descriptions kept at port 0."""
        if None not in self._places:
            self._places = (*self._places, None)
        section = _print_audio(audio, audio.protocol)
        media = tuple(section if place is None else place for place in self._places)
        return self._print(audio.address, ("0 0",), media)

    def answer(self, offer: SessionDescription, audio: AudioStream | None) -> bytes:
        """Our answer: `audio` where `read_audio` found the offer's, every other section refused.

        `audio` is in the offer's payload types; its protocol is taken from the offer. `None` refuses all.
        """
        at = find_audio(offer) if audio is not None else None
        self._places = tuple(None if index == at else _refuse(section) for index, section in enumerate(offer.media))
        media = tuple(
            _print_audio(audio, section.protocol) if place is None and audio is not None else place
            for place, section in zip(self._places, offer.media, strict=True)
        )
        address = audio.address if audio is not None else self._address()
        return self._print(address, offer.times, tuple(m for m in media if m is not None))

    def _address(self) -> str:
        return self._last.origin.address if self._last is not None else "0.0.0.0"

    def _print(self, address: str, times: tuple[str, ...], media: tuple[MediaSection, ...]) -> bytes:
        connection = Connection.of(address)
        description = SessionDescription(
            origin=Origin("-", str(self._session_id), str(self._version), connection.address_type, address),
            connection=connection,
            times=times,
            media=media,
        )
        if self._last is not None and description != self._last:
            self._version += 1
            origin = dataclasses.replace(description.origin, version=str(self._version))
            description = dataclasses.replace(description, origin=origin)
        body = description.to_bytes()
        self._last = description
        return body


def _refuse(section: MediaSection) -> MediaSection:
    return MediaSection(section.kind, 0, section.protocol, section.formats or ("0",))


def _print_audio(audio: AudioStream, protocol: str) -> MediaSection:
    attributes: list[tuple[str, str | None]] = []
    for item in audio.formats:
        channels = f"/{item.channels}" if item.channels != 1 else ""
        attributes.append(("rtpmap", f"{item.payload_type} {item.name}/{item.rate_hz}{channels}"))
        if item.fmtp:
            attributes.append(("fmtp", f"{item.payload_type} {item.fmtp}"))
    if audio.ptime_ms is not None:
        attributes.append(("ptime", str(audio.ptime_ms)))
    if audio.rtcp_port is not None:
        attributes.append(("rtcp", str(audio.rtcp_port)))
    attributes += [*audio.attributes, (audio.direction, None)]
    formats = tuple(str(item.payload_type) for item in audio.formats)
    return MediaSection("audio", audio.port, protocol, formats, attributes=tuple(attributes))
