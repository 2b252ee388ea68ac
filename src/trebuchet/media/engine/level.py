"""How loud each party is, and whether it has fallen silent."""

import numpy as np

from trebuchet.base.units import FRAME_SAMPLES
from trebuchet.media.engine.arrays import I16, Indexes
from trebuchet.media.engine.values import Pcm

SILENCE_PEAK = 330
"""A frame whose loudest sample is below this (-40 dBov) is silence: line noise is at -50, quiet speech peaks at -30."""
FULL_SCALE = 32768.0
FLOOR_DBOV = -96.0
"""The level reported for nothing at all: the step of 16 bits."""


class Levels:
    """Columns `peak` int16[capacity] (this frame) and `level` (peak with decay), and the silence watch."""

    def __init__(self, capacity: int) -> None:
        self.peak = np.zeros(capacity, np.int16)
        self.level = np.zeros(capacity, np.int32)
        self.quiet_ticks = np.zeros(capacity, np.int32)
        self._limit = np.zeros(capacity, np.int32)
        self._quiet_peak = np.full(capacity, SILENCE_PEAK, np.int16)
        self._size = np.zeros((capacity, FRAME_SAMPLES), np.int16)

    def open(self, row: int) -> None:
        self.peak[row] = self.level[row] = self.quiet_ticks[row] = self._limit[row] = 0

    def watch(self, row: int, ticks: int, peak: int = SILENCE_PEAK) -> None:
        """Report once when the party has stayed below `peak` (1–32767) for `ticks` from now on; 0 stops the watch."""
        self._limit[row] = ticks
        self._quiet_peak[row] = peak
        self.quiet_ticks[row] = 0

    def measure(self, frames: Pcm) -> I16:
        """Peaks of int16[n, 160] for rows 0..n; -32768, which G.711 cannot hold, must not occur."""
        used = slice(0, len(frames))
        size = self._size[used]
        np.abs(frames, out=size)
        size.max(axis=1, initial=0, out=self.peak[used])
        return self.peak[used]

    def watch_silence(self, high_water: int) -> Indexes:
        """Count this tick; gives the rows whose watch just ran out."""
        used = slice(0, high_water)
        level, peak = self.level[used], self.peak[used]
        np.maximum(level - (level >> 3), peak, out=level)
        quiet = self.quiet_ticks[used]
        quiet += 1
        quiet *= peak < self._quiet_peak[used]
        return np.flatnonzero((quiet == self._limit[used]) & (self._limit[used] > 0))

    def dbov(self, row: int) -> float:
        """The party's level, 0 to -96 dBov."""
        level = int(self.level[row])
        return max(FLOOR_DBOV, 20.0 * float(np.log10(level / FULL_SCALE))) if level else FLOOR_DBOV
