"""Uploaded files that nothing leads to: bytes of uploads that a killed server did not finish, or did not remove."""

import asyncio
import contextlib
import os
from pathlib import Path

from trebuchet.model.media_file import FOLDER
from trebuchet.store.interface import Store


async def remove_orphans(store: Store, media_directory: Path) -> int:
    """To be done before the first upload. Returns how many files were removed. Raises `LogUnavailable`."""
    removed = 0
    for account in await store.accounts():
        known: set[str] = {file.id for file in await store.media_files(account.id)}
        removed += await asyncio.to_thread(_remove_unknown, media_directory / account.id / FOLDER, known)
    return removed


def _remove_unknown(folder: Path, known: set[str]) -> int:
    try:
        names = [name for name in os.listdir(folder) if name not in known]
    except FileNotFoundError:
        return 0
    for name in names:
        with contextlib.suppress(OSError):
            os.unlink(folder / name)
    return len(names)
