"""Incoming calls that an application answers over REST and whose callers hang up:

    python bench/signalling.py [--runs 3] [--rate 300] [--seconds 6] [--held 1000] [--max-rate 1200] [--only PART]

For each call: INVITE, webhook `incomingcall`, `POST calls/{id} {"state":"active"}`, 200, webhook `answer`, BYE, webhook
`hangup`, everything committed to the log (SQLite with fsync). SIPp calls, a lean application of its own answers; both
share the machine with the server. Figures: CPU of all server processes a call, calls that failed at `--rate`, set-up
time (INVITE to 200) at 200 calls/s, the highest rate without a failure, memory a live call. Beside each: SIPp calling
its own UAS, which has no application, no API and no log. Every run checks that all calls succeeded, that all webhooks
arrived once and that all rows are stored. Parts: cpu, setup, limit, memory.
"""

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab import sipp
from lab.load import Bench, Run, application, caller
from lab.processes import Meter, descriptors, memory_kb
from lab.report import Figure, publish
from lab.server import running

PARTS = ("cpu", "setup", "limit", "memory")
SETUP_RATE = 200.0
LIMIT_STEP = 100.0
LIMIT_SECONDS = 4.0
WARM_UP_CALLS_S = 2.0
HOLD_RATE = 200.0
REFUSAL = '"no room for calls"'
"""What the server logs while it refuses: beyond the limit it should."""


