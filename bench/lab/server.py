"""`trebuchet serve`, started by its own command and set up over its own API."""

import base64
import contextlib
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.processes import children, command_of, program

USER, TOKEN, SECRET = "u-bench", "t-bench", "s-bench"
NUMBER = "+15551230002"
RTP_PORTS = "20000-31999"


@dataclass
class Server:
    """A running server."""

    pid: int
    folder: Path
    data: Path
    http: tuple[str, int]
    sip: tuple[str, int]
    started_s: float
    """From the command to its ready line."""

    @property
    def workers(self) -> list[int]:
        return [pid for pid in children(self.pid) if "media.worker" in command_of(pid)]

    @property
    def pids(self) -> list[int]:
        """Every process of the server."""
        return [self.pid, *children(self.pid)]

    def request(self, method: str, path: str, body: object = None) -> Any:
        """A request below the account; the parsed answer, or the Location of what was made."""
        credentials = base64.b64encode(f"{TOKEN}:{SECRET}".encode()).decode()
        request = urllib.request.Request(
            f"http://{self.http[0]}:{self.http[1]}/v1/users/{USER}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            content = answer.read()
            return json.loads(content) if content else answer.headers.get("Location")

    def bind(self, url: str) -> None:
        """Webhooks of the bench's number go to `url`, in place of what an earlier run said."""
        for number in self.request("GET", "/phoneNumbers"):
            self.request("DELETE", f"/phoneNumbers/{number['id']}")
        location = self.request("POST", "/applications", {"name": "bench", "incomingCallUrl": url, "autoAnswer": False})
        application_id = location.rpartition("/")[2]
        self.request("POST", "/phoneNumbers", {"number": NUMBER, "applicationId": application_id})

    def stored(self) -> dict[str, int]:
        """Rows of the log: none is ever removed, so the last one's number tells how many there are, at once."""
        with self._reading() as database:
            return {
                table: database.execute(f"SELECT coalesce(max({key}), 0) FROM {table}").fetchone()[0]
                for table, key in (("calls", "sequence"), ("events", "position"))
            }

    def open_calls(self) -> int:
        """Calls that have not ended, as far as the log knows."""
        with self._reading() as database:
            count: int = database.execute("SELECT count(*) FROM calls WHERE is_open = 1").fetchone()[0]
            return count

    def _reading(self) -> "contextlib.closing[sqlite3.Connection]":
        return contextlib.closing(sqlite3.connect(f"file:{self.data}/trebuchet.db?mode=ro", uri=True))

    def log_text(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")


@contextlib.contextmanager
def running(
    *arguments: str, workers: int = 1, directory: str | None = None, data: Path | None = None
) -> Iterator[Server]:
    """A server in a folder of its own, or with a data directory that is kept, on ports of its own, with one account."""
    with tempfile.TemporaryDirectory(dir=directory, prefix="trebuchet-bench-") as name:
        folder = Path(name)
        data = data or folder / "data"
        command = [
            str(Path(sys.executable).with_name("trebuchet")), "serve", "--data", str(data),
            "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0", "--rtp-ports", RTP_PORTS,
            "--media-workers", str(workers), "--account", f"{USER}:{TOKEN}:{SECRET}", "--drain", "0", *arguments,
        ]  # fmt: skip
        with (folder / "server.log").open("wb") as log:
            began = time.monotonic()
            with program(command, output=subprocess.PIPE, errors=log) as process:
                http, sip = _read_ready(process, folder)
                yield Server(process.pid, folder, data, http, sip, time.monotonic() - began)


def _read_ready(process: "subprocess.Popen[bytes]", folder: Path) -> tuple[tuple[str, int], tuple[str, int]]:
    assert process.stdout is not None
    for line in process.stdout:
        words = line.decode().split()
        if words[:2] == ["trebuchet", "ready"]:
            pairs = dict(word.split("=", 1) for word in words[2:])
            return _address(pairs["http"].removeprefix("http://")), _address(pairs["sip"])
    raise RuntimeError(f"the server did not start: {(folder / 'server.log').read_text()[-2000:]}")


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rstrip("/").rpartition(":")
    return host, int(port)
