"""What bridged and recorded calls cost:

    python bench/media_load.py [--calls 300] [--seconds 10] [--record one|both|none]

One media worker carries `calls` bridges of two parties each, one of the two (or both, or none) being recorded. A
process of its own plays the phones: it sends every party's tone in 20 ms packets spread over the tick, counts what
comes back, and reports its own lateness. Printed: CPU of the worker per 100 bridged calls, loss, lateness of worker and
phones, memory, and whether sampled parties heard the right tone and not their own; and beside it, from the same run,
what the bare system calls of the same traffic cost (media_floor.py). `--json` prints one line.
"""

import argparse
import asyncio
import json
import select
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from media_floor import cpu_s, measure_floor

from trebuchet.base.ids import AccountId, RecordingId
from trebuchet.media.adapter import MediaPlanePool
from trebuchet.media.priority import take_precedence
from trebuchet.media.settings import MediaSettings
from trebuchet.media.wav import salvage
from trebuchet.model.media_description import Codec, MediaDescription
from trebuchet.testing.g711_reference import MULAW
from trebuchet.testing.tones import tone, tone_level

FRAME_S = 0.02
SLOTS = 10
"""The phones' packets are spread over the tick in this many portions."""
LATE_S = 0.005
TONE_STEP_HZ = 50
"""Tones at multiples of this repeat exactly with every packet."""
TONES = 54
SAMPLED = 40
WARM_UP_S = 3.0
GENERATOR_PORT = 40_000
WORKER_PORTS = (20_000, 29_999)


def tone_of(stream: int) -> float:
    """Neighbours (the two parties of a bridge) differ by more than any spectrum needs."""
    return float(TONE_STEP_HZ * (6 + (stream * 7) % TONES))


# --- the phones -------------------------------------------------------------------------------------------------------


