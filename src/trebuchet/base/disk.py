"""Files that must survive the machine's end, not only the process's. Everything here blocks."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """What the file holds, or of a folder the names in it, is on disk afterwards. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_durably(draft: Path, target: Path) -> None:
    """Give a file that is on disk already its name, whose former owner is gone then; the name, too, is on disk
    afterwards. Raises `OSError`."""
    os.replace(draft, target)
    sync(target.parent)
