"""Every command in the README, the tutorial and the how-to pages is run, in the order in which a reader would.

Pages are plain; what a reader has at hand at some point is said in a comment, `<!-- test: a call is up as $CALL -->`.
Ports are replaced by free ones, `curl` is made to fail on errors, nothing else is changed.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.baresip import Baresip
from support.ports import free_port
from support.server import Server
from trebuchet.config import load_settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/tutorial/*.md")), *sorted(ROOT.glob("docs/howto/*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$|^<!-- test: (.*?) -->$", re.M | re.S)
RUN_ELSEWHERE = ("make demo", "make test")
"""The demo has a test of its own; the tests are running just now."""
NUMBER = "+15550100"
COMMAND_LIMIT_S = 60


@dataclass
class Reader:
    """Somebody who types a page's commands in a folder of his own."""

    folder: Path
    ports: dict[str, str]
    stack: contextlib.AsyncExitStack
    given: dict[str, str] = field(default_factory=dict)
    server: Server | None = None
    phones: int = 0
    said: str = ""
    """What the last block printed."""

    def __post_init__(self) -> None:
        for name in (".venv", "examples", "docs"):
            (self.folder / name).symlink_to(ROOT / name)
        tools = self.folder / "bin"
        tools.mkdir()
        (tools / "curl").write_text('#!/bin/sh\nexec /usr/bin/curl --fail-with-body "$@"\n')
        (tools / "curl").chmod(0o755)

    def localise(self, text: str) -> str:
        for shown, real in self.ports.items():
            text = re.sub(rf"\b{shown}\b", real, text)
        return text

    async def run(self, script: str) -> str:
        """Run a block; what it assigns stays for the next one."""
        state = self.folder / "state"
        state.touch()
        given = "".join(f"export {name}='{value}'\n" for name, value in self.given.items())
        whole = f"set -euo pipefail\n. {state}\n{given}set -a\n{script}\nexport -p > {state}\n"
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", whole, cwd=self.folder, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=os.environ | self._own_binds() | {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"},
        )  # fmt: skip
        async with asyncio.timeout(COMMAND_LIMIT_S):
            output, _ = await process.communicate()
        assert process.returncode == 0, f"{script}\n→ {process.returncode}: {output.decode(errors='replace')}"
        return output.decode(errors="replace")

    def _own_binds(self) -> dict[str, str]:
        """So that `trebuchet doctor` looks at ports of ours, not at what others have started."""
        return {
            f"TREBUCHET_{name}": f"127.0.0.1:{self.ports[port]}" for name, port in (("HTTP", "8080"), ("SIP", "5060"))
        }

    async def serve(self, command: str) -> None:
        """Start the server as the page says it, on ports of its own."""
        arguments = command.split("serve", 1)[1].split()
        self.server = Server(self.folder / "server", arguments, is_bare=True, cwd=self.folder, **self._binds())
        await self.stack.enter_async_context(self.server)

    def _binds(self) -> dict[str, str]:
        return {"http_bind": f"127.0.0.1:{self.ports['8080']}", "sip_bind": f"127.0.0.1:{self.ports['5060']}"}

    async def start_application(self, command: str) -> None:
        process = await asyncio.create_subprocess_shell(
            f"exec env PORT={self.ports['9000']} {command}", cwd=self.folder, env=dict(os.environ)
        )
        self.stack.push_async_callback(_end, process)
        async with asyncio.timeout(COMMAND_LIMIT_S):
            while not await _is_listening(int(self.ports["9000"])):
                await asyncio.sleep(0.05)

    async def start_phone(self, command: str) -> None:
        """A phone of ours that waits for calls."""
        process = await asyncio.create_subprocess_shell(
            f"exec {command}", cwd=self.folder, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
        )
        self.stack.push_async_callback(_end, process)
        assert process.stdout is not None
        async with asyncio.timeout(COMMAND_LIMIT_S):
            assert b"listening" in await process.stdout.readline()

    async def phone(self) -> Baresip:
        self.phones += 1
        name = f"phone{self.phones}"
        return await self.stack.enter_async_context(Baresip(self.folder / name, name, 700))

    async def have_server(self) -> Server:
        """For pages that begin with a running server and a bound number."""
        if self.server is None:
            await self.serve("serve --account u-me:t-me:s-me")
            assert self.server is not None
            self.server.become("u-me", "t-me", "s-me")
            await self.server.bind(NUMBER, {"incomingCallUrl": "http://127.0.0.1:9/", "autoAnswer": False})
        return self.server

    async def arrange(self, what: str) -> None:
        """Bring about what a `test:` comment says."""
        server = await self.have_server()
        if what.startswith("it said "):
            assert what.removeprefix("it said ") in self.said, self.said
            return
        match what.split("$"):
            case "a call is ringing as " | "a call is up as " as state, name:
                phone = await self.phone()
                await phone.dial(server.sip_uri(NUMBER))
                call = self.given[name] = await _ringing(server)
                if "up" in state:
                    await server.post(f"/calls/{call}", {"state": "active"})
                    await phone.wait_for("CALL_ESTABLISHED")
                return
        match what:
            case "a phone answers at $PHONE":
                phone = await self.phone()
                self.given["PHONE"] = phone.uri
                accepting = asyncio.create_task(phone.accept())
                self.stack.callback(accepting.cancel)
            case "the recordings of $CALL are complete":
                async with asyncio.timeout(COMMAND_LIMIT_S):
                    while not await _are_complete(server, self.given["CALL"]):
                        await asyncio.sleep(0.05)
            case "the webhooks of $CALL were tried":
                async with asyncio.timeout(COMMAND_LIMIT_S):
                    while not await _are_tried(server, self.given["CALL"]):
                        await asyncio.sleep(0.05)
            case "a configuration that is accepted" | "the server runs":
                pass
            case _:
                raise AssertionError(f"the page asks for {what!r}")


