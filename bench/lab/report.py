"""Figures of several runs: middle and spread, a table for people, JSON for comparisons over time."""

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

FOLDER = Path(os.environ.get("BENCH_RESULTS") or Path(__file__).parents[2] / "build" / "bench")
"""Not kept in version control."""


@dataclass(slots=True)
class Figure:
    """One row: what we measured, what it should be, and what a public tool does in the same run."""

    name: str
    unit: str
    runs: list[float]
    at_most: float | None = None
    at_least: float | None = None
    comparator: str = ""
    comparator_runs: list[float] = field(default_factory=list)

    @property
    def value(self) -> float:
        return median(self.runs)

    @property
    def ratio(self) -> float | None:
        """Ours over theirs."""
        theirs = median(self.comparator_runs) if self.comparator_runs else 0.0
        return self.value / theirs if theirs else None

    @property
    def is_reached(self) -> bool | None:
        if self.at_most is not None:
            return self.value <= self.at_most
        return self.value >= self.at_least if self.at_least is not None else None

    def line(self) -> str:
        spread = f"{min(self.runs):.4g} to {max(self.runs):.4g}"
        text = f"{self.name:<44} {self.value:>9.4g} {self.unit:<10} ({spread}; {len(self.runs)} runs)"
        if self.comparator_runs:
            text += f"  {self.comparator}: {median(self.comparator_runs):.4g}"
            text += f", ratio {self.ratio:.3g}" if self.ratio is not None else ""
        if self.is_reached is not None:
            wanted = f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"
            text += f"  [{wanted}: {'reached' if self.is_reached else 'NOT reached'}]"
        return text

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name, "unit": self.unit, "median": self.value, "runs": self.runs, "at_most": self.at_most,
            "at_least": self.at_least, "is_reached": self.is_reached, "comparator": self.comparator,
            "comparator_runs": self.comparator_runs, "ratio": self.ratio,
        }  # fmt: skip


def publish(bench: str, figures: Sequence[Figure], notes: Sequence[str], details: Any) -> None:
    """Print the table and write `build/bench/{bench}.json`."""
    print(f"\n{bench}: {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    for figure in figures:
        print("  " + figure.line())
    for note in notes:
        print("  ! " + note)
    FOLDER.mkdir(parents=True, exist_ok=True)
    report = {
        "bench": bench, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cores": os.cpu_count(),
        "python": platform.python_version(), "load": os.getloadavg(),
        "figures": [figure.as_json() for figure in figures], "notes": list(notes), "details": details,
    }  # fmt: skip
    (FOLDER / f"{bench}.json").write_text(json.dumps(report, indent=1))