class Phones:
    """`remotes[i]` is the media port of stream i; streams 2k and 2k+1 are bridged."""

    def __init__(self, sockets: list[socket.socket], remotes: list[int]) -> None:
        self.sockets = sockets
        count = len(sockets)
        for sock, port in zip(sockets, remotes, strict=True):
            sock.connect(("127.0.0.1", port))
        self.tx = np.zeros((count, 172), np.uint8)
        self.tx[:, 0] = 0x80
        self.tx[:, 8:12] = np.arange(1, count + 1, dtype=">u4").view(np.uint8).reshape(count, 4)
        for stream in range(count):
            self.tx[stream, 12:] = np.frombuffer(MULAW.encode(tone(tone_of(stream), FRAME_S)), np.uint8)
        self.rows = [memoryview(row) for row in self.tx]  # type: ignore[arg-type]  # ndarray is a buffer
        self.sequence = np.zeros(count, np.int64)
        self.heard = [0] * count
        self.last = [-1] * count
        self.gaps = 0
        self.sent = 0
        self.late = 0
        self.worst_late_s = 0.0
        self.samples: dict[int, list[bytes]] = {stream: [] for stream in range(0, count, max(1, count // SAMPLED))}
        self.epoll = select.epoll()
        self.by_fd = {}
        for stream, sock in enumerate(sockets):
            self.epoll.register(sock.fileno(), select.EPOLLIN)
            self.by_fd[sock.fileno()] = stream
        self.buffer = bytearray(2048)

    def send_slot(self, slot: int) -> None:
        rows = slice(slot, None, SLOTS)
        sequence = self.sequence[rows]
        self.tx[rows, 2:4] = sequence.astype(">u2").view(np.uint8).reshape(-1, 2)
        self.tx[rows, 4:8] = (sequence * 160).astype(">u4").view(np.uint8).reshape(-1, 4)
        sequence += 1
        for stream in range(slot, len(self.sockets), SLOTS):
            try:
                self.sockets[stream].send(self.rows[stream])
                self.sent += 1
            except OSError:
                pass

    def receive(self) -> None:
        buffer = self.buffer
        for fd, _ in self.epoll.poll(0, len(self.sockets)):
            stream = self.by_fd[fd]
            try:
                length = self.sockets[stream].recv_into(buffer)
            except OSError:
                continue
            sequence = buffer[2] << 8 | buffer[3]
            if self.last[stream] >= 0:
                self.gaps += (sequence - self.last[stream] - 1) & 0xFFFF
            self.last[stream] = sequence
            self.heard[stream] += 1
            kept = self.samples.get(stream)
            if kept is not None:
                kept.append(bytes(buffer[12:length]))
                del kept[:-25]

    def run(self, seconds: float) -> dict[str, Any]:
        due = time.monotonic()
        slots = round(seconds / FRAME_S) * SLOTS
        for number in range(slots):
            time.sleep(max(0.0, due - time.monotonic()))
            late_s = time.monotonic() - due
            self.late += late_s > LATE_S
            self.worst_late_s = max(self.worst_late_s, late_s)
            self.send_slot(number % SLOTS)
            self.receive()
            due += FRAME_S / SLOTS
        return self.result(slots)

    def result(self, slots: int) -> dict[str, Any]:
        wrong = 0
        for stream, kept in self.samples.items():
            pcm = MULAW.decode(b"".join(kept))
            wrong += tone_level(pcm, tone_of(stream ^ 1)) < -20 or tone_level(pcm, tone_of(stream)) > -40
        return {
            "sent": self.sent,
            "heard": sum(self.heard),
            "gaps": self.gaps,
            "late_share": self.late / slots,
            "worst_late_ms": self.worst_late_s * 1000,
            "sampled": len(self.samples),
            "wrong_tones": wrong,
        }


def play_phones() -> None:
    """The child: learn how many, bind, tell; learn where to, play, tell."""
    order = json.loads(sys.stdin.readline())
    sockets = []
    for index in range(order["streams"]):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind(("127.0.0.1", GENERATOR_PORT + index))
        sockets.append(sock)
    print(json.dumps({"ready": True}), flush=True)
    remotes = json.loads(sys.stdin.readline())["remotes"]
    take_precedence()
    print(json.dumps(Phones(sockets, remotes).run(order["seconds"])), flush=True)


# --- the server -------------------------------------------------------------------------------------------------------


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


def memory_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


async def measure(calls: int, seconds: float, record: str, *, realtime: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        settings = MediaSettings(
            data=Path(folder), rtp_ports=WORKER_PORTS, ports_per_worker=max(64, 2 * calls), is_realtime=realtime
        )
        pool = MediaPlanePool(settings)
        await pool.start()
        try:
            result = await load(pool, Path(folder), calls, seconds, record)
        finally:
            await pool.close()
    phones = [sys.executable, __file__, "--phones"]
    result["floor_cpu_percent"] = await measure_floor(phones, calls, seconds, WARM_UP_S, GENERATOR_PORT)
    return result


async def load(pool: MediaPlanePool, folder: Path, calls: int, seconds: float, record: str) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--phones", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None and child.stdout is not None
    order = {"streams": 2 * calls, "seconds": WARM_UP_S + seconds + 1.0}
    child.stdin.write(json.dumps(order).encode() + b"\n")
    await child.stdout.readline()
    pid = pool.stats().workers[0].pid
    assert pid is not None
    empty_kb = memory_kb(pid)
    listener = Nobody()
    ports = []
    for stream in range(2 * calls):
        while True:
            try:
                port = pool.open_port(listener)
                break
            except Exception:
                await asyncio.sleep(0.02)
        ports.append(port)
        port.answer(MediaDescription(address="127.0.0.1", port=GENERATOR_PORT + stream, codecs=(Codec("PCMU", 0),)))
        if stream % 2:
            ports[-2].connect(port)
        if record == "both" or (record == "one" and stream % 2 == 0):
            port.start_recorder(
                RecordingId(f"rec-{stream}"), f"c-{stream}-1.wav", AccountId("u-bench"), max_duration_s=3600
            )
    remotes = [port.offer().port for port in ports]
    child.stdin.write(json.dumps({"remotes": remotes}).encode() + b"\n")
    await asyncio.sleep(WARM_UP_S)
    before, began = cpu_s(pid), time.monotonic()
    first = pool.stats().workers[0].load
    await asyncio.sleep(seconds)
    used = cpu_s(pid) - before
    took = time.monotonic() - began
    last = pool.stats().workers[0].load
    full_kb = memory_kb(pid)
    phones = json.loads(await child.stdout.readline())
    await child.wait()
    for port in ports:
        port.close()
    async with asyncio.timeout(20):
        while (totals := pool.stats().workers[0].totals).ports < len(ports):
            await asyncio.sleep(0.05)
    assert first is not None and last is not None
    recorded = list((folder / "media" / "u-bench").glob("*.wav"))
    shortest = min((salvage(path) for path in recorded), default=0)
    return {
        "calls": calls,
        "record": record,
        "worker_cpu_percent": 100 * used / took,
        "cpu_percent_per_100_calls": 100 * used / took / calls * 100,
        "loss_in": totals.lost / max(1, totals.received),
        "loss_out": phones["gaps"] / max(1, phones["heard"]),
        "concealed_share": totals.concealed_ms / max(1, totals.sent * 20),
        "load": last.load,
        "late_ticks": last.late_ticks - first.late_ticks,
        "missed_ticks": last.missed_ticks - first.missed_ticks,
        "ticks": last.ticks - first.ticks,
        "stages_ms_per_tick": {name: round(value * 20, 3) for name, value in last.stages.items()},
        "memory_mb": full_kb / 1024,
        "kb_per_call": (full_kb - empty_kb) / calls,
        "recordings": len(recorded),
        "shortest_recording_s": shortest / 8000,
        "ended_calls": listener.lost,
        "phones": phones,
    }


def show(result: dict[str, Any]) -> None:
    phones = result["phones"]
    is_void = phones["late_share"] > 0.01
    print(
        f"{result['calls']} bridged calls, recorded: {result['record']}\n"
        f"  worker CPU        {result['worker_cpu_percent']:.1f} % of a core,"
        f" {result['cpu_percent_per_100_calls']:.2f} % per 100 calls (tick load {result['load']:.2f})\n"
        f"  bare system calls {result['floor_cpu_percent']:.1f} % of a core,"
        f" {result['floor_cpu_percent'] / result['calls'] * 100:.2f} % per 100 calls;"
        f" ratio {result['worker_cpu_percent'] / result['floor_cpu_percent']:.2f}\n"
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
    parser.add_argument("--ordinary-priority", action="store_true", help="no real-time scheduling for the worker")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--phones", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.phones:
        play_phones()
        return
    result = asyncio.run(
        measure(options.calls, options.seconds, options.record, realtime=not options.ordinary_priority)
    )
    print(json.dumps(result)) if options.json else show(result)


if __name__ == "__main__":
    main()
