"""Mutations of seeds, the same for the same seed number: bits, bytes, pieces, lines, numbers, and two seeds spliced."""

import random
import re
from collections.abc import Callable, Iterator, Sequence

MAX_BYTES = 70_000
"""A little beyond what a datagram or one of our messages may hold."""
MAX_EDITS = 6
NUMBERS = (b"0", b"-1", b"1", b"255", b"256", b"65535", b"65536", b"2147483648", b"4294967296", b"9" * 40, b"0x10")
PIECES = (
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b"\xff", b"\xc3\x28", b"%00", b"%", b'"', b"\\", b"<", b">", b";", b",",
    b":", b"@", b"[", b"]", b"\t", b" ", b"a" * 300, b";" * 60, b"\xe2\x80\xa8", b"null", b"{}", b"[[[[", b"1e999",
)  # fmt: skip
_NUMBER = re.compile(rb"\d+")

Edit = Callable[[bytearray, random.Random], None]


def _position(data: bytearray, rand: random.Random) -> int:
    return rand.randrange(len(data) + 1)


def _flip(data: bytearray, rand: random.Random) -> None:
    if data:
        data[rand.randrange(len(data))] ^= 1 << rand.randrange(8)


def _replace(data: bytearray, rand: random.Random) -> None:
    if data:
        data[rand.randrange(len(data))] = rand.randrange(256)


def _insert(data: bytearray, rand: random.Random) -> None:
    at = _position(data, rand)
    data[at:at] = rand.choice(PIECES)


def _remove(data: bytearray, rand: random.Random) -> None:
    at = _position(data, rand)
    del data[at : at + rand.choice((1, 1, 2, 4, 16, 64))]


def _repeat(data: bytearray, rand: random.Random) -> None:
    at = _position(data, rand)
    data[at:at] = data[at : at + rand.randrange(1, 40)] * rand.choice((1, 2, 30))


def _cut(data: bytearray, rand: random.Random) -> None:
    del data[_position(data, rand) :]


def _number(data: bytearray, rand: random.Random) -> None:
    found = list(_NUMBER.finditer(data))
    if found:
        match = rand.choice(found)
        data[match.start() : match.end()] = rand.choice(NUMBERS)


def _lines(data: bytearray, rand: random.Random) -> None:
    """One line left out, repeated, or moved."""
    lines = bytes(data).split(b"\r\n")
    line = lines.pop(rand.randrange(len(lines)))
    for _ in range(rand.randrange(3)):
        lines.insert(rand.randrange(len(lines) + 1), line)
    data[:] = b"\r\n".join(lines)


EDITS: tuple[Edit, ...] = (_flip, _replace, _insert, _remove, _repeat, _cut, _number, _number, _lines, _lines)


def mutate(data: bytes, rand: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """A changed copy; at times the front of `data` with the back of another seed."""
    made = bytearray(data)
    if others and rand.randrange(8) == 0:
        other = rand.choice(others)
        made[_position(made, rand) :] = other[rand.randrange(len(other) + 1) :]
    for _ in range(rand.randrange(1, MAX_EDITS)):
        rand.choice(EDITS)(made, rand)
    return bytes(made[:MAX_BYTES])


def mutations(seeds: Sequence[bytes], seed: int, count: int) -> Iterator[bytes]:
    """The seeds themselves, then mutations of them, `count` in all."""
    rand = random.Random(seed)
    yield from seeds[:count]
    for _ in range(count - len(seeds)):
        yield mutate(rand.choice(seeds), rand, seeds)
