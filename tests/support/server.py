"""The real server, started with its own command, on ports of its own."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from support.ports import port_range

USER, TOKEN, SECRET = "u-test", "t-test", "s-test"
START_LIMIT_S = 20.0
STOP_LIMIT_S = 20.0
NEWS_LIMIT_S = 15.0


@dataclass(frozen=True)
class Answer:
    """What curl saw."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """`trebuchet serve` as a process. `arguments` come after the defaults of the tests; a bare one has only binds and a
    short drain for defaults, and is otherwise started as a reader of the docs would."""

    folder: Path
    arguments: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    http: str = ""
    sip_host: str = ""
    sips_host: str = ""
    """Where SIP is taken over TLS."""
    process: asyncio.subprocess.Process | None = None
    rtp_ports: tuple[int, int] = field(default_factory=port_range)
    is_bare: bool = False
    cwd: Path | None = None
    http_bind: str = "127.0.0.1:0"
    sip_bind: str = "127.0.0.1:0"
    user: str = USER
    credentials: str = f"{TOKEN}:{SECRET}"
    curl_options: tuple[str, ...] = ()
    """For every request, such as the authority to trust."""
    program: tuple[str, ...] = (str(Path(sys.executable).with_name("trebuchet")),)

    async def __aenter__(self) -> "Server":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def log_path(self) -> Path:
        return self.folder / "server.log"

    async def start(self) -> None:
        """Start and wait for the ready line."""
        self.folder.mkdir(parents=True, exist_ok=True)
        low, high = self.rtp_ports
        binds = ["--http", self.http_bind, "--sip", self.sip_bind, "--rtp-ports", f"{low}-{high}", "--drain", "1"]
        defaults = [
            "--data", str(self.folder / "data"), "--media-workers", "1", "--account", f"{USER}:{TOKEN}:{SECRET}",
        ]  # fmt: skip
        command = [*self.program, "serve", *binds, *(() if self.is_bare else defaults), *self.arguments]
        with self.log_path.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
                env=os.environ | self.environment, cwd=self.cwd,
            )  # fmt: skip
        async with asyncio.timeout(START_LIMIT_S):
            self._read_ready(await self._ready_line())

    async def _ready_line(self) -> str:
        assert self.process is not None and self.process.stdout is not None
        while line := await self.process.stdout.readline():
            if line.startswith(b"trebuchet ready "):
                return line.decode().strip()
        raise AssertionError(f"the server did not start:\n{self.log_path.read_text()[-4000:]}")

    def _read_ready(self, line: str) -> None:
        pairs = dict(part.split("=", 1) for part in line.split()[2:])
        self.http, self.sip_host = pairs["http"].rstrip("/"), pairs["sip"].removeprefix("sip:")
        self.sips_host = pairs.get("sips", "")
        self.user = pairs["user"]

    def become(self, user: str, token: str, secret: str) -> None:
        """Act as this account from now on."""
        self.user, self.credentials = user, f"{token}:{secret}"

    async def operate(self, *arguments: str) -> str:
        """What an operator's command on the data of the running server prints."""
        process = await asyncio.create_subprocess_exec(
            *self.program, *arguments, "--data", str(self.folder / "data"), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output
        return output.decode()

    @property
    def user_url(self) -> str:
        return f"{self.http}/v1/users/{self.user}"

    def sip_uri(self, number: str) -> str:
        return f"sip:{number}@{self.sip_host}"

    async def stop(self) -> None:
        """SIGTERM, and kill if that is not enough."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await self.process.wait()
        except TimeoutError:
            await self.kill()
            raise

    async def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def state(self) -> dict[str, Any]:
        """How much of everything is alive in the server, which it writes to its log when asked by a signal."""
        assert self.process is not None
        start = self.log_path.stat().st_size
        self.process.send_signal(signal.SIGUSR1)
        async with asyncio.timeout(NEWS_LIMIT_S):
            while True:
                for line in self.log_path.read_bytes()[start:].split(b"\n")[:-1]:
                    found: dict[str, Any] = json.loads(line) if line.startswith(b"{") else {}
                    if found.get("event") == "state":
                        return found
                await asyncio.sleep(0.02)

    async def wait_until_idle(self, limit_s: float = 60.0) -> dict[str, Any]:
        """Until no call, dialog, transaction or media port is left."""
        async with asyncio.timeout(limit_s):
            while True:
                state = await self.state()
                if state["is_sip_idle"] and not state["calls"] and not state["media_ports"]:
                    return state
                await asyncio.sleep(0.2)

    # --- a client: curl ---------------------------------------------------------------------------------------------

    async def curl(self, *arguments: str, credentials: str | None = None) -> Answer:
        """Run curl with Basic credentials; the last argument is the URL or a path below the user."""
        *options, target = arguments
        url = target if target.startswith("http") else self.user_url + target
        program = shutil.which("curl")
        assert program, "curl is not installed: run make setup"
        process = await asyncio.create_subprocess_exec(
            program, "-s", "-S", "-i", "--max-time", "30", *self.curl_options,
            "-u", credentials or self.credentials, *options, url, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        raw, _ = await process.communicate()
        assert process.returncode == 0, f"curl {options} {url} exited {process.returncode}"
        head, _, body = raw.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head, _, body = body.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Answer(int(first.split()[1]), headers, body)

    async def post(self, path: str, body: object) -> Answer:
        """POST JSON; a string goes out exactly as it is."""
        text = body if isinstance(body, str) else json.dumps(body)
        return await self.curl("-X", "POST", "-H", "Content-type: application/json", "-d", text, path)

    async def get(self, path: str) -> Any:
        """GET that must succeed; the parsed JSON."""
        answer = await self.curl(path)
        assert answer.status == 200, answer
        return answer.json

    async def call(self, call_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.get(f"/calls/{call_id}")
        return found

    async def wait_for_state(self, call_id: str, state: str) -> dict[str, Any]:
        async with asyncio.timeout(NEWS_LIMIT_S):
            while (call := await self.call(call_id))["state"] != state:
                await asyncio.sleep(0.05)
        return call

    async def bind(self, number: str, application: dict[str, Any]) -> str:
        """A new application with the number bound to it; returns its id."""
        created = await self.post("/applications", {"name": "test"} | application)
        assert created.status == 201, created
        application_id = created.headers["location"].rsplit("/", 1)[1]
        numbers = await self.post("/phoneNumbers", {"number": number, "applicationId": application_id})
        if numbers.status == 409:
            numbers = await self.post(f"/phoneNumbers/{number}", {"applicationId": application_id})
        assert numbers.status in (200, 201), numbers
        return application_id
