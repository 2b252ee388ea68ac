"""What a log of ten million events costs that an empty one does not:

    python bench/growth_log.py [--runs 3] [--events 10000000] [--folder DIR] [--rate 300] [--seconds 6]

Two servers in turn, one with an empty log, one with the full one, which is made once and kept in `--folder` (some
15 GB; lab/full_log.py says how). For each: CPU a call as bench/signalling.py measures it, then the time of single REST
requests on one kept connection while nothing else goes on: lists of the newest calls, plain and filtered, a call and
its events, drawn from the whole log; each is asked for once before it is timed, so that the pages of the file it needs
are in memory. The figures are those of the full log, beside those of the empty one in the same pair; the ratio of each
pair may be 1.1 at most. Printed besides, since an empty log has nothing of the kind: the last page of all calls, a call
that is read from the disk, and the start without the file in memory.
"""

import argparse
import base64
import os
import random
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab.full_log import Filled, full_log
from lab.load import Bench, Run, application
from lab.report import FOLDER, Figure, publish
from lab.server import NUMBER, SECRET, TOKEN, USER, Server, running

GROWTH = 1.1
"""The full log's figure over the empty one's."""
WARM_UP_S = 2.0
SETTLE_S = 1.0
"""After the last webhook, for what is written about it."""
REQUESTS = 1000
"""Of each kind."""
COLD_REQUESTS = 100
LAST_PAGES = 10
PAGE_SIZE = 25
CALLER = "%2B15557654321"
"""Of SIPp's scenario."""
STRANGER = "%2B15990000000"
"""Has never called."""
KEEP_DAYS = "3650"
"""The kept log grows older than deliveries are kept; removing them would be measured, too."""
DONT_NEED = os.POSIX_FADV_DONTNEED


class Client:
    """One kept connection, one request after the other."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=60)
        credentials = base64.b64encode(f"{TOKEN}:{SECRET}".encode()).decode()
        self._head = f" HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nAuthorization: Basic {credentials}\r\n\r\n"

    def ask_ms(self, path: str) -> float:
        """Milliseconds from the request to its whole answer, which must be 200."""
        request = f"GET /v1/users/{USER}{path}{self._head}".encode()
        began = time.perf_counter()
        self._socket.sendall(request)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._receive()
        length = next(
            int(line[15:]) for line in data[:end].lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        while len(data) < end + 4 + length:
            data += self._receive()
        took_ms = 1e3 * (time.perf_counter() - began)
        if not data.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"{path}: {data[:200]!r}")
        return took_ms

    def _receive(self) -> bytes:
        data = self._socket.recv(1 << 20)
        if not data:
            raise SystemExit("the server closed the connection")
        return data

    def close(self) -> None:
        self._socket.close()


def some_calls(server: Server, count: int, seed: int) -> list[str]:
    """Ids from all over the log."""
    rand = random.Random(seed)
    with closing(sqlite3.connect(f"file:{server.data}/trebuchet.db?mode=ro", uri=True)) as database:
        ((last,),) = database.execute("SELECT max(sequence) FROM calls")
        numbers = [rand.randint(1, last) for _ in range(count)]
        return [
            database.execute("SELECT id FROM calls WHERE sequence = ?", (number,)).fetchone()[0] for number in numbers
        ]


def quantile(times: list[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)]


KINDS: dict[str, Callable[[str], str]] = {
    "GET /calls": lambda call_id: f"/calls?size={PAGE_SIZE}",
    "GET /calls?from=": lambda call_id: f"/calls?from={CALLER}&size={PAGE_SIZE}",
    "GET /calls?to=": lambda call_id: f"/calls?to={NUMBER.replace('+', '%2B')}&size={PAGE_SIZE}",
    "GET /calls?from=&to=, none": lambda call_id: (
        f"/calls?from={STRANGER}&to={NUMBER.replace('+', '%2B')}&size={PAGE_SIZE}"
    ),
    "GET /calls/{id}": lambda call_id: f"/calls/{call_id}",
    "GET /calls/{id}/events": lambda call_id: f"/calls/{call_id}/events",
}
"""Lists give as many calls from either log."""


class Side:
    """One of the two logs, run after run."""

    def __init__(self, data: Path | None) -> None:
        self._data = data
        self.started_s: list[float] = []
        self.loads: list[Run] = []
        self.times: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
        self.cold: list[float] = []
        self.last_page: list[float] = []
        self.problems: list[str] = []

    def run(self, options: argparse.Namespace, number: int) -> None:
        if self._data is not None:
            forget(self._data / "trebuchet.db")
        with running(data=self._data) as server, application(server) as app:
            self.started_s.append(server.started_s)
            if self._data is not None:
                self._ask_cold(server, number)
            bench = Bench(server, app, server.folder)
            bench.call(options.rate / 2, WARM_UP_S)
            self.loads.append(bench.call(options.rate, options.seconds))
            time.sleep(SETTLE_S)
            self._ask(server, number)
            if text := server.log_text():
                self.problems.append(f"the server's log is not empty: {text[:300]}")

    def _ask(self, server: Server, number: int) -> None:
        calls = some_calls(server, REQUESTS, number)
        with closing(Client(server.http)) as client:
            for kind, path in KINDS.items():
                for call_id in calls:
                    client.ask_ms(path(call_id))
                self.times[kind].append([client.ask_ms(path(call_id)) for call_id in calls])
            last = server.stored()["calls"] // PAGE_SIZE
            pages = [client.ask_ms(f"/calls?size={PAGE_SIZE}&page={max(0, last - back)}") for back in range(LAST_PAGES)]
            self.last_page.append(quantile(pages, 0.5))

    def _ask_cold(self, server: Server, number: int) -> None:
        """Ids are looked up beforehand through another connection, which warms no more than the index's root."""
        calls = some_calls(server, COLD_REQUESTS, 1000 + number)
        forget(server.data / "trebuchet.db")
        with closing(Client(server.http)) as client:
            self.cold.append(quantile([client.ask_ms(KINDS["GET /calls/{id}"](call)) for call in calls], 0.5))


