"""The cache of samples: bounded, least recently used first, and never what was used just now."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trebuchet.base.rand import SeededRand
from trebuchet.prompts.cache import CacheFull, PcmCache

PROTECTED_S = 100.0


class HandClock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def open_cache(folder: Path, clock: HandClock, max_bytes: int = 1000) -> PcmCache:
    return PcmCache(folder, clock, SeededRand(1), max_bytes=max_bytes, protected_s=PROTECTED_S)


def put(cache: PcmCache, key: str, size_bytes: int) -> Path:
    partial = cache.partial()
    partial.write_bytes(bytes(size_bytes))
    path, samples = cache.add(key, partial)
    assert samples == size_bytes // 2
    assert not partial.exists()
    return path


def test_what_was_added_is_found(tmp_path: Path, clock: HandClock) -> None:
    cache = open_cache(tmp_path / "deep" / "cache", clock)
    assert cache.find("a") is None
    path = put(cache, "a", 400)
    assert cache.find("a") == (path, 200)
    assert path.read_bytes() == bytes(400)


def test_the_longest_unused_goes_first(tmp_path: Path, clock: HandClock) -> None:
    cache = open_cache(tmp_path, clock)
    for key in "abc":
        put(cache, key, 300)
        clock.time += PROTECTED_S + 1
    cache.find("a")
    clock.time += PROTECTED_S + 1
    put(cache, "d", 300)
    assert [key for key in "abcd" if cache.find(key)] == ["a", "c", "d"]
    assert cache.size_bytes == 900
    assert not (tmp_path / "b.pcm").exists()


def test_what_was_used_recently_stays_even_above_the_bound(tmp_path: Path, clock: HandClock) -> None:
    cache = open_cache(tmp_path, clock)
    for key in "abcde":
        put(cache, key, 300)
    assert all(cache.find(key) for key in "abcde")
    clock.time += PROTECTED_S + 1
    put(cache, "f", 300)
    assert [key for key in "abcdef" if cache.find(key)] == ["d", "e", "f"]


def test_at_twice_the_bound_nothing_new_is_taken_in(tmp_path: Path, clock: HandClock) -> None:
    cache = open_cache(tmp_path, clock)
    put(cache, "a", 1900)
    cache.check_room()
    put(cache, "b", 100)
    with pytest.raises(CacheFull):
        cache.check_room()
    clock.time += PROTECTED_S + 1
    cache.check_room()
    assert cache.size_bytes <= 1000


def test_a_new_run_takes_over_what_is_there_and_clears_what_is_half_written(tmp_path: Path, clock: HandClock) -> None:
    before = open_cache(tmp_path, clock)
    for age, key in enumerate("abc"):
        os.utime(put(before, key, 300), (age, age))
    before.partial().write_bytes(b"half")
    (tmp_path / ".77-1.draft").write_bytes(b"half decoded")
    (tmp_path / "notes.txt").write_text("not ours")
    after = open_cache(tmp_path, clock, max_bytes=700)
    assert sorted(os.listdir(tmp_path)) == ["b.pcm", "c.pcm", "notes.txt"]
    assert after.find("c") == (tmp_path / "c.pcm", 150)


def test_a_file_somebody_removed_is_forgotten(tmp_path: Path, clock: HandClock) -> None:
    cache = open_cache(tmp_path, clock)
    put(cache, "a", 400).unlink()
    assert cache.find("a") is None
    assert cache.size_bytes == 0


def test_adding_a_key_again_counts_once(tmp_path: Path, clock: HandClock) -> None:
    cache = open_cache(tmp_path, clock)
    put(cache, "a", 400)
    put(cache, "a", 400)
    assert cache.size_bytes == 400
