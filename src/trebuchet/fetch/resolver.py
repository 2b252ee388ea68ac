"""Names to addresses, without letting one slow name hold up the others."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from trebuchet.fetch.errors import FetchFailed

MAX_LOOKUPS = 32
"""Names looked up at once. The system's resolver blocks a thread for up to 10 s on a dead name server."""
CACHE_S = 10.0
"""How long an answer is used: new connections of one burst share a look-up, changes are seen soon."""
MAX_CACHED_NAMES = 2048
"""Bound of the cache: an attacker can invent names. About 300 bytes each."""


class Resolver(Protocol):
    """Raises `FetchFailed` when the name has no address."""

    async def resolve(self, host: str) -> list[str]:
        """All addresses of the name as IP literals, preferred first."""
        ...


class SystemResolver:
    """The machine's resolver (hosts file, DNS) on threads of its own; one look-up per name at a time."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_LOOKUPS, thread_name_prefix="lookup")
        self._running: dict[str, asyncio.Task[list[str]]] = {}
        self._known: dict[str, tuple[float, list[str]]] = {}

    async def resolve(self, host: str) -> list[str]:
        now = asyncio.get_running_loop().time()
        known = self._known.get(host)
        if known is not None and known[0] > now:
            return known[1]
        task = self._running.get(host)
        if task is None:
            task = asyncio.create_task(self._look_up(host))
            self._running[host] = task
            task.add_done_callback(lambda done: self._finish(host, done))
        return await asyncio.shield(task)

    async def _look_up(self, host: str) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, _getaddrinfo, host)
        except (OSError, UnicodeError) as error:
            raise FetchFailed("the host has no address") from error
        if len(self._known) >= MAX_CACHED_NAMES:
            self._known.clear()
        self._known[host] = (loop.time() + CACHE_S, found)
        return found

    def _finish(self, host: str, task: asyncio.Task[list[str]]) -> None:
        self._running.pop(host, None)
        if not task.cancelled():
            task.exception()  # read, so that a failure nobody waits for any more is not reported as lost

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _getaddrinfo(host: str) -> list[str]:
    rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in rows))
