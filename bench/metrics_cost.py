"""What figures for a monitoring system cost the server, while it takes calls as in bench/signalling.py:

    python bench/metrics_cost.py [--runs 5] [--rate 300] [--seconds 6] [--often 25]

- Reading: pairs of loads, one without a scrape of `/metrics` and one with `--often` scrapes a second, in changing
  order. One scrape a second, more than Prometheus asks for, costs that part of the difference; scraping more often
  lifts it out of what two equal loads differ by anyway. Beside it the same without calls: the server's CPU for one
  scrape after the other, on a page that is full.
- Counting, which cannot be switched off: how often each instrument was used in a load is read from the page before and
  after it; as many uses are then timed (CPU) in this process.

Both as a share of the CPU of all the server's processes at that rate.
"""

import argparse
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

from lab.load import EVENTS_PER_CALL, Bench, Run, application
from lab.processes import Meter
from lab.report import Figure, publish
from lab.server import Server, running
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from trebuchet.base.ids import AccountId, CallId, EventId
from trebuchet.events.webhook import Attempt, Verdict
from trebuchet.media.messages import PortClosed
from trebuchet.metrics.instruments import Instruments
from trebuchet.model.call import Call, CallState, Direction
from trebuchet.model.cause import Cause
from trebuchet.model.event import LoggedEvent

SHARE = 1.0
"""Per cent of the server's CPU."""
WARM_UP_S = 2.0
SCRAPES = 200
"""Without calls."""
USES = 20_000
"""Of each instrument, timed."""


def page(server: Server) -> bytes:
    with urllib.request.urlopen(f"http://{server.http[0]}:{server.http[1]}/metrics", timeout=10) as answer:
        content: bytes = answer.read()
        return content


@contextmanager
def scraped(server: Server, often: float) -> Iterator[list[int]]:
    """Scrapes meanwhile, on a schedule of their own; the list holds the pages' lengths."""
    lengths: list[int] = []
    ended = threading.Event()

    def scrape() -> None:
        due = time.monotonic()
        while not ended.wait(max(0.0, due - time.monotonic())):
            lengths.append(len(page(server)))
            due += 1 / often

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield lengths
    finally:
        ended.set()
        thread.join()


# --- counting


def used(server: Server) -> Counter[str]:
    """How often each instrument was used since the server began; each is known by a count that it alone raises."""
    counts: Counter[str] = Counter()
    for family in text_string_to_metric_families(page(server).decode()):
        for sample in family.samples:
            counts[sample.name] += round(sample.value)
    ended = counts["trebuchet_calls_ended_total"]
    return Counter(
        event=EVENTS_PER_CALL * ended,
        round=counts["trebuchet_webhook_age_seconds_count"],
        commit=counts["trebuchet_log_commit_seconds_count"],
        media=ended,
    )


def instruments() -> dict[str, Callable[[], None]]:
    """One use of each; of events those that are looked at longest."""
    board, now = Instruments(CollectorRegistry()), datetime.now(UTC)
    call = Call(
        id=CallId("c-bench"), account_id=AccountId("u-bench"), direction=Direction.IN, from_="+15557654321",
        to="+15551230002", state=CallState.ENDED, created_at=now, answered_at=now, cause=Cause.HANGUP,
    )  # fmt: skip
    event = LoggedEvent(
        id=EventId("ce-bench"), account_id=call.account_id, owner_id=call.id, sequence=4, at=now, name="hangup"
    )
    attempts = (Attempt(url="http://127.0.0.1/", verdict=Verdict.ACKNOWLEDGED),)
    closed = PortClosed(port=0, received=500, lost=0, sent=500, concealed_ms=0, jitter_ms=0.1, mos=4.4)
    return {
        "event": lambda: board.note_event(call, event),
        "round": lambda: board.note_round(attempts, 0.003),
        "commit": lambda: board.note_commit(0.002, 3),
        "media": lambda: board.note_media(closed),
    }


def use_us() -> dict[str, float]:
    """Microseconds of CPU for one use of each instrument."""
    costs = {}
    for name, use in instruments().items():
        began = time.thread_time()
        for _ in range(USES):
            use()
        costs[name] = 1e6 * (time.thread_time() - began) / USES
    return costs


# --- loads


class Cost:
    def __init__(self, bench: Bench, options: argparse.Namespace) -> None:
        self.bench, self.options = bench, options
        self.notes: list[str] = []
        self.plain: list[Run] = []
        self.watched: list[Run] = []
        self.scrape_ms: list[float] = []
        """Each pair's difference, for one scrape."""
        self.count_us: list[float] = []
        """A call."""

    def pair(self, number: int) -> None:
        if number % 2:
            watched, scrapes = self._watched()
            plain = self._plain()
        else:
            plain = self._plain()
            watched, scrapes = self._watched()
        calls = plain.calls.completed
        self.plain.append(plain)
        self.watched.append(watched)
        self.scrape_ms.append((watched.cpu_ms_per_call - plain.cpu_ms_per_call) * calls / scrapes)

    def _plain(self) -> Run:
        before = used(self.bench.server)
        run = self._note(self.bench.call(self.options.rate, self.options.seconds))
        uses, costs = used(self.bench.server) - before, use_us()
        self.count_us.append(sum(uses[name] * costs[name] for name in costs) / max(1, run.calls.completed))
        return run

    def _watched(self) -> tuple[Run, int]:
        with scraped(self.bench.server, self.options.often) as lengths:
            run = self._note(self.bench.call(self.options.rate, self.options.seconds))
        if not lengths or not all(lengths):
            raise SystemExit("a page of figures was empty")
        return run, len(lengths)

    def _note(self, run: Run) -> Run:
        self.notes += run.remarks
        return run

    def idle_scrape_ms(self) -> float:
        meter = Meter(self.bench.server.pids)
        began = time.monotonic()
        for _ in range(SCRAPES):
            page(self.bench.server)
        scraping_s, lasted_s = meter.read().total_s, time.monotonic() - began
        meter = Meter(self.bench.server.pids)
        time.sleep(lasted_s)
        return 1e3 * (scraping_s - meter.read().total_s) / SCRAPES

    def figures(self) -> list[Figure]:
        idle = [self.idle_scrape_ms() for _ in range(self.options.runs)]
        per_call = [run.cpu_ms_per_call for run in self.plain]
        second_ms = median(per_call) * self.options.rate
        return [
            Figure("one scrape a second, of the server's CPU", "%", [100 * ms / second_ms for ms in self.scrape_ms],
                   at_most=SHARE, comparator="without calls", comparator_runs=[100 * ms / second_ms for ms in idle]),
            Figure("  a scrape", "ms of CPU", self.scrape_ms, comparator="without calls", comparator_runs=idle),
            Figure("counting, of the server's CPU", "%",
                   [us / 10 / ms for us, ms in zip(self.count_us, per_call, strict=True)], at_most=SHARE),
            Figure("  a call's counting", "us of CPU", self.count_us),
            Figure("  CPU a call without scrapes", "ms", per_call),
            Figure(f"  CPU a call with {self.options.often:g} scrapes a second", "ms",
                   [run.cpu_ms_per_call for run in self.watched]),
        ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--often", type=float, default=25.0)
    options = parser.parse_args()
    with running() as server, application(server) as app:
        cost = Cost(Bench(server, app, server.folder), options)
        cost.bench.call(options.rate / 2, WARM_UP_S)
        for number in range(options.runs):
            cost.pair(number)
        figures = cost.figures()
    publish("metrics_cost", figures, cost.notes, {"scrape_ms": cost.scrape_ms, "count_us": cost.count_us})


if __name__ == "__main__":
    main()
