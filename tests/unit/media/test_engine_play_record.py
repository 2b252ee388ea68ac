"""Prompts heard by one party, recordings of what was said and heard."""

import numpy as np
import pytest
from engine_lab import Lab, Peer, bridged, noise, quantised, sine, strength, where

from trebuchet.media.engine import PlaybackDone, PortMisuse, RecorderFull, tones

FRAME = 160


def play(lab: Lab, ticks: int, row: int = 0) -> np.ndarray:
    start = len(lab.heard[row])
    for _ in range(ticks):
        lab.tick()
    return np.concatenate(lab.heard[row][start:])


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4000, 4001, 12_345])
@pytest.mark.parametrize("row", [0, 3])
def test_a_prompt_is_heard_entire_once_and_reported_at_its_end(samples, row):
    lab, prompt = Lab(4), noise(samples, samples)
    lab.engine.play(row, prompt, 77)
    frames = -(-samples // FRAME)
    heard = play(lab, frames - 1, row) if frames > 1 else np.zeros(0, np.int16)
    assert not lab.events
    heard = np.concatenate((heard, play(lab, 5, row)))
    assert np.array_equal(heard[:samples], quantised(prompt)) and not heard[samples:].any()
    assert lab.events == [PlaybackDone(row, 77, True)]


@pytest.mark.parametrize("samples", [1, 100, 3999, 5000])
def test_a_loop_has_no_seam_and_no_end(samples):
    lab, prompt = Lab(1), noise(samples, 5)
    lab.engine.play(0, prompt, 1, loop=True)
    heard = play(lab, 120)
    assert np.array_equal(heard, quantised(np.resize(prompt, len(heard))))
    lab.engine.stop_playback(0)
    assert not play(lab, 3).any()
    assert lab.events == [PlaybackDone(0, 1, False)]


@pytest.mark.parametrize(("volume", "decibels"), [(-4, -12), (0, 0), (2, 6), (9, 12)])
def test_volume_in_steps_of_three_decibels(volume, decibels):
    lab = Lab(1)
    lab.engine.play(0, sine(500, 8000, 4000), 1, volume=volume)
    assert strength(play(lab, 50), 500) == pytest.approx(4000 * 10 ** (decibels / 20), rel=0.02)


def test_a_loud_prompt_saturates():
    lab = Lab(1)
    lab.engine.play(0, np.full(800, -30000, np.int16), 1, volume=4)
    assert (play(lab, 5) < -32000).all()


def test_another_prompt_replaces_the_first_and_an_empty_one_is_done():
    lab = Lab(1)
    lab.engine.play(0, noise(8000, 1), 1)
    play(lab, 3)
    second = noise(800, 2)
    lab.engine.play(0, second, 2)
    assert np.array_equal(play(lab, 5), quantised(second))
    lab.engine.play(0, np.zeros(0, np.int16), 3)
    play(lab, 1)
    assert lab.events == [PlaybackDone(0, 1, False), PlaybackDone(0, 2, True), PlaybackDone(0, 3, True)]


def test_a_shared_read_only_prompt_plays_on_many_rows():
    lab, prompt = Lab(30), tones.ringback()
    for row in range(30):
        lab.engine.play(row, prompt, row, loop=True)
    play(lab, 40)
    for row in range(30):
        assert np.array_equal(np.concatenate(lab.heard[row]), quantised(prompt[: 40 * FRAME]))


def test_only_what_is_a_prompt_is_taken():
    lab = Lab(1)
    for wrong in (np.zeros(10, np.float32), np.zeros((2, 10), np.int16)):
        with pytest.raises(PortMisuse):
            lab.engine.play(0, wrong, 1)


def test_a_prompt_in_a_bridge_is_added_for_its_own_party_alone():
    lab, peer = bridged(), Peer()
    lab.engine.play(1, sine(1000, 8000, 3000), 1)
    lab.run(0, [[packet] for packet in peer.packets(sine(400, FRAME * 40, 5000))], after=0)
    mixed = np.concatenate(lab.heard[1][10:40])
    assert strength(mixed, 400) == pytest.approx(5000, rel=0.03)
    assert strength(mixed, 1000) == pytest.approx(3000, rel=0.03)
    assert not np.concatenate(lab.heard[0]).any()


class Tape:
    """Writes down the blocks of a recorder."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.blocks, self.ticks = lab, [], []

    def run(self, *rounds: list[tuple[int, bytes]]) -> None:
        for packets in rounds:
            output = self.lab.tick(*packets)
            self.ticks += [len(self.lab.outputs)] * len(output.blocks)
            self.blocks += [(block.row, block.recorder_id, block.samples.copy()) for block in output.blocks]

    def samples(self, recorder_id: int) -> np.ndarray:
        return np.concatenate([samples for _, number, samples in self.blocks if number == recorder_id])


def talk(ticks: int) -> tuple[Lab, Tape, list[list[tuple[int, bytes]]], np.ndarray, np.ndarray]:
    lab = bridged()
    mine, other = noise(FRAME * ticks, 1), noise(FRAME * ticks, 2, amplitude=9000)
    packets = [Peer().packets(mine), Peer().packets(other)]
    rounds = [[(0, packets[0][n]), (1, packets[1][n])] for n in range(ticks)]
    return lab, Tape(lab), rounds, quantised(mine), quantised(other)


def test_mono_is_what_was_said_plus_what_was_heard():
    lab, tape, rounds, mine, other = talk(130)
    lab.engine.record(0, 5)
    tape.run(*rounds, [], [])
    rest = lab.engine.stop_recording(0)
    samples = np.concatenate((tape.samples(5), rest.samples))
    assert len(samples) == 132 * FRAME
    assert where(mine + other, samples) == FRAME


def test_stereo_has_said_left_and_heard_right():
    lab, tape, rounds, mine, other = talk(130)
    lab.engine.record(0, 5, channels=2)
    tape.run(*rounds, [], [])
    samples = np.concatenate((tape.samples(5), lab.engine.stop_recording(0).samples)).reshape(-1, 2)
    assert np.array_equal(samples[FRAME : FRAME * 131, 0], mine)
    assert np.array_equal(samples[FRAME : FRAME * 131, 1], other)


def test_a_recording_holds_the_prompt_too():
    lab = Lab(1)
    lab.engine.record(0, 1)
    prompt = noise(FRAME * 60, 4)
    lab.engine.play(0, prompt, 1)
    tape = Tape(lab)
    tape.run(*([] for _ in range(60)))
    samples = np.concatenate((tape.samples(1), lab.engine.stop_recording(0).samples))
    assert np.array_equal(samples, prompt)


def test_mono_saturates():
    lab = bridged()
    lab.engine.record(0, 1)
    loud = np.full(FRAME, 30000, np.int16)
    peers = [Peer(), Peer()]
    for _ in range(5):
        lab.tick(*((row, peers[row].packet(loud)) for row in range(2)))
    assert lab.engine.stop_recording(0).samples.max() == 32767


@pytest.mark.parametrize("samples", [1, 160, 161, 8000, 20_001])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_recorder_ends_exactly_at_its_bound(samples, channels):
    lab = Lab(1)
    lab.engine.record(0, 9, channels=channels, max_samples=samples)
    tape = Tape(lab)
    tape.run(*([] for _ in range(-(-samples // FRAME) + 5)))
    assert len(tape.samples(9)) == samples * channels
    assert lab.events == [RecorderFull(0, 9)]
    assert lab.engine.stop_recording(0) is None
    lab.engine.record(0, 10)


def test_blocks_come_every_second_and_not_all_at_once():
    lab = Lab(25)
    for row in range(25):
        lab.engine.record(row, row)
    tape = Tape(lab)
    tape.run(*([] for _ in range(500)))
    assert max(tape.ticks.count(tick) for tick in set(tape.ticks)) == 1
    assert all(len([1 for row, *_ in tape.blocks if row == wanted]) == 10 for wanted in range(25))


def test_recorder_misuse():
    lab = Lab(1)
    for options in ({"channels": 3}, {"max_samples": 0}):
        with pytest.raises(PortMisuse):
            lab.engine.record(0, 1, **options)
    lab.engine.record(0, 1)
    with pytest.raises(PortMisuse):
        lab.engine.record(0, 2)
    assert lab.engine.stop_recording(0) is None  # nothing came yet


def test_closing_gives_the_last_block():
    lab = Lab(1)
    lab.engine.record(0, 4)
    for _ in range(3):
        lab.tick()
    closing = lab.engine.close(0, lab.now)
    assert closing.last_block.recorder_id == 4 and len(closing.last_block.samples) == 3 * FRAME
    assert closing.stats.sent == 3 and closing.goodbye


@pytest.mark.parametrize(
    ("pcm", "frequencies"),
    [
        (tones.ringback()[:16000], (440, 480)),
        (tones.busy()[:4000], (480, 620)),
        (tones.keys("5", 100, 0), (770, 1336)),
        (tones.keys("D", 100, 0), (941, 1633)),
        (tones.beep(), (1000,)),
    ],
)
def test_tones_have_the_frequencies_they_should(pcm, frequencies):
    spectrum = np.abs(np.fft.rfft(pcm.astype(float), 16000))
    for frequency in frequencies:
        assert spectrum[2 * frequency - 12 : 2 * frequency + 13].max() > 0.3 * spectrum.max()
    elsewhere = spectrum.copy()
    for frequency in frequencies:
        elsewhere[2 * frequency - 60 : 2 * frequency + 61] = 0
    assert elsewhere.max() < 0.25 * spectrum.max()


def test_ringback_is_two_seconds_on_and_four_off():
    tone = tones.ringback()
    assert len(tone) == 48000 and not tone[16000:].any()
    assert np.abs(tone[8:15992].reshape(-1, 148)).max(axis=1).min() > 500
    assert not tone.flags.writeable
