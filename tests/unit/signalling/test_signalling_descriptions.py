"""SDP audio and our media descriptions."""

import pytest

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


KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
CRYPTO = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"


def protected(protocol: str = "RTP/SAVP", lines: str = CRYPTO) -> bytes:
    return (
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        f"m=audio 4000 {protocol} 0 101\r\na=rtpmap:101 telephone-event/8000\r\n{lines}"
    ).encode()


def test_protected_audio_is_taken_over_tls_and_answered_in_kind() -> None:
    read = read_sdp(protected(), is_private=True)
    assert read is not None
    (key,) = read[1].srtp
    assert (key.tag, key.suite, len(key.key)) == (1, "AES_CM_128_HMAC_SHA1_80", 30)
    answer = SdpSession(1).answer(read[0], to_audio(read[1]))
    assert b"m=audio 4000 RTP/SAVP 0 101\r\n" in answer and CRYPTO.encode() in answer
    assert b"RTP/SAVP" in SdpSession(1).offer(to_audio(read[1]))


def test_protected_audio_is_refused_where_its_key_was_not_private() -> None:
    assert read_sdp(protected()) is None


@pytest.mark.parametrize("lines", ["", CRYPTO.replace("SHA1_80", "SHA1_64"), "a=crypto:1\r\n"])
def test_protected_audio_without_a_key_of_ours_is_refused(lines: str) -> None:
    assert read_sdp(protected(lines=lines), is_private=True) is None


def test_keys_of_plain_audio_mean_nothing() -> None:
    read = read_sdp(protected("RTP/AVP"), is_private=True)
    assert read is not None and read[1].srtp == ()
    assert b"crypto" not in SdpSession(1).answer(read[0], to_audio(read[1]))


@pytest.mark.parametrize("protocol", ["UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"])
def test_keys_by_dtls_are_not_ours(protocol: str) -> None:
    assert read_sdp(protected(protocol), is_private=True) is None
