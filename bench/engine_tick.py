"""What one tick of the media engine costs, stage by stage: no sockets, packets made in memory.

    python bench/engine_tick.py [--ports 1600] [--ticks 300] [--shape bridge|conference|prompt] [--packet-ms 20]
    [--loss 0.0]
                                [--no-record] [--alaw] [--json]

All ports receive audio in every tick; in the shape `bridge` they are paired, in `conference` they are one group of
`--members`, in `prompt` each plays its own loop. Everything is recorded in mono unless told otherwise.
"""

import argparse
import json
import time

import numpy as np

from trebuchet.base.rand import SeededRand
from trebuchet.base.units import FRAME_MS
from trebuchet.media.engine import Engine, Law, PortSettings, RemoteMedia, g711

WARM_UP_TICKS = 20


class Peers:
    """One sender a port, all in step: writes their packets of a tick into the receive matrix."""

    def __init__(self, engine: Engine, ports: int, packet_ms: int, loss: float, law: Law) -> None:
        self._engine, self._ports, self._samples, self._loss = engine, ports, packet_ms * 8, loss
        self._random = np.random.default_rng(1)
        time_s = np.arange(8000) / 8000.0
        tones = 300.0 + 10.0 * (np.arange(ports)[:, None] % 200)
        self._audio = g711.encode((4000 * np.sin(2 * np.pi * tones * time_s)).astype(np.int16), law)
        self._law, self._sent, self._seq, self._now = law, 0, 0, 0

    def write(self) -> int:
        """The packets of the next 20 ms; gives how many rows of the matrix they fill."""
        count = 0
        self._now += FRAME_MS * 8
        while self._sent < self._now:
            kept = np.flatnonzero(self._random.random(self._ports) >= self._loss)
            self._write_packets(count, kept)
            count += len(kept)
            self._sent += self._samples
            self._seq += 1
        return count

    def _write_packets(self, at: int, rows: np.ndarray) -> None:
        engine, size = self._engine, self._samples
        header = bytes((0x80, 8 * self._law)) + (self._seq & 0xFFFF).to_bytes(2, "big")
        header += (self._sent & 0xFFFFFFFF).to_bytes(4, "big") + (7).to_bytes(4, "big")
        used = slice(at, at + len(rows))
        start = self._sent % 8000
        engine.packets[used, :12] = np.frombuffer(header, np.uint8)
        engine.packets[used, 12 : 12 + size] = np.take(self._audio, range(start, start + size), axis=1, mode="wrap")[
            rows
        ]
        engine.packet_rows[used] = rows
        engine.packet_lengths[used] = 12 + size


def prepare(engine: Engine, options: argparse.Namespace) -> None:
    law = Law.PCMA if options.alaw else Law.PCMU
    for row in range(options.ports):
        engine.open(row, PortSettings(timeout_ticks=1500))
        engine.set_remote(row, RemoteMedia(law=law, payload_type=8 * law), 0.0)
        if options.record:
            engine.record(row, row)
    if options.shape == "bridge":
        for row in range(0, options.ports - 1, 2):
            engine.connect((row, row + 1))
    elif options.shape == "conference":
        for row in range(0, options.ports, options.members):
            engine.connect(range(row, min(row + options.members, options.ports)))
    else:
        for row in range(options.ports):
            engine.play(row, np.arange(5000 + row).astype(np.int16), row, loop=True)


def run(options: argparse.Namespace) -> dict[str, float]:
    """Mean milliseconds a tick for each stage, the total and the worst tick."""
    engine = Engine(options.ports, SeededRand(1), time.perf_counter)
    prepare(engine, options)
    peers = Peers(engine, options.ports, options.packet_ms, options.loss, Law.PCMA if options.alaw else Law.PCMU)
    spent: list[float] = []
    for number in range(options.ticks + WARM_UP_TICKS):
        if number == WARM_UP_TICKS:
            engine.stage_seconds()
            spent.clear()
        now = number * FRAME_MS / 1000.0
        count = peers.write()
        started = time.perf_counter()
        engine.handle_packets(count, now)
        engine.tick(now)
        spent.append(time.perf_counter() - started)
    figures = {name: seconds / options.ticks * 1000.0 for name, seconds in engine.stage_seconds().items()}
    figures["total"] = sum(spent) / len(spent) * 1000.0
    figures["p99"] = sorted(spent)[int(len(spent) * 0.99)] * 1000.0
    figures["worst"] = max(spent) * 1000.0
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ports", type=int, default=1600)
    parser.add_argument("--ticks", type=int, default=300)
    parser.add_argument("--shape", choices=("bridge", "conference", "prompt"), default="bridge")
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--packet-ms", type=int, choices=(10, 20, 40), default=20)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--no-record", dest="record", action="store_false")
    parser.add_argument("--alaw", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = run(options)
    if options.json:
        print(json.dumps(figures))
        return
    for name, milliseconds in figures.items():
        print(f"{name:>8} {milliseconds:7.3f} ms")


if __name__ == "__main__":
    main()
