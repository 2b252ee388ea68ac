"""The audio of offers and answers (RFC 3264): what is read, what is refused, what we answer."""

import pytest

from trebuchet.sip.offer_answer import (
    AudioFormat,
    AudioStream,
    SdpSession,
    answer_direction,
    choose_formats,
    read_audio,
)
from trebuchet.sip.sdp import SessionDescription, parse_sdp

PCMU = AudioFormat(0, "PCMU")
DIGITS = AudioFormat(101, "telephone-event", fmtp="0-16")
OURS = AudioStream("192.0.2.9", 30000, (PCMU, DIGITS), ptime_ms=20)


def description(*media: str, session: str = "c=IN IP4 192.0.2.1") -> SessionDescription:
    text = "\r\n".join(["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", session, "t=5 6", *media])
    return parse_sdp(text.encode())


def test_read_audio() -> None:
    audio = read_audio(
        description(
            "m=audio 4000 RTP/AVP 0 8 96 101 13",
            "a=rtpmap:8 pcma/8000/1",
            "a=rtpmap:96 opus/48000/2",
            "a=fmtp:96 useinbandfec=1",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-16",
            "a=ptime:30",
            "a=rtcp:4005 IN IP4 192.0.2.1",
            "a=sendonly",
            "a=rtcp-mux",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xyz",
        )
    )
    assert audio == AudioStream(
        address="192.0.2.1",
        port=4000,
        formats=(
            PCMU,
            AudioFormat(8, "pcma"),
            AudioFormat(96, "opus", 48000, 2, "useinbandfec=1"),
            DIGITS,
            AudioFormat(13, "CN"),
        ),
        rtcp_port=4005,
        ptime_ms=30,
        direction="sendonly",
        attributes=(("rtcp-mux", None), ("crypto", "1 AES_CM_128_HMAC_SHA1_80 inline:xyz")),
    )
    assert audio.attribute("rtcp-mux") == "" and audio.attribute("x") is None


@pytest.mark.parametrize(
    "media",
    [
        ("m=audio 0 RTP/AVP 0",),
        ("m=video 4000 RTP/AVP 0",),
        ("m=audio 4000 TCP/MSRP 0",),
        ("m=audio 4000 RTP/AVP",),
        ("m=audio 4000 RTP/AVP 96 200 x",),
        ("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus"),
        ("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/0"),
        ("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/8000/x"),
        ("m=audio 4000 RTP/AVP 96", "a=rtpmap:x opus/8000"),
        (),
    ],
)
def test_unusable_audio(media: tuple[str, ...]) -> None:
    assert read_audio(description(*media)) is None


def test_audio_without_any_address_is_unusable() -> None:
    assert read_audio(description("m=audio 1 RTP/AVP 0", session="a=x")) is None


def test_first_usable_section_wins() -> None:
    audio = read_audio(
        description("m=audio 0 RTP/AVP 0", "m=audio 2 RTP/SAVP 8", "c=IN IP6 ::5", "m=audio 3 RTP/AVP 0")
    )
    assert audio is not None and (audio.port, audio.protocol, audio.address) == (2, "RTP/SAVP", "::5")


@pytest.mark.parametrize(
    ("session", "media", "direction"),
    [
        ("c=IN IP4 0.0.0.0", (), "sendonly"),
        ("c=IN IP4 0.0.0.0", ("a=recvonly",), "inactive"),
        ("c=IN IP4 0.0.0.0", ("a=inactive",), "inactive"),
        ("c=IN IP4 1.1.1.1\r\na=sendonly", (), "sendonly"),
        ("c=IN IP4 1.1.1.1\r\na=sendonly", ("a=sendrecv",), "sendrecv"),
        ("c=IN IP4 0.0.0.0", ("c=IN IP4 1.1.1.1",), "sendrecv"),
    ],
)
def test_hold(session: str, media: tuple[str, ...], direction: str) -> None:
    audio = read_audio(description("m=audio 1 RTP/AVP 0", *media, session=session))
    assert audio is not None and audio.direction == direction
    assert audio.is_held == (direction in ("sendonly", "inactive"))


