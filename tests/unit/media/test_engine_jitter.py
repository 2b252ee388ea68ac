"""The jitter ring: every packet size, loss, order, bursts, jumps, gaps, drift; depth that grows and shrinks again."""

import numpy as np
import pytest
from engine_lab import Lab, Peer, bridged, noise, quantised, sine, where

from trebuchet.media.engine import Law

FRAME = 160


def schedule(packets: list[bytes], samples: int) -> list[list[bytes]]:
    """Packets as a steady sender sends them: each when its audio has been spoken."""
    ticks: list[list[bytes]] = []
    for number, packet in enumerate(packets):
        tick = (number + 1) * samples // FRAME
        while len(ticks) <= tick:
            ticks.append([])
        ticks[tick].append(packet)
    return ticks


@pytest.mark.parametrize("samples", [80, 160, 240, 320, 480, 120, 200, 33])
@pytest.mark.parametrize("law", list(Law))
def test_every_packet_length_is_heard_sample_by_sample(samples, law):
    lab, peer, audio = bridged(), Peer(law), noise(16 * 480, samples)
    audio = audio[: len(audio) // samples * samples]
    heard = lab.run(0, schedule(peer.packets(audio, samples), samples))
    at = where(quantised(quantised(audio, law)), heard)
    assert at >= 0
    assert lab.engine.stats(0).lost == lab.engine.stats(0).late == 0
    assert lab.engine.stats(0).concealed_ms <= 80  # the end of the stream fades, nothing else is made up


def test_a_clean_path_is_delayed_by_one_frame():
    lab, peer, audio = bridged(), Peer(), noise(3200, 1)
    heard = lab.run(0, [[packet] for packet in peer.packets(audio)])
    assert where(quantised(audio), heard) == FRAME
    assert lab.engine.stats(0).depth_ms == 20


def test_packets_that_come_well_before_the_tick_are_not_delayed_at_all():
    lab, peer, audio = bridged(), Peer(), noise(32000, 1)
    lab.tick()
    for packet in peer.packets(audio):
        lab.tick((0, packet), early_s=0.012)
    assert where(quantised(audio), np.concatenate(lab.heard[1])) == FRAME  # the one tick before
    assert lab.engine.stats(0).depth_ms == 0


def test_a_tick_of_ours_that_came_late_does_not_make_packets_look_early():
    lab, peer = bridged(), Peer()
    for _ in range(5):
        lab.tick()
    lab.now += 0.015
    lab.tick()
    lab.now -= 0.015
    lab.tick((0, peer.packet(noise(FRAME, 1))))
    assert lab.engine.stats(0).depth_ms == 20


@pytest.mark.parametrize("seed", range(6))
def test_reordered_and_repeated_packets_within_the_depth_cost_nothing(seed):
    random = np.random.default_rng(seed)
    lab, peer, audio = bridged(), Peer(), noise(FRAME * 100, seed)
    packets = peer.packets(audio)
    ticks = [[] for _ in range(len(packets) + 2)]
    for number, packet in enumerate(packets):
        tick = number if number == 0 else number + int(random.integers(0, 2))
        ticks[tick].append(packet)
        if random.random() < 0.2:
            ticks[tick + int(random.integers(0, 2))].append(packet)
    for tick in ticks:
        random.shuffle(tick)
    heard = lab.run(0, ticks)
    assert where(quantised(audio), heard) >= 0, f"seed {seed}"
    stats = lab.engine.stats(0)
    assert stats.lost == 0 and stats.duplicated > 5 and stats.reordered > 3
    assert stats.received == len(packets)


@pytest.mark.parametrize("seed", range(4))
def test_under_loss_everything_that_came_is_in_its_place(seed):
    random = np.random.default_rng(seed)
    lab, peer, audio = bridged(), Peer(), noise(FRAME * 200, seed)
    kept = random.random(200) >= 0.05
    kept[0] = kept[-1] = True
    packets = peer.packets(audio)
    heard = lab.run(0, [[packet] if keep else [] for packet, keep in zip(packets, kept, strict=True)])
    clean = quantised(audio).reshape(-1, FRAME)
    frames = heard[FRAME : FRAME * 201].reshape(-1, FRAME)
    same = (frames == clean).all(axis=1)
    assert np.array_equal(same, kept), f"seed {seed}"
    assert lab.engine.stats(0).lost == int((~kept).sum())


def play_jitter(seed: int, spread_ticks: int, count: int):
    random = np.random.default_rng(seed)
    lab, peer, audio = bridged(), Peer(), noise(FRAME * count, seed)
    ticks = [[] for _ in range(count + spread_ticks + 1)]
    for number, packet in enumerate(peer.packets(audio)):
        ticks[number + int(random.integers(0, spread_ticks + 1))].append(packet)
    heard = lab.run(0, ticks)
    return lab, audio, heard


@pytest.mark.parametrize("seed", range(4))
def test_jitter_is_learnt_after_which_nothing_is_missing(seed):
    lab, audio, heard = play_jitter(seed, spread_ticks=4, count=250)
    assert where(quantised(audio)[FRAME * 100 :], heard) >= 0, f"seed {seed}"
    assert 60 <= lab.engine.stats(0).depth_ms <= 200
    assert lab.engine.stats(0).late == 0 and lab.engine.stats(0).jitter_ms > 5


def test_depth_never_exceeds_its_bound():
    lab, _, _ = play_jitter(1, spread_ticks=30, count=300)
    assert 100 <= lab.engine.stats(0).depth_ms <= 200
    assert lab.engine.stats(0).late > 0


def test_depth_shrinks_again_in_silence():
    lab, peer = bridged(), Peer()
    burst = peer.packets(noise(FRAME * 6, 1))
    lab.run(0, [[burst[0]], [], [], [], [], burst[1:]], after=0)
    assert lab.engine.stats(0).depth_ms >= 80
    for _ in range(500):
        lab.tick((0, peer.packet(np.zeros(FRAME, np.int16))))
    assert lab.engine.stats(0).depth_ms == 20


def test_depth_shrinks_in_the_end_even_without_silence():
    lab, peer = bridged(), Peer()
    burst = peer.packets(noise(FRAME * 4, 1))
    lab.run(0, [[burst[0]], [], [], burst[1:]], after=0)
    deep = lab.engine.stats(0).depth_ms
    for packet in peer.packets(sine(400, FRAME * 1200)):
        lab.tick((0, packet))
    assert lab.engine.stats(0).depth_ms < deep


def test_a_stall_of_half_a_second_ends_in_order():
    lab, peer, audio = bridged(), Peer(), noise(FRAME * 100, 2)
    packets = peer.packets(audio)
    ticks = [[packet] for packet in packets[:20]] + [[] for _ in range(25)]
    ticks += [packets[20:36], packets[36:46], *([packet] for packet in packets[46:])]
    heard = lab.run(0, ticks)
    assert where(quantised(audio)[FRAME * 46 :], heard) >= 0
    assert lab.engine.stats(0).depth_ms <= 200


@pytest.mark.parametrize("gap_ticks", [3, 40, 500])
def test_a_gap_of_silence_is_as_long_as_the_timestamps_say(gap_ticks):
    lab, peer = bridged(), Peer()
    first, second = noise(FRAME * 10, 3), noise(FRAME * 10, 4)
    before = peer.packets(first)
    peer.timestamp += gap_ticks * FRAME
    ticks = [[packet] for packet in before] + [[]] * gap_ticks + [[packet] for packet in peer.packets(second)]
    heard = lab.run(0, ticks)
    assert where(quantised(second), heard) - where(quantised(first), heard) == FRAME * (10 + gap_ticks)
    assert lab.engine.stats(0).lost == 0


def test_a_sender_whose_clock_stands_still_in_silence_is_heard_again():
    lab, peer = bridged(), Peer()
    lab.run(0, [[packet] for packet in peer.packets(noise(FRAME * 10, 5))], after=100)
    audio = noise(FRAME * 30, 6)
    heard = lab.run(0, [[packet] for packet in peer.packets(audio)])
    assert where(quantised(audio)[FRAME * 3 :], heard) >= 0


@pytest.mark.parametrize("jump", [1_000_000, -1_000_000, 2**31 - 5, 80_007])
def test_a_jump_of_timestamps_starts_again_there(jump):
    lab, peer = bridged(), Peer()
    lab.run(0, [[packet] for packet in peer.packets(noise(FRAME * 10, 5))], after=0)
    peer.timestamp += jump
    audio = noise(FRAME * 30, 6)
    heard = lab.run(0, [[packet] for packet in peer.packets(audio)])
    assert where(quantised(audio)[FRAME * 3 :], heard) >= 0
    assert lab.engine.stats(0).restarts == 1


def test_a_jump_of_sequence_numbers_is_believed_at_the_second_packet():
    lab, peer = bridged(), Peer()
    lab.run(0, [[packet] for packet in peer.packets(noise(FRAME * 10, 5))], after=0)
    peer.seq += 20_000
    audio = noise(FRAME * 30, 6)
    heard = lab.run(0, [[packet] for packet in peer.packets(audio)])
    assert where(quantised(audio)[FRAME:], heard) >= 0
    assert lab.engine.stats(0).lost == 0


def test_another_ssrc_is_followed_at_once_and_the_old_one_is_late():
    lab, old, new = bridged(), Peer(ssrc=1), Peer(ssrc=2, seq=5)
    new.timestamp = 77
    lab.run(0, [[packet] for packet in old.packets(noise(FRAME * 10, 5))], after=0)
    straggler = old.packet(noise(FRAME, 9))
    audio = noise(FRAME * 20, 6)
    ticks = [[packet] for packet in new.packets(audio)]
    ticks[1].append(straggler)
    heard = lab.run(0, ticks)
    assert where(quantised(audio), heard) >= 0
    assert lab.engine.stats(0).restarts == 1 and lab.engine.stats(0).lost == 0
    back = noise(FRAME * 20, 7)
    assert where(quantised(back), lab.run(0, [[packet] for packet in old.packets(back)])) >= 0


@pytest.mark.parametrize("slow", [True, False])
def test_a_drifting_clock_loses_no_packet_and_the_depth_stays(slow):
    lab, peer = bridged(), Peer()
    speech = np.concatenate((noise(FRAME * 40, 5), np.zeros(FRAME * 10, np.int16)))
    packets = [packet for _ in range(60) for packet in peer.packets(speech)]
    at, step = 0.0, 0.998 if slow else 1.002
    while (start := int(at)) < len(packets):
        at += step
        lab.tick(*((0, packet) for packet in packets[start : int(at)]))
    stats = lab.engine.stats(0)
    assert stats.late == stats.lost == stats.restarts == 0
    assert stats.depth_ms <= 60


def test_a_forgotten_source_may_start_anywhere():
    lab, peer = bridged(), Peer()
    lab.run(0, [[packet] for packet in peer.packets(noise(FRAME * 10, 5))], after=0)
    lab.engine.forget_source(0)
    peer.timestamp -= 100_000
    peer.seq -= 3000
    audio = noise(FRAME * 10, 6)
    assert where(quantised(audio), lab.run(0, [[packet] for packet in peer.packets(audio)])) >= 0
    assert lab.engine.stats(0).received == 20


def test_a_flood_costs_its_own_port_only():
    lab, peer, loud = Lab(4), Peer(), Peer(ssrc=9)
    lab.engine.connect((0, 1))
    audio = noise(FRAME * 10, 6)
    for packet in peer.packets(audio):
        flood = [(2, loud.packet(noise(FRAME, 1))) for _ in range(40)]
        lab.receive([*flood, (0, packet)])
        lab.tick()
    lab.tick()
    assert where(quantised(audio), np.concatenate(lab.heard[1])) >= 0
    assert lab.engine.stats(2).overflow == 10 * (40 - 16)
