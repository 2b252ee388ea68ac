"""One piece of work for each key, however many ask for it at once; and a fair share of the work for each account."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from trebuchet.base.errors import LocalError
from trebuchet.base.ids import AccountId

MAX_FLIGHTS = 512
"""Prompts being made at once, waiting ones included; beyond it callers would give up before their turn."""
MAX_DOWNLOADS = 16
"""Files being fetched and decoded at once: each may hold a decoder process."""
MAX_DOWNLOADS_PER_ACCOUNT = 4
"""So that one customer's slow file server leaves room for the others."""


T = TypeVar("T")


class TooManyFlights(LocalError):
    code = "too-many-prompts"
    retryable = True


class Flights(Generic[T]):
    """Runs `work` once for each key at a time. Who stops waiting stops nobody else's work."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[T]] = {}

    async def run(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """The result of the running work for `key`, or of a new one. Raises what the work raises, `TooManyFlights`."""
        task = self._tasks.get(key)
        if task is None:
            if len(self._tasks) >= MAX_FLIGHTS:
                raise TooManyFlights(f"{MAX_FLIGHTS} prompts are being made")
            task = asyncio.ensure_future(self._fly(work))
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._land(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Stop all work."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fly(self, work: Callable[[], Awaitable[T]]) -> T:
        return await work()

    def _land(self, key: str, task: asyncio.Task[T]) -> None:
        self._tasks.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen, even when nobody waits any more


class DownloadTurns:
    """Who may fetch now: so many at once, and of these so many for one account."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(MAX_DOWNLOADS)
        self._accounts: dict[AccountId, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def turn(self, account_id: AccountId) -> AsyncIterator[None]:
        own, users = self._accounts.get(account_id, (asyncio.Semaphore(MAX_DOWNLOADS_PER_ACCOUNT), 0))
        self._accounts[account_id] = (own, users + 1)
        try:
            async with own, self._all:
                yield
        finally:
            own, users = self._accounts.pop(account_id)
            if users > 1:
                self._accounts[account_id] = (own, users - 1)
