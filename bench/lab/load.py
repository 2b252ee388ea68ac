"""A server, an application that answers, and loads of calls between them, with every promise checked afterwards."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import sipp
from lab.processes import Meter, Use, machine_busy_s, program
from lab.server import NUMBER, SECRET, TOKEN, USER, Server

BENCH = Path(__file__).parents[1]
WEBHOOKS = ("incomingcall", "answer", "hangup")
EVENTS_PER_CALL = 4
"""Created, and the three that have webhooks."""
QUIET_LIMIT_S = 15.0
PEACE_LIMIT_S = 45.0
DISTURBED_SHARE = 0.1
"""Of all cores together: when other programs used more, the figures are theirs as much as ours."""
LATE_MS = 50.0
"""An application or a caller later than this at p99 was itself short of CPU: the run says nothing about us alone."""


class Application:
    """The answering application's process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.pid = process.pid
        self.port: int = self._read()["port"]
        self.cpu_s = 0.0
        self.late_ms = 0.0
        self.counts: Counter[str] = Counter()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def ask(self) -> Counter[str]:
        """What it was told since the last question; lateness and CPU are kept as well."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        answer = self._read()
        self.cpu_s, self.late_ms = answer["cpu_s"], max(self.late_ms, answer["late_p99_ms"])
        return Counter(answer["counts"])


@contextlib.contextmanager
def application(server: Server) -> Iterator[Application]:
    """Started, and bound to the bench's number."""
    command = [sys.executable, "-m", "lab.application", server.http[0], str(server.http[1]), USER, f"{TOKEN}:{SECRET}"]
    with program(command, output=subprocess.PIPE, errors=sys.stderr.buffer, folder=BENCH) as process:
        started = Application(process)
        server.bind(f"http://127.0.0.1:{started.port}/calls")
        yield started


@dataclass(slots=True)
class Run:
    """One load of calls and what it cost."""

    calls: sipp.Calls
    server: Use
    main_pid: int
    webhooks: dict[str, int]
    application_cpu_s: float
    application_late_ms: float
    others_share: float
    """What other programs used of the machine meanwhile."""
    problems: list[str] = field(default_factory=list)

    @property
    def cpu_ms_per_call(self) -> float:
        return 1e3 * self.server.total_s / max(1, self.calls.completed)

    @property
    def main_ms_per_call(self) -> float:
        return 1e3 * self.server.by_pid[self.main_pid] / max(1, self.calls.completed)

    @property
    def remarks(self) -> list[str]:
        """The problems, and whether others disturbed it."""
        if self.others_share <= DISTURBED_SHARE:
            return self.problems
        return [*self.problems, f"disturbed, other programs used {self.others_share:.0%} of the machine"]

    @property
    def is_clean(self) -> bool:
        return not self.calls.failed and not self.problems


class Bench:
    """A server and its application under load."""

    def __init__(self, server: Server, application: Application, folder: Path) -> None:
        self.server, self.application, self.folder = server, application, folder

    def call(self, rate: float, seconds: float, hold_s: float = 0.0) -> Run:
        """SIPp calls at `rate` for `seconds`; the server's CPU until everything is delivered."""
        self._wait_for_peace()
        self.application.ask()
        self.application.late_ms = 0.0
        app_before, rows_before = self.application.cpu_s, self.server.stored()
        busy_before, own_before = machine_busy_s(), own_cpu_s()
        meter = Meter(self.server.pids)
        calls = sipp.call(self.server.sip, NUMBER, rate, round(rate * seconds), self.folder, hold_s=hold_s)
        webhooks = self._wait_for_webhooks(calls.completed)
        use, app_cpu_s = meter.read(), self.application.cpu_s - app_before
        others_s = machine_busy_s() - busy_before - (own_cpu_s() - own_before) - use.total_s - app_cpu_s
        share = max(0.0, others_s / use.elapsed_s / (os.cpu_count() or 1))
        run = Run(calls, use, self.server.pid, dict(webhooks), app_cpu_s, self.application.late_ms, share)
        run.problems = self._problems(run, rows_before)
        return run

    def _wait_for_peace(self) -> None:
        """Until no call of an earlier load, whose end may have been lost, is left: media time-outs take 30 s."""
        deadline = time.monotonic() + PEACE_LIMIT_S
        while self.server.open_calls() and time.monotonic() < deadline:
            time.sleep(0.2)

    def _wait_for_webhooks(self, calls: int) -> Counter[str]:
        heard: Counter[str] = Counter()
        deadline = time.monotonic() + QUIET_LIMIT_S
        while time.monotonic() < deadline:
            heard += self.application.ask()
            if all(heard[name] >= calls for name in WEBHOOKS):
                break
            time.sleep(0.05)
        return heard

    def _problems(self, run: Run, before: dict[str, int]) -> list[str]:
        found, calls = [], run.calls.completed
        if run.calls.failed:
            return [f"{run.calls.failed} of {run.calls.placed} calls failed"]
        for name in WEBHOOKS:
            if run.webhooks.get(name) != calls:
                found.append(f"{run.webhooks.get(name)} webhooks '{name}' for {calls} calls")
        for name, count in run.webhooks.items():
            if name not in WEBHOOKS and name != "api-200":
                found.append(f"{count} times {name}")
        after = self.server.stored()
        for table, wanted in (("calls", calls), ("events", calls * EVENTS_PER_CALL)):
            if after[table] - before[table] != wanted:
                found.append(f"{after[table] - before[table]} rows in '{table}' for {calls} calls")
        if run.application_late_ms > LATE_MS:
            found.append(f"the application itself was late: p99 {run.application_late_ms:.0f} ms")
        return found


def own_cpu_s() -> float:
    """Of this process and of its children that have ended: SIPp is among them."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def caller(target: tuple[str, int], rate: float, seconds: float, hold_s: float = 0.0) -> dict[str, Any]:
    """Calls by our own caller, which measures the set-up time finely."""
    command = [
        sys.executable, "-m", "lab.caller", target[0], str(target[1]), NUMBER, f"{rate:g}", f"{seconds:g}",
        f"{hold_s:g}",
    ]  # fmt: skip
    with program(command, output=subprocess.PIPE, errors=sys.stderr.buffer, folder=BENCH) as process:
        assert process.stdout is not None
        answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer
