"""Every program of `bench/` still runs: with loads too small to say anything of speed, on real servers and calls. Those
that wait long for peace before and after their loads belong to the long form."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.scale import is_long

BENCH = Path(__file__).parents[2] / "bench"
CHILDREN = {"media_floor", "media_phones"}
"""Started by the others, with arguments that only they know."""
SLOW = {"bridge_delay", "growth_log", "memory_growth", "rest_update", "signalling"}
LONGEST_S = 100

SMALL = {
    "api_update": ("50",),
    "bridge_delay": ("--calls", "2", "--seconds", "2", "--runs", "2"),
    "bursts": (),
    "detection": ("--runs", "1", "--ports", "20", "--seconds", "2"),
    "engine_tick": ("--ports", "20", "--ticks", "10"),
    "event_delivery": ("--calls", "20", "--rate", "50"),
    "growth_calls": ("--runs", "1", "--seconds", "1", "--late-calls", "2", "--late-seconds", "1", "--only", "late"),
    "growth_log": ("--runs", "1", "--events", "1000", "--rate", "20", "--seconds", "1"),
    "log_writes": ("--seconds", "0.2", "--parallel", "4"),
    "media": ("--runs", "1", "--calls", "4", "--seconds", "1", "--only", "prompt"),
    "media_load": ("--calls", "4", "--seconds", "1", "--shape", "conference", "--members", "4"),
    "memory_growth": ("--calls", "40", "--rate", "20", "--rounds", "2"),
    "metrics_cost": ("--runs", "1", "--rate", "20", "--seconds", "1"),
    "rest_update": ("--runs", "1", "--calls", "2", "--rate", "20", "--seconds", "1"),
    "signalling": ("--runs", "1", "--rate", "20", "--seconds", "1", "--held", "20", "--only", "memory"),
    "sip_call": ("20", "1"),
    "start": ("--starts", "1"),
    "store": ("--runs", "1", "--seconds", "0.2", "--parallel", "4"),
    "webhook_client": ("--requests", "20", "--parallel", "2"),
}


def test_no_program_is_forgotten() -> None:
    programs = {path.stem for path in BENCH.glob("*.py") if "__main__" in path.read_text()}

    assert programs == {*SMALL, *CHILDREN}


@pytest.mark.parametrize("program", SMALL if is_long() else sorted(SMALL.keys() - SLOW))
def test_it_runs(program: str, tmp_path: Path) -> None:
    command = [sys.executable, str(BENCH / f"{program}.py"), *SMALL[program]]
    environment = os.environ | {"BENCH_RESULTS": str(tmp_path)}

    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False)

    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    assert re.search(r"\d", ended.stdout), "no figure"
