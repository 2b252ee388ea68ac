"""The mixer against its definition: everybody hears the sum of the others, saturated once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trebuchet.media.engine.arrays import Adder
from trebuchet.media.engine.mix import Mixer

FRAME = 160
ROWS = 12

groups = st.lists(st.integers(0, 3), min_size=ROWS, max_size=ROWS)
flags = st.lists(st.booleans(), min_size=ROWS, max_size=ROWS)
seeds = st.integers(0, 2**32 - 1)


def voices(seed: int) -> np.ndarray:
    """Full-scale noise in every row, silence in the one behind them."""
    said = np.zeros((ROWS + 1, FRAME), np.int16)
    said[:ROWS] = np.random.default_rng(seed).integers(-32768, 32768, (ROWS, FRAME))
    return said


def mixer(membership, speak, hear, order=range(ROWS)) -> Mixer:
    mix = Mixer(ROWS)
    numbers = {group: mix.connect(()) for group in range(1, 4)}
    for row in order:
        if membership[row]:
            mix.join(row, numbers[membership[row]])
        mix.set_voice(row, speak[row], hear[row])
    return mix


def mixed(mix: Mixer, said: np.ndarray) -> np.ndarray:
    heard = np.full((ROWS, FRAME), 99, np.int16)
    mix.mix(said, heard)
    return heard


def definition(said, membership, speak, hear) -> np.ndarray:
    heard = np.zeros((ROWS, FRAME), np.int16)
    for row in range(ROWS):
        if membership[row] and hear[row]:
            others = [o for o in range(ROWS) if o != row and membership[o] == membership[row] and speak[o]]
            heard[row] = np.clip(said[others].astype(int).sum(axis=0), -32768, 32767)
    return heard


@given(groups, flags, flags, seeds)
def test_everybody_hears_the_saturated_sum_of_the_others(membership, speak, hear, seed):
    said = voices(seed)
    assert np.array_equal(mixed(mixer(membership, speak, hear), said), definition(said, membership, speak, hear))


@given(groups, flags, flags, seeds, st.integers(0, ROWS - 1))
def test_nobody_hears_himself(membership, speak, hear, seed, row):
    said = voices(seed)
    mix = mixer(membership, speak, hear)
    before = mixed(mix, said)[row]
    said[row] = np.random.default_rng(seed + 1).integers(-32768, 32768, FRAME)
    assert np.array_equal(mixed(mix, said)[row], before)


@given(groups, flags, flags, seeds, st.permutations(range(ROWS)))
def test_the_order_of_joining_does_not_matter(membership, speak, hear, seed, order):
    said = voices(seed)
    expected = mixed(mixer(membership, speak, hear), said)
    assert np.array_equal(mixed(mixer(membership, speak, hear, order), said), expected)


@given(groups, seeds)
@settings(max_examples=30)
def test_leaving_undoes_joining(membership, seed):
    said, everyone = voices(seed), [True] * ROWS
    mix = mixer(membership, everyone, everyone)
    mixed(mix, said)
    for row in range(ROWS):
        mix.join(row, 0)
    assert not mixed(mix, said).any()


@given(seeds, st.integers(1, 40))
def test_saturating_addition_is_exact(seed, rows):
    random = np.random.default_rng(seed)
    scale = int(random.choice((100, 20_000, 32_768)))
    left, right = random.integers(-scale, scale, (2, rows, FRAME)).astype(np.int16)
    expected = np.clip(left.astype(int) + right, -32768, 32767)
    out = np.zeros_like(left)
    adder = Adder(40, FRAME)
    adder.add(left, right, out)
    assert np.array_equal(out, expected)
    adder.add(left, right, left)
    assert np.array_equal(left, expected)
