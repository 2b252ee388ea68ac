"""How loud each party is in its group, and how loud it hears the others: gains, and a gate against background noise.

Only rows that differ from the plain case are touched. Their frames are shaped before the mix and put back after it, so
that recorders and levels see what was really said. Gains glide over one frame: a step would click.
"""

import numpy as np

from trebuchet.base.units import FRAME_SAMPLES, TICKS_PER_S
from trebuchet.media.engine.arrays import F32, I16, Indexes
from trebuchet.media.engine.values import Pcm

FULL_SCALE = 32768.0
HANGOVER_TICKS = TICKS_PER_S // 4
"""How long a gate stays open after the last loud frame: the quiet ends of words belong to them."""


class Voices:
    """Columns `mic` and `ear` float32[capacity] (factors) and `gate` int16[capacity] (least peak that is let through).

    Shaped rows hold their last factor in `_factor`, from which the next frame glides on.
    """

    def __init__(self, capacity: int) -> None:
        self._mic = np.ones(capacity, np.float32)
        self._ear = np.ones(capacity, np.float32)
        self._gate = np.zeros(capacity, np.int16)
        self._factor = np.ones(capacity, np.float32)
        self._open_ticks = np.zeros(capacity, np.int32)
        self._ramp = (np.arange(1, FRAME_SAMPLES + 1, dtype=np.float32) / FRAME_SAMPLES)[None, :]
        self._speakers: Indexes = np.empty(0, np.intp)
        self._listeners: Indexes = np.empty(0, np.intp)

    def open(self, row: int) -> None:
        """Plain: nothing is changed."""
        self._factor[row] = 1.0
        self._open_ticks[row] = 0
        self.set(row, 0.0, 0.0, None)

    def set(self, row: int, mic_db: float, ear_db: float, gate_dbov: float | None) -> None:
        """`mic_db` changes what the others hear of this row, `ear_db` what it hears of them; frames that peak below
        `gate_dbov` are not let through (`None`: all are)."""
        self._mic[row] = 10.0 ** (mic_db / 20.0)
        self._ear[row] = 10.0 ** (ear_db / 20.0)
        self._gate[row] = 0 if gate_dbov is None else min(32767, int(FULL_SCALE * 10.0 ** (gate_dbov / 20.0)))
        self._speakers = np.flatnonzero((self._mic != 1.0) | (self._gate > 0) | (self._factor != 1.0))
        self._listeners = np.flatnonzero(self._ear != 1.0)

    def shape(self, said: Pcm, peak: I16) -> tuple[Indexes, Pcm]:
        """Change the frames `said` int16[n, 160] of the rows that need it; `peak` int16[n]. Gives these rows and their
        frames as they were, for `restore`."""
        rows = self._speakers[: np.searchsorted(self._speakers, len(peak))]
        original = said[rows]
        if len(rows):
            before, after = self._factor[rows], self._next_factors(rows, peak)
            gains = before[:, None] + (after - before)[:, None] * self._ramp
            said[rows] = np.clip(original * gains, -32768, 32767)
            self._factor[rows] = after
        return rows, original

    def _next_factors(self, rows: Indexes, peak: I16) -> F32:
        is_loud = peak[rows] >= self._gate[rows]
        self._open_ticks[rows] = np.where(is_loud, HANGOVER_TICKS, np.maximum(self._open_ticks[rows] - 1, 0))
        return np.where(self._open_ticks[rows] > 0, self._mic[rows], np.float32(0.0))

    @staticmethod
    def restore(said: Pcm, shaped: tuple[Indexes, Pcm]) -> None:
        """Undo `shape`."""
        said[shaped[0]] = shaped[1]

    def adjust_ears(self, heard: Pcm) -> None:
        """Apply `ear` to int16[n, 160]."""
        rows = self._listeners[: np.searchsorted(self._listeners, len(heard))]
        if len(rows):
            heard[rows] = np.clip(heard[rows] * self._ear[rows][:, None], -32768, 32767)
