"""What the kernel knows about processes: CPU time, memory, descriptors; and programs that end with their user."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
END_LIMIT_S = 10.0


def cpu_s(pid: int) -> float:
    """User and system time of a process so far, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def machine_busy_s() -> float:
    """CPU time of all cores together that was not idle, since the machine started."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    idle, waiting = int(fields[3]), int(fields[4])
    return (sum(map(int, fields)) - idle - waiting) * TICK_S


def memory_kb(pid: int) -> int:
    """Memory of a process; what it shares with others counts for each in part."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ValueError(f"no figure for process {pid}")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def children(pid: int) -> list[int]:
    """The process's children and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found + [grandchild for child in found for grandchild in children(child)]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Use:
    """CPU seconds by process between two looks."""

    by_pid: dict[int, float]
    elapsed_s: float

    @property
    def total_s(self) -> float:
        return sum(self.by_pid.values())


class Meter:
    """CPU of some processes from its making on."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._before = {pid: cpu_s(pid) for pid in pids}
        self._began = time.monotonic()

    def read(self) -> Use:
        used = {pid: cpu_s(pid) - before for pid, before in self._before.items()}
        return Use(used, time.monotonic() - self._began)


@contextlib.contextmanager
def program(
    command: Sequence[str],
    *,
    output: int = subprocess.DEVNULL,
    errors: IO[bytes] | int = subprocess.DEVNULL,
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ended (SIGTERM, then SIGKILL) when the block is left."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=output, stderr=errors, cwd=folder, start_new_session=True,
        env=os.environ | {"TERM": "dumb"},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