class Signalling:
    def __init__(self, bench: Bench, options: argparse.Namespace) -> None:
        self.bench, self.options = bench, options
        self.figures: list[Figure] = []
        self.notes: list[str] = []
        self.details: dict[str, Any] = {"started_s": bench.server.started_s}

    def run(self) -> None:
        self.bench.call(self.options.rate / 2, WARM_UP_CALLS_S)
        for part in PARTS:
            if self.options.only in (None, part):
                getattr(self, part)()

    def _note(self, what: str, run: Run) -> None:
        self.notes += [f"{what}: {remark}" for remark in run.remarks]

    def cpu(self) -> None:
        """CPU a call at the given rate, and what SIPp's UAS needs for the SIP part."""
        rate, seconds = self.options.rate, self.options.seconds
        runs, floor = [], []
        for number in range(self.options.runs):
            runs.append(self.bench.call(rate, seconds))
            self._note(f"{rate:g} calls/s, run {number + 1}", runs[-1])
            floor.append(self._sipp_floor(rate, seconds))
        others = [100 * run.others_share for run in runs]
        self.figures += [
            Figure(
                "CPU a call, all server processes", "ms", [run.cpu_ms_per_call for run in runs],
                at_most=self.options.cpu_target, comparator="SIPp UAS", comparator_runs=floor,
            ),
            Figure("  of it the signalling process", "ms", [run.main_ms_per_call for run in runs]),
            Figure(f"calls failed of {runs[0].calls.placed} at {rate:g}/s", "", [run.calls.failed for run in runs],
                   at_most=0.0),
            Figure("  other programs' share of the machine", "%", others),
            Figure("  messages SIPp sent again", "", [run.calls.repeated for run in runs]),
            Figure("  application's CPU a call", "ms",
                   [1e3 * run.application_cpu_s / max(1, run.calls.completed) for run in runs]),
        ]  # fmt: skip
        self.details["cpu"] = [asdict(run) for run in runs]

    def _sipp_floor(self, rate: float, seconds: float) -> float:
        with sipp.answering(self.bench.folder) as (pid, target):
            meter = Meter([pid])
            calls = sipp.call(target, "service", rate, round(rate * seconds), self.bench.folder)
            return 1e3 * meter.read().total_s / max(1, calls.completed)

    def setup(self) -> None:
        """INVITE to 200, the application's round trip included."""
        ours, theirs = [], []
        for number in range(self.options.runs):
            ours.append(caller(self.bench.server.sip, SETUP_RATE, self.options.seconds))
            if ours[-1]["completed"] != ours[-1]["calls"]:
                self.notes.append(f"set-up run {number + 1}: failures {ours[-1]['failures']}")
            with sipp.answering(self.bench.folder) as (_, target):
                theirs.append(caller(target, SETUP_RATE, self.options.seconds))
        for share, at_most in (("p50", 5.0), ("p99", 25.0), ("worst", None)):
            key = f"setup_{share}_ms"
            self.figures.append(
                Figure(
                    f"INVITE to 200 at {SETUP_RATE:g}/s, {share}", "ms", [run[key] for run in ours], at_most=at_most,
                    comparator="SIPp UAS", comparator_runs=[run[key] for run in theirs],
                )
            )  # fmt: skip
        self.figures.append(Figure("  caller's own lateness, p99", "ms", [run["late_p99_ms"] for run in ours]))
        self.details["setup"] = {"ours": ours, "sipp": theirs}

    def limit(self) -> None:
        """The highest rate, in steps, at which no call fails; three climbs, each beginning near the last top."""
        tops: list[float] = []
        costs: list[float] = []
        rate = self.options.rate
        for _ in range(self.options.runs):
            top, cost_ms = self._climb(rate)
            tops.append(top)
            costs.append(cost_ms)
            rate = max(LIMIT_STEP, top - LIMIT_STEP)
        target = self.options.limit_target
        self.figures += [
            Figure("highest rate without a failure", "calls/s", tops, at_least=target),
            Figure("  CPU a call at that rate", "ms", costs),
        ]
        self.details["limit"] = tops
        self._overload(max(LIMIT_STEP, *tops))

    def _overload(self, top: float) -> None:
        """Twice what it can take: early refusals, and as many completed calls as before."""
        runs = [self.bench.call(2 * top, LIMIT_SECONDS) for _ in range(self.options.runs)]
        kept = [100 * run.calls.completed / LIMIT_SECONDS / top for run in runs]
        self.figures.append(Figure(f"calls completed at {2 * top:g}/s, of that rate", "%", kept, at_least=90.0))
        self.details["overload"] = [asdict(run) for run in runs]

    def _climb(self, rate: float) -> tuple[float, float]:
        """The highest rate that was held, and the CPU milliseconds of a call at it."""
        top = cost_ms = 0.0
        while rate <= self.options.max_rate:
            run = self.bench.call(rate, LIMIT_SECONDS)
            is_held = run.calls.rate >= 0.9 * rate and run.is_clean
            print(
                f"  {rate:g}/s: {run.calls.completed} completed, {run.calls.failed} failed,"
                f" {run.calls.repeated} repeated, {run.cpu_ms_per_call:.2f} ms a call,"
                f" others {run.others_share:.0%} {'; '.join(run.problems)}",
                flush=True,
            )
            if not is_held:
                break
            top, cost_ms, rate = rate, run.cpu_ms_per_call, rate + LIMIT_STEP
        return top, cost_ms

    def memory(self) -> None:
        """Live calls, answered and held: what each adds to the processes of a fresh server, and what stays of them."""
        grown, left = [], []
        for _ in range(self.options.runs):
            with running() as server, application(server) as app:
                bench = Bench(server, app, self.bench.folder)
                bench.call(HOLD_RATE / 2, WARM_UP_CALLS_S)
                more_kb, more_descriptors = self._hold(bench)
                grown.append(more_kb / self.options.held)
                left.append(more_descriptors)
        self.figures += [
            Figure(f"memory a live call ({self.options.held} held)", "kB", grown, at_most=100.0),
            Figure("  descriptors left over", "", left),
        ]

    def _hold(self, bench: Bench) -> tuple[float, float]:
        """Memory that the held calls need, in kB, and descriptors that are left when they have ended."""
        held, pids = self.options.held, bench.server.pids
        empty_kb, before = sum(map(memory_kb, pids)), sum(map(descriptors, pids))
        with ThreadPoolExecutor(1) as pool:
            load = pool.submit(bench.call, HOLD_RATE, held / HOLD_RATE, held / HOLD_RATE + 4.0)
            while bench.server.open_calls() < held and not load.done():
                time.sleep(0.1)
            full_kb = sum(map(memory_kb, pids))
            self._note(f"{held} held calls", load.result())
        return full_kb - empty_kb, sum(map(descriptors, pids)) - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--held", type=int, default=1000)
    parser.add_argument("--max-rate", type=float, default=1200.0)
    parser.add_argument("--cpu-target", type=float, default=1.2)
    parser.add_argument("--limit-target", type=float, default=700.0)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running() as server, application(server) as app:
        signalling = Signalling(Bench(server, app, Path(folder)), options)
        signalling.run()
        if unexpected := [line for line in server.log_text().splitlines() if REFUSAL not in line]:
            signalling.notes.append(f"the server's log is not empty: {unexpected[0][:300]}")
        publish("signalling", signalling.figures, signalling.notes, signalling.details)


if __name__ == "__main__":
    main()
