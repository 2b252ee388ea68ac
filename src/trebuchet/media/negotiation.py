"""Offer and answer for one audio stream, as pure functions.

Source: RFC 3264 5, 6, 8; RFC 3551 4.5.14 (G.711); RFC 4733 2.4 (telephone-event).
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from trebuchet.base.units import RATE_HZ
from trebuchet.calls.interfaces import NoCommonCodec
from trebuchet.model.media_description import Codec, MediaDescription, MediaDirection

OUR_CODECS = (Codec("PCMU", 0), Codec("PCMA", 8))
"""In the order we offer them."""
OUR_DIGITS_PAYLOAD_TYPE = 101
"""The usual number of telephone-event."""
PACKET_MS = 20
"""What we always send, and prefer."""
PAYLOAD_TYPES = 128
MAX_PORT = 65_535
REMEMBERED = 1024
"""Descriptions whose meaning is kept: each is asked about when the call arrives and again when it is answered."""


class UnusableAddress(NoCommonCodec):
    """The peer's audio address is no plain IP literal and port, of the other family, or multicast."""

    code = "unusable-media-address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What both sides have agreed on, from our point of view."""

    codec: Codec
    """What we send, under the peer's payload number."""
    accept: tuple[tuple[int, str], ...]
    """Payload numbers that may come in, with their law."""
    digits_receive: tuple[int, ...]
    digits_send: int | None
    direction: MediaDirection
    """Ours."""
    address: str
    """Where to send; empty when the peer takes nothing (RFC 3264 8.4)."""
    rtp_port: int
    rtcp_port: int


def our_offer(address: str, port: int) -> MediaDescription:
    """Everything we can do."""
    return MediaDescription(
        address=address,
        port=port,
        codecs=OUR_CODECS,
        digits_payload_type=OUR_DIGITS_PAYLOAD_TYPE,
        packet_ms=PACKET_MS,
    )


def answer_to(offer: MediaDescription, address: str, port: int, family: int) -> tuple[MediaDescription, Agreement]:
    """Our answer to the peer's offer: the first of its codecs that we have, under its numbers, its direction turned
    round. Raises `NoCommonCodec` (and its kind `UnusableAddress`)."""
    agreement = _agree(offer, family)
    chosen = agreement.codec
    answer = MediaDescription(
        address=address,
        port=port,
        codecs=(chosen,),
        digits_payload_type=agreement.digits_send,
        direction=agreement.direction,
        packet_ms=PACKET_MS,
    )
    return answer, agreement


def agreement_from(answer: MediaDescription, family: int) -> Agreement:
    """What the peer's answer to `our_offer` means. Raises `NoCommonCodec` (and its kind `UnusableAddress`)."""
    return _agree(answer, family)


@lru_cache(maxsize=REMEMBERED)
def _agree(theirs: MediaDescription, family: int) -> Agreement:
    codec = _first_common(theirs)
    takes_audio = _check_address(theirs.address, family)
    if not _is_port(theirs.port):
        raise UnusableAddress("the peer's audio port is no port number")
    direction = theirs.direction.reversed()
    if not takes_audio:
        direction = MediaDirection.RECVONLY if direction.receives else MediaDirection.INACTIVE
    digits = theirs.digits_payload_type if _is_payload_type(theirs.digits_payload_type) else None
    return Agreement(
        codec=codec,
        accept=_accepted(theirs),
        digits_receive=_digits_accepted(digits),
        digits_send=digits,
        direction=direction,
        address=theirs.address if takes_audio else "",
        rtp_port=theirs.port,
        rtcp_port=_rtcp_port(theirs),
    )


def _is_port(number: int) -> bool:
    return 1 <= number <= MAX_PORT


def _rtcp_port(theirs: MediaDescription) -> int:
    if theirs.rtcp_port is not None and _is_port(theirs.rtcp_port):
        return theirs.rtcp_port
    return min(theirs.port + 1, MAX_PORT)


def _is_payload_type(number: int | None) -> bool:
    return number is not None and 0 <= number < PAYLOAD_TYPES


def _is_ours(codec: Codec) -> bool:
    known = any(codec.name.upper() == ours.name for ours in OUR_CODECS)
    return known and codec.rate_hz == RATE_HZ and _is_payload_type(codec.payload_type)


def _first_common(theirs: MediaDescription) -> Codec:
    for codec in theirs.codecs:
        if _is_ours(codec):
            return Codec(codec.name.upper(), codec.payload_type)
    raise NoCommonCodec("no G.711 among the peer's formats")


def _accepted(theirs: MediaDescription) -> tuple[tuple[int, str], ...]:
    """The static numbers always (a peer may send what we offered under our numbers), its own numbers over them."""
    numbers = {ours.payload_type: ours.name for ours in OUR_CODECS}
    numbers |= {codec.payload_type: codec.name.upper() for codec in theirs.codecs if _is_ours(codec)}
    return tuple(sorted(numbers.items()))


def _digits_accepted(theirs: int | None) -> tuple[int, ...]:
    """The peer's number, and ours (which an answer with another number may still use); none if it takes no events."""
    return () if theirs is None else tuple(sorted({theirs, OUR_DIGITS_PAYLOAD_TYPE}))


def _check_address(address: str, family: int) -> bool:
    """Whether the peer takes audio (`0.0.0.0` and `::` are the old way of saying hold)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        raise UnusableAddress("the peer's audio address is no IP address") from None
    if parsed.is_unspecified:
        return False
    if parsed.version != family or parsed.is_multicast or "%" in address:
        raise UnusableAddress("the peer's audio address cannot be reached from ours")
    return True
