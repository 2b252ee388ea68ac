"""URIs: text to value and back, and what is refused with which status."""

import pytest

from trebuchet.sip.errors import Malformed, Unprintable
from trebuchet.sip.uri import SipUri, escape_user, parse_uri

PAIRS = [
    ("sip:example.com", SipUri("sip", None, None, "example.com")),
    ("sip:+12025550123@192.0.2.1:5070", SipUri("sip", "+12025550123", None, "192.0.2.1", 5070)),
    ("sips:bob@[2001:db8::1]:5061", SipUri("sips", "bob", None, "2001:db8::1", 5061)),
    ("sip:[::ffff:192.0.2.1]", SipUri("sip", None, None, "::ffff:192.0.2.1")),
    ("sip:sipp1", SipUri("sip", None, None, "sipp1")),
    ("sip:a@my_host", SipUri("sip", "a", None, "my_host")),
    ("sip:alice:secret@h", SipUri("sip", "alice", "secret", "h")),
    ("sip:@h", SipUri("sip", "", None, "h")),
    ("sip:a;b=c?d/e@h", SipUri("sip", "a;b=c?d/e", None, "h")),
    ("sip:a%3Bb@h", SipUri("sip", "a%3Bb", None, "h")),
    (
        "sip:a@h;transport=TCP;lr;x=",
        SipUri("sip", "a", None, "h", None, (("transport", "TCP"), ("lr", None), ("x", ""))),
    ),
    (
        "sip:a@h?Replaces=1%40h%3Bto-tag%3D2&Subject=",
        SipUri("sip", "a", None, "h", None, (), (("Replaces", "1%40h%3Bto-tag%3D2"), ("Subject", ""))),
    ),
    ("sip:h;maddr=[::1]?a=b", SipUri("sip", None, None, "h", None, (("maddr", "[::1]"),), (("a", "b"),))),
    ("tel:+1-202-555-0123", SipUri("tel", "+1-202-555-0123", None, "")),
    ("tel:911;phone-context=+1", SipUri("tel", "911", None, "", None, (("phone-context", "+1"),))),
]


@pytest.mark.parametrize(("text", "value"), PAIRS, ids=[text for text, _ in PAIRS])
def test_text_and_value(text: str, value: SipUri) -> None:
    assert parse_uri(text) == value
    assert str(value) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("SIP:a@h", "sip:a@h"),
        ("sip:müller@h", "sip:m%C3%BCller@h"),
        ("sip:100%@h", "sip:100%25@h"),
        ("sip:a|b@h;x=|", "sip:a%7Cb@h;x=%7C"),
        ("sip:a@h?x=a@b", "sip:a@h?x=a%40b"),
    ],
)
def test_lenient_text_is_printed_correctly(text: str, printed: str) -> None:
    assert str(parse_uri(text)) == printed
    assert parse_uri(printed) == parse_uri(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@",
        "sip:a@",
        "sip:a b@h",
        "sip:a@h ",
        "<sip:a@h>",
        "sip:a@h;",
        "sip:a@h;;lr",
        "sip:a@h;=1",
        "sip:a@h?",
        "sip:a@h:65536",
        "sip:a@h:port",
        "sip:a@h:",
        "sip:a@[::1",
        "sip:a@h\r\nX: y",
        "sip:a\0@h",
        "sip:a@b@c",
        "tel:",
        "sip:a\ud800@h",
        "example.com",
        ":x",
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_uri(text)
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ["http://example.com/a", "isbn:2983792873", "soap.beep://192.0.2.103:3002"])
def test_unknown_scheme(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_uri(text)
    assert caught.value.status == 416


@pytest.mark.parametrize(
    "value",
    [
        SipUri("sip", "a", None, "h\r\nX: y"),
        SipUri("sip", "a", None, ""),
        SipUri("sip", "a", None, "h;lr"),
        SipUri("http", "a", None, "h"),
        SipUri("sip", "a", None, "h", 70000),
        SipUri("sip", "a\ud800", None, "h"),
    ],
)
def test_unprintable(value: SipUri) -> None:
    with pytest.raises(Unprintable):
        str(value)


def test_what_we_build_cannot_break_out() -> None:
    hostile = 'a@evil>\r\nX: y; "?'
    uri = SipUri("sip", hostile, None, "h", None, (("x", hostile),), (("y", hostile),))
    text = str(uri)
    assert not set(text) & set('\r\n<>" ')
    assert parse_uri(text).host == "h"
    assert parse_uri(text).user_text == hostile


def test_escape_user() -> None:
    for user in ("plain", "50%40", "a@b c", "ü"):
        assert SipUri("sip", escape_user(user), None, "h").user_text == user
    with pytest.raises(Unprintable):
        escape_user("a\r\nb")


def test_params_and_replace() -> None:
    uri = parse_uri("sip:a@h;LR;Transport=UDP")
    assert uri.is_lr and uri.transport == "udp"
    assert (uri.param("lr"), uri.param("maddr"), uri.has_param("lr")) == ("", None, True)
    assert str(uri.replace(params=(), port=5080)) == "sip:a@h:5080"
