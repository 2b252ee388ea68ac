"""Simulated phones around a server of one test's own, for tests with many calls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.server import Server
from support.stage import Stage
from support.webhooks import Webhooks
from trebuchet.sim.phone import Phone
from trebuchet.sim.phone_call import PhoneCall

CAUSE = "NORMAL_TEMPORARY_FAILURE"
"""The documented cause of calls that a fault of ours ended."""


def sip_place(server: Server) -> tuple[str, int]:
    host, port = server.sip_host.rsplit(":", 1)
    return host, int(port)


@dataclass
class Caller(Stage):
    """A stage with one phone that calls in."""

    phone_: Phone | None = None

    @property
    def caller(self) -> Phone:
        assert self.phone_ is not None
        return self.phone_

    async def answered(self, **application: Any) -> tuple[PhoneCall, str]:
        """A call that the server has answered, and its id."""
        number = await self.number(autoAnswer=True, **application)
        call = await self.caller.call(number)
        await call.wait_answered()
        return call, await self.arrival(number)

    async def refused(self) -> int | None:
        """A call that is not to be answered; the status it was refused with."""
        call = await self.caller.call(await self.number(autoAnswer=True))
        return (await call.wait_ended()).status


@asynccontextmanager
async def calling(
    folder: Path, *arguments: str, settings: str = "", environment: dict[str, str] | None = None, **server: Any
) -> AsyncIterator[Caller]:
    """A server with these settings, an application, and a phone that calls in."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "trebuchet.toml"
    file.write_text(settings)
    made = Server(folder / "server", ("--config", str(file), *arguments), environment or {}, **server)
    async with Webhooks() as web, made, await Phone.open("alice", tone_hz=700.0, proxy=("127.0.0.1", 9)) as phone:
        phone.settings = type(phone.settings)(number="alice", tone_hz=700.0, proxy=sip_place(made))
        yield Caller(made, web, folder, phone_=phone)
