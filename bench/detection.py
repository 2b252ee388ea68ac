"""What it costs to listen to every call for digits, level and silence:

    python bench/detection.py [--runs 3] [--ports 2000] [--seconds 6]

The media engine alone, as in engine_tick.py, all ports bridged and receiving. Every level is measured, every port's
silence is watched, and every party presses a key (RFC 4733, 100 ms) once a second. The CPU time of each of the three is
taken around its calls, the stopwatch's own included; telling packets of digits from those of audio belongs to the
reception of any packet and is not counted. The figure is their sum as a share of the tick's 20 ms, and of what a tick
works in the engine, which leaves out its system calls. A run counts when every press, and nothing else, was heard, and
when those who then fall silent are noticed.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from engine_tick import WARM_UP_TICKS, Peers
from lab.report import Figure, publish

from trebuchet.base.rand import SeededRand
from trebuchet.base.units import FRAME_MS
from trebuchet.media.engine import Engine, Law, PortSettings, RemoteMedia
from trebuchet.media.engine.values import DigitPressed, Silent

TICKS_PER_S = 1000 // FRAME_MS
PRESS_TICKS = 5
"""A key is held for 100 ms: in so many ticks of each second a party's packet is a digit's."""
DIGITS = 101
"""Payload number of digits."""
SILENCE_TICKS = 2 * TICKS_PER_S
EVENT_BYTES = 16
PARTS = {
    "digits": (("_receiver", "_take_digits"), ("_digits", "take")),
    "level": (("_levels", "measure"),),
    "silence": (("_levels", "watch_silence"),),
}
"""Where the engine does it."""
SHARE = 5.0
"""Per cent of the tick."""


class Stopwatch:
    """Adds up the time of calls."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def wrap(self, part: str, owner: object, method: str) -> None:
        inner: Callable[..., Any] = getattr(owner, method)

        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.thread_time()
            result = inner(*arguments, **named)
            self.seconds[part] += time.thread_time() - began
            return result

        setattr(owner, method, timed)


class Parties(Peers):
    """Senders of audio who press keys: rows take turns, so that each tick has as many of them."""

    def __init__(self, engine: Engine, ports: int) -> None:
        super().__init__(engine, ports, FRAME_MS, 0.0, Law.PCMU)
        self._matrix, self._phase = engine, np.arange(ports) % TICKS_PER_S
        self.presses = 0

    def write_with_digits(self, tick: int) -> int:
        """One packet a port, for some of them a digit's; gives how many rows of the matrix they fill."""
        timestamp = self._now
        count = self.write()
        held = (tick - self._phase) % TICKS_PER_S
        rows = np.flatnonzero((held < PRESS_TICKS) & (tick >= self._phase))
        self.presses += int((held[rows] == 0).sum())
        for row in rows.tolist():
            began = timestamp - int(held[row]) * FRAME_MS * 8
            packet = self._matrix.packets[row]
            packet[1] = DIGITS
            packet[4:8] = np.frombuffer((began & 0xFFFFFFFF).to_bytes(4, "big"), np.uint8)
            packet[12:EVENT_BYTES] = (row % 10, 10, *divmod((int(held[row]) + 1) * FRAME_MS * 8, 256))
            self._matrix.packet_lengths[row] = EVENT_BYTES
        return count


def prepare(ports: int) -> Engine:
    engine = Engine(ports, SeededRand(1))
    for row in range(ports):
        engine.open(row, PortSettings(timeout_ticks=1500))
        engine.set_remote(row, RemoteMedia(law=Law.PCMU, payload_type=0, digits_receive=(DIGITS,)), 0.0)
        engine.watch_silence(row, SILENCE_TICKS)
    for row in range(0, ports - 1, 2):
        engine.connect((row, row + 1))
    return engine


def run(ports: int, seconds: float) -> dict[str, float]:
    """Milliseconds a tick of each part and of the whole; exits when something was not noticed."""
    engine, watch = prepare(ports), Stopwatch()
    parties, heard, spent = Parties(engine, ports), Counter[str](), 0.0
    for part, calls in PARTS.items():
        for owner, method in calls:
            watch.wrap(part, getattr(engine, owner), method)
    ticks = round(seconds * TICKS_PER_S)
    for tick in range(WARM_UP_TICKS + ticks):
        if tick == WARM_UP_TICKS:
            watch.seconds.clear()
            spent = 0.0
        count, now = parties.write_with_digits(tick), tick * FRAME_MS / 1000
        began = time.thread_time()
        engine.handle_packets(count, now)
        output = engine.tick(now)
        spent += time.thread_time() - began
        heard.update(type(event).__name__ for event in output.events)
    figures = {part: watch.seconds[part] / ticks * 1e3 for part in PARTS} | {"tick": spent / ticks * 1e3}
    check(engine, heard, parties.presses, ports, WARM_UP_TICKS + ticks)
    return figures


def check(engine: Engine, heard: Counter[str], presses: int, ports: int, tick: int) -> None:
    """What was heard is what was pressed; then nobody sends any more, and everybody's silence is noticed."""
    for more in range(SILENCE_TICKS + TICKS_PER_S):
        heard.update(type(event).__name__ for event in engine.tick((tick + more) * FRAME_MS / 1000).events)
    if heard[DigitPressed.__name__] != presses or heard[Silent.__name__] != ports:
        sys.exit(f"{presses} presses and {ports} silences, but noticed was {dict(heard)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ports", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=6.0)
    options = parser.parse_args()
    runs = [run(options.ports, options.seconds) for _ in range(options.runs)]
    shares = [100 * sum(figures[part] for part in PARTS) / figures["tick"] for figures in runs]
    of_20_ms = [100 * sum(figures[part] for part in PARTS) / FRAME_MS for figures in runs]
    figures = [
        Figure(f"digits, level and silence, {options.ports} ports, of the work", "%", shares),
        Figure(f"digits, level and silence, {options.ports} ports, of 20 ms", "%", of_20_ms, at_most=SHARE),
        *(Figure(f"  {part}", "us a tick", [1e3 * figures[part] for figures in runs]) for part in PARTS),
        Figure("  the engine's whole tick", "us a tick", [1e3 * figures["tick"] for figures in runs]),
    ]  # fmt: skip
    publish("detection", figures, [], runs)


if __name__ == "__main__":
    main()
