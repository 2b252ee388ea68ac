"""Loss concealment: continued without a break, fading, then silence."""

import numpy as np
import pytest
from engine_lab import Lab, Peer, bridged, sine, strength

from trebuchet.media.engine.conceal import SEARCH_ROWS

FRAME = 160


def lose(frequency_hz: float, first: int, count: int, samples: int = FRAME) -> np.ndarray:
    """A tone of 40 frames of which `count` packets from `first` on are lost; what was heard, from the first frame
    on."""
    lab, peer = bridged(), Peer()
    packets = peer.packets(sine(frequency_hz, FRAME * 40), samples)
    per_tick = FRAME // samples
    ticks = [
        [packets[n] for n in range(at, at + per_tick) if not first <= n < first + count]
        for at in range(0, len(packets), per_tick)
    ]
    return lab.run(0, ticks)[FRAME:]


@pytest.mark.parametrize("frequency_hz", [100, 150, 220, 440])
def test_one_lost_packet_of_a_voice_is_hardly_heard(frequency_hz):
    heard = lose(frequency_hz, 20, 1)
    gap = heard[FRAME * 20 : FRAME * 21]
    assert strength(gap, frequency_hz) > 0.6 * 8000
    step = np.abs(np.diff(heard[FRAME * 18 : FRAME * 20 + 80].astype(int))).max()
    usual = 8000 * 2 * np.pi * frequency_hz / 8000
    assert step < 3 * usual


def test_half_a_frame_is_concealed_when_ten_milliseconds_are_lost():
    heard = lose(200, 41, 1, samples=80)
    whole = lose(200, 79, 1, samples=80)
    assert np.array_equal(heard[: 80 * 41], whole[: 80 * 41])
    assert np.array_equal(heard[80 * 42 : 80 * 78], whole[80 * 42 : 80 * 78])
    assert strength(heard[80 * 41 : 80 * 42], 200) > 0.6 * 8000


def test_a_long_loss_fades_to_silence_and_the_voice_comes_back():
    heard = lose(200, 10, 20).reshape(-1, FRAME)
    peaks = np.abs(heard.astype(int)).max(axis=1)
    assert (np.diff(peaks[10:14]) < 0).all()
    assert (peaks[14:30] == 0).all()
    assert (peaks[31:40] > 7500).all()


def test_what_was_made_up_is_counted():
    lab, peer = bridged(), Peer()
    packets = peer.packets(sine(300, FRAME * 20))
    lab.run(0, [[packet] if number != 7 else [] for number, packet in enumerate(packets)], after=0)
    assert lab.engine.stats(0).concealed_ms == 20


def test_a_port_that_never_heard_anything_is_silent():
    lab = bridged()
    for _ in range(5):
        lab.tick()
    assert not np.concatenate(lab.heard[1]).any()


def test_a_loss_on_all_ports_at_once_is_concealed_on_all():
    rows = SEARCH_ROWS + 20
    lab = Lab(rows)
    for row in range(0, rows, 2):
        lab.engine.connect((row, row + 1))
    peers = [Peer() for _ in range(rows)]
    for tick in range(6):
        packets = [(row, peer.packet(sine(200, FRAME, start=tick * FRAME))) for row, peer in enumerate(peers)]
        lab.tick(*packets if tick != 4 else ())
    assert all(np.abs(lab.heard[row][5]).max() > 4000 for row in range(rows))
