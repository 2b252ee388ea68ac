"""A small web application for tests and demonstrations: it keeps the webhooks it gets, in order, and lets one wait.

It listens on loopback and believes whatever is sent to it.
"""

import asyncio
import inspect
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from trebuchet.base.hosts import bracketed

WAIT_S = 15.0
MAX_BODY_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Received:
    """One webhook. `at`: monotonic seconds when it had arrived; `data`: its JSON object, or its query parameters."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    data: dict[str, Any]
    body: bytes = b""
    """As it came."""

    @property
    def type(self) -> str:
        """Its `eventType`, `""` without one."""
        return str(self.data.get("eventType", ""))

    def matches(self, event_type: str | None, fields: dict[str, Any]) -> bool:
        return event_type in (None, self.type) and all(self.data.get(name) == value for name, value in fields.items())


Hook = Callable[[Received], web.StreamResponse | Awaitable[web.StreamResponse | None] | None]
"""What a test does with an event, plain or as a coroutine; `None` answers 200."""


class App:
    """Open it with `App.open`. `events` holds everything received so far, in the order of arrival."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = 0
        self.events: list[Received] = []
        self._hooks: dict[str | None, Hook] = {}
        self._more = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @classmethod
    async def open(cls, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Listen; port 0 takes a free one."""
        app = cls(host)
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", app._handle)
        app._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await app._runner.setup()
        site = web.TCPSite(app._runner, host, port)
        await site.start()
        app.port = app._runner.addresses[0][1]
        return app

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def url(self, path: str = "/calls") -> str:
        """An address of this application; every path is served."""
        return f"http://{bracketed(self.host)}:{self.port}{path}"

    def on(self, event_type: str | None, hook: Hook) -> None:
        """Call `hook` for every event of that type (`None`: of every type that has no hook of its own)."""
        self._hooks[event_type] = hook

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        data, body = await _read(request), await request.read()
        received = Received(time.monotonic(), request.method, request.path, dict(request.headers), data, body)
        self.events.append(received)
        self._more.set()
        hook = self._hooks.get(received.type) or self._hooks.get(None)
        if hook is None:
            return web.Response()
        result = hook(received)
        response = await result if inspect.isawaitable(result) else result
        return web.Response() if response is None else response

    def find(self, event_type: str | None = None, **fields: Any) -> list[Received]:
        """The events received so far of that type with those field values."""
        return [event for event in self.events if event.matches(event_type, fields)]

    async def wait_for(
        self, event_type: str | None = None, *, number: int = 1, timeout_s: float = WAIT_S, **fields: Any
    ) -> Received:
        """The n-th such event (from 1), also if it has come already. Raises `TimeoutError` naming what did come."""
        try:
            async with asyncio.timeout(timeout_s):
                while len(found := self.find(event_type, **fields)) < number:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError as error:
            seen = [event.type for event in self.events]
            raise TimeoutError(f"no {event_type} {fields or ''} number {number}; received {seen}") from error
        return found[number - 1]

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


async def _read(request: web.Request) -> dict[str, Any]:
    """The event in a request; a body that is no JSON object is kept under `raw`."""
    if request.method == "GET":
        return dict(request.query)
    body = await request.read()
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    return data if isinstance(data, dict) else {"raw": body.decode("utf-8", "replace")}