async def _ringing(server: Server) -> str:
    async with asyncio.timeout(COMMAND_LIMIT_S):
        while True:
            calls = await server.get("/calls")
            ringing = [call["id"] for call in calls if call["state"] == "started"]
            if ringing:
                return str(ringing[0])
            await asyncio.sleep(0.05)


async def _are_complete(server: Server, call_id: str) -> bool:
    recordings = await server.get(f"/calls/{call_id}/recordings")
    return bool(recordings) and all(recording["state"] == "complete" for recording in recordings)


async def _are_tried(server: Server, call_id: str) -> bool:
    deliveries = await server.get(f"/calls/{call_id}/deliveries")
    return bool(deliveries) and all(delivery["attempts"] for delivery in deliveries)


async def _is_listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Reader]:
    ports = {shown: str(free_port()) for shown in ("8080", "5060", "9000", "5070")}
    async with contextlib.AsyncExitStack() as stack:
        yield Reader(tmp_path, ports, stack)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
async def test_page(page: Path, reader: Reader) -> None:
    commands = 0
    for language, code, comment in FENCE.findall(page.read_text()):
        block = reader.localise(code.strip())
        if comment:
            await reader.arrange(comment)
        elif language == "bash" and not block.startswith(RUN_ELSEWHERE):
            commands += 1
            await _type(reader, block)
        elif language == "toml":
            path = reader.folder / "page.toml"
            path.write_text(block)
            accepted = load_settings(config=path, environment={})
            assert bool(accepted.all_trunks) == ("[[trunks]]" in block)
    assert commands, "a page without a command"


async def _type(reader: Reader, block: str) -> None:
    if "trebuchet serve" in block:
        await reader.serve(block)
    elif "examples/" in block:
        await reader.start_application(block.replace("\\\n", " "))
    elif "trebuchet sim answer" in block:
        await reader.start_phone(block)
    else:
        reader.said = await reader.run(block)
        if reader.server is None and "API=" in block:
            await reader.have_server()


def test_the_readme_shows_the_example_as_it_is() -> None:
    (shown,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    example = (ROOT / "examples" / "reception.py").read_text()
    for line in shown.strip().splitlines():
        assert line.strip() in example, line
