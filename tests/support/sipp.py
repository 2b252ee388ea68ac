"""SIPp, a SIP stack that is not ours, playing the scenarios of `tests/sipp`."""

import asyncio
import os
import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from support.ports import free_port, is_served

SCENARIOS = Path(__file__).parent.parent / "sipp"
SIPP = shutil.which("sipp") or "sipp"
LIMIT_S = 20
"""A scenario that takes longer has failed."""
READY_POLL_S = 0.02
SEPARATOR = "----------------------------------------------- "
"""What SIPp writes before each message of its log."""


class SippFailed(AssertionError):
    """The scenario did not go as written; the text is what SIPp says about it."""


class Sipp:
    """One run of a scenario; as a context manager it leaves no process behind."""

    def __init__(self, scenario: str, folder: Path, *, host: str = "127.0.0.1", transport: str = "udp") -> None:
        self.port = free_port()
        self.host = host
        self._scenario = scenario
        self._folder = folder
        self._transport = transport
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, remote: tuple[str, int] | None = None, *options: str, service: str = "+15551230002") -> Self:
        """As the caller of `remote`, or, without one, waiting to be called (returns once the port is served)."""
        self._folder.mkdir(parents=True, exist_ok=True)
        host = f"[{self.host}]" if ":" in self.host else self.host
        arguments = [
            SIPP, *(() if remote is None else (_join(*remote),)),
            "-sf", str(SCENARIOS / f"{self._scenario}.xml"), "-i", host, "-mi", host, "-p", str(self.port),
            "-t", "t1" if self._transport == "tcp" else "u1", "-m", "1", "-s", service, "-nostdin",
            "-timeout", f"{LIMIT_S}s", "-timeout_error", "-trace_err", "-error_file", str(self._folder / "errors.log"),
            "-trace_msg", "-message_file", str(self._folder / "messages.log"),
            *options,
        ]  # fmt: skip
        self._process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "TERM": "dumb"},
        )
        if remote is None:
            await self._bound()
        return self

    async def _bound(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            while self._is_running() and not is_served(self._transport, self.port):
                await asyncio.sleep(READY_POLL_S)

    def _is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def finish(self) -> None:
        """Wait for the end. Raises `SippFailed` unless every call of the scenario succeeded."""
        assert self._process is not None
        async with asyncio.timeout(LIMIT_S + 5):
            output, _ = await self._process.communicate()
        if self._process.returncode != 0:
            log = self._folder / "errors.log"
            said = log.read_text(errors="replace") if log.exists() else output.decode(errors="replace")
            raise SippFailed(f"{self._scenario} ended with {self._process.returncode}:\n{said[-4000:]}")

    def received(self, method: str) -> list[str]:
        """The requests of a method that came in, in order, as text with plain line ends; complete once it finished."""
        parts = (self._folder / "messages.log").read_text(errors="replace").split(SEPARATOR)
        messages = [part.partition("\n\n")[2].replace("\r\n", "\n") for part in parts if " message received " in part]
        return [message for message in messages if message.startswith(f"{method} ")]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
            await process.communicate()


async def play(scenario: str, folder: Path, remote: tuple[str, int], *options: str, transport: str = "udp") -> None:
    """Call `remote` with a scenario and wait for its end."""
    host = "::1" if ":" in remote[0] else "127.0.0.1"
    async with Sipp(scenario, folder, host=host, transport=transport) as sipp:
        await sipp.start(remote, *options)
        await sipp.finish()


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
