"""How much later a word is heard because a bridge lies between, on a clean path:

    python bench/bridge_delay.py [--calls 300] [--seconds 20]

Beside `calls` bridged calls that carry tones, one more call is measured: its first party sends silence in 20 ms packets
at a fixed but arbitrary phase of the worker's tick, and now and then a packet that is loud. The delay is the time from
sending that packet to receiving the first one that is loud at the other end, so the packet's own 20 ms are no part of
it. The measuring process says how late it was itself; it runs with the same priority as the phones.
"""

import argparse
import asyncio
import json
import random
import select
import socket
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import media_phones
import numpy as np
from lab.report import Figure, publish
from media_load import WARM_UP_S, WORKER_PORTS, Shape, Stage
from media_phones import FRAME_S

from trebuchet.media.adapter import MediaPlanePool
from trebuchet.media.priority import take_precedence
from trebuchet.media.settings import MediaSettings
from trebuchet.model.media_description import Codec, MediaDescription
from trebuchet.testing.g711_reference import MULAW
from trebuchet.testing.tones import tone

SPEAKER_PORT, LISTENER_PORT = 39_990, 39_992
WORD_EVERY = (8, 25)
"""Packets between two loud ones, at random: longer than any delay to be measured."""
LOUD = 1000
"""Peak of int16 samples."""
PHASES = 5
"""The speaker's clock is moved this often against the worker's."""


def speak(remote: int, listener_remote: int, seconds: float) -> dict[str, Any]:
    """The child: both ends of the measured call."""
    speaker, listener = _bound(SPEAKER_PORT), _bound(LISTENER_PORT)
    speaker.connect(("127.0.0.1", remote))
    listener.connect(("127.0.0.1", listener_remote))
    silence = MULAW.encode(np.zeros(160, np.int16))
    word = MULAW.encode(tone(1000.0, FRAME_S))
    rand, waiting, delays, late = random.Random(1), 10, [], []
    said_at: float | None = None
    due, phases = time.monotonic(), 0
    for number in range(round(seconds / FRAME_S)):
        if number * PHASES // round(seconds / FRAME_S) > phases:
            phases += 1
            due += rand.random() * FRAME_S
        while (left := due - time.monotonic()) > 0:
            if select.select([listener], [], [], left)[0] and _is_loud(listener) and said_at is not None:
                delays.append(time.monotonic() - said_at)
                said_at = None
        waiting -= 1
        now = time.monotonic()
        late.append(now - due)
        if waiting == 0:
            said_at, waiting = now, rand.randint(*WORD_EVERY)
        header = bytes((0x80, 0)) + (number & 0xFFFF).to_bytes(2, "big") + (number * 160).to_bytes(4, "big") + b"word"
        speaker.send(header + (word if said_at == now else silence))
        listener.send(header + silence)
        due += FRAME_S
    return {"delays_ms": [1000 * delay for delay in delays], "late_ms": 1000 * quantiles(late, n=100)[98]}


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", port))
    return sock


def _is_loud(sock: socket.socket) -> bool:
    payload = sock.recv(512)[12:]
    return bool(np.abs(MULAW.decode(payload).astype(np.int32)).max(initial=0) > LOUD)


async def measure(calls: int, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        pool = MediaPlanePool(
            MediaSettings(data=Path(folder), rtp_ports=WORKER_PORTS, ports_per_worker=2 * calls + 16, is_realtime=True)
        )
        await pool.start()
        try:
            return await _measure(pool, Path(folder), calls, seconds)
        finally:
            await pool.close()


async def _measure(pool: MediaPlanePool, folder: Path, calls: int, seconds: float) -> dict[str, Any]:
    phones = await _child(media_phones.__file__)
    assert phones.stdin is not None and phones.stdout is not None
    order = {"streams": 2 * calls, "seconds": WARM_UP_S + seconds + 2.0}
    phones.stdin.write(json.dumps(order).encode() + b"\n")
    await phones.stdout.readline()
    stage = Stage(pool, folder, Shape(calls, record="none"))
    await stage.set_up()
    ends = [await stage.open_port() for _ in range(2)]
    for port, own in zip(ends, (SPEAKER_PORT, LISTENER_PORT), strict=True):
        port.answer(MediaDescription(address="127.0.0.1", port=own, codecs=(Codec("PCMU", 0),)))
    ends[0].connect(ends[1])
    phones.stdin.write(json.dumps({"remotes": [port.offer().port for port in stage.ports]}).encode() + b"\n")
    await asyncio.sleep(WARM_UP_S)
    first = pool.stats().workers[0].load
    child = await _child(__file__, "--ends", *(str(port.offer().port) for port in ends), "--seconds", str(seconds))
    said, _ = await child.communicate()
    last = pool.stats().workers[0].load
    heard = json.loads(await phones.stdout.readline())
    await phones.wait()
    stage.ports += ends
    await stage.tear_down()
    assert first is not None and last is not None
    result: dict[str, Any] = json.loads(said)
    return result | {"late_ticks": last.late_ticks - first.late_ticks, "phones": heard}


async def _child(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ends", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ends:
        take_precedence()
        print(json.dumps(speak(options.ends[0], options.ends[1], options.seconds)))
        return
    runs = [asyncio.run(measure(options.calls, options.seconds)) for _ in range(options.runs)]
    shares = [quantiles(run["delays_ms"], n=100) for run in runs]
    figures = [
        Figure(f"delay of a bridge beside {options.calls} calls, p50", "ms", [share[49] for share in shares],
               at_most=25.0),
        Figure("  p99", "ms", [share[98] for share in shares], at_most=40.0),
        Figure("  words heard", "", [float(len(run["delays_ms"])) for run in runs]),
        Figure("  ticks late by more than 5 ms", "", [float(run["late_ticks"]) for run in runs], at_most=0.0),
        Figure("  own lateness, p99", "ms", [run["late_ms"] for run in runs]),
    ]  # fmt: skip
    publish("bridge_delay", figures, [], runs)


if __name__ == "__main__":
    main()
