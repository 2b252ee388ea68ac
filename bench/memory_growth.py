"""Memory of all the server's processes over fifty thousand calls:

    python bench/memory_growth.py [--calls 50000] [--rate 300] [--rounds 10]

Calls as in bench/signalling.py, in rounds; after each, once nothing is left of its calls, memory and descriptors are
read. In the first half caches and the allocator's pools fill up; the figure is what each round of the second half adds,
a call. It must not be more than what a page cache breathes; a record of 2 kB kept for each call would be ten times as
much. SIP's timers are shortened, so that what a call leaves behind is forgotten after 6 s instead of 32.
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab.load import Bench, application
from lab.processes import descriptors, memory_kb
from lab.report import Figure, publish
from lab.server import running

WARM_UP_S = 2.0
T1_MS = 100
FORGOTTEN_S = 64 * T1_MS / 1000 + 1.0
"""RFC 3261 17.1.1.2, and a moment for what comes after."""
GROWTH_KB = 0.2
"""A call: 1 MB in a round of 5,000."""
OPENED = 40
"""Connections are kept; how many depends on how busy a moment was."""


def mark(bench: Bench) -> tuple[float, int]:
    pids = bench.server.pids
    return float(sum(map(memory_kb, pids))), sum(map(descriptors, pids))


def measure(bench: Bench, options: argparse.Namespace) -> tuple[list[tuple[float, int]], list[int], list[str]]:
    """Marks before and after each round, calls completed in each, and what was wrong."""
    notes: list[str] = []
    completed: list[int] = []
    bench.call(options.rate / 2, WARM_UP_S)
    time.sleep(FORGOTTEN_S)
    marks = [mark(bench)]
    for number in range(options.rounds):
        run = bench.call(options.rate, options.calls / options.rounds / options.rate)
        notes += [f"round {number + 1}: {problem}" for problem in run.problems]
        completed.append(run.calls.completed)
        time.sleep(FORGOTTEN_S)
        marks.append(mark(bench))
        print(f"  after {sum(completed)} calls: {marks[-1][0]:.0f} kB, {marks[-1][1]} descriptors", flush=True)
    return marks, completed, notes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    os.environ["TREBUCHET_SIGNALLING_T1_MS"] = str(T1_MS)
    with running() as server, application(server) as app:
        marks, completed, notes = measure(Bench(server, app, server.folder), options)
        if text := server.log_text():
            notes.append(f"the server's log is not empty: {text[:300]}")
    memory = [kb for kb, _ in marks]
    rounds = zip(memory, memory[1:], completed, strict=False)
    grown = [(after - before) / max(1, calls) for before, after, calls in rounds]
    half = options.rounds // 2
    figures = [
        Figure("growth in a round of the second half, a call", "kB", grown[half:], at_most=GROWTH_KB),
        Figure("  and from the middle to the end", "kB", [(memory[-1] - memory[half]) / max(1, sum(completed[half:]))],
               at_most=GROWTH_KB),
        Figure("  in a round of the first half", "kB", grown[:half]),
        Figure("memory at the end", "MB", [memory[-1] / 1024]),
        Figure("calls completed", "", [float(sum(completed))]),
        Figure("descriptors more than in the middle", "", [float(marks[-1][1] - marks[half][1])], at_most=OPENED),
    ]  # fmt: skip
    publish("memory_growth", figures, notes, {"memory_kb": memory, "completed": completed})


if __name__ == "__main__":
    main()
