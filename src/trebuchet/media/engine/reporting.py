"""When RTCP reports are due, and what goes into them: the meeting point of our numbers and the peer's."""

import numpy as np

from trebuchet.media.engine.ports import Ports
from trebuchet.media.engine.rtcp import ReportBlock, Reports, build_goodbye, build_report
from trebuchet.media.engine.rtp import Sender
from trebuchet.media.engine.sources import Sources


class Reporter:
    """Reads the columns of others, owns only those of `Reports`."""

    def __init__(self, ports: Ports, sources: Sources, sender: Sender, reports: Reports) -> None:
        self._ports, self._sources, self._sender, self._reports = ports, sources, sender, reports

    def open(self, row: int) -> None:
        self._reports.open(row)

    def forget(self, row: int) -> None:
        self._reports.forget(row)

    def start(self, row: int, now: float) -> None:
        """The row has a remote: the first report is due after a first interval."""
        if not np.isfinite(self._reports.due[row]):
            self._reports.schedule(row, now)

    def handle(self, row: int, data: bytes, now: float) -> bool:
        """Read a report of the peer; false when it is malformed."""
        return self._reports.handle(row, int(self._sender.ssrc[row]), data, now)

    def malformed(self, row: int) -> int:
        return int(self._reports.malformed[row])

    def remote(self, row: int) -> tuple[float | None, float | None]:
        """What the peer reported last: fraction lost, round trip in ms."""
        lost, trip = float(self._reports.remote_lost[row]), float(self._reports.round_trip_s[row])
        return None if np.isnan(lost) else lost, None if np.isnan(trip) else trip * 1000.0

    def due(self, high_water: int, now: float) -> list[tuple[int, bytes]]:
        """The reports to send now: of 1,600 rows about six a tick."""
        packets = []
        for row in np.flatnonzero(self._reports.due[:high_water] <= now).tolist():
            self._reports.schedule(row, now)
            packets.append((row, self._report(row, now)))
        return packets

    def goodbye(self, row: int, now: float) -> bytes:
        """The last report with BYE; empty for a row that never sent anything."""
        if not self._sender.sent[row] or not self._ports.has_remote[row]:
            return b""
        return self._report(row, now) + build_goodbye(int(self._sender.ssrc[row]))

    def _report(self, row: int, now: float) -> bytes:
        sender = self._sender
        return build_report(
            int(sender.ssrc[row]), self._ports.cnames[row], now, int(sender.timestamp[row]),
            int(sender.sent[row]), int(sender.sent_bytes[row]), self._block(row, now),
        )  # fmt: skip

    def _block(self, row: int, now: float) -> ReportBlock | None:
        sources = self._sources
        if not sources.is_known[row]:
            return None
        return self._reports.block(
            row, int(sources.ssrc[row]), sources.expected(row), int(sources.received[row]),
            int(sources.extended[row]), float(sources.jitter[row]), now,
        )  # fmt: skip
