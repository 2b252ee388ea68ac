"""RTP headers in and out."""

import itertools

import numpy as np
import pytest
from engine_lab import Lab, Peer, bridged, noise, quantised, where

from trebuchet.media.engine import Direction, Law, RemoteMedia, rtp
from trebuchet.media.engine.values import PACKET_BYTES


def parse(data: bytes) -> rtp.Headers:
    matrix = np.zeros((1, PACKET_BYTES), np.uint8)
    matrix[0, : len(data)] = np.frombuffer(data, np.uint8)
    return rtp.parse(matrix, np.array([len(data)], np.int32))


FIXED = bytes.fromhex("8000 0102 03040506 0708090a".replace(" ", ""))


def with_first(octet: int, rest: bytes, payload: bytes = b"x" * 160) -> bytes:
    return bytes((octet,)) + FIXED[1:] + rest + payload


def test_a_plain_header_is_read():
    headers = parse(bytes((0x80, 0x88)) + FIXED[2:] + b"x" * 160)
    assert headers.is_valid[0] and headers.marker[0] and headers.payload_type[0] == 8
    assert (headers.seq[0], headers.timestamp[0], headers.ssrc[0]) == (0x0102, 0x03040506, 0x0708090A)
    assert (headers.offset[0], headers.size[0]) == (12, 160)


@pytest.mark.parametrize(
    ("octet", "rest", "payload", "offset", "size"),
    [
        (0x82, bytes(8), b"x" * 160, 20, 160),
        (0x90, bytes.fromhex("bede0001") + bytes(4), b"x" * 160, 20, 160),
        (0x91, bytes(4) + bytes.fromhex("bede0000"), b"x" * 80, 20, 80),
        (0xA0, b"", b"x" * 160 + bytes(3) + b"\x04", 12, 160),
        (0xB1, bytes(4) + bytes.fromhex("bede0002") + bytes(8), b"x" * 160 + b"\x01", 28, 160),
    ],
)
def test_csrc_extension_and_padding_are_stepped_over(octet, rest, payload, offset, size):
    headers = parse(with_first(octet, rest, payload))
    assert headers.is_valid[0]
    assert (headers.offset[0], headers.size[0]) == (offset, size)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        FIXED[:11],
        bytes((0x40,)) + FIXED[1:] + b"x" * 160,
        with_first(0x8F, b"", b"x" * 40),
        with_first(0x90, b"", b"x" * 3),
        with_first(0x90, bytes.fromhex("bedeffff")),
        with_first(0xA0, b"", b"x" * 10 + b"\x00"),
        with_first(0xA0, b"", b"x" * 10 + b"\xff"),
        FIXED + b"x" * (PACKET_BYTES - 12),
    ],
)
def test_malformed_packets_are_marked_and_nothing_else(data):
    assert not parse(data).is_valid[0]


def test_audio_behind_an_extension_is_heard_unharmed():
    lab, peer, audio = bridged(), Peer(), noise(1600, 3)
    ticks = []
    for packet in peer.packets(audio):
        ticks.append([bytes((0x91,)) + packet[1:12] + bytes(4) + bytes.fromhex("bede0001") + bytes(4) + packet[12:]])
    assert where(quantised(audio), lab.run(0, ticks)) >= 0


def sent(lab: Lab, row: int = 0) -> tuple[int, bool, int, int, int]:
    headers = parse(lab.engine.tx[row].tobytes())
    assert headers.is_valid[0]
    return (
        int(headers.payload_type[0]), bool(headers.marker[0]), int(headers.seq[0]),
        int(headers.timestamp[0]), int(headers.ssrc[0]),
    )  # fmt: skip


def test_what_we_send_counts_on_without_a_gap_and_marks_only_the_beginning():
    lab = Lab(1, remote=RemoteMedia(law=Law.PCMA, payload_type=111))
    seen = []
    for _ in range(5):
        assert lab.tick().send_rows.tolist() == [0]
        seen.append(sent(lab))
    assert [marker for _, marker, *_ in seen] == [True, False, False, False, False]
    assert {number for number, *_ in seen} == {111}
    assert len({ssrc for *_, ssrc in seen}) == 1
    assert {(b[2] - a[2]) % 65536 for a, b in itertools.pairwise(seen)} == {1}
    assert {(b[3] - a[3]) % 2**32 for a, b in itertools.pairwise(seen)} == {160}


def test_a_held_port_sends_nothing_and_its_clock_runs_on():
    lab = Lab(1)
    lab.tick()
    _, _, seq, timestamp, _ = sent(lab)
    lab.engine.set_remote(0, RemoteMedia(direction=Direction.RECVONLY), lab.now)
    for _ in range(10):
        assert lab.tick().send_rows.tolist() == []
    lab.engine.set_remote(0, RemoteMedia(), lab.now)
    lab.tick()
    _, marker, seq_after, timestamp_after, _ = sent(lab)
    assert marker
    assert (seq_after - seq) % 65536 == 1
    assert (timestamp_after - timestamp) % 2**32 == 11 * 160


def test_two_ports_never_share_numbers():
    lab = Lab(2)
    lab.tick()
    assert sent(lab, 0)[2:] != sent(lab, 1)[2:]


def test_nonstandard_payload_numbers_and_two_laws_at_once():
    remote = RemoteMedia(accept=((97, Law.PCMA), (98, Law.PCMU)))
    lab = bridged(remote=remote)
    for law, number in ((Law.PCMA, 97), (Law.PCMU, 98)):
        audio = noise(1600, number)
        peer = Peer(law, number, ssrc=number)
        heard = lab.run(0, [[packet] for packet in peer.packets(audio)])
        assert where(quantised(quantised(audio, law)), heard) >= 0
    unknown = Peer(Law.PCMU, 0, ssrc=5)
    lab.run(0, [[packet] for packet in unknown.packets(noise(800, 1))])
    assert lab.engine.stats(0).unknown_payload == 5
