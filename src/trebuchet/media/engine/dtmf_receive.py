"""Digits from the peer (RFC 4733): each press once, at its first packet, whatever is lost or repeated after it.

A press is known by its timestamp: all packets of an event carry the time of its beginning. So one packet of the dozen
is enough, and end packets, which may be lost or come three times, decide nothing. Two habits need a rule: an event
longer than its 16-bit duration goes on in a new segment with a new timestamp (2.5.1.3), and some senders move the
timestamp with every packet.
"""

import numpy as np

from trebuchet.media.engine.arrays import I32, U8, U32, Bools, Indexes
from trebuchet.media.engine.values import DigitPressed, Event

KEYS = "0123456789*#ABCD"
"""Event codes 0..15 (RFC 4733 3.2)."""
EVENT_BYTES = 4
SEGMENT = 0xFFFF - 2000
"""Durations near the end of 16 bits: the next timestamp may be the next segment of the same press."""
JUMP = 80000
"""Ten seconds back is a sender's clock that started again, not a packet that came late."""
CONTINUES_TICKS = 5
"""A press is not continued by a packet that comes more than 100 ms later."""


class DigitReceiver:
    """Columns of the last press of each row."""

    def __init__(self, capacity: int) -> None:
        self._has_press = np.zeros(capacity, np.bool_)
        self._timestamp = np.zeros(capacity, np.uint32)
        self._ssrc = np.zeros(capacity, np.uint32)
        self._code = np.zeros(capacity, np.uint8)
        self._duration = np.zeros(capacity, np.int32)
        self._is_ended = np.zeros(capacity, np.bool_)
        self._seen_at = np.zeros(capacity, np.int64)
        self.malformed = np.zeros(capacity, np.int64)
        self._pressed: list[Event] = []

    def open(self, row: int) -> None:
        self.forget(row)
        self.malformed[row] = 0

    def forget(self, row: int) -> None:
        """The next event packet is a new press; presses not yet taken belong to a closed call and go."""
        self._has_press[row] = False
        self._pressed = [event for event in self._pressed if event.row != row]

    def take(self) -> list[Event]:
        """The presses since the last call."""
        pressed, self._pressed = self._pressed, []
        return pressed

    def handle(
        self, payload: U8, size: I32, rows: Indexes, marker: Bools, timestamp: U32, ssrc: U32, tick: int
    ) -> None:
        """One wave of event packets: `payload` uint8[n, 4] with the sizes really received, distinct `rows`."""
        good = (size >= EVENT_BYTES) & (payload[:, 0] < len(KEYS))
        self.malformed[rows[~good]] += 1
        rows, payload, timestamp = rows[good], payload[good], timestamp[good]
        code, duration = payload[:, 0], (payload[:, 2].astype(np.int32) << 8) | payload[:, 3]
        same_source = self._has_press[rows] & (self._ssrc[rows] == ssrc[good])
        newer = (timestamp - self._timestamp[rows]).view(np.int32)
        later = ~same_source | (newer > 0) | (newer < -JUMP)
        goes_on = later & same_source & self._goes_on(rows, code, duration, newer, marker[good], tick)
        self._note(rows, code, duration, timestamp, ssrc[good], payload[:, 1] >= 0x80, later, newer == 0, tick)
        for row, key in zip(rows[later & ~goes_on].tolist(), code[later & ~goes_on].tolist(), strict=True):
            self._pressed.append(DigitPressed(row, KEYS[key]))

    def _goes_on(self, rows: Indexes, code: U8, duration: I32, newer: I32, marker: Bools, tick: int) -> Bools:
        """A later timestamp that is still the same press."""
        recent = tick - self._seen_at[rows] <= CONTINUES_TICKS
        same = ~marker & recent & ~self._is_ended[rows] & (code == self._code[rows])
        segment = (self._duration[rows] >= SEGMENT) & (newer >= SEGMENT) & (newer <= 0xFFFF)
        creeping = (duration > self._duration[rows]) & (newer <= duration)
        result: Bools = same & (segment | creeping)
        return result

    def _note(
        self, rows: Indexes, code: U8, duration: I32, timestamp: U32, ssrc: U32, ended: Bools,
        later: Bools, current: Bools, tick: int,
    ) -> None:  # fmt: skip
        new = rows[later]
        self._has_press[new] = True
        self._timestamp[new] = timestamp[later]
        self._ssrc[new] = ssrc[later]
        self._code[new] = code[later]
        self._duration[new] = 0
        self._is_ended[new] = False
        now = later | current
        at = rows[now]
        self._duration[at] = np.maximum(self._duration[at], duration[now])
        self._is_ended[at] |= ended[now]
        self._seen_at[at] = tick
