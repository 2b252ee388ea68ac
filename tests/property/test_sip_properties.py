"""The message layer under arbitrary input: round trips, no exception but ours, no way out of a header."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trebuchet.sip.auth import Challenge, Credentials, authorize, parse_challenges, pick_challenge
from trebuchet.sip.auth_server import parse_authorization
from trebuchet.sip.errors import Malformed, SipError, Unprintable
from trebuchet.sip.headers import CSeq, NameAddress, RAck, SessionExpires, Via
from trebuchet.sip.identity import diversions, parse_diversion, privacy
from trebuchet.sip.message import (
    Headers,
    Message,
    Request,
    Response,
    make_response,
    parse_message,
    validate_request,
    validate_response,
)
from trebuchet.sip.offer_answer import AudioFormat, AudioStream, SdpSession, read_audio
from trebuchet.sip.sdp import parse_sdp
from trebuchet.sip.stream import StreamParser
from trebuchet.sip.uri import SipUri, parse_uri

TOKEN = st.text(string.ascii_letters + string.digits + "-.!%*_+`'~", min_size=1, max_size=12)
ANY_TEXT = st.text(max_size=40)
WIRE_TEXT = st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
USER = st.text(string.ascii_letters + string.digits + "-_.!~*'()&=+$,;?/", max_size=12)
HOST = st.one_of(
    st.text(string.ascii_letters + string.digits + "-._", min_size=1, max_size=15),
    st.ip_addresses().map(str),
)
PORT = st.none() | st.integers(0, 65535)
PARAM_TEXT = st.text(string.ascii_letters + string.digits + "-_.!~*'()[]/:&+$", min_size=1, max_size=8)
URI_PARAMS = st.lists(st.tuples(PARAM_TEXT, st.none() | PARAM_TEXT), max_size=3).map(tuple)
URI_HEADERS = st.lists(
    st.tuples(TOKEN.filter(lambda t: not set(t) & set("%`")), PARAM_TEXT.map(lambda t: t.replace("&", ""))), max_size=2
).map(tuple)
PARAM_VALUE = st.text(string.ascii_letters + string.digits + "-._[]:/", min_size=1, max_size=8)
PARAMS = st.lists(st.tuples(TOKEN, st.none() | PARAM_VALUE), max_size=3).map(tuple)
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=15)


@st.composite
def uris(draw: st.DrawFn) -> SipUri:
    user = draw(st.none() | USER)
    return SipUri(
        draw(st.sampled_from(["sip", "sips"])),
        user,
        draw(st.none() | USER) if user is not None else None,
        draw(HOST),
        draw(PORT),
        draw(URI_PARAMS),
        draw(URI_HEADERS),
    )


@given(uris())
def test_uri_round_trip(uri: SipUri) -> None:
    assert parse_uri(str(uri)) == uri


@given(NAME, uris(), PARAMS)
def test_address_round_trip(name: str, uri: SipUri, params: tuple[tuple[str, str | None], ...]) -> None:
    address = NameAddress.of(uri, name, params)
    assert NameAddress.parse(str(address)) == address
    assert NameAddress.parse_many([f"{address}, {address}"]) == [address, address]


@given(TOKEN, HOST, PORT, PARAMS)
def test_via_round_trip(
    transport: str, host: str, port: int | None, params: tuple[tuple[str, str | None], ...]
) -> None:
    via = Via(transport, host, port, params)
    assert Via.parse(str(via)) == via
    assert Via.parse_many([f"{via}, {via}"]) == [via, via]


@given(st.integers(0, 2**31 - 1), TOKEN, st.integers(0, 2**32 - 1), st.sampled_from(["uac", "uas", None]))
def test_number_round_trips(number: int, method: str, seconds: int, refresher: str | None) -> None:
    for value in (CSeq(number, method), RAck(seconds, number, method), SessionExpires(seconds, refresher)):
        assert type(value).parse(str(value)) == value


PARSERS = [
    parse_uri,
    NameAddress.parse,
    Via.parse,
    CSeq.parse,
    RAck.parse,
    SessionExpires.parse,
    lambda text: NameAddress.parse_many([text]),
    lambda text: Via.parse_many([text]),
    parse_diversion,
    lambda text: parse_challenges([text]),
    parse_authorization,
]
STARTS = st.sampled_from(
    [
        "",
        "sip:",
        "tel:",
        "<sip:a@h",
        '"',
        '"a" <sip:a@h>;',
        "SIP/2.0/UDP h;",
        "1 ",
        "Digest ",
        'Digest realm="r", nonce="n"',
    ]
)


@pytest.mark.parametrize("parse", PARSERS)
@given(start=STARTS, text=WIRE_TEXT)
def test_any_value_parses_or_is_malformed(parse: object, start: str, text: str) -> None:
    assert callable(parse)
    try:
        value = parse(start + text)
    except Malformed:
        return
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, SipUri | NameAddress | Via | CSeq | RAck | SessionExpires):
            printed = str(item)
            assert not set(printed) & set("\r\n\0")
            assert type(item) is SipUri or item.parse(printed) == item
            assert type(item) is not SipUri or parse_uri(printed) == item


def read_everything(message: Message) -> None:
    """Every accessor, as a peer could make us call it; each gives a value or `SipError`."""
    for name in ("via", "vias", "from_", "to", "call_id", "cseq", "contacts", "contact", "routes"):
        attempt(lambda name=name: getattr(message, name))
    for name in ("record_routes", "max_forwards", "content_type", "require", "supported", "allow"):
        attempt(lambda name=name: getattr(message, name))
    attempt(lambda: diversions(message))
    attempt(lambda: privacy(message))
    attempt(lambda: read_audio(parse_sdp(message.body)))
    if isinstance(message, Request):
        attempt(lambda: validate_request(message))
        attempt(lambda: message.uri)
        make_response(message, 400, to_tag="t").to_bytes()
        make_response(message, 180, to_tag="t").to_bytes()
    elif isinstance(message, Response):
        attempt(lambda: validate_response(message))


def attempt(act: object) -> None:
    assert callable(act)
    try:
        act()
    except SipError as error:
        assert 400 <= error.status < 700


HEADER_LINE = st.builds(
    lambda name, value: name + b": " + value,
    st.sampled_from(
        [b"Via", b"From", b"t", b"To", b"i", b"CSeq", b"Contact", b"m", b"Route", b"Content-Length", b"X-Y"]
    )
    | st.binary(max_size=10),
    st.sampled_from([b"SIP/2.0/UDP h;branch=z9hG4bK1", b"<sip:a@h>;tag=1", b"1 INVITE", b"a@h", b"0", b"*"])
    | st.binary(max_size=40),
)
MESSAGES = st.builds(
    lambda start, lines, body: b"\r\n".join([start, *lines]) + b"\r\n\r\n" + body,
    st.sampled_from([b"INVITE sip:a@h SIP/2.0", b"SIP/2.0 200 OK", b"BYE sip:a SIP/2.1"]) | st.binary(max_size=40),
    st.lists(HEADER_LINE, max_size=12),
    st.binary(max_size=60),
)


@settings(max_examples=300)
@given(MESSAGES | st.binary(max_size=200))
def test_any_bytes_give_a_message_or_malformed(data: bytes) -> None:
    try:
        message = parse_message(data)
    except Malformed as error:
        if error.request is not None:
            read_everything(error.request)
        return
    read_everything(message)
    again = parse_message(message.to_bytes())
    assert again.headers.get_all("via") == message.headers.get_all("via")
    assert (again.start_line(), again.body) == (message.start_line(), message.body)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_header_injection_is_impossible(name: str, value: str, reason: str, tag: str) -> None:
    """Whatever strings we are told to send, a parser sees the headers we meant, or nothing was built."""
    name = "X-" + name
    try:
        headers = Headers([("Via", "SIP/2.0/UDP h"), (name, value)])
        response = Response(200, reason, headers, b"body")
        response.headers.add("To", str(NameAddress(value, "sip:a@h").with_tag(tag)))
        data = response.to_bytes()
    except Unprintable:
        return
    again = parse_message(data)
    assert isinstance(again, Response) and again.reason == reason and again.body == b"body"
    assert again.to.tag == (tag or None)
    assert len(again.headers) == 4 and again.headers.get_all(name) == [value.strip(" \t")]


@given(ANY_TEXT, ANY_TEXT)
def test_request_line_injection_is_impossible(method: str, uri: str) -> None:
    try:
        data = Request(method, uri, Headers([("Via", "x")])).to_bytes()
    except Unprintable:
        return
    try:
        again = parse_message(data)
    except Malformed:
        return
    assert isinstance(again, Request) and (again.method, again.uri_text, len(again.headers)) == (method, uri, 2)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, WIRE_TEXT)
def test_authorization_injection_is_impossible(username: str, password: str, uri: str, realm: str) -> None:
    try:
        value = authorize(Challenge(realm, "n"), Credentials(username, password), "INVITE", uri, 1, "c")
    except Unprintable:
        return
    claim = parse_authorization(value)
    assert claim is not None and (claim.username, claim.realm, claim.uri) == (username, realm, uri)


@given(WIRE_TEXT)
def test_a_parsed_challenge_can_be_answered(text: str) -> None:
    try:
        challenge = pick_challenge(parse_challenges([f'Digest realm="r", nonce="n", {text}']))
    except Malformed:
        return
    if challenge is not None:
        assert "\r" not in authorize(challenge, Credentials("u", "p"), "INVITE", "sip:a", 1, "c")


SDP_LINE = st.one_of(
    st.sampled_from(
        (
            b"o=- 1 1 IN IP4 h\ns=-\nc=IN IP4 1.2.3.4\nt=0 0\nm=audio 4 RTP/AVP 0 96\nm=video 4 x y\nb=AS:1\n"
            b"a=rtpmap:96 x/8000\na=sendonly\na=ptime:20\nk=x\ni=x\na=rtcp:5 IN IP4 h"
        ).split(b"\n")
    ),
    st.binary(max_size=20),
    st.binary(max_size=10).map(lambda raw: b"a=rtpmap:" + raw),
)
OURS = AudioStream("192.0.2.1", 5000, (AudioFormat(0, "PCMU"),))


@given(st.lists(SDP_LINE, max_size=12))
def test_any_session_description(lines: list[bytes]) -> None:
    try:
        sdp = parse_sdp(b"\r\n".join([b"v=0", *lines]))
    except Malformed:
        return
    again = parse_sdp(sdp.to_bytes())
    assert again.to_bytes() == sdp.to_bytes()
    assert sorted(again.extras) == sorted(sdp.extras)
    assert (again.origin, again.connection, again.attributes) == (sdp.origin, sdp.connection, sdp.attributes)
    assert [(m.formats, m.attributes) for m in again.media] == [(m.formats, m.attributes) for m in sdp.media]
    audio = read_audio(sdp)
    answer = parse_sdp(SdpSession(1).answer(sdp, OURS if audio else None))
    assert [m.kind for m in answer.media] == [m.kind for m in sdp.media]
    assert sum(m.port != 0 for m in answer.media) == (audio is not None)
    assert (read_audio(answer) is None) == (audio is None)


@given(st.lists(st.binary(max_size=30), max_size=4), st.lists(st.integers(1, 20), min_size=1, max_size=30))
def test_stream_framing_does_not_depend_on_segments(bodies: list[bytes], sizes: list[int]) -> None:
    messages = [b"MESSAGE sip:a SIP/2.0\r\nl: %d\r\n\r\n" % len(body) + body for body in bodies]
    data, parser, found, at = b"".join(messages), StreamParser(), [], 0
    while at < len(data):
        for size in sizes:
            found += parser.feed(data[at : at + size])
            at += size
    assert found == messages and parser.pings == 0


@given(st.lists(st.binary(max_size=80) | st.sampled_from([b"\r\n\r\n", b"l: 3", b"\r\nl: 3\r\n\r\nabc"]), max_size=8))
def test_any_stream_gives_messages_or_malformed(chunks: list[bytes]) -> None:
    parser = StreamParser()
    for chunk in chunks:
        try:
            for data in parser.feed(chunk):
                attempt(lambda data=data: parse_message(data))
        except Malformed:
            assert parser.has_failed
            return
