"""Recorders: what the party said and what it heard, mixed or side by side, gathered into blocks of a second.

Blocks come out at a tick that depends on the row, so that the writes of many recordings spread over the second.
"""

import numpy as np

from trebuchet.base.units import FRAME_SAMPLES, TICKS_PER_S
from trebuchet.media.engine.arrays import Adder, Indexes
from trebuchet.media.engine.values import Event, Pcm, PortMisuse, RecorderBlock, RecorderFull

BLOCK_TICKS = TICKS_PER_S
"""A killed server loses at most this much of a recording: a second."""
UNLIMITED = 1 << 60


class Recorders:
    """Columns of running recorders; block memory int16[capacity, 2 * 8000], touched only where something records."""

    def __init__(self, capacity: int, adder: Adder) -> None:
        self._adder = adder
        self._block = np.zeros((capacity, BLOCK_TICKS * 2 * FRAME_SAMPLES), np.int16)
        self._frames = self._block.reshape(-1, FRAME_SAMPLES)
        self._doubles = self._block.reshape(-1, 2 * FRAME_SAMPLES)
        self.is_recording = np.zeros(capacity, np.bool_)
        self._channels = np.zeros(capacity, np.uint8)
        self._at = np.zeros(capacity, np.intp)
        self._left = np.zeros(capacity, np.int64)
        self._ids: dict[int, int] = {}
        self._said = np.zeros((capacity, FRAME_SAMPLES), np.int16)
        self._heard = np.zeros((capacity, FRAME_SAMPLES), np.int16)
        self._both = np.zeros((capacity, FRAME_SAMPLES, 2), np.int16)

    def start(self, row: int, recorder_id: int, channels: int, max_samples: int | None) -> None:
        """Record from the next tick on. Raises `PortMisuse` when one is running or the numbers make no sense."""
        if self.is_recording[row] or channels not in (1, 2) or (max_samples is not None and max_samples <= 0):
            raise PortMisuse(f"media port {row} cannot record (channels={channels}, max_samples={max_samples})")
        self.is_recording[row] = True
        self._channels[row] = channels
        self._at[row] = 0
        self._left[row] = UNLIMITED if max_samples is None else max_samples
        self._ids[row] = recorder_id

    def stop(self, row: int) -> RecorderBlock | None:
        """What was recorded since the last block; `None` if nothing was or no recorder runs."""
        if not self.is_recording[row]:
            return None
        block = self._cut(row) if self._at[row] else None
        self.is_recording[row] = False
        del self._ids[row]
        return block

    def _cut(self, row: int, spare_samples: int = 0) -> RecorderBlock:
        channels = int(self._channels[row])
        samples = (int(self._at[row]) * FRAME_SAMPLES - spare_samples) * channels
        self._at[row] = 0
        return RecorderBlock(row, self._ids[row], channels, self._block[row, :samples])

    def record(self, said: Pcm, heard: Pcm, tick: int) -> tuple[list[RecorderBlock], list[Event]]:
        """Take this tick's frames of rows 0..n, int16[n, 160] each; gives finished blocks and full recorders."""
        rows = np.flatnonzero(self.is_recording[: len(heard)])
        if not len(rows):
            return [], []
        mono = self._channels[rows] == 1
        self._append_mono(rows[mono], said, heard)
        self._append_stereo(rows[~mono], said, heard)
        self._at[rows] += 1
        self._left[rows] -= FRAME_SAMPLES
        full = self._left[rows] <= 0
        due = ~full & ((tick + rows) % BLOCK_TICKS == 0)
        blocks = [self._cut(row) for row in rows[due].tolist()]
        return self._finish(rows[full], blocks)

    def _finish(self, rows: Indexes, blocks: list[RecorderBlock]) -> tuple[list[RecorderBlock], list[Event]]:
        events: list[Event] = []
        for row in rows.tolist():
            blocks.append(self._cut(row, spare_samples=-int(self._left[row])))
            events.append(RecorderFull(row, self._ids.pop(row)))
            self.is_recording[row] = False
        return blocks, events

    def _append_mono(self, rows: Indexes, said: Pcm, heard: Pcm) -> None:
        if len(rows):
            mine, other = self._said[: len(rows)], self._heard[: len(rows)]
            np.take(said, rows, axis=0, out=mine, mode="clip")
            np.take(heard, rows, axis=0, out=other, mode="clip")
            self._adder.add(mine, other, out=mine)
            self._frames[rows * (2 * BLOCK_TICKS) + self._at[rows]] = mine

    def _append_stereo(self, rows: Indexes, said: Pcm, heard: Pcm) -> None:
        if len(rows):
            both = self._both[: len(rows)]
            both[:, :, 0] = said[rows]
            both[:, :, 1] = heard[rows]
            self._doubles[rows * BLOCK_TICKS + self._at[rows]] = both.reshape(len(rows), -1)
