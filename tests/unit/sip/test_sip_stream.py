"""Framing on TCP: whole messages whatever the segments, keep-alives, bounds, linear cost."""

import pytest

from trebuchet.sip.errors import Malformed
from trebuchet.sip.message import MAX_MESSAGE_BYTES, parse_message
from trebuchet.sip.stream import StreamParser


def message(body: bytes = b"", length: str | None = None) -> bytes:
    header = f"Content-Length: {len(body)}" if length is None else length
    return b"MESSAGE sip:a SIP/2.0\r\nVia: x\r\n" + header.encode() + b"\r\n\r\n" + body


THREE = [message(b"one\r\n\r\none"), message(), message(b"x" * 500, "l : \r\n\t500")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_any_segmentation(size: int) -> None:
    data = b"\r\n\r\n" + THREE[0] + b"\r\n" + THREE[1] + b"\r\n\r\n\r\n\r\n" + THREE[2]
    parser = StreamParser()
    found = [m for at in range(0, len(data), size) for m in parser.feed(data[at : at + size])]
    assert found == THREE
    assert parser.pings == 3
    assert [parse_message(m).body for m in found] == [b"one\r\n\r\none", b"", b"x" * 500]


def test_ping_needs_both_halves() -> None:
    parser = StreamParser()
    assert parser.feed(b"\r\n") == [] and parser.pings == 0
    assert parser.feed(b"\r") == [] and parser.pings == 0
    assert parser.feed(b"\n") == [] and parser.pings == 1
    assert parser.feed(b"\r\n" + THREE[1]) == [THREE[1]] and parser.pings == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (message(length="X: y"), 400),
        (message(length="Content-Length: 1\r\nl: 2"), 400),
        (message(length="Content-Length: -1"), 400),
        (message(length="Content-Length: 1x"), 400),
        (message(length="Content-Length:"), 400),
        (message(length=f"Content-Length: {MAX_MESSAGE_BYTES}"), 513),
        (message(length="Content-Length: 99999999999999999999999"), 400),
    ],
)
def test_broken_head_fails_and_stays_failed(data: bytes, status: int) -> None:
    parser = StreamParser()
    with pytest.raises(Malformed) as caught:
        parser.feed(data)
    assert caught.value.status == status
    assert caught.value.request is not None and caught.value.request.method == "MESSAGE"
    assert parser.has_failed
    with pytest.raises(Malformed):
        parser.feed(THREE[0])


def test_endless_head_is_bounded() -> None:
    parser = StreamParser()
    with pytest.raises(Malformed) as caught:
        for _ in range(MAX_MESSAGE_BYTES // 1000 + 1):
            parser.feed(b"x" * 1000)
    assert (caught.value.status, caught.value.request) == (513, None)


def test_messages_before_a_broken_one_are_delivered() -> None:
    parser = StreamParser()
    assert parser.feed(THREE[0] + message(length="X: y")) == [THREE[0]]
    assert parser.has_failed
    with pytest.raises(Malformed):
        parser.feed(b"")


def test_equal_lengths_are_one_length() -> None:
    assert len(StreamParser().feed(message(length="Content-Length: 0\r\nl: 0"))) == 1


def test_no_byte_is_searched_twice() -> None:
    """The search for the end of a head starts where the last one stopped, three bytes back."""
    parser = StreamParser()
    for byte in b"MESSAGE sip:a SIP/2.0\r\nX: " + b"y" * 5000:
        parser.feed(bytes([byte]))
        assert len(parser._buffer) - parser._scanned <= 4
