"""Randomness as a dependency, so that a test can repeat a run from its seed."""

import random
import secrets
from typing import Protocol


class Rand(Protocol):
    """A source of random bytes and numbers."""

    def token(self, size_bytes: int) -> bytes:
        """`size_bytes` unpredictable bytes."""
        ...

    def below(self, limit: int) -> int:
        """A uniform integer in `0 <= n < limit`."""
        ...


class SystemRand:
    """The operating system's generator: what a peer must not be able to guess comes from here."""

    def token(self, size_bytes: int) -> bytes:
        return secrets.token_bytes(size_bytes)

    def below(self, limit: int) -> int:
        return secrets.randbelow(limit)


class SeededRand:
    """A repeatable generator for tests and simulations. Never for anything that must be secret."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self, size_bytes: int) -> bytes:
        return self._random.randbytes(size_bytes)

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)
