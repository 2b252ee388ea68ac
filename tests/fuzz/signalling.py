"""Targets of the signalling plane: bytes as they come off a socket, or as they stand in a header."""

from contextlib import suppress

from trebuchet.sip.core import UserAgentConfig
from trebuchet.sip.errors import Malformed, SipError
from trebuchet.sip.headers import NameAddress, Via
from trebuchet.sip.identity import diversions, privacy
from trebuchet.sip.message import (
    Message,
    Request,
    make_response,
    parse_message,
    validate_request,
    validate_response,
)
from trebuchet.sip.offer_answer import AudioFormat, AudioStream, SdpSession, read_audio
from trebuchet.sip.outputs import Address, IncomingInvite
from trebuchet.sip.sdp import parse_sdp
from trebuchet.sip.stream import StreamParser
from trebuchet.sip.uri import parse_uri
from trebuchet.testing.sip_party import SipParty

HERE: Address = ("192.0.2.1", 5060)
THERE: Address = ("192.0.2.9", 5061)
OURS = AudioStream("192.0.2.1", 5000, (AudioFormat(0, "PCMU"),))
ACCESSORS = (
    "via", "vias", "from_", "to", "call_id", "cseq", "contacts", "contact", "routes", "record_routes", "max_forwards",
    "content_type", "require", "supported", "allow",
)  # fmt: skip
MAX_TIMERS = 2000
"""More than all timers of one transaction; a user agent that still has some is hung."""


def check_message(data: bytes) -> None:
    """Any bytes are a message that prints what it read, or malformed; every header is a value or a 4xx to 6xx."""
    try:
        message = parse_message(data)
    except Malformed as error:
        if error.request is not None:
            _read(error.request)
        return
    _read(message)
    again = parse_message(message.to_bytes())
    assert (again.start_line(), again.body) == (message.start_line(), message.body)
    assert again.headers.get_all("via") == message.headers.get_all("via")


def _read(message: Message) -> None:
    for name in ACCESSORS:
        try:
            getattr(message, name)
        except SipError as error:
            assert 400 <= error.status < 700
    for read in (diversions, privacy, validate_request if isinstance(message, Request) else validate_response):
        with suppress(SipError):
            read(message)  # type: ignore[operator]  # each takes what it is given here
    if isinstance(message, Request):
        parse_message(make_response(message, 400, to_tag="t").to_bytes())


def check_stream(data: bytes) -> None:
    """What a TCP stream holds does not depend on the segments it came in."""
    if len(data) < 2:
        return
    step, stream = data[0] + 1, data[1:]
    whole, pieces = StreamParser(), StreamParser()
    expected = _feed(whole, [stream])
    found = _feed(pieces, [stream[at : at + step] for at in range(0, len(stream), step)])
    assert found == expected
    assert whole.has_failed == pieces.has_failed
    assert whole.pings == pieces.pings


def _feed(parser: StreamParser, chunks: list[bytes]) -> list[bytes]:
    found: list[bytes] = []
    for chunk in chunks:
        try:
            found += parser.feed(chunk)
        except Malformed:
            assert parser.has_failed
            break
        if parser.has_failed:
            break
    return found


def check_user_agent(data: bytes) -> None:
    """A user agent survives any datagram, answers its sender alone, and is empty when its timers have run out."""
    config = UserAgentConfig(local_address=lambda transport, host: HERE)
    party = SipParty(HERE, config=config)
    party.receive(data, THERE, 0.0)
    while (datagram := party.poll_datagram()) is not None:
        assert datagram.destination[0] == THERE[0]
        answer = parse_message(datagram.data)
        assert not isinstance(answer, Request)
    for invite in party.news_of(IncomingInvite):
        assert isinstance(invite, IncomingInvite)
        party.ua.reject(invite.leg, 486, 0.0)
    for _ in range(MAX_TIMERS):
        deadline = party.poll_timeout()
        if deadline is None:
            break
        party.handle_timeout(deadline)
        party.process()
    assert party.ua.is_idle


def check_description(data: bytes) -> None:
    """Any bytes are a session description that prints what it read and can be answered, or malformed."""
    try:
        sdp = parse_sdp(data)
    except Malformed:
        return
    again = parse_sdp(sdp.to_bytes())
    assert again.to_bytes() == sdp.to_bytes()
    assert [(m.formats, m.attributes) for m in again.media] == [(m.formats, m.attributes) for m in sdp.media]
    audio = read_audio(sdp)
    answer = parse_sdp(SdpSession(1).answer(sdp, OURS if audio else None))
    assert [m.kind for m in answer.media] == [m.kind for m in sdp.media]
    assert sum(m.port != 0 for m in answer.media) == (audio is not None)


def check_uri(data: bytes) -> None:
    """Any text is an address that reads the same when printed, on one line, or malformed."""
    text = data.decode("utf-8", "surrogateescape")
    for parse in (parse_uri, NameAddress.parse, Via.parse):
        try:
            value = parse(text)
        except Malformed:
            continue
        printed = str(value)
        assert not set(printed) & set("\r\n\0")
        assert parse(printed) == value
