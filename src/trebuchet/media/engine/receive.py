"""From a batch of datagrams to jitter rings and digits: who sent it, what it is, where it goes.

A batch is worked through in waves: the first packet of every row, then the second, and so on. Usually there is one
wave. Everything here is reachable by anybody who can send to a media port until its source is locked; nothing raises.
"""

from collections.abc import Iterator

import numpy as np

from trebuchet.media.engine import ports as kinds
from trebuchet.media.engine import rtp
from trebuchet.media.engine.arrays import U8, Indexes
from trebuchet.media.engine.dtmf_receive import EVENT_BYTES, DigitReceiver
from trebuchet.media.engine.jitter import JitterRings
from trebuchet.media.engine.ports import Ports
from trebuchet.media.engine.sources import Sources
from trebuchet.media.engine.values import PACKET_BYTES, PACKETS_PER_PORT
from trebuchet.media.engine.watch import MediaWatch

MIN_MATRIX = 64
"""Rows of the matrix of a tiny engine: room for a burst."""


def waves(rows: Indexes, capacity: int) -> Iterator[Indexes]:
    """Indexes of `rows` in groups of distinct rows, the n-th packet of each row in the n-th group, in order of
    arrival."""
    if not len(rows):
        return
    if int(np.bincount(rows, minlength=capacity).max()) <= 1:
        yield np.arange(len(rows))
        return
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    rank = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    for number in range(int(rank.max()) + 1):
        yield order[rank == number]


class Receiver:
    """The receive matrix and what happens with it. Counters int64[capacity]."""

    def __init__(
        self, ports: Ports, sources: Sources, rings: JitterRings, digits: DigitReceiver, watch: MediaWatch
    ) -> None:
        capacity = ports.capacity
        self._ports, self._sources, self._rings, self._digits, self._watch = ports, sources, rings, digits, watch
        self.max_packets = max(MIN_MATRIX, 2 * capacity)
        self.packets = np.zeros((self.max_packets, PACKET_BYTES), np.uint8)
        self.packet_rows = np.zeros(self.max_packets, np.int32)
        self.packet_lengths = np.zeros(self.max_packets, np.int32)
        self.received_bytes = np.zeros(capacity, np.int64)
        self.malformed = np.zeros(capacity, np.int64)
        self.unknown_payload = np.zeros(capacity, np.int64)
        self.overflow = np.zeros(capacity, np.int64)

    def open(self, row: int) -> None:
        for counter in (self.received_bytes, self.malformed, self.unknown_payload, self.overflow):
            counter[row] = 0

    def handle(self, count: int, now: float, slack: int, tick: int) -> list[tuple[int, bytes]]:
        """Take the first `count` rows of the matrix; gives RTCP packets that came to RTP ports (RFC 5761)."""
        rows = self.packet_rows[:count].astype(np.intp)
        lengths = self.packet_lengths[:count]
        headers = rtp.parse(self.packets[:count], lengths)
        ours = (rows >= 0) & (rows < self._ports.capacity)
        ours[ours] &= self._ports.has_remote[rows[ours]]
        rtcp = [(int(rows[at]), self._bytes(int(at))) for at in np.flatnonzero(ours & headers.is_rtcp)]
        ours &= ~headers.is_rtcp
        np.add.at(self.malformed, rows[ours & ~headers.is_valid], 1)
        usable = np.flatnonzero(ours & headers.is_valid)
        for number, wave in enumerate(waves(rows[usable], self._ports.capacity)):
            which = usable[wave]
            if number >= PACKETS_PER_PORT:
                self.overflow[rows[which]] += 1
            else:
                self._take_wave(which, rows[which], headers, now, slack, tick)
        return rtcp

    def _bytes(self, at: int) -> bytes:
        return self.packets[at, : max(0, int(self.packet_lengths[at]))].tobytes()

    def _take_wave(
        self, which: Indexes, rows: Indexes, headers: rtp.Headers, now: float, slack: int, tick: int
    ) -> None:
        kind = self._ports.kinds[rows, headers.payload_type[which]]
        unknown = kind == kinds.KIND_UNKNOWN
        if unknown.any():
            self.unknown_payload[rows[unknown]] += 1
            which, rows, kind = which[~unknown], rows[~unknown], kind[~unknown]
        self._watch.hear(rows)
        self.received_bytes[rows] += headers.size[which]
        is_digit = kind == kinds.KIND_DIGITS
        if is_digit.any():
            self._take_digits(which[is_digit], rows[is_digit], headers, tick)
            which, rows, kind = which[~is_digit], rows[~is_digit], kind[~is_digit]
        self._take_audio(which, rows, kind, headers, now, slack, tick)

    def _take_digits(self, which: Indexes, rows: Indexes, headers: rtp.Headers, tick: int) -> None:
        """Events have a place in the sequence of the audio, unless they are a stream of their own."""
        same = self._sources.is_known[rows] & (self._sources.ssrc[rows] == headers.ssrc[which])
        numbered = np.flatnonzero(same)
        self._sources.track(rows[numbered], headers.ssrc[which[numbered]], headers.seq[which[numbered]], tick)
        column = np.minimum(headers.offset[which], PACKET_BYTES - EVENT_BYTES)[:, None] + np.arange(EVENT_BYTES)
        payload = self.packets[which[:, None], column]
        self._digits.handle(
            payload, headers.size[which], rows, headers.marker[which], headers.timestamp[which], headers.ssrc[which],
            tick
        )  # fmt: skip

    def _take_audio(
        self, which: Indexes, rows: Indexes, kind: U8, headers: rtp.Headers, now: float, slack: int, tick: int
    ) -> None:
        accepted, fresh = self._sources.track(rows, headers.ssrc[which], headers.seq[which], tick)
        audible = accepted & (kind <= kinds.KIND_PCMA) & self._ports.receives[rows]
        if not audible.all():
            self._rings.is_running[rows[fresh & ~audible]] = False
            which, rows, kind, fresh = which[audible], rows[audible], kind[audible], fresh[audible]
        if not len(rows):
            return
        timestamp = headers.timestamp[which]
        self._sources.measure(rows, timestamp, now)
        self._rings.place(
            self.packets, which, rows, timestamp, kind, headers.offset[which], headers.size[which], fresh, slack, tick
        )  # fmt: skip
