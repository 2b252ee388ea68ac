"""Samples on disk under the hash of what they were made from, bounded in size, the longest unused removed first."""

import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from trebuchet.base.clock import Clock
from trebuchet.base.errors import LocalError
from trebuchet.base.rand import Rand

SUFFIX = ".pcm"
PARTIAL_SUFFIX = ".part"
LEFTOVER_SUFFIXES = (PARTIAL_SUFFIX, ".draft")
"""What a killed server leaves half written here: our own files and the decoder's."""
HARD_FACTOR = 2
"""Recently used files are kept even above the bound; at this multiple of it nothing new is taken in."""
SAMPLE_BYTES = 2


class CacheFull(LocalError):
    """Too much is in use at once; later there is room again."""

    code = "prompt-cache-full"
    retryable = True


@dataclass(slots=True)
class _Entry:
    size_bytes: int
    used_at: float


class PcmCache:
    """A folder of `{key}.pcm` files: headerless native-endian int16, 8 kHz mono.

    A file appears under its name complete (it is written beside and renamed) and never changes afterwards. Removing
    one that is being played is harmless: who has it mapped keeps it. Only one server uses a folder at a time."""

    def __init__(self, folder: Path, clock: Clock, rand: Rand, *, max_bytes: int, protected_s: float) -> None:
        self._folder = folder
        self._clock = clock
        self._rand = rand
        self._max_bytes = max_bytes
        self._protected_s = protected_s
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # longest unused first
        self._size_bytes = 0
        self._open_folder()

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def partial(self) -> Path:
        """A fresh name in the folder for something being written; the caller removes what it does not `add`."""
        return self._folder / (self._rand.token(16).hex() + PARTIAL_SUFFIX)

    def find(self, key: str) -> tuple[Path, int] | None:
        """The file and its samples, marked as used just now; `None` when there is none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        path = self._path(key)
        if not path.is_file():  # somebody tidied the folder
            self._forget(key)
            return None
        self._mark_used(key, entry)
        os.utime(path)
        return path, entry.size_bytes // SAMPLE_BYTES

    def check_room(self) -> None:
        """Raises `CacheFull` when nothing new may be taken in now."""
        self._evict()
        if self._size_bytes >= HARD_FACTOR * self._max_bytes:
            raise CacheFull(f"{self._size_bytes} bytes of prompts are in use at once")

    def add(self, key: str, written: Path) -> tuple[Path, int]:
        """Take in a finished file (it is moved), and remove the longest unused ones beyond the bound."""
        path = self._path(key)
        written.replace(path)
        self._forget(key)
        self._insert(key, path.stat().st_size, self._clock.now())
        self._evict()
        return path, self._entries[key].size_bytes // SAMPLE_BYTES

    def _path(self, key: str) -> Path:
        return self._folder / (key + SUFFIX)

    def _open_folder(self) -> None:
        """Take over what an earlier run left: oldest first, all free to go."""
        self._folder.mkdir(parents=True, exist_ok=True)
        found: list[tuple[float, str, int]] = []
        for item in os.scandir(self._folder):
            if item.name.endswith(LEFTOVER_SUFFIXES):
                Path(item.path).unlink(missing_ok=True)
            elif item.name.endswith(SUFFIX):
                facts = item.stat()
                found.append((facts.st_mtime, item.name.removesuffix(SUFFIX), facts.st_size))
        for _, key, size_bytes in sorted(found):
            self._insert(key, size_bytes, self._clock.now() - self._protected_s)
        self._evict()

    def _insert(self, key: str, size_bytes: int, used_at: float) -> None:
        self._entries[key] = _Entry(size_bytes, used_at)
        self._size_bytes += size_bytes

    def _mark_used(self, key: str, entry: _Entry) -> None:
        entry.used_at = self._clock.now()
        self._entries.move_to_end(key)

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size_bytes -= entry.size_bytes

    def _evict(self) -> None:
        free_before = self._clock.now() - self._protected_s
        while self._size_bytes > self._max_bytes:
            key, entry = next(iter(self._entries.items()))
            if entry.used_at > free_before:
                return
            self._forget(key)
            self._path(key).unlink(missing_ok=True)
