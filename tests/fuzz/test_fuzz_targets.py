"""Every target under its seeds, our own mutations, Hypothesis, and coverage-guided search."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.corpus import FOLDER, MAX_TOTAL_BYTES, read_line, seeds, write_line
from fuzz.mutate import mutate, mutations
from fuzz.targets import BY_NAME, TARGETS, Target
from support.scale import is_long, new_seed, scaled

MUTATIONS = scaled(300, 30_000)
EXAMPLES = scaled(25, 2_000)
GUIDED_RUNS = scaled(100, 10_000_000)
GUIDED_S = scaled(2, 60)
TESTS = Path(__file__).parents[1]
KEPT = TESTS.parent / "build" / "fuzz"
"""What coverage-guided runs found worth keeping, so that the next one begins there."""

each_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


def test_the_corpus_is_small_and_complete() -> None:
    files = sorted(path.stem for path in FOLDER.iterdir())
    assert files == sorted(BY_NAME)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MAX_TOTAL_BYTES
    for name in files:
        for seed in seeds(name):
            assert read_line(write_line(seed)) == seed


@each_target
def test_each_invariant_is_one_sentence(target: Target) -> None:
    assert re.fullmatch(r"[A-Z][^.]+\.", target.invariant.replace("\n", " "))


@each_target
@pytest.mark.timeout(1800)
def test_mutated_seeds(target: Target) -> None:
    seed = new_seed()
    for data in mutations(seeds(target.name), seed, MUTATIONS * target.weight):
        try:
            target.run(data)
        except Exception as error:
            error.add_note(f"broken by: {write_line(data)}")
            raise


@each_target
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_hypothesis_makes_of_a_seed(target: Target, data: st.DataObject) -> None:
    """Edits chosen by Hypothesis, so that what breaks is shrunk to the least change."""
    made = bytearray(data.draw(st.sampled_from(seeds(target.name)) | st.binary(max_size=200)))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(made)))
        made[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=6))
    target.run(bytes(made))


@each_target
@pytest.mark.timeout(GUIDED_S + 120)
def test_coverage_guided(target: Target, tmp_path: Path) -> None:
    corpus = KEPT / target.name if is_long() else tmp_path / target.name
    command = [
        sys.executable, "-m", "fuzz.coverage_guided", target.name, str(GUIDED_RUNS), str(GUIDED_S), str(corpus),
    ]  # fmt: skip
    run = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=GUIDED_S + 100, check=False)
    said = run.stdout + run.stderr
    assert run.returncode == 0, said[-6000:]
    found = re.search(r"stat::number_of_executed_units: +(\d+)", said)
    covered = re.findall(r"cov: (\d+)", said)
    assert found is not None and int(found[1]) >= len(seeds(target.name))
    assert covered and int(covered[-1]) > 0, "nothing of ours is instrumented"
    print(f"{target.name}: {found[1]} inputs, {covered[-1]} branches covered")


def test_mutations_can_be_repeated_and_differ() -> None:
    first, again, other = (list(mutations(seeds("sip"), seed, 200)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) > 150


def test_a_broken_invariant_is_found() -> None:
    """The engine has teeth: a reader that trusts a length it is told breaks at once."""

    def trusting(data: bytes) -> None:
        assert data[0] <= len(data)

    rand = random.Random(3)
    with pytest.raises((AssertionError, IndexError)):
        for _ in range(2000):
            trusting(mutate(b"\x03abc", rand))
