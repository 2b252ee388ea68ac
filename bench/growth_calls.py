"""What a call costs a media worker when there are many, how many one core carries, and how punctual it is meanwhile:

    python bench/growth_calls.py [--runs 3] [--seconds 5] [--late-calls 500] [--late-seconds 60] [--only PART]

- `cost`: CPU a bridged call with 50, 300 and 1,000 of them, in turn; what 1,000 cost beside 50 may be 1.1 at most;
- `limit`: 1,000 bridged calls on one core, then 900 with one party of each recorded: loss, tones, recordings;
- `late`: ticks that begin more than 5 ms late at 500 calls, of runs of a minute.

Beside the cost stands the plain relay of media_floor.py, which makes the bare system calls of the same traffic. The
phones are a process of their own: a run in which they were late by more than 5 ms in one portion of a hundred is void;
how late they were and what they used of their core is printed. Where every run is void, fewer calls are tried.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab.report import Figure, publish
from media import LOSS_LIMIT, Run, carry, is_void
from media_load import Shape

SIZES = (50, 300, 1000)
GROWTH = 1.1
"""The cost of a call among the most over that among the fewest."""
LIMITS = ((1000, "none"), (900, "one"))
"""Calls and whose words are recorded."""
STEP = 0.95
"""So many times the calls when the phones could not follow."""
FEWEST = 0.6
"""Of the wanted calls; with fewer the row says nothing."""
PARTS = ("cost", "limit", "late")


class Calls:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.figures: list[Figure] = []
        self.notes: list[str] = []
        self.details: dict[str, list[Run]] = {}

    def _keep(self, name: str, result: Run) -> Run:
        self.details.setdefault(name, []).append(result)
        phones = result["phones"]
        print(
            f"  {name}: {result['cpu_percent_per_100_calls']:.2f} % per 100 calls, loss in {result['loss_in']:.4%},"
            f" out {result['loss_out']:.4%}, {result['late_ticks']} late ticks; phones late {phones['late_share']:.2%},"
            f" worst {phones['worst_late_ms']:.1f} ms, {phones['cpu_share']:.0%} of a core{' VOID' * is_void(result)}",
            flush=True,
        )
        return result

    def _valid(self, name: str, shape: Shape, seconds: float, *, has_floor: bool = False) -> Run | None:
        """A run that counts: void ones are made again once."""
        for _ in range(2):
            result = self._keep(name, carry(shape, seconds, has_floor=has_floor))
            if not is_void(result):
                return result
        return None

    def cost(self) -> None:
        rounds: list[dict[int, Run]] = []
        for _ in range(self.options.runs):
            results = {size: self._valid(f"{size} bridged", Shape(size, record="none"), self.options.seconds,
                                         has_floor=True) for size in SIZES}  # fmt: skip
            valid = {size: result for size, result in results.items() if result is not None}
            if len(valid) == len(SIZES):
                rounds.append(valid)
        if not rounds:
            self.notes.append("cost: no round in which the phones kept up at every size")
            return
        cost = {size: [run[size]["cpu_percent_per_100_calls"] for run in rounds] for size in SIZES}
        for size in SIZES:
            floor = [run[size]["floor_cpu_percent"] / size * 100 for run in rounds]
            self.figures.append(
                Figure(f"{size} bridged calls, per 100", "% of a core", cost[size],
                       comparator="plain relay", comparator_runs=floor)
            )  # fmt: skip
        fewest, *more = SIZES
        for size in more:
            ratios = [many / few for many, few in zip(cost[size], cost[fewest], strict=True)]
            self.figures.append(Figure(f"  a call among {size} over one among {fewest}", "", ratios, at_most=GROWTH))

    def limit(self) -> None:
        for wanted, record in LIMITS:
            calls = wanted
            while (runs := self._limit_runs(calls, record)) is None and calls * STEP >= wanted * FEWEST:
                calls = round(calls * STEP)
            name = f"bridged on one core{', one party recorded' * (record == 'one')}"
            if runs is None:
                self.notes.append(f"{wanted} {name}: the phones could not follow even {calls}")
                continue
            self._add_limit(name, wanted, calls, runs)

    def _limit_runs(self, calls: int, record: str) -> list[Run] | None:
        """`None` when the phones were late in a run and in its repetition."""
        runs: list[Run] = []
        for _ in range(self.options.runs):
            result = self._valid(f"{calls} bridged, {record} recorded", Shape(calls, record=record),
                                 self.options.seconds)  # fmt: skip
            if result is None:
                return None
            runs.append(result)
        return runs

    def _add_limit(self, name: str, wanted: int, calls: int, runs: list[Run]) -> None:
        held = [float(calls if is_sound(run) else 0) for run in runs]
        self.figures += [
            Figure(name, "calls", held, at_least=float(wanted)),
            Figure("  loss", "%", [100 * max(run["loss_in"], run["loss_out"]) for run in runs], at_most=LOSS_LIMIT),
            Figure("  CPU of the worker", "% of a core", [run["worker_cpu_percent"] for run in runs]),
            Figure("  ticks late by more than 5 ms", "%", [100 * run["late_ticks"] / run["ticks"] for run in runs]),
            Figure("  parties that heard a wrong tone", "", [float(run["phones"]["wrong_tones"]) for run in runs],
                   at_most=0),
            Figure("  phones' own CPU", "% of a core", [100 * run["phones"]["cpu_share"] for run in runs]),
            Figure("  phones' own lateness, worst", "ms", [run["phones"]["worst_late_ms"] for run in runs]),
        ]  # fmt: skip

    def late(self) -> None:
        calls, seconds = self.options.late_calls, self.options.late_seconds
        runs = [
            result for _ in range(self.options.runs)
            if (result := self._valid(f"{calls} bridged, {seconds:g} s", Shape(calls, record="none"), seconds))
        ]  # fmt: skip
        if not runs:
            self.notes.append(f"late: the phones could not follow {calls} calls")
            return
        self.figures += [
            Figure(f"ticks a minute late by more than 5 ms, {calls} calls", "",
                   [60 * run["late_ticks"] / seconds for run in runs], at_most=1.0),
            Figure("  ticks left out", "", [float(run["missed_ticks"]) for run in runs], at_most=0),
            Figure("  phones' own lateness, worst", "ms", [run["phones"]["worst_late_ms"] for run in runs]),
        ]  # fmt: skip


def is_sound(run: Run) -> bool:
    """All calls lived, what was lost is within the limit, and everybody heard the right tone."""
    loss = 100 * max(run["loss_in"], run["loss_out"])
    wanted = run["calls"] if run["record"] == "one" else 0
    return loss < LOSS_LIMIT and not run["ended_calls"] and not run["phones"]["wrong_tones"] and (
        run["recordings"] == wanted
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--late-calls", type=int, default=500)
    parser.add_argument("--late-seconds", type=float, default=60.0)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    calls = Calls(options)
    for part in PARTS:
        if options.only in (None, part):
            getattr(calls, part)()
    publish("growth_calls", calls.figures, calls.notes, calls.details)


if __name__ == "__main__":
    main()
