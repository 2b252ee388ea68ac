"""The jitter rings: what peers sent, put in order by timestamp, read one frame a tick.

Each row has a ring of encoded samples and a playhead. A packet's place is its timestamp minus the timestamp at the
playhead (`lead`, in samples): sample precision, any packet length. The playhead moves one frame a tick whatever
happens.

    margin of a packet = lead + time left until the next tick

The depth adapts to margins alone. A stream starts with the fewest whole frames of delay that leave `TARGET_MARGIN`. A
packet that comes late moves the playhead back until it is in time (audio is delayed, not lost), up to `MAX_DEPTH`.
When all packets of a window had more margin than needed, frames are left out, in silence if there is any. A sender
whose clock is fast or slow drifts into one of the two cases; nothing else handles drift. A timestamp further ahead
than any delay we allow is a jump: start again there.
"""

import numpy as np

from trebuchet.base.units import FRAME_SAMPLES, RATE_HZ, TICKS_PER_S
from trebuchet.media.engine import g711
from trebuchet.media.engine.arrays import I16, I32, U8, U16, U32, Bools, Indexes
from trebuchet.media.engine.values import PACKET_BYTES

FRAMES = 16
"""Frames in a ring: the deepest delay (10) and a packet of 60 ms at its end fit. A power of two."""
RING = FRAMES * FRAME_SAMPLES
SLOT = FRAME_SAMPLES // 2
"""Presence is kept for each 10 ms, the shortest usual packet."""
SLOTS = FRAMES * 2
MAX_DEPTH = RATE_HZ * 200 // 1000
"""No call is delayed by more than 200 ms: beyond that people talk over each other."""
TARGET_MARGIN = SLOT
"""Margin to keep, 10 ms: more than the unrest of a good network and of our own tick, less than a frame."""
WINDOW_TICKS = 2 * TICKS_PER_S
"""Margins are judged over two seconds: long enough to see a network's usual worst, short enough to win delay back
soon."""
PATIENCE = 3
"""Windows with too much delay and no silence to cut before speech is cut instead: six seconds."""
LATE_RUN = 3
"""Ticks in a row with nothing but hopelessly late packets before the sender's clock is taken to have jumped."""
FAR = 1 << 30
"""Larger than any margin: no packet came."""


