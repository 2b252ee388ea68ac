"""Who hears whom: groups of rows, each member hearing the sum of the others, saturated once, never itself.

A group of two is a bridge and is one gather. Larger groups are one segmented sum over all of them together, and each
member's own voice taken away from its group's sum. Who may speak and who may hear is worked out when it changes, not
every tick.
"""

from collections.abc import Iterable

import numpy as np

from trebuchet.base.units import FRAME_SAMPLES
from trebuchet.media.engine.arrays import Indexes
from trebuchet.media.engine.values import Pcm

ALONE = 0
"""Group of a row that hears nobody."""


class Mixer:
    """Columns `group`, `can_speak`, `can_hear`; derived from them, the plan of this tick's gathers.

    `said` is int16[capacity + 1, 160]: its last row is always silence, the source of everyone who hears nobody.
    """

    def __init__(self, capacity: int) -> None:
        self._silence = capacity
        self.group = np.full(capacity, ALONE, np.int64)
        self.can_speak = np.ones(capacity, np.bool_)
        self.can_hear = np.ones(capacity, np.bool_)
        self._next_group = ALONE + 1
        self._is_stale = False
        self._source = np.full(capacity, capacity, np.intp)
        none: Indexes = np.empty(0, np.intp)
        self._speakers = self._starts = self._filled = self._listeners = self._listeners_group = self._own = none
        self._sums = np.zeros((0, FRAME_SAMPLES), np.int32)
        self._voices = np.zeros((capacity, FRAME_SAMPLES), np.int16)
        self._mixed = np.zeros((capacity, FRAME_SAMPLES), np.int32)

    def open(self, row: int) -> None:
        """Alone, speaking and hearing."""
        self.group[row] = ALONE
        self.can_speak[row] = self.can_hear[row] = True
        self._is_stale = True

    def connect(self, rows: Iterable[int]) -> int:
        """A new group of these rows; they leave the groups they were in. Gives its number."""
        number = self._next_group
        self._next_group += 1
        for row in rows:
            self.join(row, number)
        return number

    def join(self, row: int, group: int) -> None:
        self.group[row] = group
        self._is_stale = True

    def set_voice(self, row: int, can_speak: bool, can_hear: bool) -> None:
        self.can_speak[row] = can_speak
        self.can_hear[row] = can_hear
        self._is_stale = True

    def mix(self, said: Pcm, heard: Pcm) -> None:
        """Fill `heard` int16[n, 160] for rows 0..n from `said`."""
        if self._is_stale or len(heard) > len(self._source):
            self._plan(len(self.group))
        np.take(said, self._source[: len(heard)], axis=0, out=heard, mode="clip")
        if len(self._listeners):
            self._mix_large(said, heard)

    def _mix_large(self, said: Pcm, heard: Pcm) -> None:
        self._sums[:] = 0
        if len(self._speakers):
            voices = self._voices[: len(self._speakers)]
            np.take(said, self._speakers, axis=0, out=voices, mode="clip")
            self._sums[self._filled] = np.add.reduceat(voices, self._starts, axis=0, dtype=np.int32)
        own, mixed = self._voices[: len(self._listeners)], self._mixed[: len(self._listeners)]
        np.take(self._sums, self._listeners_group, axis=0, out=mixed, mode="clip")
        np.take(said, self._own, axis=0, out=own, mode="clip")
        mixed -= own
        np.clip(mixed, -32768, 32767, out=mixed)
        heard[self._listeners] = mixed

    def _plan(self, capacity: int) -> None:
        self._is_stale = False
        self._source[:] = self._silence
        members = np.flatnonzero(self.group != ALONE)
        order = members[np.argsort(self.group[members], kind="stable")]
        numbers = self.group[order]
        first = np.flatnonzero(np.concatenate(([True], numbers[1:] != numbers[:-1]))[: len(order)])
        sizes = np.diff(np.append(first, len(order)))
        pairs = first[sizes == 2]
        self._plan_direction(order[pairs], order[pairs + 1])
        self._plan_direction(order[pairs + 1], order[pairs])
        self._plan_large(
            order, np.repeat(sizes, sizes), np.repeat(np.cumsum(sizes > 2) - 1, sizes), int((sizes > 2).sum())
        )

    def _plan_direction(self, listener: Indexes, speaker: Indexes) -> None:
        audible = self.can_hear[listener] & self.can_speak[speaker]
        self._source[listener[audible]] = speaker[audible]

    def _plan_large(self, order: Indexes, sizes: Indexes, dense: Indexes, count: int) -> None:
        rows, dense = order[sizes > 2], dense[sizes > 2]
        speaks, hears = self.can_speak[rows], self.can_hear[rows]
        self._speakers = rows[speaks]
        self._filled, self._starts = np.unique(dense[speaks], return_index=True)
        self._listeners, self._listeners_group = rows[hears], dense[hears]
        self._own = np.where(speaks, rows, self._silence)[hears]
        self._sums = np.zeros((count, FRAME_SAMPLES), np.int32)
