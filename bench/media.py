"""What calls cost one media worker, beside rtpengine forwarding the same streams in the same run:

    python bench/media.py [--runs 3] [--calls 300] [--seconds 5] [--only recorded|bridged|prompt|conference]

- `recorded`: bridges, one party of each recorded to wav; ours decodes, reorders, conceals, mixes, encodes and records;
  rtpengine, in user space, forwards packets; the plain relay (media_floor.py) makes the bare system calls in Python;
- `bridged`: the same without recording;
- `prompt`: parties who each hear a looped prompt and are recorded;
- `conference`: one of 200, and ten of 20.

All carry the tones of the same phones, which are a process of their own: a run in which they were late by more than
5 ms in one portion of a hundred is void and is not counted.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import media_phones
from lab import rtpengine
from lab.report import Figure, publish
from media_load import Shape, measure

PHONES_LATE_SHARE = 0.01
LOSS_LIMIT = 0.1
"""Per cent."""
PARTIES = 200
"""In conferences."""

Run = dict[str, Any]


def carry(shape: Shape, seconds: float, *, has_floor: bool = False) -> Run:
    return asyncio.run(measure(shape, seconds, has_floor=has_floor))


def is_void(run: Run) -> bool:
    return bool(run["phones"]["late_share"] > PHONES_LATE_SHARE)


def forward(calls: int, seconds: float) -> Run:
    return asyncio.run(rtpengine.measure(calls, seconds, [sys.executable, media_phones.__file__]))


class Media:
    def __init__(self, runs: int, calls: int, seconds: float) -> None:
        self.wanted, self.calls, self.seconds = runs, calls, seconds
        self.figures: list[Figure] = []
        self.details: dict[str, list[tuple[Run, ...]]] = {}
        self.void = 0

    def _collect(self, name: str, *sides: Callable[[], Run]) -> list[tuple[Run, ...]]:
        """As many runs of all sides as wanted, void ones made again up to once each."""
        runs: list[tuple[Run, ...]] = []
        for _ in range(2 * self.wanted):
            run = tuple(side() for side in sides)
            if any(map(is_void, run)):
                self.void += 1
            else:
                runs.append(run)
            if len(runs) == self.wanted:
                break
        if not runs:
            sys.exit(f"{name}: every run was void, the phones were late; this machine has no room for the load")
        self.details[name] = runs
        return runs

    def _add_checks(self, runs: list[tuple[Run, ...]]) -> None:
        ours = [run[0] for run in runs]
        self.figures += [
            Figure("  loss", "%", [100 * max(run["loss_in"], run["loss_out"]) for run in ours], at_most=LOSS_LIMIT),
            Figure("  ticks late by more than 5 ms", "%", [100 * run["late_ticks"] / run["ticks"] for run in ours]),
            Figure("  parties that heard a wrong tone", "", [float(run["phones"]["wrong_tones"]) for run in ours],
                   at_most=0),
            Figure("  memory a call", "kB", [run["kb_per_call"] for run in ours]),
        ]  # fmt: skip

    def recorded(self) -> None:
        runs = self._collect(
            "recorded",
            lambda: carry(Shape(self.calls), self.seconds, has_floor=True),
            lambda: forward(self.calls, self.seconds),
        )
        per_100 = [ours["cpu_percent_per_100_calls"] for ours, _ in runs]
        theirs = [other["cpu_percent"] / self.calls * 100 for _, other in runs]
        floor = [ours["floor_cpu_percent"] / self.calls * 100 for ours, _ in runs]
        self.figures += [
            Figure(f"{self.calls} bridged calls, one party recorded, per 100", "% of a core", per_100, at_most=7.5,
                   comparator="rtpengine, forwarding", comparator_runs=theirs),
            Figure("  beside the bare system calls in Python", "% of a core", per_100,
                   comparator="plain relay", comparator_runs=floor),
        ]  # fmt: skip
        self._add_checks(runs)

    def bridged(self) -> None:
        self._own(f"{self.calls} bridged calls, per 100", Shape(self.calls, record="none"), at_most=7.0)

    def prompt(self) -> None:
        self._own(f"{self.calls} calls with a prompt, recorded, per 100", Shape(self.calls, "prompt"), at_most=6.0)

    def conference(self) -> None:
        for members in (PARTIES, 20):
            shape = Shape(PARTIES, "conference", "none", members)
            limit = 12.0 if members == PARTIES else 10.0
            name = f"conferences of {members}, {PARTIES // members} of them"
            self._own(name, shape, at_most=limit, figure="worker_cpu_percent")

    def _own(self, name: str, shape: Shape, *, at_most: float, figure: str = "cpu_percent_per_100_calls") -> None:
        runs = self._collect(name, lambda: carry(shape, self.seconds))
        self.figures.append(Figure(name, "% of a core", [run[figure] for (run,) in runs], at_most=at_most))
        self._add_checks(runs)


def main() -> None:
    parts = ("recorded", "bridged", "prompt", "conference")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--only", choices=parts)
    options = parser.parse_args()
    media = Media(options.runs, options.calls, options.seconds)
    for part in parts:
        if options.only in (None, part):
            getattr(media, part)()
    notes = [f"{media.void} void runs (the phones were late) not counted"] if media.void else []
    publish("media", media.figures, notes, media.details)


if __name__ == "__main__":
    main()
