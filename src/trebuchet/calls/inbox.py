"""The bounded inbox of one call's actor."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

MAX_WAITING = 256
"""Messages that may wait for one call. A person presses a few keys a second and a client sends a few requests; more
is a flood, and is refused (requests) or dropped (keys)."""

M = TypeVar("M")


class Inbox(Generic[M]):
    """First in, first out, one reader. What is sent once and must never be lost (an end, an answer) may exceed the
    bound; everything that a peer can repeat may not."""

    def __init__(self) -> None:
        self._waiting: deque[M] = deque()
        self._reader: asyncio.Future[None] | None = None

    def put(self, message: M) -> None:
        """Add what must not be lost."""
        self._waiting.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def offer(self, message: M) -> bool:
        """Add if there is room; says whether there was."""
        if len(self._waiting) >= MAX_WAITING:
            return False
        self.put(message)
        return True

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    async def get(self) -> M:
        while not self._waiting:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._waiting.popleft()

    def rest(self) -> list[M]:
        """Take everything that nobody will read any more."""
        rest = list(self._waiting)
        self._waiting.clear()
        return rest
