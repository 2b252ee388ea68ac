"""What calls cost a media worker:

    python bench/media_load.py [--calls 300] [--seconds 10] [--record one|both|none]
                               [--shape bridge|prompt|conference] [--members 20]

One media worker carries `calls` bridges of two parties each; or `calls` parties who each hear a looped prompt; or
`calls` parties in conferences of `members`. One party of each bridge (or both, or none) is recorded, or each party that
hears a prompt. A process of its own plays the phones (media_phones.py). Printed: CPU of the worker per 100 calls, loss,
lateness of worker and phones, memory, and whether sampled parties heard the right tones and not their own; and beside
it, from the same run, what the bare system calls of the same traffic cost (media_floor.py). `--json` prints one line.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import media_phones
import numpy as np
from media_floor import cpu_s, measure_floor
from media_phones import GENERATOR_PORT, PROMPT_HZ

from trebuchet.base.ids import AccountId, RecordingId
from trebuchet.calls.interfaces import MediaPort
from trebuchet.media.adapter import MediaPlanePool
from trebuchet.media.settings import MediaSettings
from trebuchet.media.wav import salvage
from trebuchet.model.media_description import Codec, MediaDescription
from trebuchet.model.prompt import RenderedPrompt
from trebuchet.testing.tones import tone

WARM_UP_S = 3.0
WORKER_PORTS = (20_000, 29_999)
PROMPT_S = 2.0


@dataclass(frozen=True)
class Shape:
    """What the calls do. `members` of a conference; `calls` are bridges of two streams, or single parties."""

    calls: int
    name: str = "bridge"
    record: str = "one"
    members: int = 2

    @property
    def streams(self) -> int:
        return self.calls * 2 if self.name == "bridge" else self.calls

    def is_recorded(self, stream: int) -> bool:
        return self.record == "both" or (self.record == "one" and (self.name != "bridge" or stream % 2 == 0))


class Nobody:
    """A listener that counts what should not happen."""

    def __init__(self) -> None:
        self.lost = 0
        self.stopped: list[tuple[RecordingId, int, str]] = []

    def handle_media_digit(self, digit: str, duration_ms: int | None) -> None: ...
    def handle_playback_done(self, playback: int) -> None: ...

    def handle_recorder_stopped(self, recording_id: RecordingId, samples: int, reason: str) -> None:
        self.stopped.append((recording_id, samples, reason))

    def handle_media_timeout(self) -> None:
        self.lost += 1

    def handle_media_lost(self) -> None:
        self.lost += 1

    def handle_group_playback_done(self, playback: int) -> None: ...


def memory_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


async def measure(shape: Shape, seconds: float, *, realtime: bool = True, has_floor: bool = True) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        settings = MediaSettings(
            data=Path(folder),
            rtp_ports=WORKER_PORTS,
            ports_per_worker=max(64, shape.streams + 16),
            is_realtime=realtime,
        )
        pool = MediaPlanePool(settings)
        await pool.start()
        try:
            result = await load(pool, Path(folder), shape, seconds)
        finally:
            await pool.close()
    if has_floor:
        phones = [sys.executable, media_phones.__file__]
        floor = await measure_floor(phones, -(-shape.streams // 2), seconds, WARM_UP_S, GENERATOR_PORT)
        result["floor_cpu_percent"] = floor
    return result


class Stage:
    """The worker's ports in the wanted shape."""

    def __init__(self, pool: MediaPlanePool, folder: Path, shape: Shape) -> None:
        self.pool, self.folder, self.shape = pool, folder, shape
        self.listener = Nobody()
        self.ports: list[MediaPort] = []
        path = folder / "prompt.pcm"
        path.write_bytes(np.asarray(tone(PROMPT_HZ, PROMPT_S), np.int16).tobytes())
        self.prompt = RenderedPrompt(str(path), round(8000 * PROMPT_S))

    async def set_up(self) -> None:
        for stream in range(self.shape.streams):
            port = await self.open_port()
            self.ports.append(port)
            port.answer(MediaDescription(address="127.0.0.1", port=GENERATOR_PORT + stream, codecs=(Codec("PCMU", 0),)))
            self._join(stream, port)
            if self.shape.is_recorded(stream):
                port.start_recorder(
                    RecordingId(f"rec-{stream}"), f"c-{stream}-1.wav", AccountId("u-bench"), max_duration_s=3600
                )

    async def open_port(self) -> MediaPort:
        while True:
            try:
                return self.pool.open_port(self.listener)
            except Exception:  # the worker makes ports ready faster than this loop takes them, but not always
                await asyncio.sleep(0.02)

    def _join(self, stream: int, port: MediaPort) -> None:
        if self.shape.name == "prompt":
            port.play(self.prompt, is_looped=True)
        elif self.shape.name == "bridge":
            if stream % 2:
                self.ports[-2].connect(port)
        else:
            if stream % self.shape.members == 0:
                self.group = self.pool.open_group(self.listener)
            self.group.join(port)

    async def tear_down(self) -> None:
        for port in self.ports:
            port.close()
        async with asyncio.timeout(20):
            while self.pool.stats().workers[0].totals.ports < len(self.ports):
                await asyncio.sleep(0.05)


