"""Bridged and recorded calls on one media worker, beside rtpengine forwarding the same streams in the same run:

    python bench/media.py [--runs 3] [--calls 300] [--seconds 8]

Ours decodes, reorders, conceals, mixes, encodes and records every call (one party of each into a wav); rtpengine, in
user space, forwards packets; the plain relay (media_floor.py) makes the bare system calls in Python. All three carry
the tones of the same phones, which are a process of their own: a run in which they were late by more than 5 ms in one
portion of a hundred is void and is not counted.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import media_load
from lab import rtpengine
from lab.report import Figure, publish

PHONES_LATE_SHARE = 0.01
LOSS_LIMIT = 0.1
"""Per cent."""


def one_run(calls: int, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    phones = [sys.executable, media_load.__file__, "--phones"]
    ours = asyncio.run(media_load.measure(calls, seconds, "one", realtime=True))
    theirs = asyncio.run(rtpengine.measure(calls, seconds, phones))
    return ours, theirs


def figures(runs: list[tuple[dict[str, Any], dict[str, Any]]], calls: int, target: float) -> list[Figure]:
    per_100 = [ours["cpu_percent_per_100_calls"] for ours, _ in runs]
    theirs = [other["cpu_percent"] / calls * 100 for _, other in runs]
    floor = [ours["floor_cpu_percent"] / calls * 100 for ours, _ in runs]
    loss = [100 * max(ours["loss_in"], ours["loss_out"]) for ours, _ in runs]
    wrong = [float(ours["phones"]["wrong_tones"]) for ours, _ in runs]
    late = [100 * ours["late_ticks"] / ours["ticks"] for ours, _ in runs]
    return [
        Figure("CPU per 100 bridged, recorded calls", "% of a core", per_100, at_most=target,
               comparator="rtpengine, forwarding", comparator_runs=theirs),
        Figure("  beside the bare system calls in Python", "% of a core", per_100,
               comparator="plain relay", comparator_runs=floor),
        Figure("loss", "%", loss, at_most=LOSS_LIMIT),
        Figure("ticks late by more than 5 ms", "%", late),
        Figure("parties that heard a wrong tone", "", wrong, at_most=0),
        Figure("memory a bridged call", "kB", [ours["kb_per_call"] for ours, _ in runs], at_most=100),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--cpu-target", type=float, default=10.0, help="per cent of a core per 100 calls")
    options = parser.parse_args()
    runs, void = [], 0
    for _ in range(2 * options.runs):
        run = one_run(options.calls, options.seconds)
        if max(side["phones"]["late_share"] for side in run) > PHONES_LATE_SHARE:
            void += 1
        else:
            runs.append(run)
        if len(runs) == options.runs:
            break
    if not runs:
        sys.exit("every run was void: the phones were late; this machine has no room for the load")
    notes = [f"{void} void runs (the phones were late) not counted"] if void else []
    publish("media", figures(runs, options.calls, options.cpu_target), notes, runs)


if __name__ == "__main__":
    main()
