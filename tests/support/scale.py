"""How much a test does: a sample with every run of the tests, the whole of it with `make faults`."""

import os
from typing import TypeVar

T = TypeVar("T")

LONG = "LONG_TESTS"
"""Set to anything but an empty string, this variable asks for the long form."""


def is_long() -> bool:
    return bool(os.environ.get(LONG))


def scaled(sample: T, whole: T) -> T:
    """The number that fits the form asked for."""
    return whole if is_long() else sample
