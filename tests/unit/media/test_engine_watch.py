"""Time-outs, silence, levels, stage times."""

import pytest
from engine_lab import Lab, Peer, noise, sine

from trebuchet.base.rand import SeededRand
from trebuchet.media.engine import Direction, Engine, MediaTimeout, PortSettings, RemoteMedia, Silent, rtcp
from trebuchet.media.engine.stats import mos, opinion, rating

FRAME = 160


def ticks_until(lab: Lab, kind: type, limit: int = 500) -> int:
    for number in range(1, limit):
        if any(isinstance(event, kind) for event in lab.tick().events):
            return number
    return 0


def test_a_peer_that_never_sends_times_out_once():
    lab = Lab(2)
    lab.engine.set_timeout(1, 50)
    assert ticks_until(lab, MediaTimeout) == 50
    assert ticks_until(lab, MediaTimeout) == 0
    assert lab.events == [MediaTimeout(1)]


def test_each_packet_starts_the_time_again_and_so_does_a_report():
    lab, peer = Lab(1), Peer()
    lab.engine.set_timeout(0, 50)
    for _ in range(3):
        for _ in range(40):
            lab.tick()
        lab.tick((0, peer.packet(noise(FRAME, 1))))
        for _ in range(40):
            lab.tick()
        lab.engine.handle_rtcp(0, rtcp.build_report(1, b"x", 1.0, 0, 0, 0, None), lab.now)
    assert not lab.events
    assert ticks_until(lab, MediaTimeout) == 50
    lab.tick((0, peer.packet(noise(FRAME, 1))))
    assert ticks_until(lab, MediaTimeout) == 49  # its packet came within the tick before


@pytest.mark.parametrize("direction", [Direction.SENDONLY, Direction.RECVONLY, Direction.INACTIVE])
def test_nobody_times_out_on_hold_and_resuming_starts_anew(direction):
    lab = Lab(1)
    lab.engine.set_timeout(0, 50)
    for _ in range(30):
        lab.tick()
    lab.engine.set_remote(0, RemoteMedia(direction=direction), lab.now)
    assert ticks_until(lab, MediaTimeout, 300) == 0
    lab.engine.set_remote(0, RemoteMedia(), lab.now)
    assert ticks_until(lab, MediaTimeout) == 50


def test_garbage_is_no_sign_of_life():
    lab = Lab(1)
    lab.engine.set_timeout(0, 50)
    for _ in range(49):
        lab.tick((0, b"\x00" * 100))
        lab.engine.handle_rtcp(0, b"\x80\xff", lab.now)
    assert ticks_until(lab, MediaTimeout) == 1


def test_silence_is_reported_once_until_the_party_speaks_again():
    lab, peer = Lab(1), Peer()
    lab.engine.watch_silence(0, 20)
    for tick in range(150):
        speaks = tick < 10 or 80 <= tick < 90
        lab.tick((0, peer.packet(sine(300, FRAME, 6000 if speaks else 100))))
    assert len(lab.of(Silent)) == 2
    when = [number for number, output in enumerate(lab.outputs) if output.events]
    assert when == [10 + 20, 90 + 20]


@pytest.mark.parametrize(("peak", "reports"), [(1000, 1), (800, 0)])
def test_what_counts_as_silence_can_be_said(peak, reports):
    lab, peer = Lab(1), Peer()
    lab.engine.watch_silence(0, 20, peak)
    for _ in range(60):
        lab.tick((0, peer.packet(sine(300, FRAME, 900))))
    assert len(lab.of(Silent)) == reports


def test_levels_in_dbov():
    lab, peer = Lab(1), Peer()
    assert lab.engine.stats(0).level_dbov == -96
    for packet in peer.packets(sine(1000, FRAME * 30, 16384)):
        lab.tick((0, packet))
    assert lab.engine.stats(0).level_dbov == pytest.approx(-6, abs=0.3)
    for _ in range(200):
        lab.tick((0, peer.packet(sine(1000, FRAME, 0))))
    assert lab.engine.stats(0).level_dbov < -60


def test_stage_times_add_up_to_what_the_clock_says():
    reading = iter(range(10_000))
    engine = Engine(1, SeededRand(1), clock=lambda: float(next(reading)))
    engine.open(0, PortSettings())
    for number in range(10):
        engine.handle_packets(0, number * 0.02)
        engine.tick(number * 0.02)
    times = engine.stage_seconds()
    assert set(times.values()) == {10.0}
    assert set(engine.stage_seconds().values()) == {0.0}


def test_scores_fall_with_loss_and_delay():
    assert mos(0, 20, None) == pytest.approx(4.4, abs=0.05)
    scores = [mos(loss, 20, None) for loss in (0, 0.01, 0.05, 0.2, 1.0)]
    assert scores == sorted(scores, reverse=True) and scores[-1] >= 1.0
    assert mos(0, 20, 800) < mos(0, 20, 100) < mos(0, 20, 0)
    assert opinion(0) == opinion(rating(1.0, 5000)) == 1.0
