"""What one module of end-to-end tests works on: a running server, the application's web server, phones."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import soundfile
from numpy.typing import NDArray

from support.baresip import Baresip
from support.server import Answer, Server
from support.sipp import Sipp
from support.webhooks import Webhooks

CALLER = "+15550190001"
"""Whom SIPp calls as."""


@dataclass
class Stage:
    server: Server
    web: Webhooks
    folder: Path
    _serial: "count[int]" = field(default_factory=lambda: count(1))

    def next_serial(self) -> int:
        """A number that nobody else of this stage gets."""
        return next(self._serial)

    def new_folder(self) -> Path:
        folder = self.folder / f"party-{next(self._serial)}"
        folder.mkdir()
        return folder

    async def number(self, **application: Any) -> str:
        """A fresh number whose application is told of calls and answers them itself, unless `application` differs."""
        number = f"+1555012{next(self._serial):04}"
        await self.server.bind(number, {"incomingCallUrl": self.web.url, "autoAnswer": False} | application)
        return number

    def phone(self, name: str, hz: float, **more: Any) -> Baresip:
        """A phone to be entered with `async with`."""
        return Baresip(self.new_folder(), name, hz, **more)

    def sipp(self, scenario: str, port: int | None = None) -> Sipp:
        """A SIPp to be entered with `async with`, on a port of its own unless told otherwise."""
        made = Sipp(scenario, self.new_folder())
        if port is not None:
            made.port = port
        return made

    async def call_from_sipp(self, sipp: Sipp, number: str, caller: str = CALLER) -> str:
        """SIPp calls; the id of the call once the application knows of it."""
        host, port = self.server.sip_host.rsplit(":", 1)
        await sipp.start((host, int(port)), "-key", "caller", caller, service=number)
        return await self.arrival(number)

    async def call_from(self, phone: Baresip, number: str) -> str:
        """The phone calls; the id of the call once the application knows of it."""
        await phone.dial(self.server.sip_uri(number))
        return await self.arrival(number)

    async def arrival(self, number: str) -> str:
        event = await self.web.wait_for("incomingcall", to=number)
        return str(event["callId"])

    async def answer(self, call_id: str, **more: Any) -> None:
        answer = await self.update(call_id, state="active", **more)
        assert answer.status == 200, answer

    async def update(self, call_id: str, **body: Any) -> Answer:
        return await self.server.post(f"/calls/{call_id}", body)

    async def transfer(self, call_id: str, to: str, **more: Any) -> str:
        """Start a transfer; the id of the new call."""
        answer = await self.update(call_id, state="transferring", transferTo=to, **more)
        assert answer.status == 201, answer
        return answer.headers["location"].rsplit("/", 1)[1]

    async def recording(self, call_id: str, n: int = 1) -> dict[str, Any]:
        """The call's n-th recording once its event has arrived; it must be complete then."""
        await self.web.wait_for("recording", number=n, callId=call_id)
        found: dict[str, Any] = (await self.server.get(f"/calls/{call_id}/recordings"))[n - 1]
        return found

    async def audio(self, url: str) -> NDArray[np.int16]:
        """Media downloaded and decoded: int16[samples] at 8 kHz (mono) whatever its format."""
        answer = await self.server.curl(url)
        assert answer.status == 200, answer
        samples, rate = soundfile.read(io.BytesIO(answer.body), dtype="int16")
        assert rate == 8000
        return np.asarray(samples, np.int16)


@pytest.fixture(scope="module")
def server_arguments() -> tuple[str, ...]:
    """Flags of the module's server; a module that needs others has a fixture of its own with this name."""
    return ()


@pytest.fixture(scope="module")
def server_environment() -> dict[str, str]:
    return {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    tmp_path_factory: pytest.TempPathFactory, server_arguments: tuple[str, ...], server_environment: dict[str, str]
) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    async with Webhooks() as web, Server(folder / "server", server_arguments, server_environment) as server:
        yield Stage(server, web, folder)
        assert server.process is not None and server.process.returncode is None, "the server died"
    log = server.log_path.read_text()
    assert "Traceback" not in log, log[-4000:]


async def talk(*phones: Baresip, seconds: float = 1.0) -> None:
    """Until each phone has heard that much more."""
    async with asyncio.TaskGroup() as group:
        for phone in phones:
            group.create_task(phone.listen(seconds))
