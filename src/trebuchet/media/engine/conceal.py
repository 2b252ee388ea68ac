"""Loss concealment: what is missing is continued from what was heard last, fading, then silence.

The continuation repeats the last pitch period (in the manner of ITU-T G.711 Appendix I, with a far simpler search), so
that a voice goes on without a break in its wave; it fades over 80 ms, because a held vowel sounds wrong sooner than
silence does.
"""

import numpy as np

from trebuchet.base.units import FRAME_SAMPLES
from trebuchet.media.engine.arrays import F32, I16, Indexes
from trebuchet.media.engine.values import Pcm

HALF = FRAME_SAMPLES // 2
MIN_LAG, MAX_LAG = 32, 110
"""Pitch periods tried, in samples: 250 Hz down to 73 Hz; higher voices are met by a multiple of their period."""
MATCH = FRAME_SAMPLES - MAX_LAG
"""Samples compared for the pitch: what remains of the last frame beside the longest period."""
FADE_HALVES = 8
"""10 ms steps until silence."""
SEARCH_ROWS = 128
"""Pitch searches in one tick. When a whole network stalls, the rest repeat a fixed piece, so that our own tick does
not stall too."""
STEP_GAIN = 0.85
"""What each 10 ms keeps of the one before; the last one goes to nothing."""


def find_lags(context: F32) -> Indexes:
    """The period, in samples, with which float32[n, 160] repeats itself best at its end."""
    tail = context[:, FRAME_SAMPLES - MATCH :]
    shifted = np.lib.stride_tricks.sliding_window_view(context, MATCH, axis=1)
    lags = np.arange(MIN_LAG, MAX_LAG + 1)
    candidates = shifted[:, FRAME_SAMPLES - MATCH - lags]
    likeness = np.einsum("nlm,nm->nl", candidates, tail)
    energy = np.einsum("nlm,nlm->nl", candidates, candidates) + 1.0
    best: Indexes = np.argmax(likeness / np.sqrt(energy), axis=1)
    return lags[best]


class Concealer:
    """Column `run` uint8[capacity]: how many 10 ms pieces in a row were made up."""

    def __init__(self, capacity: int) -> None:
        self.run = np.full(capacity, FADE_HALVES, np.uint8)
        self.concealed = np.zeros(capacity, np.int64)
        self._lag = np.full(capacity, MAX_LAG, np.intp)
        self._ramp = (np.arange(HALF, dtype=np.float32) + 1) / HALF

    def open(self, row: int) -> None:
        self.run[row] = FADE_HALVES
        self.concealed[row] = 0

    def heal(self, frames: Pcm, before: Pcm, rows: Indexes, has_first: I16, has_second: I16) -> None:
        """Fill the missing halves of `frames` int16[ports, 160] in place.

        `before` is the frame played last by each row; `rows` are the incomplete ones and `has_first`, `has_second`
        (any integer, 0 = missing) say what they have.
        """
        self._heal_half(frames, before, rows[has_first == 0], 0)
        self.run[rows[has_first != 0]] = 0
        self._heal_half(frames, before, rows[has_second == 0], HALF)
        self.run[rows[has_second != 0]] = 0

    def _heal_half(self, frames: Pcm, before: Pcm, rows: Indexes, start: int) -> None:
        fading = rows[self.run[rows] < FADE_HALVES]
        over = rows[self.run[rows] >= FADE_HALVES]
        frames[over, start : start + HALF] = 0
        if len(fading):
            frames[fading, start : start + HALF] = self._continue(frames, before, fading, start)
            self.run[fading] += 1
            self.concealed[fading] += 1

    def _continue(self, frames: Pcm, before: Pcm, rows: Indexes, start: int) -> Pcm:
        context = np.concatenate((before[rows, start:], frames[rows, :start]), axis=1).astype(np.float32)
        new = np.flatnonzero(self.run[rows] == 0)
        self._lag[rows[new]] = MAX_LAG
        new = new[:SEARCH_ROWS]
        self._lag[rows[new]] = find_lags(context[new])
        lags = self._lag[rows][:, None]
        column = FRAME_SAMPLES - lags + np.arange(HALF) % lags
        made = np.take_along_axis(context, column, axis=1)
        low = np.where(self.run[rows] + 1 >= FADE_HALVES, 0.0, STEP_GAIN).astype(np.float32)
        gain = 1.0 - (1.0 - low[:, None]) * self._ramp
        return (made * gain).astype(np.int16)
