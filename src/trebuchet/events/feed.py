"""The live feed: an account's events as they are stored, for readers that stay.

The log itself is the buffer. A reader holds only its place in the log and is woken when its account has news; it then
reads on from there. So nothing is lost or told twice, however slow a reader is or how often it comes back, and a reader
costs a few hundred bytes.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from trebuchet.base.ids import AccountId
from trebuchet.events.log import Subscriber
from trebuchet.model.event import LoggedEvent
from trebuchet.store.interface import Store

MAX_READERS = 200
"""Readers at once: each holds a connection and, while news come, a few reads of the log a second."""
MAX_READERS_OF_ACCOUNT = 20
"""So that one account cannot take the places of all."""
PIECE = 200
"""Rows read at once, of all accounts: a few milliseconds."""
GATHER_S = 0.05
"""Least time between two looks at the log by one reader: under load, news come in groups and not one by one."""

Placed = tuple[int, LoggedEvent]
"""An event with its place in the log."""


class FeedReader:
    """One reader's place. Belongs to the task that reads; `close` may be called from anywhere on the loop."""

    def __init__(self, feed: "Feed", account_id: AccountId, position: int) -> None:
        self.account_id = account_id
        self.position = position
        """Everything up to here has been read."""
        self._feed = feed
        self._news = asyncio.Event()
        self._news.set()  # what was stored before this reader came
        self._is_closed = False

    async def read(self, timeout_s: float) -> list[Placed] | None:
        """The account's next events, in the log's order; empty when none came in time, `None` when it is closed.
        Raises `LogUnavailable`."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._read()
        except TimeoutError:
            self._news.set()  # time may have run out between the news and what it says
            return []

    async def _read(self) -> list[Placed] | None:
        while await self._news.wait():
            if self._is_closed:
                return None
            self._news.clear()
            rows = await self._feed.rows_after(self.position)
            if len(rows) == PIECE:
                self._news.set()
            if rows:
                self.position = rows[-1][0]
            if ours := [(position, event) for position, event in rows if event.account_id == self.account_id]:
                return ours
        return None

    async def rest(self) -> None:
        """To be awaited between two reads."""
        await asyncio.sleep(GATHER_S)

    def wake(self) -> None:
        self._news.set()

    def close(self) -> None:
        """`read` returns `None` from now on. May be called twice."""
        self._is_closed = True
        self._news.set()
        self._feed.forget(self)


class Feed:
    """Wakes readers when their account has news."""

    def __init__(self, subscribe: Callable[[Subscriber], Callable[[], None]], store: Store) -> None:
        """`subscribe`: the event log's."""
        self._store = store
        self._readers: set[FeedReader] = set()
        self._by_account: Counter[AccountId] = Counter()
        self._unsubscribe = subscribe(lambda owner, event: self._handle(event))

    async def open(self, account_id: AccountId, position: int | None) -> FeedReader | None:
        """A reader that goes on after `position`, or from now when it is `None`; `None` when there are too many.
        Raises `LogUnavailable`."""
        end = await self._store.log_position()
        if len(self._readers) >= MAX_READERS or self._by_account[account_id] >= MAX_READERS_OF_ACCOUNT:
            return None
        reader = FeedReader(self, account_id, end if position is None else min(position, end))
        self._readers.add(reader)
        self._by_account[account_id] += 1
        return reader

    async def rows_after(self, position: int) -> list[Placed]:
        """Events of all accounts. Raises `LogUnavailable`."""
        return await self._store.log_after(position, PIECE)

    def forget(self, reader: FeedReader) -> None:
        if reader in self._readers:
            self._readers.discard(reader)
            self._by_account[reader.account_id] -= 1
            if not self._by_account[reader.account_id]:
                del self._by_account[reader.account_id]

    def close(self) -> None:
        """End every reader."""
        self._unsubscribe()
        for reader in tuple(self._readers):
            reader.close()

    def _handle(self, event: LoggedEvent) -> None:
        if event.account_id in self._by_account:
            for reader in self._readers:
                if reader.account_id == event.account_id:
                    reader.wake()
