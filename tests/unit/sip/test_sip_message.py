"""Messages: parsing, printing, bounds, headers as a list, responses made from requests."""

import pytest

from trebuchet.sip.errors import Malformed, SipError, Unprintable
from trebuchet.sip.message import (
    MAX_HEADER_LINES,
    MAX_LINE,
    MAX_MESSAGE_BYTES,
    Headers,
    Request,
    Response,
    make_response,
    parse_message,
    validate_request,
)

BASE = (
    "INVITE sip:bob@example.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport\r\n"
    "Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb\r\n"
    "Max-Forwards: 70\r\n"
    "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n"
    "From: Alice <sip:alice@example.com>;tag=1\r\n"
    "To: <sip:bob@example.com>\r\n"
    "Call-ID: abc@192.0.2.1\r\n"
    "CSeq: 1 INVITE\r\n"
    "Timestamp: 54\r\n"
    "k: timer, 100REL\r\n"
    "Allow: INVITE, ACK\r\n"
    "Contact: <sip:alice@192.0.2.1>\r\n"
    "Content-Type: Application/SDP;charset=x\r\n"
    "Content-Length: 4\r\n\r\n"
    "v=0\n"
)


def sound() -> Request:
    request = parse_message(BASE.encode())
    assert isinstance(request, Request)
    validate_request(request)
    return request


def changed(old: str, new: str) -> bytes:
    assert old in BASE
    return BASE.replace(old, new).encode("utf-8", "surrogateescape")


def test_request_values() -> None:
    request = sound()
    assert (request.method, request.uri_text, request.body) == ("INVITE", "sip:bob@example.com", b"v=0\n")
    assert request.via.branch == "z9hG4bKa" and len(request.vias) == 2
    assert request.from_.tag == "1" and request.to.tag is None
    assert (request.cseq.number, request.call_id, request.max_forwards) == (1, "abc@192.0.2.1", 70)
    assert request.supported == {"timer", "100rel"} and request.allow == {"INVITE", "ACK"}
    assert request.require == frozenset() and request.routes == []
    assert [route.uri.host for route in request.record_routes] == ["p1", "p2"]
    assert request.content_type == "application/sdp"
    assert request.contact is not None and request.contact.uri.host == "192.0.2.1"


def test_prints_what_it_read() -> None:
    assert sound().to_bytes() == BASE.encode()


def test_folding_compact_names_and_odd_bytes() -> None:
    data = b"OPTIONS sip:a SIP/2.0\r\nv: x,\r\n\ty\r\nX-Name: caf\xe9 \xff\r\nVIA: z\r\nl: 0\r\n\r\n"
    message = parse_message(data)
    assert message.headers.get_all("Via") == ["x, y", "z"]
    assert message.headers.values("via") == ["x", "y", "z"]
    assert b"X-Name: caf\xe9 \xff\r\n" in message.to_bytes()


def test_accessors_follow_changes() -> None:
    request = sound()
    assert request.via.host == "192.0.2.1"
    request.headers.insert_first("Via", "SIP/2.0/UDP new;branch=z9hG4bKc")
    assert request.via.host == "new" and [via.host for via in request.vias] == ["new", "192.0.2.1", "192.0.2.2"]
    request.headers.set("To", "<sip:x@y>;tag=9")
    assert request.to.tag == "9"
    request.headers.remove("contact")
    assert request.contact is None and request.contacts == []


def test_header_list() -> None:
    headers = Headers([("Via", "a"), ("X-One", "1"), ("v", "b")])
    assert "via" in headers and "V" in headers and "x-one" in headers and "nope" not in headers
    assert headers.get("VIA") == "a" and headers.count("via") == 2 and len(headers) == 3
    headers.set("Via", "c")
    assert list(headers) == [("Via", "c"), ("X-One", "1")]
    headers.insert_first("Route", "r")
    copy = headers.copy()
    copy.add("X-Two", "2")
    assert [name for name, _ in headers] == ["Route", "Via", "X-One"] and len(copy) == 4
    headers.remove("absent")
    assert headers == Headers([("route", "r"), ("v", "c"), ("x-one", "1")])
    assert headers.get("absent") is None and headers.get_all("absent") == []


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "\ud800"])
@pytest.mark.parametrize("verb", ["add", "insert_first", "set"])
def test_header_injection_is_refused(verb: str, value: str) -> None:
    headers = Headers([("Subject", "old")])
    with pytest.raises(Unprintable):
        getattr(headers, verb)("Subject", value)
    with pytest.raises(Unprintable):
        getattr(headers, verb)("Sub: ject", "x")
    assert list(headers) == [("Subject", "old")]


def test_start_line_injection_is_refused() -> None:
    for method, uri in (("IN VITE", "sip:a"), ("INVITE", "sip:a\r\nX: y"), ("INVITE", "sip:a b"), ("INVITE", "")):
        with pytest.raises(Unprintable):
            Request(method, uri)
    for status, reason in ((200, "OK\r\nX: y"), (99, None), (700, None)):
        with pytest.raises(Unprintable):
            Response(status, reason)


