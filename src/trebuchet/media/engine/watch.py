"""Whether the peer is still there: RTP and RTCP time-out."""

import numpy as np

from trebuchet.media.engine.arrays import Bools, Indexes


class MediaWatch:
    """Columns `limit` and `quiet` int32[capacity], in ticks."""

    def __init__(self, capacity: int) -> None:
        self.limit = np.zeros(capacity, np.int32)
        self.quiet = np.zeros(capacity, np.int32)

    def set_limit(self, row: int, ticks: int) -> None:
        """Report after `ticks` without a packet, counted from now; 0 never."""
        self.limit[row] = ticks
        self.quiet[row] = 0

    def hear(self, rows: Indexes) -> None:
        """Something came for these rows (any order, repeats allowed)."""
        self.quiet[rows] = 0

    def step(self, expects: Bools) -> Indexes:
        """Count a tick for rows 0..n, of which only those that `expects` audio can time out; gives those that just
        did."""
        used = slice(0, len(expects))
        quiet = self.quiet[used]
        quiet += 1
        quiet *= expects
        return np.flatnonzero((quiet == self.limit[used]) & (self.limit[used] > 0))
