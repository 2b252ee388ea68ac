"""How long the server takes from its command to its ready line:

    python bench/start.py [--starts 5]

Each time a data directory that is made new, then the same one again. Beside the first: Python importing the same
modules, which nobody can do without.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab.report import Figure, publish
from lab.server import running

READY_S = 1.5


def started_s(data: Path) -> tuple[float, str]:
    """Seconds, and what the server had to say."""
    with running(data=data) as server:
        return server.started_s, server.log_text()


def imported_s() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import trebuchet.cli.serve, trebuchet.server"], check=True)
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    fresh: list[float] = []
    again: list[float] = []
    imports: list[float] = []
    said: set[str] = set()
    for _ in range(options.starts):
        with tempfile.TemporaryDirectory() as folder:
            for times in (fresh, again):
                seconds, text = started_s(Path(folder) / "data")
                times.append(seconds)
                said.add(text)
        imports.append(imported_s())
    figures = [
        Figure("start to ready, new data directory", "s", fresh, at_most=READY_S,
               comparator="imports alone", comparator_runs=imports),
        Figure("start to ready, data directory used before", "s", again, at_most=READY_S,
               comparator="imports alone", comparator_runs=imports),
    ]  # fmt: skip
    notes = [f"the server's log is not empty: {text[:300]}" for text in said if text]
    publish("start", figures, notes, {"fresh": fresh, "again": again, "imports": imports})


if __name__ == "__main__":
    main()
