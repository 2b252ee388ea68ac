"""A data directory as the commands see it: created for its owner alone, its store opened for one piece of work."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from trebuchet.cli.options import fail
from trebuchet.config import Settings
from trebuchet.store.interface import Store

T = TypeVar("T")
OWNER_ONLY = 0o700
"""It holds recordings."""


def create_data_directory(path: Path) -> bool:
    """Make it if it is not there; returns whether it was made."""
    if path.is_dir():
        return False
    try:
        path.mkdir(parents=True, mode=OWNER_ONLY)
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    return True


def with_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """Open the store, work, close it. A server may run on the same data directory meanwhile."""
    from trebuchet.calls.interfaces import LogUnavailable
    from trebuchet.store.sqlite import SqliteStore

    async def run() -> T:
        store = await SqliteStore.open(settings.database_path)
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except LogUnavailable as error:
        fail(error)
