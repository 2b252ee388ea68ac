"""Loads for the real server: an application that answers, callers, floods, and what the kernel says of the server."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from support.server import SECRET, TOKEN, USER, Server

BENCH = Path(__file__).parents[2] / "bench"
NUMBER = "+15551230002"
"""The number the callers of the benchmarks call."""


def rss_kb(pid: int) -> int:
    """Resident memory of a process that is its own alone (what it shares with others counts in part)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ValueError(f"no figure for process {pid}")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def pid_of(server: Server) -> int:
    assert server.process is not None
    return server.process.pid


def all_memory_kb(server: Server) -> int:
    """The server and its workers."""
    pid = pid_of(server)
    return rss_kb(pid) + sum(rss_kb(child) for child in children(pid))


def all_descriptors(server: Server) -> int:
    pid = pid_of(server)
    return descriptors(pid) + sum(descriptors(child) for child in children(pid))


@asynccontextmanager
async def answering_application(server: Server) -> AsyncIterator[None]:
    """A lean application in a process of its own that answers every call to `NUMBER` over REST."""
    host, port = server.http.removeprefix("http://").split(":")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lab.application", host, port, USER, f"{TOKEN}:{SECRET}",
        cwd=BENCH, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        there = json.loads(await process.stdout.readline())["port"]
        await server.bind(NUMBER, {"incomingCallUrl": f"http://127.0.0.1:{there}/calls", "autoAnswer": False})
        yield
    finally:
        process.kill()
        await process.wait()


async def place_calls(server: Server, rate: float, seconds: float, hold_s: float = 0.0) -> dict[str, Any]:
    """Calls at random moments, each answered by the application, held and hung up by the caller; what became of
    them (see `lab.caller`)."""
    host, port = server.sip_host.rsplit(":", 1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lab.caller", host, port, NUMBER, f"{rate:g}", f"{seconds:g}", f"{hold_s:g}",
        cwd=BENCH, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found: dict[str, Any] = json.loads(output)
    return found


class ApiTimer:
    """A client that asks the API for a list again and again over one connection, and notes how long each answer
    took."""

    def __init__(self, server: Server, pause_s: float = 0.05) -> None:
        self._server, self._pause_s = server, pause_s
        self.seconds: list[float] = []

    async def __aenter__(self) -> "ApiTimer":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        (outcome,) = await asyncio.gather(self._task, return_exceptions=True)
        if isinstance(outcome, Exception):
            raise outcome

    async def _run(self) -> None:
        headers = {"Authorization": aiohttp.encode_basic_auth(TOKEN, SECRET)}
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                began = time.monotonic()
                async with session.get(f"{self._server.user_url}/applications") as answer:
                    await answer.read()
                    assert answer.status == 200, answer.status
                self.seconds.append(time.monotonic() - began)
                await asyncio.sleep(self._pause_s)

    def quantile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
