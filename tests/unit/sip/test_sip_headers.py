"""Header values: text to value and back, leniency, and exact refusals."""

import pytest

from trebuchet.sip.errors import Malformed, Unprintable
from trebuchet.sip.headers import CSeq, NameAddress, RAck, SessionExpires, Via, parse_seconds
from trebuchet.sip.uri import parse_uri

ADDRESSES = [
    ("<sip:a@h>", NameAddress("", "sip:a@h")),
    ('"Alice B." <sip:a@h;lr>;tag=x', NameAddress("Alice B.", "sip:a@h;lr", (("tag", "x"),))),
    ('"say \\"hi\\" \\\\" <sip:a@h>', NameAddress('say "hi" \\', "sip:a@h")),
    ('<sip:a@h>;x="a;b,c";y', NameAddress("", "sip:a@h", (("x", '"a;b,c"'), ("y", None)))),
    ("<http://example.com/a,b>", NameAddress("", "http://example.com/a,b")),
    ("*", NameAddress("", "*")),
]
LENIENT = [
    ("sip:a@h;tag=1", "<sip:a@h>;tag=1"),
    ("Alice <sip:a@h>", '"Alice" <sip:a@h>'),
    ("Bell, Alexander <sip:a@h>;tag=43", '"Bell, Alexander" <sip:a@h>;tag=43'),
    ("  <  sip:a@h  >  ; tag = 1 ", "<sip:a@h>;tag=1"),
    ("Alice<sip:a@h>", '"Alice" <sip:a@h>'),
]


@pytest.mark.parametrize(("text", "value"), ADDRESSES)
def test_address(text: str, value: NameAddress) -> None:
    assert NameAddress.parse(text) == value
    assert str(value) == text


@pytest.mark.parametrize(("text", "printed"), LENIENT)
def test_lenient_address(text: str, printed: str) -> None:
    assert str(NameAddress.parse(text)) == printed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "alice",
        '"Alice <sip:a@h>',
        "<sip:a@h",
        "sip:a@h?Route=x",
        "<sip:a@h>;;tag=1",
        "<sip:a@h>;",
        "<sip:a@h> x",
        "<sip:a b@h>",
        "<sip:a@h>;tag=a b",
        '<sip:a@h>;x="a\0"',
        "sip:a@h, sip:b@h",
    ],
)
def test_malformed_address(text: str) -> None:
    with pytest.raises(Malformed):
        NameAddress.parse(text)


def test_many_addresses() -> None:
    lines = ['"a, b" <sip:a,b@h>;x="1,2", <sip:c@h>', "sip:d@h"]
    assert [address.uri_text for address in NameAddress.parse_many(lines)] == ["sip:a,b@h", "sip:c@h", "sip:d@h"]
    with pytest.raises(Malformed):
        NameAddress.parse_many(["<sip:a@h>,,<sip:b@h>"])


def test_tags() -> None:
    address = NameAddress.of(parse_uri("sip:a@h"), "A").with_tag("1")
    assert address.tag == "1" and address.with_tag("2").tag == "2" and address.without_tag().tag is None
    assert str(address.with_tag("2")) == '"A" <sip:a@h>;tag=2'
    assert NameAddress.parse("<sip:a@h>;TAG=x").tag == "x"


@pytest.mark.parametrize(
    "address",
    [
        NameAddress("a\r\nX: y", "sip:a@h"),
        NameAddress("", "sip:a@h>\r\nX: y"),
        NameAddress("", "sip:a@h>;tag=1"),
        NameAddress("", "sip:a@h", (("tag", "1\r\nX: y"),)),
        NameAddress("", "sip:a@h", (("tag", "1;x"),)),
        NameAddress("", "sip:a@h", (("a b", None),)),
    ],
)
def test_unprintable_address(address: NameAddress) -> None:
    with pytest.raises(Unprintable):
        str(address)


VIAS = [
    ("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport", ("UDP", "192.0.2.1", 5060, "z9hG4bK1")),
    ("SIP/2.0/TLS [2001:db8::1];branch=x", ("TLS", "2001:db8::1", None, "x")),
    ("SIP/2.0/TCP my_host;received=[::1]", ("TCP", "my_host", None, None)),
]


@pytest.mark.parametrize(("text", "expected"), VIAS)
def test_via(text: str, expected: tuple[str, str, int | None, str | None]) -> None:
    via = Via.parse(text)
    assert (via.transport, via.host, via.port, via.branch) == expected
    assert str(via) == text


def test_via_with_rport() -> None:
    via = Via.parse("SIP / 2.0 / UDP  first.example.com : 4000 ;rport ; branch = a")
    assert via.wants_rport and via.rport is None and via.received is None
    noted = via.with_param("received", "192.0.2.9").with_param("rport", "1234")
    assert (noted.received, noted.rport) == ("192.0.2.9", 1234)
    assert str(noted) == "SIP/2.0/UDP first.example.com:4000;rport=1234;branch=a;received=192.0.2.9"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/1.0/UDP h",
        "HTTP/2.0/UDP h",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP h:99999",
        "SIP/2.0/UDP h x",
        "SIP/2.0/UDP h;;a",
    ],
)
def test_malformed_via(text: str) -> None:
    with pytest.raises(Malformed):
        Via.parse(text)


def test_via_rport_out_of_range_is_malformed_when_asked() -> None:
    with pytest.raises(Malformed):
        _ = Via.parse("SIP/2.0/UDP h;rport=65536").rport


def test_numbers() -> None:
    assert CSeq.parse(" 0009 \t INVITE") == CSeq(9, "INVITE")
    assert str(CSeq(2147483647, "BYE")) == "2147483647 BYE"
    assert RAck.parse("776656 1 INVITE") == RAck(776656, 1, "INVITE") and str(RAck(1, 2, "A")) == "1 2 A"
    assert SessionExpires.parse("1800 ; refresher=UAS") == SessionExpires(1800, "uas")
    assert str(SessionExpires(90, "uac")) == "90;refresher=uac" and str(SessionExpires(90)) == "90"
    assert parse_seconds("120 (busy);duration=3") == 120


@pytest.mark.parametrize("text", ["", "1", "INVITE 1", "2147483648 INVITE", "-1 INVITE", "1 IN VITE", "١ INVITE"])
def test_malformed_cseq(text: str) -> None:
    with pytest.raises(Malformed):
        CSeq.parse(text)


@pytest.mark.parametrize("text", ["", "x", "1800;refresher=both", "9" * 30])
def test_malformed_session_expires(text: str) -> None:
    with pytest.raises(Malformed):
        SessionExpires.parse(text)
