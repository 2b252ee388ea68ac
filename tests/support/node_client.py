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
MODULES = ROOT / "build" / "sdks" / "node" / "node_modules"
ANSWER_LIMIT_S = 30.0
MAX_LINE_BYTES = 16 << 20
"""An answer may hold a recording."""


class SdkError(Exception):
    """What the client threw."""

    def __init__(self, name: str, message: str, status: int | None) -> None:
        super().__init__(f"{name}: {message} ({status})")
        self.name, self.message, self.status = name, message, status


class NodeClient:
    """A context manager; `await client("Call.answer", call_id)`."""

    def __init__(self, base_url: str) -> None:
        self.configuration = {"userId": USER, "apiToken": TOKEN, "apiSecret": SECRET, "baseUrl": base_url}
        self._ids = count(1)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "NodeClient":
        program = shutil.which("node")
        assert program and (MODULES / "node-bandwidth").is_dir(), "node or node-bandwidth is missing: run make setup"
        self._process = await asyncio.create_subprocess_exec(
            program, "--no-deprecation", str(ROOT / "tests" / "sdk" / "drive.js"), json.dumps(self.configuration),
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
            raise SdkError(error["name"], error["message"], error.get("statusCode"))
        return answer["value"]
