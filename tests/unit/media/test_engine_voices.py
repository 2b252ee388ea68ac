"""Voices in a group: gains, the gate, what a row without a peer says, and a conference of two hundred."""

import math
import time

import numpy as np
import pytest
from engine_lab import Lab, Peer, sine, strength

from trebuchet.base.rand import SeededRand
from trebuchet.media.engine import Engine, PlaybackDone, PortMisuse, PortSettings, RemoteMedia

FRAME = 160
AMPLITUDE = 3000
TONES = [400, 600, 850, 1150]
PEOPLE = 200
PITCHES = (317.5, 510.0, 740.0, 972.5, 1212.5, 1447.5, 1692.5, 1930.0, 2180.0, 2422.5, 2670.0, 2907.5)
"""Shared by every twelfth of the two hundred: whoever shares mine is heard without me. None is the harmonic of another,
and all have whole periods in the piece that is measured."""


class Room:
    """`rows` parties who talk all the time, and one more row without a peer, all in one group."""

    def __init__(self, rows: int, amplitudes: dict[int, int] | None = None) -> None:
        self.lab = Lab(rows, capacity=rows + 1)
        self.engine = self.lab.engine
        self.peers = [Peer() for _ in range(rows)]
        self.amplitudes = [(amplitudes or {}).get(row, AMPLITUDE) for row in range(rows)]
        self.source = self.engine.allocate()
        self.engine.open(self.source, PortSettings())
        self.group = self.engine.connect(range(rows + 1))
        self.spoken = 0

    def listen(self, ticks: int = 40) -> list[np.ndarray]:
        for _ in range(ticks):
            frames = [sine(TONES[row], FRAME, amplitude, self.spoken) for row, amplitude in enumerate(self.amplitudes)]
            self.lab.tick(*((row, peer.packet(frames[row])) for row, peer in enumerate(self.peers)))
            self.spoken += FRAME
        return [np.concatenate(heard[-ticks + 10 :]) for heard in self.lab.heard]


def decibels(ratio: float) -> float:
    return 20 * math.log10(ratio)


@pytest.mark.parametrize("rows", [2, 3])
def test_a_microphone_is_louder_or_quieter_for_the_others(rows: int) -> None:
    room = Room(rows)
    plain = strength(room.listen()[1], TONES[0])
    for db in (-6.0, 6.0):
        room.engine.set_gains(0, mic_db=db)
        heard = room.listen()
        assert decibels(strength(heard[1], TONES[0]) / plain) == pytest.approx(db, abs=0.5)
        assert strength(heard[0], TONES[0]) < AMPLITUDE / 20, "nobody hears himself, however loud he is"
        assert strength(heard[0], TONES[1]) == pytest.approx(plain, rel=0.1)
    room.engine.set_gains(0)
    assert strength(room.listen()[1], TONES[0]) == pytest.approx(plain, rel=0.05)


def test_an_earpiece_changes_what_its_owner_hears_alone() -> None:
    room = Room(3)
    room.engine.set_gains(1, ear_db=-6.0)
    heard = room.listen()
    assert decibels(strength(heard[1], TONES[0]) / AMPLITUDE) == pytest.approx(-6.0, abs=0.5)
    assert decibels(strength(heard[2], TONES[0]) / AMPLITUDE) == pytest.approx(0.0, abs=0.5)


def test_a_prompt_for_one_party_keeps_its_volume() -> None:
    room = Room(3)
    room.engine.set_gains(1, ear_db=-12.0)
    room.engine.play(1, sine(2000, FRAME * 60, AMPLITUDE), 1)
    assert strength(room.listen()[1], 2000) == pytest.approx(AMPLITUDE, rel=0.1)


def test_the_gate_keeps_out_what_is_quieter_than_it() -> None:
    room = Room(3, {0: 200})
    assert strength(room.listen()[1], TONES[0]) > 150
    room.engine.set_gains(0, gate_dbov=-40.0)
    room.listen()  # the gate stays open for a moment after the last loud frame
    heard = room.listen()
    assert strength(heard[1], TONES[0]) < 20
    assert strength(heard[1], TONES[2]) > AMPLITUDE * 0.9, "who is loud enough is heard"
    room.engine.set_gains(0, gate_dbov=-50.0)
    assert strength(room.listen()[1], TONES[0]) > 150