@pytest.mark.parametrize(("value", "ptime"), [("20", 20), ("20.5", None), ("0", None), ("5000", None), ("x", None)])
def test_ptime(value: str, ptime: int | None) -> None:
    audio = read_audio(description("m=audio 1 RTP/AVP 0", f"a=ptime:{value}"))
    assert audio is not None and audio.ptime_ms == ptime


def test_choose_formats_keeps_the_numbers_of_the_offer() -> None:
    offered = read_audio(
        description(
            "m=audio 1 RTP/AVP 8 100 97 98",
            "a=rtpmap:100 pcmu/8000",
            "a=rtpmap:97 telephone-event/48000",
            "a=rtpmap:98 telephone-event/8000",
        )
    )
    assert offered is not None
    chosen = choose_formats(offered, ("PCMU", "PCMA", "telephone-event"))
    assert [item.payload_type for item in chosen] == [100, 8, 98]
    assert choose_formats(offered, ("opus",)) == ()


@pytest.mark.parametrize(
    ("offered", "wanted", "answer"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendonly", "sendrecv", "recvonly"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("sendrecv", "recvonly", "recvonly"),
        ("sendrecv", "inactive", "inactive"),
    ],
)
def test_answer_direction(offered: str, wanted: str, answer: str) -> None:
    assert answer_direction(offered, wanted) == answer


def test_offer_text() -> None:
    assert SdpSession(77).offer(OURS) == (
        b"v=0\r\no=- 77 0 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        b"m=audio 30000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        b"a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
    )


def test_our_text_is_read_back() -> None:
    full = AudioStream(
        "2001:db8::9",
        30000,
        (AudioFormat(96, "opus", 48000, 2, "x=1"), PCMU),
        rtcp_port=40001,
        protocol="RTP/SAVP",
        ptime_ms=40,
        direction="recvonly",
        attributes=(("crypto", "1 x"), ("rtcp-mux", None)),
    )
    assert read_audio(parse_sdp(SdpSession(1).offer(full))) == full


def test_answer_mirrors_every_section() -> None:
    session = SdpSession(1)
    offer = description(
        "m=video 5000 RTP/AVP 99", "m=audio 4000 RTP/AVPF 0", "m=audio 4002 RTP/AVP 8", "m=image 6000 udptl t38"
    )
    answer = parse_sdp(session.answer(offer, OURS))
    assert [(m.kind, m.port, m.protocol) for m in answer.media] == [
        ("video", 0, "RTP/AVP"),
        ("audio", 30000, "RTP/AVPF"),
        ("audio", 0, "RTP/AVP"),
        ("image", 0, "udptl"),
    ]
    assert answer.media[3].formats == ("t38",) and answer.times == ("5 6",)
    later = parse_sdp(session.offer(OURS))
    assert [(m.kind, m.port) for m in later.media] == [("video", 0), ("audio", 30000), ("audio", 0), ("image", 0)]


def test_answer_that_refuses_all() -> None:
    session = SdpSession(1)
    answer = parse_sdp(session.answer(description("m=audio 4000 RTP/AVP 3"), None))
    assert [m.port for m in answer.media] == [0]
    assert [m.port for m in parse_sdp(session.offer(OURS)).media] == [0, 30000]
    assert parse_sdp(SdpSession(1).answer(description(), OURS)).media == ()


def test_version_grows_only_with_the_body() -> None:
    session = SdpSession(5)
    offer = description("m=audio 4000 RTP/AVP 0 101")
    first = parse_sdp(session.answer(offer, OURS))
    again = parse_sdp(session.answer(offer, OURS))
    held = parse_sdp(session.answer(offer, AudioStream("192.0.2.9", 30000, (PCMU,), direction="recvonly")))
    assert [sdp.origin.version for sdp in (first, again, held)] == ["0", "0", "1"]
    assert {sdp.origin.session_id for sdp in (first, again, held)} == {"5"}
