"""One target under Atheris: inputs that reach new branches of our code are kept and mutated further.

    python -m fuzz.coverage_guided TARGET RUNS SECONDS CORPUS [SEED]

`CORPUS` is a folder that grows between runs (it may be empty). An input that breaks the invariant is printed as a line
for `corpus/TARGET.txt`, and the exit status is not 0. Prints how much was tried and covered.
"""

import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["trebuchet"]):
    from fuzz.corpus import seeds, write_line
    from fuzz.targets import BY_NAME

MAX_BYTES = 4096
"""Longer inputs find nothing that these do not, and cost more."""


def main() -> None:
    name, runs, seconds, folder = sys.argv[1:5]
    seed = int(sys.argv[5]) if len(sys.argv) > 5 else random.randrange(1, 1 << 31)
    corpus = Path(folder)
    corpus.mkdir(parents=True, exist_ok=True)
    for index, data in enumerate(seeds(name)):
        (corpus / f"seed-{index}").write_bytes(data)
    run = BY_NAME[name].run

    def check(data: bytes) -> None:
        try:
            run(data)
        except BaseException:
            print(f"broken by: {write_line(data)}", flush=True)
            raise

    print(f"target {name}, seed {seed}", flush=True)
    options = [f"-runs={runs}", f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-seed={seed}", "-timeout=10",
               "-rss_limit_mb=2048", f"-artifact_prefix={folder}/broken-", "-print_final_stats=1"]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
