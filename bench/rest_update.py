"""Recording switched on and off over REST on live calls:

    python bench/rest_update.py [--runs 3] [--calls 100] [--rate 200] [--seconds 6]

`calls` phone calls are up and recorded; a client, in a process of its own, posts `recordingEnabled` false and true in
turn to one after the other, at random moments, `rate` times a second. The time of a request is from writing it to
having read the answer, which comes after the commit. Beside it: the same client asking `GET /healthz` of the same
server, where nothing is stored.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).parent))

from lab.load import Bench, application
from lab.processes import program
from lab.report import Figure, publish
from lab.server import SECRET, TOKEN, USER, running

CONNECTIONS = 16
HOLD_RATE = 50.0
SETTLE_S = 2.0


class Client:
    """Keep-alive connections; a request waits for a free one, and that wait counts."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        credentials = base64.b64encode(f"{TOKEN}:{SECRET}".encode()).decode()
        self._headers = (
            f"Host: {host}:{port}\r\nAuthorization: Basic {credentials}\r\nContent-Type: application/json\r\n"
        )
        self.times_s: list[float] = []
        self.refused = 0

    async def connect(self) -> None:
        for _ in range(CONNECTIONS):
            self._idle.put_nowait(await asyncio.open_connection(*self._address))

    async def ask(self, method: str, path: str, body: bytes) -> None:
        began = time.perf_counter()
        reader, writer = await self._idle.get()
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        await reader.readexactly(length)
        self._idle.put_nowait((reader, writer))
        self.times_s.append(time.perf_counter() - began)
        self.refused += not answer.startswith(b"HTTP/1.1 200")


async def drive(host: str, port: int, call_ids: list[str], rate: float, seconds: float) -> dict[str, Any]:
    """The client's process. Without calls it asks for the server's health."""
    client, gaps, late = Client(host, port), random.Random(1), []
    await client.connect()
    tasks: list[asyncio.Task[None]] = []
    began = due = time.perf_counter()
    while (due := due + gaps.expovariate(rate)) < began + seconds:
        if due > time.perf_counter():
            await asyncio.sleep(due - time.perf_counter())
        late.append(time.perf_counter() - due)
        number = len(tasks)
        if call_ids:
            is_on = number // len(call_ids) % 2 == 1
            body = json.dumps({"recordingEnabled": is_on}).encode()
            request = client.ask("POST", f"/v1/users/{USER}/calls/{call_ids[number % len(call_ids)]}", body)
        else:
            request = client.ask("GET", "/healthz", b"")
        tasks.append(asyncio.create_task(request))
    await asyncio.gather(*tasks)
    times, late = sorted(client.times_s), sorted(late)
    return {
        "requests": len(times), "refused": client.refused, "p50_ms": 1e3 * times[len(times) // 2],
        "p99_ms": 1e3 * times[len(times) * 99 // 100], "late_p99_ms": 1e3 * late[len(late) * 99 // 100],
    }  # fmt: skip


def in_a_process(server: tuple[str, int], call_ids: list[str], rate: float, seconds: float) -> dict[str, Any]:
    command = [sys.executable, __file__, "--drive", server[0], str(server[1]), f"{rate:g}", f"{seconds:g}", *call_ids]
    with program(command, output=subprocess.PIPE, errors=sys.stderr.buffer, folder=Path(__file__).parent) as process:
        assert process.stdout is not None
        answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def measure(bench: Bench, options: argparse.Namespace) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(updates, health questions), one of each a run."""
    set_up_s = options.calls / HOLD_RATE
    lasts_s = set_up_s + SETTLE_S + options.runs * 2 * (options.seconds + 1.0) + 5.0
    updates, floor = [], []
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(bench.call, HOLD_RATE, set_up_s, lasts_s)
        while bench.server.open_calls() < options.calls and not load.done():
            time.sleep(0.1)
        time.sleep(SETTLE_S)
        live = [call["id"] for call in bench.server.request("GET", f"/calls?size={options.calls}")]
        for call_id in live:
            bench.server.request("POST", f"/calls/{call_id}", {"recordingEnabled": True})
        for _ in range(options.runs):
            updates.append(in_a_process(bench.server.http, live, options.rate, options.seconds))
            floor.append(in_a_process(bench.server.http, [], options.rate, options.seconds))
        failed = load.result().calls.failed
    if failed:
        sys.exit(f"{failed} of the calls beside which it was measured failed")
    return updates, floor


def main() -> None:
    if sys.argv[1:2] == ["--drive"]:
        host, port, rate, seconds, *call_ids = sys.argv[2:]
        print(json.dumps(uvloop.run(drive(host, int(port), call_ids, float(rate), float(seconds)))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=6.0)
    options = parser.parse_args()
    os.environ["TREBUCHET_MEDIA_RTP_TIMEOUT_S"] = "0"  # SIPp sends no audio, and its calls last
    with tempfile.TemporaryDirectory() as folder, running() as server, application(server) as app:
        updates, floor = measure(Bench(server, app, Path(folder)), options)
    figures = [
        Figure(f"REST update at {options.rate:g}/s beside {options.calls} recorded calls, {share}", "ms",
               [run[f"{share}_ms"] for run in updates], at_most=limit,
               comparator="GET /healthz", comparator_runs=[run[f"{share}_ms"] for run in floor])
        for share, limit in (("p50", 3.0), ("p99", 15.0))
    ]  # fmt: skip
    figures += [
        Figure("  requests not answered 200", "", [float(run["refused"]) for run in updates], at_most=0.0),
        Figure("  client's own lateness, p99", "ms", [run["late_p99_ms"] for run in updates]),
    ]
    publish("rest_update", figures, [], {"updates": updates, "health": floor})


if __name__ == "__main__":
    main()
