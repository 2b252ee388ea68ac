"""The seeds: `corpus/NAME.txt`, one a line in the escapes of a Python bytes literal; `#` begins a comment.

An input that once broke something is added as a line and stays.
"""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")
MAX_TOTAL_BYTES = 100_000
"""Small enough to be read and reviewed."""


def read_line(line: str) -> bytes:
    return line.encode("latin-1").decode("unicode_escape").encode("latin-1")


def write_line(data: bytes) -> str:
    """What `read_line` reads."""
    return data.decode("latin-1").encode("unicode_escape").decode("ascii")


@cache
def seeds(name: str) -> tuple[bytes, ...]:
    """The seeds of a target; never empty."""
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    return tuple(read_line(line) for line in lines if line and not line.startswith("#"))
