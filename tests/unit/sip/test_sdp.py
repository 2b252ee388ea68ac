"""Session descriptions: parsed leniently, printed in order, nothing lost."""

import pytest

from trebuchet.sip.errors import Malformed, Unprintable
from trebuchet.sip.sdp import (
    MAX_LINES,
    MAX_MEDIA,
    Connection,
    MediaSection,
    Origin,
    SessionDescription,
    parse_sdp,
)

FULL = (
    "v=0\r\no=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=Call to J\r\n"
    "i=about\r\nu=http://example.com\r\ne=j@example.com\r\np=+1\r\nc=IN IP4 198.51.100.1/127\r\nb=AS:64\r\n"
    "t=0 0\r\nt=1 2\r\nr=7d 1h 0\r\nz=0 0\r\nk=clear:x\r\na=recvonly\r\na=tool:x:y\r\n"
    "m=audio 49170/2 RTP/AVP 0 8\r\ni=mic\r\nc=IN IP6 2001:db8::1\r\nb=TIAS:1\r\na=rtpmap:0 PCMU/8000\r\na=mid:1\r\n"
    "m=image 0 udptl t38\r\n"
)


def test_round_trip_of_everything() -> None:
    sdp = parse_sdp(FULL.encode())
    assert sdp.to_bytes() == FULL.encode() == str(sdp).encode()
    assert sdp.origin == Origin("jdoe", "3724394400", "3724394405", "IP4", "198.51.100.1")
    assert sdp.connection == Connection("IP4", "198.51.100.1", "/127")
    assert (sdp.attribute("recvonly"), sdp.attribute("tool"), sdp.attribute("x")) == ("", "x:y", None)
    audio, image = sdp.media
    assert (audio.kind, audio.port, audio.port_count, audio.protocol) == ("audio", 49170, 2, "RTP/AVP")
    assert audio.formats == ("0", "8") and audio.connection == Connection("IP6", "2001:db8::1")
    assert audio.attribute("rtpmap") == "0 PCMU/8000" and audio.extras == (("i", "mic"), ("b", "TIAS:1"))
    assert image == MediaSection("image", 0, "udptl", ("t38",))


def test_order_and_line_ends_are_free() -> None:
    sdp = parse_sdp(b"v=0\ns=x\na=sendrecv\nc=IN IP4 1.2.3.4\nt=0 0\no=- 1 2 IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\n\n")
    assert str(sdp).split("\r\n")[:4] == ["v=0", "o=- 1 2 IN IP4 1.2.3.4", "s=x", "c=IN IP4 1.2.3.4"]


def test_missing_lines_are_forgiven() -> None:
    sdp = parse_sdp(b"v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 1 RTP/AVP 0")
    assert sdp.origin == Origin("-", "0", "0", "IP4", "0.0.0.0") and sdp.times == ("0 0",)


def test_name_with_blanks_in_origin() -> None:
    assert parse_sdp(b"v=0\r\no=John Doe 1 2 IN IP4 h\r\n").origin.username == "John Doe"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"v=1\r\n",
        b"o=- 1 2 IN IP4 h\r\n",
        b"v=0\r\nhello\r\n",
        b"v=0\r\n\r\nt=0 0\r\n",
        b"v=0\r\nX=1\r\n",
        b"v=0\r\na=\r\n",
        b"v=0\r\na=x\ry\r\n",
        b"v=0\r\na=x\0y\r\n",
        b"v=0\r\no=- 1 2 IN IP4\r\n",
        b"v=0\r\nc=IN IP4\r\n",
        b"v=0\r\nm=audio 1\r\n",
        b"v=0\r\nm=audio 65536 RTP/AVP 0\r\n",
        b"v=0\r\nm=audio -1 RTP/AVP 0\r\n",
        b"v=0\r\nm=audio 1/x RTP/AVP 0\r\n",
        b"v=0\r\n" + b"a=x\r\n" * MAX_LINES,
        b"v=0\r\n" + b"m=audio 1 RTP/AVP 0\r\n" * (MAX_MEDIA + 1),
    ],
)
def test_malformed(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        parse_sdp(body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "sdp",
    [
        SessionDescription(Origin("-", "1", "1", "IP4", "h\r\na=x")),
        SessionDescription(Origin("-", "1", "1", "IP4", "h"), name="a\nb"),
        SessionDescription(Origin("-", "1", "1", "IP4", "h"), attributes=(("x", "a\r\nb"),)),
        SessionDescription(Origin("-", "1", "1", "IP4", "h"), attributes=(("", None),)),
        SessionDescription(Origin("-", "1", "1", "IP4", "h"), media=(MediaSection("a\r\n", 1, "p", ()),)),
    ],
)
def test_injection_is_refused(sdp: SessionDescription) -> None:
    with pytest.raises(Unprintable):
        sdp.to_bytes()
