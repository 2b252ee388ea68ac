"""The API behind the real HTTP server: framing, keep-alive, bounds, and what happens to peers that misbehave."""

import asyncio
import json
import socket
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from support.api_world import CALL_ID, USER, ApiWorld, make_world
from trebuchet.api import body, connection
from trebuchet.api.body import MAX_BODY_BYTES
from trebuchet.api.connection import MAX_HEAD_BYTES
from trebuchet.api.serve import make_server, open_listener
from trebuchet.model.call import CallState

BASIC = "Basic " + b64encode(b"t-one:s-one").decode()
CALL = f"/v1/users/{USER}/calls/{CALL_ID}"


class Served:
    """A world whose API listens on a real port."""

    def __init__(self, world: ApiWorld, port: int) -> None:
        self.world = world
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    async def exchange(self, data: bytes, *, is_closed: bool = False) -> bytes:
        """Send bytes, return everything until the server closes (it is asked to unless it does so by itself)."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        if is_closed:
            writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    world = await make_world(tmp_path)
    listener = open_listener("127.0.0.1", 0)
    server = make_server(world.app, shutdown_s=1)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    yield Served(world, listener.getsockname()[1])
    server.should_exit = True
    await asyncio.wait_for(running, 10)
    await world.client.aclose()


def post(content: bytes, *extra: str, path: str = CALL) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: {BASIC}", *extra]
    return "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""]).encode() + content


def parts(answer: bytes) -> tuple[int, str, bytes]:
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower(), content


async def test_a_whole_round_over_one_connection(served: Served) -> None:
    await served.world.add_call()
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(base_url=served.url, auth=("t-one", "s-one"), limits=limits) as client:
        answered = await client.post(CALL, json={"state": "active"})
        assert (answered.status_code, answered.content) == (200, b"")
        assert answered.headers["content-length"] == "0" and "content-type" not in answered.headers
        moved = await client.post(CALL, json={"state": "transferring", "transferTo": "+19195550177"})
        assert moved.headers["location"].startswith(f"{served.url}/v1/users/{USER}/calls/c-")
        read = await client.get(CALL)
        assert read.json()["events"] == f"{served.url}{CALL}/events"
        assert (await client.get("/v1/nothing")).status_code == 404
        assert (await client.put(CALL, content=b"")).json()["code"] == "method-not-allowed"
    assert [command.state for command in served.world.calls.updated] == [
        CallState.ANSWERED,
        CallState.TRANSFERRING,
    ]


async def test_head_has_no_body_and_the_connection_lives_on(served: Served) -> None:
    await served.world.add_recording()
    served.world.add_media(f"{CALL_ID}-1.wav", b"x" * 5000)
    path = f"/v1/users/{USER}/media/{CALL_ID}-1.wav"
    head = f"HEAD {path} HTTP/1.1\r\nHost: h\r\nAuthorization: {BASIC}\r\n\r\n"
    last = f"GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: {BASIC}\r\nConnection: close\r\n\r\n"
    answer = await served.exchange((head + last).encode())
    first, _, rest = answer.partition(b"\r\n\r\n")
    assert b"content-length: 5000" in first
    assert rest.startswith(b"HTTP/1.1 200") and rest.endswith(b"x" * 5000)


async def test_large_media_to_a_slow_reader(served: Served) -> None:
    content = bytes(range(256)) * 20_000
    await served.world.add_recording()
    served.world.add_media(f"{CALL_ID}-1.wav", content)
    async with (
        httpx.AsyncClient(base_url=served.url, auth=("t-one", "s-one")) as client,
        client.stream("GET", f"/v1/users/{USER}/media/{CALL_ID}-1.wav") as response,
    ):
        received = bytearray()
        async for chunk in response.aiter_bytes(4096):
            received += chunk
    assert received == content


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"INVITE sip:bob@host SIP/2.0\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
)
async def test_what_is_not_http_gets_a_json_400(served: Served, garbage: bytes) -> None:
    """errors.md 1: every error response is JSON."""
    status, head, answer = parts(await served.exchange(garbage))
    assert status == 400
    assert "content-type: application/json" in head
    assert json.loads(answer)["category"] == "bad-request"


async def test_an_endless_head_is_cut_off(served: Served) -> None:
    flood = b"GET / HTTP/1.1\r\n" + b"X-A: " + b"a" * (MAX_HEAD_BYTES + 10)
    status, _, answer = parts(await served.exchange(flood))
    assert (status, json.loads(answer)["code"]) == (400, "validation-error")
    url = b"GET /" + b"a" * (MAX_HEAD_BYTES + 10)
    assert parts(await served.exchange(url))[0] == 400


async def test_a_dripping_head_is_cut_off(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.2)
    assert await served.exchange(b"") == b""  # connected and silent
    assert await served.exchange(b"GET / HT") == b""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b'"ok"}')
    writer.write(b"GET /healthz HT")  # the second request of a connection drips
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_connections_beyond_the_bound_are_closed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b'"ok"}')
    assert await refused_answer(served) == b""
    writer.close()


async def refused_answer(served: Served) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_a_large_body_is_refused_before_it_is_read(served: Served) -> None:
    await served.world.add_call()
    head = post(b"").replace(b"Content-Length: 0", f"Content-Length: {MAX_BODY_BYTES * 1000}".encode())
    status, text, answer = parts(await served.exchange(head))
    assert (status, json.loads(answer)["code"]) == (413, "request-too-large")
    assert "connection: close" in text


async def test_chunked_bodies(served: Served) -> None:
    await served.world.add_call()
    sent = b'{"state":"active"}'
    chunked = post(b"", "Transfer-Encoding: chunked", "Connection: close").replace(b"Content-Length: 0\r\n", b"")
    pieces = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in sent) + b"0\r\n\r\n"
    assert parts(await served.exchange(chunked + pieces))[0] == 200
    assert served.world.command.state is CallState.ANSWERED


async def test_a_client_that_leaves_in_the_middle_changes_nothing(served: Served) -> None:
    await served.world.add_call()
    head = post(b"").replace(b"Content-Length: 0", b"Content-Length: 18")
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(head + b'{"state":')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with httpx.AsyncClient(base_url=served.url, auth=("t-one", "s-one")) as client:
        assert (await client.get(CALL)).status_code == 200
    assert served.world.calls.updated == []


async def test_a_body_that_does_not_arrive_is_a_json_408(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BODY_TIMEOUT_S", 0.2)
    await served.world.add_call()
    head = post(b"").replace(b"Content-Length: 0", b"Content-Length: 18")
    status, text, answer = parts(await served.exchange(head + b'{"state":'))
    assert (status, json.loads(answer)["code"]) == (408, "request-timeout")
    assert "connection: close" in text
    assert served.world.calls.updated == []


async def test_listeners() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        with open_listener(host, 0) as listener:
            assert listener.getsockname()[1] > 0
            assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) > 0
            with pytest.raises(OSError, match="in use"):
                open_listener(host, listener.getsockname()[1])