@pytest.mark.parametrize(
    ("data", "status", "answerable"),
    [
        (b"", 400, False),
        (b"\r\n\r\n", 400, False),
        (b"\0\0\0\0", 400, False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, True),
        (b"SIP/2.0 99 x\r\nVia: a\r\n\r\n", 400, False),
        (b"SIP/2.0 2000 x\r\nVia: a\r\n\r\n", 400, False),
        (b"SIP/3.0 200 x\r\nVia: a\r\n\r\n", 400, False),
        (changed("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), 505, True),
        (changed("Content-Length: 4", "Content-Length: 5"), 400, True),
        (changed("Content-Length: 4", "Content-Length: 4\r\nl: 3"), 400, True),
        (changed("Content-Length: 4", "Content-Length: 4x"), 400, True),
        (changed("Timestamp: 54", "Timestamp: 5\r4"), 400, True),
        (changed("Timestamp: 54", "Timestamp: 5\n4"), 400, True),
        (changed("Timestamp: 54", "Timestamp 54"), 400, True),
        (changed("Timestamp: 54", ": 54"), 400, True),
        (changed("Timestamp: 54", "Time stamp: 54"), 400, True),
        (changed("Timestamp: 54", "X: " + "a" * MAX_LINE), 400, True),
        (changed("Timestamp: 54", "\r\n".join(["X: 1"] * MAX_HEADER_LINES)), 400, True),
        (changed("bob@example.com SIP", "b" * MAX_LINE + " SIP"), 414, True),
        (BASE.encode().partition(b"\r\n\r\n")[0], 400, True),
        (BASE.encode() + b"x" * MAX_MESSAGE_BYTES, 513, False),
    ],
)
def test_malformed(data: bytes, status: int, answerable: bool) -> None:
    with pytest.raises(Malformed) as caught:
        parse_message(data)
    assert caught.value.status == status
    assert (caught.value.request is not None) == answerable


def test_body_after_content_length_is_cut() -> None:
    assert parse_message(changed("Content-Length: 4", "Content-Length: 2")).body == b"v="
    assert parse_message(changed("Content-Length: 4\r\n", "")).body == b"v=0\n"
    assert parse_message(changed("Content-Length: 4", "Content-Length: 4\r\nl: 4")).body == b"v=0\n"


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (
            "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb\r\n",
            "",
            400,
        ),
        ("From: Alice <sip:alice@example.com>;tag=1\r\n", "", 400),
        ("To: <sip:bob@example.com>\r\n", "", 400),
        ("Call-ID: abc@192.0.2.1\r\n", "", 400),
        ("Call-ID: abc@192.0.2.1", "Call-ID: a b", 400),
        ("Call-ID: abc@192.0.2.1", "Call-ID: a\0b", 400),
        ("CSeq: 1 INVITE\r\n", "", 400),
        ("CSeq: 1 INVITE", "CSeq: 1 BYE", 400),
        ("CSeq: 1 INVITE", "CSeq: 1 INVITE\r\nCSeq: 1 INVITE", 400),
        ("Max-Forwards: 70", "Max-Forwards: 256", 400),
        ("Max-Forwards: 70", "Max-Forwards: x", 400),
        ("Max-Forwards: 70", "Max-Forwards: 70\r\nMax-Forwards: 70", 400),
        ("Contact: <sip:alice@192.0.2.1>", "Contact: <sip:alice@192.0.2.1", 400),
        ("branch=z9hG4bKa", "branch=z9hG4bK", 400),
        ("INVITE sip:bob@example.com", "INVITE http://example.com", 416),
        ("INVITE sip:bob@example.com", "INVITE sip:bob@example.com?x=y", 400),
        ("Timestamp: 54", "Expires: soon", 400),
    ],
)
def test_unsound(old: str, new: str, status: int) -> None:
    request = parse_message(changed(old, new))
    assert isinstance(request, Request)
    with pytest.raises(SipError) as caught:
        validate_request(request)
    assert caught.value.status == status


def test_make_response() -> None:
    request = sound()
    ringing = make_response(request, 180, to_tag="t")
    assert ringing.to_bytes() == (
        b"SIP/2.0 180 Ringing\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb\r\n"
        b"Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n"
        b"From: Alice <sip:alice@example.com>;tag=1\r\n"
        b"To: <sip:bob@example.com>;tag=t\r\n"
        b"Call-ID: abc@192.0.2.1\r\n"
        b"CSeq: 1 INVITE\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    trying = make_response(request, 100)
    assert trying.headers.get("timestamp") == "54" and trying.to.tag is None and trying.record_routes == []
    refusal = make_response(request, 486, "Busy, sorry", "t")
    assert refusal.start_line() == "SIP/2.0 486 Busy, sorry" and refusal.record_routes == []


def test_make_response_keeps_an_existing_tag_and_raw_bytes() -> None:
    request = parse_message(changed("To: <sip:bob@example.com>", "To: <sip:bob@example.com>;tag=mine"))
    assert isinstance(request, Request)
    assert make_response(request, 200, to_tag="other").to.tag == "mine"
    raw = parse_message(changed("To: <sip:bob", 'To: "\\\0 \udcff" <sip:bob'))
    assert isinstance(raw, Request)
    assert b'To: "\\\0 \xff" <sip:bob@example.com>;tag=t\r\n' in make_response(raw, 200, to_tag="t").to_bytes()
    with pytest.raises(Unprintable):
        make_response(request, 200, "OK\r\nX: y")
    with pytest.raises(Unprintable):
        make_response(sound(), 200, to_tag="a\r\nX: y")


def test_unknown_status_gets_the_phrase_of_its_class() -> None:
    assert Response(299).reason == "OK" and Response(499).reason == "Bad Request"