def forget(path: Path) -> None:
    """Ask the kernel to drop what it holds of a file in memory."""
    with path.open("rb") as file:
        os.fdatasync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, DONT_NEED)


def compare(name: str, unit: str, full: list[float], empty: list[float]) -> list[Figure]:
    ratios = [ours / theirs for ours, theirs in zip(full, empty, strict=True)]
    return [
        Figure(name, unit, full, comparator="empty log", comparator_runs=empty),
        Figure("  ratio of each pair", "", ratios, at_most=GROWTH),
    ]


def report(full: Side, empty: Side, filled: Filled, rate: float) -> list[Figure]:
    figures = compare(
        f"CPU a call at {rate:g}/s, log of {filled.events:,} events", "ms",
        *([run.cpu_ms_per_call for run in side.loads] for side in (full, empty)),
    )  # fmt: skip
    for kind in KINDS:
        middle = [[quantile(times, 0.5) for times in side.times[kind]] for side in (full, empty)]
        late = [[quantile(times, 0.99) for times in side.times[kind]] for side in (full, empty)]
        figures += compare(f"{kind}, p50", "ms", *middle)
        figures.append(Figure("  p99", "ms", late[0], comparator="empty log", comparator_runs=late[1]))
    pairs = list(zip(full.loads, empty.loads, strict=True))
    figures += [
        Figure("calls failed", "", [float(a.calls.failed + b.calls.failed) for a, b in pairs], at_most=0.0),
        Figure("the last page of all calls", "ms", full.last_page),
        Figure("GET /calls/{id}, file not in memory, p50", "ms", full.cold),
        Figure("start to ready, file not in memory", "s", full.started_s, at_most=1.5,
               comparator="empty log, first start", comparator_runs=empty.started_s),
    ]  # fmt: skip
    return figures


def notes_of(name: str, side: Side) -> list[str]:
    notes = [f"{name}: {problem}" for problem in side.problems]
    for number, run in enumerate(side.loads, 1):
        notes += [f"{name}, run {number}: {remark}" for remark in run.remarks]
    return notes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=FOLDER / "full-log")
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--seconds", type=float, default=6.0)
    options = parser.parse_args()
    os.environ["TREBUCHET_WEBHOOKS_KEEP_DAYS"] = KEEP_DAYS
    filled = full_log(options.folder.resolve(), options.events)
    full, empty = Side(options.folder.resolve()), Side(None)
    for number in range(options.runs):
        for side in (full, empty) if number % 2 else (empty, full):
            side.run(options, number)
    notes = [
        f"the full log: {filled.events:,} events, {filled.bytes / 1e9:.1f} GB, filled in {filled.seconds:.0f} s",
        *notes_of("full log", full), *notes_of("empty log", empty),
    ]  # fmt: skip
    details = {name: {"times_ms": side.times, "started_s": side.started_s} for name, side in
               (("full", full), ("empty", empty))}  # fmt: skip
    publish("growth_log", report(full, empty, filled, options.rate), notes, details)


if __name__ == "__main__":
    main()
