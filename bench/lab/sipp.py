"""SIPp, a SIP stack that is not ours: as caller of the server, and as caller of itself for comparison."""

import contextlib
import csv
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.processes import program

SCENARIO = Path(__file__).parents[1] / "sipp" / "answered_call.xml"
READY_POLL_S = 0.05
EXTRA_S = 40.0
"""Beyond the load's own time: a lost call is given up after 32 s (RFC 3261 timer B)."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What SIPp counted."""

    placed: int
    completed: int
    failed: int
    repeated: int
    rate: float
    """Calls a second that it really placed."""


def program_path() -> str:
    found = shutil.which("sipp")
    if found is None:
        raise SystemExit("sipp is not installed: run make setup")
    return found


def call(target: tuple[str, int], number: str, rate: float, calls: int, folder: Path, *, hold_s: float = 0.0) -> Calls:
    """Place `calls` calls at `rate` a second, each held for `hold_s`, and wait for the last one. Each load calls from
    a port of its own, so that nothing of the one before reaches it."""
    port = free_port()
    statistics = folder / f"sipp-{port}.csv"
    command = [
        program_path(), f"{target[0]}:{target[1]}", "-sf", str(SCENARIO), "-i", "127.0.0.1", "-p", str(port),
        "-s", number, "-r", f"{rate:g}", "-m", str(calls), "-l", "100000", "-d", str(round(hold_s * 1000)),
        "-nostdin", "-trace_stat", "-stf", str(statistics), "-fd", "1", "-recv_timeout", "33000",
    ]  # fmt: skip
    limit_s = calls / rate + hold_s + EXTRA_S
    with program(command, folder=folder) as process, contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(limit_s)
    if not statistics.exists():
        raise SystemExit("sipp did not start")
    return read(statistics)


def free_port() -> int:
    """A UDP port nobody has now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def read(statistics: Path) -> Calls:
    with statistics.open() as lines:
        rows = list(csv.DictReader(lines, delimiter=";"))
    last = rows[-1]
    busy = [float(row["CallRate(P)"]) for row in rows if int(row["OutgoingCall(P)"]) > 0]
    return Calls(
        placed=int(last["OutgoingCall(C)"]),
        completed=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        repeated=int(last["Retransmissions(C)"]),
        rate=max(busy, default=0.0),
    )


@contextlib.contextmanager
def answering(folder: Path) -> Iterator[tuple[int, tuple[str, int]]]:
    """SIPp's own UAS; gives its process id and address."""
    port = free_port()
    command = [program_path(), "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-nostdin"]
    with program(command, folder=folder) as process:
        while _is_free(port):
            time.sleep(READY_POLL_S)
        yield process.pid, ("127.0.0.1", port)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
