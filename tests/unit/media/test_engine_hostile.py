"""Whatever a stranger sends: nothing raises, nobody else's call notices."""

import numpy as np
import pytest
from engine_lab import Lab, Peer, noise, quantised, where

from trebuchet.media.engine import PACKET_BYTES, PACKETS_PER_PORT, DigitPressed

FRAME = 160


def garbage(random: np.random.Generator, peer: Peer) -> bytes:
    """Noise, or a good packet with some octets changed, cut or grown."""
    kind = int(random.integers(0, 4))
    if kind == 0:
        return random.bytes(int(random.integers(0, PACKET_BYTES + 1)))
    if kind == 1:
        data = bytearray(peer.digit(int(random.integers(0, 256)), int(random.integers(0, 65536)), peer.timestamp))
    else:
        size = int(random.integers(0, 490))
        data = bytearray(peer.packet(noise(size, 1) if size else np.zeros(0, np.int16)))
    for _ in range(int(random.integers(0, 6))):
        data[int(random.integers(0, min(20, len(data))))] = int(random.integers(0, 256))
    return bytes(data[: int(random.integers(0, len(data) + 1))] if kind == 3 else data)


@pytest.mark.parametrize("seed", range(8))
def test_a_call_beside_garbage_is_untouched(seed):
    random = np.random.default_rng(seed)
    lab, peer, stranger = Lab(4), Peer(), Peer(ssrc=6)
    lab.engine.connect((0, 1))
    lab.engine.connect((2, 3))
    lab.engine.record(2, 1, channels=2)
    audio = noise(FRAME * 150, seed)
    for packet in peer.packets(audio):
        bad = [(2, garbage(random, stranger)) for _ in range(int(random.integers(0, PACKETS_PER_PORT + 4)))]
        lab.engine.handle_rtcp(3, garbage(random, stranger), lab.now)
        lab.tick(*bad, (0, packet))
    lab.tick()
    assert where(quantised(audio), np.concatenate(lab.heard[1])) >= 0, f"seed {seed}"
    assert not [event for event in lab.of(DigitPressed) if event.row != 2]
    stats = lab.engine.stats(2)
    assert stats.malformed > 0 and stats.depth_ms <= 200
    assert lab.engine.stats(3).malformed > 0


@pytest.mark.parametrize("seed", range(4))
def test_after_garbage_a_good_peer_is_heard(seed):
    random = np.random.default_rng(seed)
    lab, stranger = Lab(2), Peer(ssrc=6)
    lab.engine.connect((0, 1))
    for _ in range(100):
        lab.tick(*((0, garbage(random, stranger)) for _ in range(8)))
    for _ in range(20):
        lab.tick()
    audio = noise(FRAME * 40, seed)
    for packet in Peer(ssrc=8).packets(audio):
        lab.tick((0, packet))
    lab.tick()
    assert where(quantised(audio)[FRAME * 4 :], np.concatenate(lab.heard[1])) >= 0, f"seed {seed}"


@pytest.mark.parametrize("row", [-1, 4, 10**6])
def test_packets_for_rows_that_do_not_exist_or_are_closed_are_dropped(row):
    lab = Lab(3, capacity=4)
    lab.engine.close(2, lab.now)
    packet = Peer().packet(noise(FRAME, 1))
    lab.tick((row, packet), (2, packet), (3, packet), (0, packet))
    assert lab.engine.stats(0).received == 1
    assert lab.engine.stats(1).received == 0


def test_datagrams_that_fill_the_row_or_have_no_payload():
    lab, peer = Lab(1), Peer()
    lab.tick((0, peer.packet(noise(600, 1))), (0, peer.packet(np.zeros(0, np.int16))), (0, peer.packet(noise(499, 1))))
    assert lab.engine.stats(0).malformed == 1
    assert lab.engine.stats(0).received == 2


def test_negative_and_senseless_lengths_from_the_shell_are_malformed():
    lab = Lab(1)
    lab.engine.packet_rows[:3] = 0
    lab.engine.packet_lengths[:3] = (-5, 0, 100_000)
    lab.engine.packets[:3] = 0x80
    lab.engine.handle_packets(3, lab.now)
    lab.tick()
    assert lab.engine.stats(0).received == 0
