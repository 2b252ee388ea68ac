"""The operating system's randomness, read ahead."""

import threading
from collections import Counter

import pytest

from trebuchet.base.rand import READ_AHEAD_BYTES, SystemRand


def test_tokens_have_their_length_and_do_not_repeat() -> None:
    rand = SystemRand()
    tokens = [rand.token(16) for _ in range(2000)]
    assert {len(token) for token in tokens} == {16}
    assert len(set(tokens)) == len(tokens)
    assert len(rand.token(READ_AHEAD_BYTES * 3)) == READ_AHEAD_BYTES * 3
    assert rand.token(0) == b""


def test_threads_never_get_the_same_bytes() -> None:
    rand, found = SystemRand(), list[bytes]()
    threads = [threading.Thread(target=lambda: found.extend(rand.token(8) for _ in range(5000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 20_000


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 256, 257])
def test_numbers_are_below_their_limit_and_all_occur(limit: int) -> None:
    rand = SystemRand()
    counts = Counter(rand.below(limit) for _ in range(40 * limit))
    assert set(counts) == set(range(limit))
