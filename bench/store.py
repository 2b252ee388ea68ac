"""The event log on SQLite, beside SQLite used plainly, on the same disk in the same run:

    python bench/store.py [--runs 3] [--seconds 3] [--parallel 100] [--directory DIR]

Ours (log_writes.py) stores a call row and an event for each unit of work, from `--parallel` writers that each wait for
their commit, all of them durable. Plain: one connection with the same pragmas and two equally large rows a transaction,
one transaction after the other, as a program without a group commit does it.
"""

import argparse
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent))

import log_writes
from lab.report import Figure, publish

ROW = b"x" * 700
"""About as long as a call's document, and as an event's."""


def plain_events_per_s(directory: str, seconds: float) -> float:
    """Transactions of two rows a second."""
    database = sqlite3.connect(Path(directory) / "plain.db", isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        database.execute(f"PRAGMA {pragma}").close()
    database.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, doc BLOB)")
    count, began = 0, time.monotonic()
    while time.monotonic() < began + seconds:
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO rows (doc) VALUES (?), (?)", (ROW, ROW))
        database.execute("COMMIT")
        count += 1
    elapsed = time.monotonic() - began
    database.close()
    return count / elapsed


def one_run(seconds: float, parallel: int, directory: str | None) -> tuple[dict[str, float], float]:
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        plain = plain_events_per_s(folder, seconds)
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        return uvloop.run(log_writes._measure(folder, seconds, parallel)), plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--parallel", type=int, default=100)
    parser.add_argument("--directory", default=None)
    options = parser.parse_args()
    runs = [one_run(options.seconds, options.parallel, options.directory) for _ in range(options.runs)]
    ours = [run for run, _ in runs]
    figures = [
        Figure("committed events", "1/s", [run["events_per_s"] for run in ours], at_least=5000.0,
               comparator="plain SQLite", comparator_runs=[plain for _, plain in runs]),
        Figure("  CPU an event, all threads", "us", [run["process_us"] for run in ours]),
        Figure("  of it on the event loop", "us", [run["loop_us"] for run in ours]),
        Figure("  wait for the commit, p50", "ms", [run["wait_p50_ms"] for run in ours]),
        Figure("  wait for the commit, p99", "ms", [run["wait_p99_ms"] for run in ours]),
    ]  # fmt: skip
    publish("store", figures, [], ours)


if __name__ == "__main__":
    main()
