"""Reading SQLite beside the writer: a few threads, each with a read-only connection of its own."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.store.statements import Row

READERS = 3
"""Enough to keep a long list from delaying a look-up; more would only compete for the interpreter."""


class Readers:
    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="log-reader")

    async def fetch(self, text: str, values: Row = ()) -> list[bytes]:
        """The first column of every row. Raises `LogUnavailable`."""
        return [row[0] for row in await self.fetch_rows(text, values)]

    async def fetch_rows(self, text: str, values: Row = ()) -> list[tuple[Any, ...]]:
        """Every row. Raises `LogUnavailable`."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._fetch, text, values)
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(str(error)) from error
        except RuntimeError as error:  # the pool is shut down
            raise LogUnavailable("the log is closed") from error

    def _fetch(self, text: str, values: Row) -> list[tuple[Any, ...]]:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._connections.append(connection)
            self._local.connection = connection
        try:
            rows: list[tuple[Any, ...]] = connection.execute(text, values).fetchall()
        except UnicodeEncodeError:
            return []  # no row can hold such a text, so none is found
        except sqlite3.Error:
            self._local.connection = None  # the next read opens a fresh one
            self._connections.remove(connection)
            with suppress(sqlite3.Error):
                connection.close()
            raise
        return rows

    def close(self) -> None:
        """Blocks until running reads are over."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for connection in self._connections:
            connection.close()
