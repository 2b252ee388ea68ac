"""XML from strangers: what is refused, before anything of it costs more than its bytes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trebuchet.bxml.errors import DocumentError, DocumentTooLarge, NotXml
from trebuchet.bxml.parse import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, looks_like_xml, parse_xml
from trebuchet.bxml.wire import read_document

BASE = "https://app.example/voice/answer"


def test_an_element_is_read_with_attributes_text_and_children() -> None:
    root = parse_xml(b'<?xml version="1.0"?>\n<Response>\n<A b="c&amp;d">x<!-- no -->&lt;y</A></Response>')
    (child,) = root.children
    assert (root.name, root.line, child.name, child.line) == ("Response", 2, "A", 3)
    assert (child.attributes, child.text) == ({"b": "c&d"}, "x<y")


UTF_16 = b'<?xml version="1.0" encoding="UTF-16"?><Response/>'
"""What one library declares of bytes that its web server sends as UTF-8."""


@pytest.mark.parametrize("body", [b"<Response/>", b"\xef\xbb\xbf<Response/>", b" \r\n\t<Response/>", UTF_16])
def test_the_first_visible_character_makes_it_a_document(body: bytes) -> None:
    assert looks_like_xml(body) and parse_xml(body).name == "Response"


@pytest.mark.parametrize("body", [b"", b"OK", b"{}", b" \n", b'{"a": "<Response/>"}'])
def test_anything_else_is_no_document(body: bytes) -> None:
    assert not looks_like_xml(body)


BOMB = b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Response>&b;</Response>'


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        b'<!DOCTYPE r SYSTEM "http://127.0.0.1/x.dtd"><Response/>',
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Response>&x;</Response>',
        b'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1/p"> %p;]><Response/>',
        b"<!DOCTYPE Response><Response/>",
        b"<Response>&undefined;</Response>",
        b"<Response>",
        b"<Response></response>",
        b"<Response/><Response/>",
        b'<Response a="1" a="2"/>',
        b"<Response>\x00</Response>",
        b"<Response>\xff</Response>",
        "<Response/>".encode("utf-16"),
        b"",
    ],
)
def test_dangers_and_mistakes_are_refused(body: bytes) -> None:
    with pytest.raises(NotXml):
        parse_xml(body)


def test_bytes_depth_and_elements_are_bounded() -> None:
    frame = len(b"<Response></Response>")
    parse_xml(b"<Response>" + b" " * (MAX_BYTES - frame) + b"</Response>")
    for body in (
        b"<Response>" + b" " * (MAX_BYTES - frame + 1) + b"</Response>",
        b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1),
        b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>",
    ):
        with pytest.raises(DocumentTooLarge):
            parse_xml(body)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_an_error(body: bytes) -> None:
    with contextlib.suppress(DocumentError):
        read_document(body, BASE)


SAMPLE = (
    b'<Response><Gather requestUrl="/g" maxDigits="2" tag="t"><PlayAudio repeatCount="2">http://a.example/x</PlayAudio>'
    b'</Gather><Transfer transferTo="+19195550144"><PhoneNumber>sip:a@b</PhoneNumber><Record/></Transfer></Response>'
)


@given(st.integers(0, len(SAMPLE) - 1), st.binary(max_size=4), st.integers(0, 4))
def test_a_damaged_document_is_a_document_or_an_error(at: int, put: bytes, cut: int) -> None:
    with contextlib.suppress(DocumentError):
        read_document(SAMPLE[:at] + put + SAMPLE[at + cut :], BASE)
