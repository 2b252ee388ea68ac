"""RTCP (RFC 3550 6): sender and receiver reports every five seconds or so, the peer's reports read, goodbye at the end.

Time stamps of reports count from the start of our monotonic clock, as 6.4.1 allows: they serve round-trip times alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

import numpy as np

from trebuchet.base.rand import Rand

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, GOODBYE = 200, 201, 202, 203
INTERVAL_S = 5.0
"""RFC 3550 6.2: the smallest interval; it is drawn anew from half to one and a half of it each time (6.3.1)."""
SPREAD_STEPS = 1000
MAX_BLOCKS = 31
"""Report blocks a packet can count (five bits)."""
MAX_RTT_S = 10.0
"""A longer round trip is a peer's mistake, or a replayed report."""
HEAD = Struct(">BBH")
SENDER_INFO = Struct(">IIIIII")
BLOCK = Struct(">IIIIII")
WORD = Struct(">I")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What one side says about what it receives (RFC 3550 6.4.1). `fraction_lost` 0..1, `jitter` in samples,
    `last_report` and `delay` in 1/65536 s."""

    ssrc: int
    fraction_lost: float
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


@dataclass(frozen=True, slots=True)
class Report:
    """A compound packet, as far as we use it. `ntp` is the middle 32 bits of the sender's clock, `None` in a receiver
    report."""

    ssrc: int
    ntp: int | None
    blocks: tuple[ReportBlock, ...]
    is_goodbye: bool


def middle_ntp(now: float) -> int:
    """The middle 32 bits of an NTP time stamp: 1/65536 s, wrapping after 18 hours."""
    return int(now * 65536.0) & 0xFFFFFFFF


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return HEAD.pack(0x80 | count, kind, len(body) // 4) + body


def build_report(
    ssrc: int, cname: bytes, now: float, timestamp: int, sent: int, sent_bytes: int, block: ReportBlock | None
) -> bytes:
    """A compound of SR (or RR when nothing was sent) and SDES CNAME."""
    count, body = (0, b"") if block is None else (1, _pack_block(block))
    if sent:
        ntp = int(now * 4294967296.0) & 0xFFFFFFFFFFFFFFFF
        info = (ssrc, ntp >> 32, ntp & 0xFFFFFFFF, timestamp, sent & 0xFFFFFFFF, sent_bytes & 0xFFFFFFFF)
        report = _packet(SENDER_REPORT, count, SENDER_INFO.pack(*info) + body)
    else:
        report = _packet(RECEIVER_REPORT, count, WORD.pack(ssrc) + body)
    return report + _description(ssrc, cname)


def build_goodbye(ssrc: int) -> bytes:
    """RFC 3550 6.6."""
    return _packet(GOODBYE, 1, WORD.pack(ssrc))


def _description(ssrc: int, cname: bytes) -> bytes:
    item = bytes((1, len(cname))) + cname
    chunk = WORD.pack(ssrc) + item + bytes(4 - len(item) % 4)
    return _packet(DESCRIPTION, 1, chunk)


def _pack_block(block: ReportBlock) -> bytes:
    lost = max(-0x800000, min(0x7FFFFF, block.lost)) & 0xFFFFFF
    fraction = max(0, min(255, int(block.fraction_lost * 256)))
    fields = (block.ssrc, fraction << 24 | lost, block.highest & 0xFFFFFFFF, block.jitter & 0xFFFFFFFF)
    return BLOCK.pack(*fields, block.last_report & 0xFFFFFFFF, block.delay & 0xFFFFFFFF)


def parse(data: bytes) -> Report | None:
    """Read a compound packet; `None` when it is not one (RFC 3550 A.2: version, first packet a report, lengths that
    add up).

    Never raises. Anybody who can reach the RTCP port can bring bytes here.
    """
    report: Report | None = None
    for kind, count, body in _packets(data):
        if kind in (SENDER_REPORT, RECEIVER_REPORT) and report is None:
            report = _parse_report(kind, count, body)
        if report is None:
            return None
        if kind == GOODBYE:
            report = Report(report.ssrc, report.ntp, report.blocks, True)
    return report


def _packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        first, kind, words = HEAD.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            return
        yield kind, first & 0x1F, data[at + 4 : end]
        at = end


def _parse_report(kind: int, count: int, body: bytes) -> Report | None:
    is_sender = kind == SENDER_REPORT
    start = SENDER_INFO.size if is_sender else WORD.size
    if len(body) < start + count * BLOCK.size:
        return None
    (ssrc,) = WORD.unpack_from(body)
    ntp = None
    if is_sender:
        _, high, low, *_ = SENDER_INFO.unpack_from(body)
        ntp = (high & 0xFFFF) << 16 | low >> 16
    blocks = tuple(_parse_block(body, start + index * BLOCK.size) for index in range(count))
    return Report(ssrc, ntp, blocks, False)


def _parse_block(body: bytes, at: int) -> ReportBlock:
    ssrc, loss, highest, jitter, last_report, delay = BLOCK.unpack_from(body, at)
    lost = loss & 0xFFFFFF
    lost -= 0x1000000 if lost & 0x800000 else 0
    return ReportBlock(ssrc, (loss >> 24) / 256, lost, highest, jitter, last_report, delay)


class Reports:
    """Columns of what both sides reported, and when the next report is due (`inf` while a row has no remote)."""

    def __init__(self, capacity: int, rand: Rand) -> None:
        self._rand = rand
        self.due = np.full(capacity, np.inf)
        self.last_ntp = np.zeros(capacity, np.uint32)
        self.last_at = np.zeros(capacity, np.float64)
        self.has_peer = np.zeros(capacity, np.bool_)
        self.remote_lost = np.full(capacity, np.nan)
        self.round_trip_s = np.full(capacity, np.nan)
        self.expected_prior = np.zeros(capacity, np.int64)
        self.received_prior = np.zeros(capacity, np.int64)
        self.malformed = np.zeros(capacity, np.int64)

    def open(self, row: int) -> None:
        self.forget(row)
        self.due[row] = np.inf
        self.remote_lost[row] = self.round_trip_s[row] = np.nan
        self.malformed[row] = 0

    def forget(self, row: int) -> None:
        """The peer is another one from now on."""
        self.has_peer[row] = False
        self.expected_prior[row] = self.received_prior[row] = 0

    def schedule(self, row: int, now: float) -> None:
        steps = SPREAD_STEPS // 2 + self._rand.below(SPREAD_STEPS + 1)
        self.due[row] = now + INTERVAL_S * steps / SPREAD_STEPS

    def handle(self, row: int, own_ssrc: int, data: bytes, now: float) -> bool:
        """Read what the peer sent; false when it was malformed (counted)."""
        report = parse(data)
        if report is None:
            self.malformed[row] += 1
            return False
        if report.ntp is not None:
            self.last_ntp[row], self.last_at[row], self.has_peer[row] = report.ntp, now, True
        for block in report.blocks:
            if block.ssrc == own_ssrc:
                self._take(row, block, now)
        return True

    def _take(self, row: int, block: ReportBlock, now: float) -> None:
        self.remote_lost[row] = block.fraction_lost
        if block.last_report:
            elapsed = (middle_ntp(now) - block.last_report - block.delay) & 0xFFFFFFFF
            if elapsed <= MAX_RTT_S * 65536:
                self.round_trip_s[row] = elapsed / 65536.0

    def block(
        self, row: int, ssrc: int, expected: int, received: int, highest: int, jitter: float, now: float
    ) -> ReportBlock:
        """What we say about the row's current source (RFC 3550 A.3); the loss since the last such block is its
        fraction."""
        new = expected - int(self.expected_prior[row])
        missing = new - (received - int(self.received_prior[row]))
        self.expected_prior[row], self.received_prior[row] = expected, received
        fraction = missing / new if new > 0 and missing > 0 else 0.0
        last, delay = 0, 0
        if self.has_peer[row]:
            last, delay = int(self.last_ntp[row]), int((now - float(self.last_at[row])) * 65536.0)
        return ReportBlock(ssrc, fraction, expected - received, highest, int(jitter), last, delay)
