"""SDP audio and our media descriptions."""

from trebuchet.model.media_description import Codec, MediaDescription, MediaDirection
from trebuchet.signalling.descriptions import read_sdp, to_audio
from trebuchet.sip.offer_answer import SdpSession


def sdp(*media: str, address: str = "192.0.2.5") -> bytes:
    kind = "IP6" if ":" in address else "IP4"
    lines = ("v=0", f"o=- 1 1 IN {kind} {address}", "s=-", f"c=IN {kind} {address}", "t=0 0", *media, "")
    return "\r\n".join(lines).encode()


def test_an_offer_is_read() -> None:
    read = read_sdp(
        sdp(
            "m=audio 4000 RTP/AVP 9 8 0 101",
            "a=rtpmap:9 G722/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=ptime:30",
            "a=sendonly",
        )
    )
    assert read is not None
    assert read[1] == MediaDescription(
        address="192.0.2.5",
        port=4000,
        codecs=(Codec("PCMA", 8), Codec("PCMU", 0)),
        digits_payload_type=101,
        direction=MediaDirection.SENDONLY,
        packet_ms=30,
    )


def test_unusual_payload_numbers_and_ipv6() -> None:
    read = read_sdp(sdp("m=audio 4000 RTP/AVP 97", "a=rtpmap:97 pcma/8000", "a=rtcp:5001", address="2001:db8::5"))
    assert read is not None
    assert (read[1].codecs, read[1].address, read[1].rtcp_port) == ((Codec("PCMA", 97),), "2001:db8::5", 5001)


def test_what_cannot_be_used() -> None:
    assert read_sdp(b"rubbish") is None
    assert read_sdp(sdp("m=video 4000 RTP/AVP 99")) is None
    assert read_sdp(sdp("m=audio 0 RTP/AVP 0")) is None
    assert read_sdp(sdp("m=audio 4000 RTP/SAVP 0")) is None, "encrypted media is not offered nor answered"
    assert read_sdp(sdp("m=audio 4000 RTP/AVP 9")) is None
    assert read_sdp(sdp("m=audio 4000 RTP/AVP 0", "c=IN IP4 some.name.example")) is None


def test_packet_lengths_are_kept_within_reason() -> None:
    read = read_sdp(sdp("m=audio 4000 RTP/AVP 0", "a=ptime:500"))
    assert read is not None and read[1].packet_ms == 60


def test_our_side_reads_back_as_it_was() -> None:
    ours = MediaDescription(
        address="127.0.0.1",
        port=4002,
        codecs=(Codec("PCMU", 0), Codec("PCMA", 8)),
        digits_payload_type=101,
        direction=MediaDirection.RECVONLY,
        packet_ms=20,
    )
    read = read_sdp(SdpSession(7).offer(to_audio(ours)))
    assert read is not None and read[1] == ours