async def load(pool: MediaPlanePool, folder: Path, shape: Shape, seconds: float) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, media_phones.__file__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None and child.stdout is not None
    order = {
        "streams": shape.streams,
        "seconds": WARM_UP_S + seconds + 1.0,
        "shape": shape.name,
        "members": shape.members,
        "warm_up_s": WARM_UP_S,
    }
    child.stdin.write(json.dumps(order).encode() + b"\n")
    await child.stdout.readline()
    pid = pool.stats().workers[0].pid
    assert pid is not None
    empty_kb = memory_kb(pid)
    stage = Stage(pool, folder, shape)
    await stage.set_up()
    remotes = [port.offer().port for port in stage.ports]
    child.stdin.write(json.dumps({"remotes": remotes}).encode() + b"\n")
    await asyncio.sleep(WARM_UP_S)
    before, began, first = cpu_s(pid), time.monotonic(), pool.stats().workers[0].load
    await asyncio.sleep(seconds)
    percent = 100 * (cpu_s(pid) - before) / (time.monotonic() - began)
    last, full_kb = pool.stats().workers[0].load, memory_kb(pid)
    phones = json.loads(await child.stdout.readline())
    await child.wait()
    await stage.tear_down()
    totals = pool.stats().workers[0].totals
    assert first is not None and last is not None
    recorded = list((folder / "media" / "u-bench").glob("*.wav"))
    shortest = min((salvage(path) for path in recorded), default=0)
    return {
        "calls": shape.calls,
        "shape": shape.name,
        "record": shape.record,
        "worker_cpu_percent": percent,
        "cpu_percent_per_100_calls": percent / shape.calls * 100,
        "loss_in": totals.lost / max(1, totals.received),
        "loss_out": phones["gaps"] / max(1, phones["heard"]),
        "concealed_share": totals.concealed_ms / max(1, totals.sent * 20),
        "load": last.load,
        "late_ticks": last.late_ticks - first.late_ticks,
        "missed_ticks": last.missed_ticks - first.missed_ticks,
        "ticks": last.ticks - first.ticks,
        "stages_ms_per_tick": {name: round(value * 20, 3) for name, value in last.stages.items()},
        "memory_mb": full_kb / 1024,
        "kb_per_call": (full_kb - empty_kb) / shape.calls,
        "recordings": len(recorded),
        "shortest_recording_s": shortest / 8000,
        "ended_calls": stage.listener.lost,
        "phones": phones,
    }


def show(result: dict[str, Any]) -> None:
    phones = result["phones"]
    floor = result["floor_cpu_percent"]
    ratio = f"{result['worker_cpu_percent'] / floor:.2f}" if floor else "unknown: too little to be measured"
    is_void = phones["late_share"] > 0.01
    print(
        f"{result['calls']} calls, {result['shape']}, recorded: {result['record']}\n"
        f"  worker CPU        {result['worker_cpu_percent']:.1f} % of a core,"
        f" {result['cpu_percent_per_100_calls']:.2f} % per 100 calls (tick load {result['load']:.2f})\n"
        f"  bare system calls {floor:.1f} % of a core, {floor / result['calls'] * 100:.2f} % per 100 calls;"
        f" ratio {ratio}\n"
        f"  loss              in {result['loss_in']:.5%}, out {result['loss_out']:.5%},"
        f" concealed {result['concealed_share']:.4%}\n"
        f"  worker lateness   {result['late_ticks']} of {result['ticks']} ticks > 5 ms,"
        f" {result['missed_ticks']} left out\n"
        f"  memory            {result['memory_mb']:.0f} MB, {result['kb_per_call']:.0f} kB per bridged call\n"
        f"  recordings        {result['recordings']}, shortest {result['shortest_recording_s']:.2f} s\n"
        f"  tones             {phones['wrong_tones']} wrong of {phones['sampled']} sampled\n"
        f"  phones            late {phones['late_share']:.2%} of slots, worst {phones['worst_late_ms']:.1f} ms"
        f"{'  ← VOID: the phones were late' if is_void else ''}\n"
        f"  ms per tick       {result['stages_ms_per_tick']}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--record", choices=("none", "one", "both"), default="one")
    parser.add_argument("--shape", choices=("bridge", "prompt", "conference"), default="bridge")
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--ordinary-priority", action="store_true", help="no real-time scheduling for the worker")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    shape = Shape(options.calls, options.shape, options.record, options.members)
    result = asyncio.run(measure(shape, options.seconds, realtime=not options.ordinary_priority))
    print(json.dumps(result)) if options.json else show(result)


if __name__ == "__main__":
    main()
