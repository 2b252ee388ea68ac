"""The application's web server of a stage: takes webhooks, answers them as a test wants, serves files to be played."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from aiohttp import web

from trebuchet.sim.app import App, Received

ARRIVAL_LIMIT_S = 20.0
"""How long an event may take on a busy machine; what takes longer does not come."""

Reaction = Callable[[Received], Awaitable[web.StreamResponse | None]]
"""Answers an event in its own way; `None` is a plain 200."""


class Webhooks:
    """A context manager. `url` takes events; `serve` gives the URL of a file."""

    def __init__(self) -> None:
        self.reactions: dict[str, Reaction] = {}
        """By path, e.g. `/slow`; every other path answers 200."""
        self.fetched: list[str] = []
        """Paths of files that were asked for."""
        self._app = App("127.0.0.1")

    async def __aenter__(self) -> "Webhooks":
        self._app = await App.open()
        self._app.on(None, self._react)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._app.close()

    def url_of(self, path: str) -> str:
        return self._app.url(path)

    @property
    def url(self) -> str:
        return self.url_of("/events")

    def serve(self, name: str, content: bytes, content_type: str = "application/octet-stream") -> str:
        """The URL under which the file can be fetched from now on."""

        async def send(_: Received) -> web.StreamResponse:
            self.fetched.append(name)
            return web.Response(body=content, content_type=content_type)

        self.reactions[f"/{name}"] = send
        return self.url_of(f"/{name}")

    async def _react(self, received: Received) -> web.StreamResponse | None:
        reaction = self.reactions.get(received.path)
        return None if reaction is None else await reaction(received)

    async def wait_for_request(self, kind: str, *, number: int = 1, **wanted: Any) -> Received:
        """The n-th request with an event whose fields are as wanted, past or to come."""
        return await self._app.wait_for(kind, number=number, timeout_s=ARRIVAL_LIMIT_S, **wanted)

    async def wait_for(self, kind: str, *, number: int = 1, **wanted: Any) -> dict[str, Any]:
        """The event of `wait_for_request`."""
        return (await self.wait_for_request(kind, number=number, **wanted)).data

    def requests(self, **wanted: Any) -> list[Received]:
        """What has arrived with such fields, in order."""
        return self._app.find(**wanted)

    def events(self, call_id: str) -> list[dict[str, Any]]:
        """The events of a call that have arrived, in order."""
        return [received.data for received in self._app.find(callId=call_id)]

    def forget(self) -> None:
        """What has arrived so far counts no more."""
        self._app.events.clear()

    def kinds(self, call_id: str) -> list[str]:
        return [event["eventType"] for event in self.events(call_id)]