class JitterRings:
    """Rings and playheads. `ring` uint8[capacity, 2560] in the law `law` of each row; `filled` uint8[capacity, 32]
    samples present in each 10 ms slot."""

    def __init__(self, capacity: int) -> None:
        self._ring = np.zeros((capacity, RING), np.uint8)
        self._flat = self._ring.reshape(-1)
        self._slots = self._ring.reshape(-1, SLOT)
        self._frames = self._ring.reshape(-1, FRAME_SAMPLES)
        self._filled = np.zeros((capacity, SLOTS), np.uint8)
        self._filled_slots = self._filled.reshape(-1)
        self._filled_frames = self._filled.view(np.uint16).reshape(-1)
        self._first_frame = np.arange(capacity, dtype=np.intp) * FRAMES
        self.law = np.zeros(capacity, np.uint8)
        self.is_running = np.zeros(capacity, np.bool_)
        self.timestamp = np.zeros(capacity, np.uint32)
        self.head = np.zeros(capacity, np.intp)
        self.lead = np.zeros(capacity, np.int32)
        self._lead_window = np.zeros(capacity, np.int32)
        self._top = np.zeros(capacity, np.int32)
        self._margin = np.full(capacity, FAR, np.int32)
        self.excess = np.zeros(capacity, np.int32)
        self._overdue = np.zeros(capacity, np.int32)
        self._late_run = np.zeros(capacity, np.int32)
        self._late_tick = np.zeros(capacity, np.int64)
        self.late = np.zeros(capacity, np.int64)
        self.jumps = np.zeros(capacity, np.int64)

    def stop(self, row: int) -> None:
        """Forget what is in the ring; the next packet starts it again."""
        self._filled[row] = 0
        self.is_running[row] = False
        self.excess[row] = self._overdue[row] = self.lead[row] = self._top[row] = 0
        self._margin[row] = FAR

    def open(self, row: int) -> None:
        """An empty ring and counters at zero."""
        self.stop(row)
        self.late[row] = self.jumps[row] = self._late_run[row] = 0

    # what arrives

    def place(
        self, packets: U8, which: Indexes, rows: Indexes, timestamp: U32, law: U8,
        offset: I32, size: I32, fresh: Bools, slack: int, tick: int,
    ) -> None:  # fmt: skip
        """Put one wave of packets (distinct `rows`, packet `which[i]` of the matrix) into the rings.

        `offset` and `size` give the payload in bytes, `fresh` the packets that start a stream, `slack` the samples
        until the next tick.
        """
        size = np.minimum(size, PACKET_BYTES)
        begin = fresh | ~self.is_running[rows] | (self.law[rows] != law)
        lead = self._lead_of(rows, timestamp)
        ahead = lead > MAX_DEPTH
        self.jumps[rows[ahead & ~begin]] += 1
        begin |= ahead
        drop = np.zeros(len(rows), np.bool_)
        late = np.flatnonzero(~begin & (lead < 0))
        if len(late):
            self._take_late(rows, lead, late, begin, drop, tick)
        starting = np.flatnonzero(begin)
        if len(starting):
            self._begin(rows[starting], timestamp[starting], law[starting], slack)
        lead = self._lead_of(rows, timestamp)
        keep = np.flatnonzero(~drop)
        self._note(rows[keep], lead[keep], size[keep], slack)
        self._write(packets, which[keep], rows[keep], lead[keep], offset[keep], size[keep])

    def _lead_of(self, rows: Indexes, timestamp: U32) -> I32:
        return (timestamp - self.timestamp[rows]).view(np.int32)

    def _take_late(self, rows: Indexes, lead: I32, late: Indexes, begin: Bools, drop: Bools, tick: int) -> None:
        """Late packets: wait for them from now on, or give them up."""
        at = rows[late]
        samples = (-(lead[late].astype(np.int64)) + FRAME_SAMPLES - 1) // FRAME_SAMPLES * FRAME_SAMPLES
        bearable = (self.lead[at] + samples <= MAX_DEPTH) & (self._top[at] + samples <= RING)
        self._hold_back(at[bearable], samples[bearable].astype(np.int32))
        hopeless = late[~bearable]
        at = rows[hopeless]
        self.late[at] += 1
        another_tick = self._late_tick[at] != tick
        self._late_run[at[another_tick]] += 1
        self._late_tick[at] = tick
        jumped = self._late_run[at] >= LATE_RUN
        begin[hopeless[jumped]] = True
        self.jumps[at[jumped]] += 1
        drop[hopeless[~jumped]] = True

    def _hold_back(self, rows: Indexes, samples: I32) -> None:
        self.timestamp[rows] -= samples.astype(np.uint32)
        self.head[rows] = (self.head[rows] - samples // FRAME_SAMPLES) % FRAMES
        for column in (self.lead, self._lead_window, self._top):
            column[rows] += samples
        self.excess[rows] = 0

    def _begin(self, rows: Indexes, timestamp: U32, law: U8, slack: int) -> None:
        """Start (again) with this packet: as many frames of silence before it as the margin asks for."""
        frames = -(-max(0, TARGET_MARGIN - slack) // FRAME_SAMPLES)
        self._filled[rows] = 0
        self.head[rows] = 0
        self.timestamp[rows] = timestamp - np.uint32(frames * FRAME_SAMPLES)
        self.law[rows] = law
        self.lead[rows] = self._lead_window[rows] = frames * FRAME_SAMPLES
        self._top[rows] = 0
        self._margin[rows] = FAR
        self.excess[rows] = self._overdue[rows] = 0
        self.is_running[rows] = True

    def _note(self, rows: Indexes, lead: I32, size: I32, slack: int) -> None:
        self._margin[rows] = np.minimum(self._margin[rows], lead + slack)
        self._lead_window[rows] = np.maximum(self._lead_window[rows], lead)
        self._top[rows] = np.maximum(self._top[rows], lead + size)
        self._late_run[rows] = 0

    # writing

    def _write(self, packets: U8, which: Indexes, rows: Indexes, lead: I32, offset: I32, size: I32) -> None:
        position = (self.head[rows] * FRAME_SAMPLES + lead) % RING
        even = (position % SLOT == 0) & (size % SLOT == 0) & (offset == offset[0] if len(offset) else True)
        if even.all():
            self._write_slots(packets, which, rows, position, int(offset[0]) if len(offset) else 0, size)
            return
        odd = np.flatnonzero(~even)
        even_at = np.flatnonzero(even)
        self._write_slots(packets, which[even_at], rows[even_at], position[even_at], int(offset[0]), size[even_at])
        self._write_samples(packets, which[odd], rows[odd], position[odd], offset[odd], size[odd])

    def _write_slots(
        self, packets: U8, which: Indexes, rows: Indexes, position: Indexes, offset: int, size: I32
    ) -> None:
        """The usual case: whole 10 ms pieces on 10 ms places."""
        for piece in range(int(size.max(initial=0)) // SLOT):
            has = np.flatnonzero(size > piece * SLOT)
            slot = rows[has] * SLOTS + (position[has] // SLOT + piece) % SLOTS
            start = offset + piece * SLOT
            self._slots[slot] = packets[which[has], start : start + SLOT]
            self._filled_slots[slot] = SLOT

    def _write_samples(
        self, packets: U8, which: Indexes, rows: Indexes, position: Indexes, offset: I32, size: I32
    ) -> None:
        """Odd lengths, odd places, odd headers: sample by sample, still for all at once."""
        reach = int(size.max(initial=0))
        if not reach:
            return
        self._fill_slots(rows, position, size)
        columns = np.arange(reach)
        wanted = columns < size[:, None]
        target = rows[:, None] * RING + (position[:, None] + columns) % RING
        source = which[:, None] * PACKET_BYTES + offset[:, None] + columns
        self._flat[target[wanted]] = packets.reshape(-1)[source[wanted]]

    def _fill_slots(self, rows: Indexes, position: Indexes, size: I32) -> None:
        """Count the samples that go into each slot; a slot that was empty is silent where nothing will be written."""
        into = position % SLOT
        for piece in range((int(size.max()) + SLOT - 1) // SLOT + 1):
            start = piece * SLOT - into
            covered = np.minimum(size, start + SLOT) - np.maximum(start, 0)
            has = np.flatnonzero(covered > 0)
            slot = rows[has] * SLOTS + (position[has] // SLOT + piece) % SLOTS
            empty = self._filled_slots[slot] == 0
            self._slots[slot[empty]] = g711.SILENCE[self.law[rows[has[empty]]]][:, None]
            self._filled_slots[slot] = np.minimum(self._filled_slots[slot] + covered[has], SLOT)

    # reading

    def pull(self, high_water: int, out: U8) -> U16:
        """The frame at each playhead, into `out` uint8[high_water, 160]; the playheads move on.

        Gives uint16[high_water]: samples present in the first 10 ms (low byte) and in the second (high byte); where
        that is 0, `out` is meaningless.
        """
        used = slice(0, high_water)
        return self._pull(self._first_frame[used], used, out)

    def pull_again(self, rows: Indexes) -> tuple[U8, U16]:
        """As `pull` for some rows: what they just pulled is left out, and the stream is a frame nearer."""
        out = np.empty((len(rows), FRAME_SAMPLES), np.uint8)
        self.excess[rows] -= 1
        self.lead[rows] -= FRAME_SAMPLES
        self._lead_window[rows] -= FRAME_SAMPLES
        return out, self._pull(self._first_frame[rows], rows, out)

    def _pull(self, first_frame: Indexes, rows: slice | Indexes, out: U8) -> U16:
        head = self.head[rows]
        at = first_frame + head
        np.take(self._frames, at, axis=0, out=out, mode="clip")
        present: U16 = self._filled_frames[at]
        self._filled_frames[at] = 0
        self.head[rows] = (head + 1) % FRAMES
        self.timestamp[rows] += np.uint32(FRAME_SAMPLES)
        self._top[rows] = np.maximum(self._top[rows] - FRAME_SAMPLES, 0)
        return present

    def adapt(self, high_water: int) -> Indexes:
        """Judge the last window: how many frames each row could do without, in `excess`. Call every `WINDOW_TICKS`.

        Gives the rows that waited for silence too long: they leave out a frame now.
        """
        used = slice(0, high_water)
        margin = self._margin[used]
        heard = self.is_running[used] & (margin < FAR)
        frames = np.where(heard, (margin - TARGET_MARGIN) // FRAME_SAMPLES, 0)
        self.excess[used] = np.maximum(frames, 0)
        self._overdue[used] = np.where(frames > 0, self._overdue[used] + 1, 0)
        self.lead[used] = np.where(heard, self._lead_window[used], self.lead[used])
        self._lead_window[used] = 0
        self._margin[used] = FAR
        return np.flatnonzero(self._overdue[used] >= PATIENCE)


def presence(present: U16) -> tuple[I16, I16]:
    """Samples present in the two halves of each frame."""
    return (present & 0xFF).astype(np.int16), (present >> 8).astype(np.int16)
