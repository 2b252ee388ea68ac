"""Randomness as a dependency, so that a test can repeat a run from its seed."""

import os
import random
from io import BytesIO
from typing import Protocol

READ_AHEAD_BYTES = 4096
"""A call needs some 150 bytes in eight pieces; a system call for each costs more than what is made of them."""


class Rand(Protocol):
    """A source of random bytes and numbers."""

    def token(self, size_bytes: int) -> bytes:
        """`size_bytes` unpredictable bytes."""
        ...

    def below(self, limit: int) -> int:
        """A uniform integer in `0 <= n < limit`."""
        ...


class SystemRand:
    """The operating system's generator, read ahead: what a peer must not be able to guess comes from here.

    No byte is given out twice, also when threads ask at once: taking bytes from the buffer is one step of the
    interpreter. A process must not be forked while one of these is in use; none is.
    """

    def __init__(self) -> None:
        self._ahead = BytesIO()

    def token(self, size_bytes: int) -> bytes:
        found = self._ahead.read(size_bytes)
        if len(found) < size_bytes:
            ahead = BytesIO(os.urandom(READ_AHEAD_BYTES + size_bytes))
            found = ahead.read(size_bytes)
            self._ahead = ahead
        return found

    def below(self, limit: int) -> int:
        """Numbers that do not fit are thrown away, so that all are equally likely. Raises `ValueError` below 1."""
        if limit < 1:
            raise ValueError("no number is below that")
        bits = (limit - 1).bit_length()
        size = (bits + 7) // 8
        while (number := int.from_bytes(self.token(size)) >> (8 * size - bits)) >= limit:
            pass
        return number


class SeededRand:
    """A repeatable generator for tests and simulations. Never for anything that must be secret."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self, size_bytes: int) -> bytes:
        return self._random.randbytes(size_bytes)

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)
