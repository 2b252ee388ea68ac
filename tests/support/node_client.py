"""The official JavaScript client, run by `tests/sdk/drive.js` in a process of its own."""

import asyncio
import json
import os
import shutil
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

from support.server import SECRET, TOKEN, USER

ROOT = Path(__file__).parent.parent.parent
DRIVER = ROOT / "tests" / "sdk" / "drive.js"
MODULES = ROOT / "build" / "sdks" / "node" / "node_modules"
PACKAGES = {"3.0.3": "node-bandwidth", "4.0.0": "node-bandwidth-4"}
"""The versions under test, and the names `tests/sdk/package.json` installs them under."""
VERSIONS = tuple(PACKAGES)
ANSWER_LIMIT_S = 30.0
MAX_LINE_BYTES = 16 << 20
"""An answer may hold a recording."""


class SdkError(Exception):
    """What the client threw. `limit_reset` is that of its `RateLimitError`, as it was sent."""

    def __init__(self, name: str, message: str, status: int | None, limit_reset: str | None = None) -> None:
        super().__init__(f"{name}: {message} ({status})")
        self.name, self.message, self.status, self.limit_reset = name, message, status, limit_reset


class NodeClient:
    """A context manager; `await client("Call.answer", call_id)`."""

    def __init__(self, base_url: str, version: str) -> None:
        self.version = version
        self.configuration = {"userId": USER, "apiToken": TOKEN, "apiSecret": SECRET, "baseUrl": base_url}
        self._ids = count(1)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "NodeClient":
        program = shutil.which("node")
        package = PACKAGES[self.version]
        about = MODULES / package / "package.json"
        assert program and about.is_file(), f"node or {package} is missing: run make setup"
        found = json.loads(about.read_text())
        assert (found["name"], found["version"]) == ("node-bandwidth", self.version)
        self._process = await asyncio.create_subprocess_exec(
            program, "--no-deprecation", str(DRIVER), json.dumps(self.configuration), package,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=MAX_LINE_BYTES,
            env=os.environ | {"NODE_PATH": str(MODULES)},
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def __call__(self, method: str, *arguments: Any) -> Any:
        """One call at a time. Raises `SdkError`."""
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        command = {"id": next(self._ids), "path": method.split("."), "args": arguments}
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(ANSWER_LIMIT_S):
            answer = json.loads(await self._process.stdout.readline())
        assert answer["id"] == command["id"]
        if "error" in answer:
            error = answer["error"]
            message = error["message"] if isinstance(error["message"], str) else json.dumps(error["message"])
            raise SdkError(error["name"], message, error.get("statusCode"), error.get("limitReset"))
        return answer["value"]
