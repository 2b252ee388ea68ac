"""CPU of one webhook POST over loopback: our guarded client beside aiohttp's, in one run.

    python bench/webhook_client.py [--requests N] [--parallel N]

The receiving server is a process of its own; only this process's CPU is counted.
"""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe
from statistics import median

import aiohttp
import uvloop

from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import GuardedClient

BODY = json.dumps({"eventType": "answer", "callId": "c-" + "a" * 23, "pad": "x" * 300}).encode()
HEADERS = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "BandwidthAPI/v1 (bench)"}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\nServer: bench\r\n\r\nOK"


class _Responder(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._expected = 0

    def data_received(self, data: bytes) -> None:
        self._expected += data.count(b"POST / ")
        if data.endswith(b"}"):
            self._transport.write(ANSWER * self._expected)  # type: ignore[attr-defined]  # a stream transport
            self._expected = 0


async def _serve(pipe: Pipe) -> None:
    server = await asyncio.get_running_loop().create_server(_Responder, "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def run_server(pipe: Pipe) -> None:
    """Answer every POST with 200 until terminated; sends its port through the pipe first."""
    uvloop.run(_serve(pipe))


async def _drive(post: Callable[[], Awaitable[object]], requests: int, parallel: int) -> float:
    async def worker(count: int) -> None:
        for _ in range(count):
            await post()

    await asyncio.gather(*(worker(20) for _ in range(parallel)))
    started = time.process_time()
    await asyncio.gather(*(worker(requests // parallel) for _ in range(parallel)))
    return (time.process_time() - started) / (requests // parallel * parallel) * 1e6


async def _measure(url: str, requests: int, parallel: int) -> tuple[float, float]:
    client = GuardedClient(AddressPolicy(LOOPBACK))

    async def ours() -> None:
        answer = await client.request("POST", url, HEADERS, BODY, 10.0, 65536)
        assert answer.status == 200

    ours_us = await _drive(ours, requests, parallel)
    await client.close()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def theirs() -> None:
            async with session.post(url, data=BODY, headers=HEADERS, allow_redirects=False) as answer:
                await answer.read()
                assert answer.status == 200

        theirs_us = await _drive(theirs, requests, parallel)
    return ours_us, theirs_us


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--parallel", type=int, default=16)
    options = parser.parse_args()
    near, far = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=run_server, args=(far,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{near.recv()}/"
    try:
        runs = [uvloop.run(_measure(url, options.requests, options.parallel)) for _ in range(3)]
    finally:
        server.terminate()
        server.join()
    ours, theirs = median(run[0] for run in runs), median(run[1] for run in runs)
    print(json.dumps({"ours_us": round(ours, 1), "aiohttp_us": round(theirs, 1), "ratio": round(ours / theirs, 3)}))


if __name__ == "__main__":
    main()
