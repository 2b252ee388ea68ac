"""The live event stream at the HTTP border (an extension of ours)."""

import asyncio
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from support.api_world import CALL_ID, USER, ApiWorld, a_call, an_event, make_world
from trebuchet.api.v1.events import routes
from trebuchet.events import feed
from trebuchet.store.interface import Batch

SOON_S = 10.0
BASIC = b"Basic " + b64encode(b"t-one:s-one")


class Browser:
    """One streaming request, read piece by piece. The server's app is called as a web server would."""

    def __init__(self, world: ApiWorld, *headers: tuple[bytes, bytes]) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._is_asked = False
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "path": f"/v1/users/{USER}/events/stream",
            "raw_path": b"", "query_string": b"", "scheme": "http", "server": ("api.example.test", 80),
            "client": ("192.0.2.7", 4000), "headers": [(b"authorization", BASIC), *headers],
        }  # fmt: skip
        self.task = asyncio.create_task(self._run(world, scope))

    async def _run(self, world: ApiWorld, scope: dict[str, Any]) -> None:
        await world.app(scope, self._receive, self.sent.put)

    async def _receive(self) -> dict[str, Any]:
        if not self._is_asked:
            self._is_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(SOON_S):
            return await self.sent.get()

    async def piece(self) -> str:
        message = await self.next()
        assert message["type"] == "http.response.body"
        return str(message["body"], "utf-8")

    async def go(self) -> None:
        self._gone.set()
        async with asyncio.timeout(SOON_S):
            await self.task


@pytest.fixture
async def world(tmp_path: Path) -> ApiWorld:
    return await make_world(tmp_path)


async def log(world: ApiWorld, *sequences: int, **changes: Any) -> None:
    call = a_call()
    events = tuple(an_event(sequence, "answer", **changes) for sequence in sequences)
    await world.store.write(Batch(calls=(call,), events=events))
    for event in events:
        for subscriber in world.subscribers:
            subscriber(call, event)


async def test_events_are_sent_as_they_are_stored(world: ApiWorld) -> None:
    await log(world, 1)
    browser = Browser(world)
    start = await browser.next()
    assert start["status"] == 200
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"text/event-stream"
    assert headers[b"cache-control"] == b"no-cache"
    assert await browser.piece() == "retry: 1000\nid: 1\n\n"
    await log(world, 2, payload=b'{"eventType":"answer"}', data="x\ny")
    identity, data, *rest = (await browser.piece()).split("\n")
    assert (identity, rest) == ("id: 2", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {
        "position": 2, "id": "ce-2", "time": "2016-03-02T10:00:00Z", "name": "answer", "data": "x\ny",
        "callId": CALL_ID, "event": {"eventType": "answer"},
    }  # fmt: skip
    await browser.go()


async def test_a_client_that_comes_back_gets_what_it_missed(world: ApiWorld) -> None:
    await log(world, 1, 2, 3)
    browser = Browser(world, (b"last-event-id", b"1"))
    await browser.next()
    assert await browser.piece() == "retry: 1000\nid: 1\n\n"
    assert [line for line in (await browser.piece()).split("\n") if line.startswith("id:")] == ["id: 2", "id: 3"]
    await browser.go()


async def test_silence_is_filled(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "HEARTBEAT_S", 0.01)
    browser = Browser(world)
    await browser.next()
    assert [await browser.piece() for _ in range(3)][1:] == [":\n\n", ":\n\n"]
    await browser.go()


async def test_the_end_of_the_server_ends_the_answer(world: ApiWorld) -> None:
    browser = Browser(world)
    await browser.next()
    await browser.piece()
    world.feed.close()
    assert await browser.next() == {"type": "http.response.body", "body": b"", "more_body": False}
    async with asyncio.timeout(SOON_S):
        await browser.task


async def test_a_client_that_goes_frees_its_place(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MAX_READERS_OF_ACCOUNT", 1)
    browser = Browser(world)
    await browser.next()
    refused = await world.get("/events/stream")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    await browser.go()
    second = Browser(world)
    assert (await second.next())["status"] == 200
    await second.go()


@pytest.mark.parametrize("place", ["-1", "x", "1" * 19, "ce-1", "²"])
async def test_a_place_that_is_none(world: ApiWorld, place: str) -> None:
    refused = await world.get("/events/stream", headers={"last-event-id": place.encode()})
    assert (refused.status_code, refused.json()["code"]) == (400, "validation-error")


async def test_nobody_else_may_listen(world: ApiWorld) -> None:
    refused = await world.client.get("/v1/users/u-other/events/stream")
    assert (refused.status_code, refused.json()["code"]) == (401, "access-denied")
