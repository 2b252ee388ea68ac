"""Who sends to each port: SSRC, sequence numbers, duplicates, loss, interarrival jitter (RFC 3550 A.1, A.3, A.8).

All functions take a wave: packets of distinct rows, so that every row's state changes once per call.
"""

import numpy as np

from trebuchet.base.units import RATE_HZ
from trebuchet.media.engine.arrays import U16, U32, Bools, Indexes

MAX_DROPOUT = 3000
"""A forward gap up to this is loss, beyond it a restarted sender (RFC 3550 A.1)."""
WINDOW = 64
"""Sequence numbers behind the newest whose arrival is remembered, one bit each: over a second of audio, more than the
ring holds."""
STRAGGLER_TICKS = 10
"""After a change of SSRC, packets of the old one are late, not a change back, for 200 ms: the deepest ring."""
NO_SEQ = -1


class Sources:
    """Columns of the sending side of each peer, and counters of what came."""

    def __init__(self, capacity: int) -> None:
        self.is_known = np.zeros(capacity, np.bool_)
        self.ssrc = np.zeros(capacity, np.uint32)
        self.previous_ssrc = np.zeros(capacity, np.uint32)
        self.changed_at = np.full(capacity, -STRAGGLER_TICKS, np.int64)
        self.highest = np.zeros(capacity, np.uint16)
        self.extended = np.zeros(capacity, np.int64)
        self.base = np.zeros(capacity, np.int64)
        self.seen = np.zeros(capacity, np.uint64)
        self.awaited = np.full(capacity, NO_SEQ, np.int32)
        self.transit = np.zeros(capacity, np.int32)
        self.has_transit = np.zeros(capacity, np.bool_)
        self.jitter = np.zeros(capacity, np.float64)
        self.received = np.zeros(capacity, np.int64)
        self.lost_before = np.zeros(capacity, np.int64)
        self.received_before = np.zeros(capacity, np.int64)
        self.duplicated = np.zeros(capacity, np.int64)
        self.reordered = np.zeros(capacity, np.int64)
        self.stale = np.zeros(capacity, np.int64)
        self.restarts = np.zeros(capacity, np.int64)

    def open(self, row: int) -> None:
        """Everything forgotten."""
        for column in vars(self).values():
            column[row] = 0
        self.awaited[row] = NO_SEQ
        self.changed_at[row] = -STRAGGLER_TICKS

    def forget(self, row: int) -> None:
        """The next packet starts a new stream, whoever sends it; the counters stay."""
        self._put_away(np.array([row], np.intp))
        self.is_known[row] = False

    def lost(self, row: int) -> int:
        """Packets lost since `open`, never negative although duplicates could make it so."""
        return int(self.lost_before[row] + max(0, self._expected(row) - self.received[row]))

    def total_received(self, row: int) -> int:
        """Packets accepted since `open`."""
        return int(self.received_before[row] + self.received[row])

    def _expected(self, row: int) -> int:
        return int(self.extended[row] - self.base[row] + 1) if self.is_known[row] else 0

    def expected(self, row: int) -> int:
        """Packets the current source has sent, by its sequence numbers."""
        return self._expected(row)

    def track(self, rows: Indexes, ssrc: U32, seq: U16, tick: int) -> tuple[Bools, Bools]:
        """Take note of one wave: (`accepted`, `is_fresh`), bool[n] each; fresh ones start a new stream and are
        accepted."""
        same = self.is_known[rows] & (self.ssrc[rows] == ssrc)
        delta = (seq - self.highest[rows]).view(np.int16)
        ahead = same & (delta > 0) & (delta <= MAX_DROPOUT)
        accepted, fresh = ahead.copy(), np.zeros(len(rows), np.bool_)
        self._take_ahead(rows[ahead], seq[ahead], delta[ahead])
        rest = np.flatnonzero(~ahead)
        if len(rest):
            behind = same[rest] & (delta[rest] <= 0) & (delta[rest] > -WINDOW)
            self._take_behind(rows, delta, rest[behind], accepted)
            self._take_wild(rows, seq, rest[same[rest] & ~behind], fresh)
            self._take_strange(rows, ssrc, rest[~same[rest]], fresh, tick)
            self._begin(rows[fresh], ssrc[fresh], seq[fresh], tick)
            accepted |= fresh
        self.received[rows[accepted]] += 1
        return accepted, fresh

    def _take_ahead(self, rows: Indexes, seq: U16, delta: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
        self.highest[rows] = seq
        self.extended[rows] += delta
        self.seen[rows] = (self.seen[rows] << delta.astype(np.uint64)) | np.uint64(1)
        self.awaited[rows] = NO_SEQ

    def _take_behind(
        self, rows: Indexes, delta: np.ndarray[tuple[int], np.dtype[np.int16]], which: Indexes, accepted: Bools
    ) -> None:
        """Late by a few numbers: once is reordering, twice is a duplicate."""
        bit = np.uint64(1) << (-delta[which]).astype(np.uint64)
        repeated = (self.seen[rows[which]] & bit) != 0
        self.seen[rows[which]] |= bit
        self.duplicated[rows[which[repeated]]] += 1
        self.reordered[rows[which[~repeated]]] += 1
        accepted[which[~repeated]] = True

    def _take_wild(self, rows: Indexes, seq: U16, which: Indexes, fresh: Bools) -> None:
        """A number far off is believed when the next one follows it (RFC 3550 A.1)."""
        confirmed = self.awaited[rows[which]] == seq[which]
        fresh[which[confirmed]] = True
        doubted = which[~confirmed]
        self.awaited[rows[doubted]] = (seq[doubted] + np.uint16(1)).astype(np.int32)
        self.stale[rows[doubted]] += 1

    def _take_strange(self, rows: Indexes, ssrc: U32, which: Indexes, fresh: Bools, tick: int) -> None:
        """Another SSRC is a new stream, unless it is the one just left."""
        at = rows[which]
        recent = tick - self.changed_at[at] < STRAGGLER_TICKS
        straggling = self.is_known[at] & recent & (self.previous_ssrc[at] == ssrc[which])
        self.stale[at[straggling]] += 1
        fresh[which[~straggling]] = True

    def _begin(self, rows: Indexes, ssrc: U32, seq: U16, tick: int) -> None:
        known = rows[self.is_known[rows]]
        self.restarts[known] += 1
        self.changed_at[known] = tick
        self._put_away(rows)
        self.previous_ssrc[rows] = self.ssrc[rows]
        self.is_known[rows] = True
        self.ssrc[rows] = ssrc
        self.highest[rows] = seq
        self.extended[rows] = seq
        self.base[rows] = seq
        self.seen[rows] = 1
        self.awaited[rows] = NO_SEQ

    def _put_away(self, rows: Indexes) -> None:
        """Close the account of the stream these rows had, so that the totals of the call go on."""
        expected = np.where(self.is_known[rows], self.extended[rows] - self.base[rows] + 1, 0)
        self.lost_before[rows] += np.maximum(0, expected - self.received[rows])
        self.received_before[rows] += self.received[rows]
        self.received[rows] = 0
        self.extended[rows] = self.base[rows] = 0
        self.has_transit[rows] = False

    def measure(self, rows: Indexes, timestamp: U32, now: float) -> None:
        """Interarrival jitter in samples (RFC 3550 A.8) of accepted audio packets."""
        arrival = np.uint32(int(now * RATE_HZ) & 0xFFFFFFFF)
        transit = (arrival - timestamp).view(np.int32)
        moved = np.abs((transit.view(np.uint32) - self.transit[rows].view(np.uint32)).view(np.int32).astype(np.float64))
        moved = np.minimum(moved, RATE_HZ)
        jitter = self.jitter[rows]
        self.jitter[rows] = np.where(self.has_transit[rows], jitter + (moved - jitter) / 16.0, jitter)
        self.transit[rows] = transit
        self.has_transit[rows] = True
