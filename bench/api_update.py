"""What one request costs: `POST …/calls/{id} {"state":"active"}` through uvicorn, without call control behind it.

    .venv/bin/python bench/api_update.py [REQUESTS] [--profile]

A server process and a client over one keep-alive connection a worker; the figure is the server's CPU time for each
request, read from its own process clock, so that the client's cost does not count.
"""

import asyncio
import cProfile
import json
import multiprocessing
import pstats
import socket
import sys
import tempfile
import time
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import cast

import uvloop

from trebuchet.api.app import create_app
from trebuchet.api.dependencies import ApiDependencies
from trebuchet.api.serve import make_server
from trebuchet.base.clock import SystemClock
from trebuchet.base.ids import AccountId, CallId, Ids
from trebuchet.base.rand import SystemRand
from trebuchet.calls.commands import CallCommands, TranscriptionCommands, UpdateCall
from trebuchet.calls.meeting_commands import BridgeCommands, ConferenceCommands
from trebuchet.events.feed import Feed
from trebuchet.model.account import Account
from trebuchet.secret_key import KEY_BYTES, RequestSecrets
from trebuchet.store.interface import Batch
from trebuchet.store.memory import MemoryStore

CONNECTIONS = 8
WARM_UP = 500
USER, TOKEN, SECRET = "u-bench", "t-bench", "s-bench"


class NoControl:
    """Call control of which one command alone is asked: it takes every update and does nothing."""

    async def update(self, command: UpdateCall) -> CallId | None:
        return None


async def ignore(_: object) -> None:
    """User errors and deliveries, thrown away."""


async def serve(listener: socket.socket, report: "multiprocessing.connection.Connection", is_profiled: bool) -> None:
    account = Account(
        id=AccountId(USER),
        token=TOKEN,
        secret_sha256=sha256(SECRET.encode()).hexdigest(),
        created_at=datetime.now(UTC),
    )
    store = MemoryStore()
    await store.write(Batch(accounts=(account,)))
    app = create_app(
        ApiDependencies(
            store=store,
            calls=cast(CallCommands, NoControl()),
            bridges=cast(BridgeCommands, NoControl()),
            conferences=cast(ConferenceCommands, NoControl()),
            transcriptions=cast(TranscriptionCommands, NoControl()),
            feed=Feed(lambda _: lambda: None, store),
            report_error=ignore,
            ids=Ids(SystemRand()),
            clock=SystemClock(),
            media_directory=Path(tempfile.gettempdir()),
            deliver_again=ignore,
            webhook_secret=lambda account: "",
            request_secret=RequestSecrets(bytes(KEY_BYTES)).of,
            is_ready=lambda: True,
            is_draining=lambda: False,
        )
    )
    server = make_server(app)
    profile = cProfile.Profile()
    running = asyncio.create_task(server.serve(sockets=[listener]))
    loop = asyncio.get_running_loop()
    while True:
        order = await loop.run_in_executor(None, report.recv)
        if order == "stop":
            break
        if order == "start" and is_profiled:
            profile.enable()
        report.send(time.process_time())
    profile.disable()
    if is_profiled:
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)
    server.should_exit = True
    await running


def serve_process(listener: socket.socket, report: "multiprocessing.connection.Connection", is_profiled: bool) -> None:
    uvloop.run(serve(listener, report, is_profiled))


def request(port: int) -> bytes:
    body = json.dumps({"state": "active"}).encode()
    credentials = b64encode(f"{TOKEN}:{SECRET}".encode()).decode()
    head = (
        f"POST /v1/users/{USER}/calls/c-m4qk7vbnx2ydz5rt3halwei HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Basic {credentials}\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
        f"User-Agent: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def drive(port: int, requests: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    message = request(port)
    for _ in range(requests):
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
    writer.close()
    await writer.wait_closed()


async def load(port: int, requests: int) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(drive(port, requests // CONNECTIONS) for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument.isdecimal()]
    requests = int(arguments[0]) if arguments else 8000
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=serve_process, args=(listener, theirs, "--profile" in sys.argv))
    child.start()
    uvloop.run(load(port, WARM_UP))
    ours.send("start")
    before = ours.recv()
    elapsed_s = uvloop.run(load(port, requests))
    ours.send("read")
    cpu_us = (ours.recv() - before) * 1e6 / requests
    ours.send("stop")
    child.join(10)
    print(f"{cpu_us:.0f} us of server CPU for each request; {requests / elapsed_s:.0f} requests/s on one core")


if __name__ == "__main__":
    main()