def test_a_gate_lets_the_end_of_a_word_through() -> None:
    room = Room(3, {0: AMPLITUDE})
    room.engine.set_gains(0, gate_dbov=-40.0)
    room.listen()
    room.amplitudes[0] = 200
    assert strength(room.listen(20)[1][:FRAME], TONES[0]) > 150


def test_a_recorder_hears_what_was_really_said() -> None:
    room = Room(3)
    room.engine.set_gains(0, mic_db=-20.0)
    room.engine.record(0, 7, channels=2)
    room.listen(60)
    blocks = [b for output in room.lab.outputs for b in output.blocks]
    last = room.engine.stop_recording(0)
    samples = np.concatenate([block.samples.copy() for block in ([*blocks, last] if last else blocks)])
    assert strength(samples[::2][-FRAME * 20 :], TONES[0]) == pytest.approx(AMPLITUDE, rel=0.1)


def test_what_a_source_plays_everybody_who_can_hear_hears() -> None:
    room = Room(3)
    room.engine.set_voice(2, can_speak=False, can_hear=False)
    room.engine.speak(room.source, sine(2000, FRAME * 45, AMPLITUDE), 9)
    heard = room.listen()
    assert [strength(pcm, 2000) > AMPLITUDE * 0.9 for pcm in heard] == [True, True, False]
    assert strength(heard[0], TONES[1]) > AMPLITUDE * 0.9
    quiet = room.listen()
    assert max(strength(pcm, 2000) for pcm in quiet) < 20, "it ends, and is not continued as if it were lost"
    assert room.lab.of(PlaybackDone) == [PlaybackDone(room.source, 9, is_complete=True)]


def test_a_source_can_be_stopped_and_closed() -> None:
    room = Room(2)
    room.engine.speak(room.source, sine(2000, FRAME * 10), 1, loop=True)
    room.listen(20)
    room.engine.stop_playback(room.source)
    assert max(strength(pcm, 2000) for pcm in room.listen()) < 20
    room.engine.close(room.source, room.lab.now)
    with pytest.raises(PortMisuse):
        room.engine.speak(room.source, sine(2000, FRAME), 2)
    with pytest.raises(PortMisuse):
        room.engine.set_gains(room.source)


def test_a_conference_of_two_hundred() -> None:
    """Everybody hears all the others and not himself: the amplitude of each pitch says how many of them are heard."""
    engine = Engine(PEOPLE, SeededRand(3))
    lab = Lab(0, capacity=1)
    lab.engine = engine
    for _ in range(PEOPLE):
        row = engine.allocate()
        engine.open(row, PortSettings())
        engine.set_remote(row, RemoteMedia(), 1000.0)
        engine.set_gains(row, gate_dbov=-50.0)
    engine.connect(range(PEOPLE))
    peers, heard, ticks, amplitude = [Peer() for _ in range(PEOPLE)], [], 40, 100
    spent = 0.0
    for tick in range(ticks):
        frames = [sine(pitch, FRAME, amplitude, tick * FRAME) for pitch in PITCHES]
        lab.receive([(row, peer.packet(frames[row % len(PITCHES)])) for row, peer in enumerate(peers)])
        began = time.perf_counter()
        lab.now += 0.02
        engine.tick(lab.now)
        spent += time.perf_counter() - began
        heard.append(engine._heard.copy())
    said = float(strength(sine(PITCHES[0], FRAME * 20, amplitude), PITCHES[0]))
    mixed = np.concatenate(heard[-20:], axis=1)
    for row in range(0, PEOPLE, 7):
        for n, pitch in enumerate(PITCHES):
            others = len([person for person in range(n, PEOPLE, len(PITCHES)) if person != row])
            assert strength(mixed[row], pitch) / said == pytest.approx(others, abs=0.7), (row, pitch)
    assert spent / ticks < 0.02, "a tick of two hundred is far shorter than 20 ms, even on a busy machine"
