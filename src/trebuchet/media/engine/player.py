"""Prompts: any number of rows play, each its own audio, looped or not, at its own volume.

Audio comes from arrays of any length, so a gather over all rows needs it in one place: every playing row has half a
second of staging memory, filled from its prompt in turn (the rows are staggered, so each tick fills one row in 25).
The tick itself is one gather. Volume is applied while filling.
"""

from dataclasses import dataclass

import numpy as np

from trebuchet.base.units import FRAME_SAMPLES
from trebuchet.media.engine.arrays import Adder, Indexes
from trebuchet.media.engine.values import VOLUME_STEP_DB, Event, Pcm, PlaybackDone

STAGE_FRAMES = 25
"""Half a second: 8 kB a row; filling costs two microseconds a row, so 1,600 playing rows cost a tenth of a millisecond
a tick."""
MAX_VOLUME = 4
ENDLESS = 1 << 60
"""Ticks left of a loop."""


@dataclass(slots=True)
class Playback:
    """One run of a prompt. `pcm` int16[samples] is shared and only read; `cursor` is the next sample to stage."""

    pcm: Pcm
    playback_id: int
    is_loop: bool
    gain: float
    cursor: int = 0

    def read_into(self, target: Pcm) -> None:
        """Fill `target` int16[n] with what comes next, silence after the end."""
        if self.is_loop:
            self._read_loop(target)
        else:
            rest = self.pcm[self.cursor : self.cursor + len(target)]
            target[: len(rest)] = rest
            target[len(rest) :] = 0
            self.cursor += len(target)
        if self.gain != 1.0:
            target[:] = np.clip(target * np.float32(self.gain), -32768, 32767)

    def _read_loop(self, target: Pcm) -> None:
        rest = self.pcm[self.cursor : self.cursor + len(target)]
        target[: len(rest)] = rest
        if len(rest) < len(target):
            target[len(rest) :] = np.resize(self.pcm, len(target) - len(rest))
        self.cursor = (self.cursor + len(target)) % len(self.pcm)


class Player:
    """Columns of what plays where, and the staging memory int16[capacity, 25 * 160] (touched only where something
    plays)."""

    def __init__(self, capacity: int, adder: Adder) -> None:
        self._adder = adder
        self._stage = np.zeros((capacity, STAGE_FRAMES * FRAME_SAMPLES), np.int16)
        self._frames = self._stage.reshape(-1, FRAME_SAMPLES)
        self._is_playing = np.zeros(capacity, np.bool_)
        self._is_voice = np.zeros(capacity, np.bool_)
        self._at = np.zeros(capacity, np.intp)
        self._left = np.zeros(capacity, np.int64)
        self._playbacks: dict[int, Playback] = {}
        self._ended: list[Event] = []
        self._piece = np.zeros((capacity, FRAME_SAMPLES), np.int16)
        self._base = np.zeros((capacity, FRAME_SAMPLES), np.int16)

    def play(self, row: int, pcm: Pcm, playback_id: int, is_loop: bool, volume: int, *, is_voice: bool = False) -> None:
        """Start at the next tick; what played before is stopped. An empty prompt is done at once. `is_voice`: it is
        what the row says, not what it hears."""
        self.stop(row)
        if not len(pcm):
            self._ended.append(PlaybackDone(row, playback_id, is_complete=True))
            return
        volume = max(-MAX_VOLUME, min(MAX_VOLUME, volume))
        playback = Playback(pcm, playback_id, is_loop, 10.0 ** (volume * VOLUME_STEP_DB / 20.0))
        self._playbacks[row] = playback
        self._is_playing[row] = True
        self._is_voice[row] = is_voice
        self._left[row] = ENDLESS if is_loop else -(-len(pcm) // FRAME_SAMPLES)
        self._at[row] = row % STAGE_FRAMES
        self._fill(row)

    def stop(self, row: int) -> None:
        playback = self._playbacks.pop(row, None)
        if playback is not None:
            self._is_playing[row] = False
            self._ended.append(PlaybackDone(row, playback.playback_id, is_complete=False))

    def forget(self, row: int) -> None:
        """The row closes: nothing is reported any more."""
        self.stop(row)
        self._ended = [event for event in self._ended if event.row != row]

    def _fill(self, row: int) -> None:
        start = int(self._at[row]) % STAGE_FRAMES * FRAME_SAMPLES
        self._playbacks[row].read_into(self._stage[row, start:])
        self._at[row] = start // FRAME_SAMPLES

    def speak(self, said: Pcm) -> Indexes:
        """Add this tick's frame of every row that speaks a playback to `said` int16[n, 160]; gives these rows."""
        used = slice(0, len(said))
        return self._step(np.flatnonzero(self._is_playing[used] & self._is_voice[used]), said)

    def add(self, heard: Pcm) -> list[Event]:
        """Add this tick's frame of every row that hears a playback to `heard` int16[n, 160]; gives all playbacks that
        ended in this tick."""
        used = slice(0, len(heard))
        self._step(np.flatnonzero(self._is_playing[used] & ~self._is_voice[used]), heard)
        ended, self._ended = self._ended, []
        return ended

    def _step(self, rows: Indexes, frames: Pcm) -> Indexes:
        if len(rows):
            for row in rows[self._at[rows] == STAGE_FRAMES].tolist():
                self._fill(row)
            self._add_frames(rows, frames)
            self._at[rows] += 1
            self._left[rows] -= 1
            self._finish(rows[self._left[rows] == 0])
        return rows

    def _add_frames(self, rows: Indexes, frames: Pcm) -> None:
        piece, base = self._piece[: len(rows)], self._base[: len(rows)]
        np.take(self._frames, rows * STAGE_FRAMES + self._at[rows], axis=0, out=piece, mode="clip")
        np.take(frames, rows, axis=0, out=base, mode="clip")
        self._adder.add(base, piece, out=piece)
        frames[rows] = piece

    def _finish(self, rows: Indexes) -> None:
        for row in rows.tolist():
            playback = self._playbacks.pop(row)
            self._is_playing[row] = False
            self._ended.append(PlaybackDone(row, playback.playback_id, is_complete=True))
