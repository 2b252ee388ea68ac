"""How much a test does: a sample with every run of the tests, the whole of it with `make faults`.

The sample is the same each time, so that a change that fails has itself to blame; the search for new cases is the long
form's, which begins elsewhere every time and prints where.
"""

import os
import random
from typing import TypeVar

T = TypeVar("T")

LONG = "LONG_TESTS"
"""Set to anything but an empty string, this variable asks for the long form."""

SAMPLE_SEED = 20_160_302


def is_long() -> bool:
    return bool(os.environ.get(LONG))


def scaled(sample: T, whole: T) -> T:
    """The number that fits the form asked for."""
    return whole if is_long() else sample


def new_seed() -> int:
    """Where a test's own randomness begins (32 bits): always the same in the sample, printed in any case."""
    seed = scaled(SAMPLE_SEED, random.randrange(1 << 32))
    print("seed", seed)
    return seed
