"""The guarded client against servers that answer well, badly, slowly or without end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import FetchFailed, FetchLimits, FetchTimeout, GuardedClient, UrlForbidden
from trebuchet.testing.raw_http import OK, Handler, RawRequest, RawServer, answer_ok, reset


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    made = GuardedClient(AddressPolicy(LOOPBACK))
    yield made
    await made.close()


def always(data: bytes, *, is_closing: bool = False) -> Handler:
    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        if is_closing:
            await writer.drain()
            writer.close()

    return answer


async def test_what_is_sent(client: GuardedClient) -> None:
    async with RawServer(answer_ok) as server:
        url = f"http://us%65r:p%40ss@127.0.0.1:{server.port}/a%20b?c=d#e"
        await client.request("POST", url, {"Content-Type": "text/x"}, b"body", 2.0, 100)
        await client.request("GET", f"http://127.0.0.1:{server.port}?a=b", {}, b"", 2.0, 100, query="c=d%20e")
        post, get = server.requests
    assert post.line == "POST /a%20b?c=d HTTP/1.1"
    assert post.headers == {
        "host": f"127.0.0.1:{server.port}",
        "authorization": "Basic dXNlcjpwQHNz",
        "content-type": "text/x",
        "content-length": "4",
    }
    assert post.body == b"body"
    assert get.line == "GET /?a=b&c=d%20e HTTP/1.1"
    assert set(get.headers) == {"host"}


@pytest.mark.parametrize(
    ("data", "is_closing", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", False, 200, b"hello"),
        (
            b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            False,
            404,
            b"hello",
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", True, 200, b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, 204, b""),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", False, 302, b""),
        (
            b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nhello",
            False,
            500,
            b"hello",
        ),
    ],
)
async def test_answers(client: GuardedClient, data: bytes, is_closing: bool, status: int, body: bytes) -> None:
    async with RawServer(always(data, is_closing=is_closing)) as server:
        answer = await client.request("POST", server.url, {}, b"x", 2.0, 100)
    assert (answer.status, answer.body, answer.is_truncated) == (status, body, False)


async def test_headers_of_an_answer(client: GuardedClient) -> None:
    data = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Type: Text/XML \r\nContent-Length: 0\r\n\r\n"
    async with RawServer(always(data)) as server:
        answer = await client.request("GET", server.url, {}, b"", 2.0, 100)
    assert answer.headers == {"x-a": "1, 2", "content-type": "Text/XML", "content-length": "0"}


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 999999 X\r\n\r\n",
        b"\x16\x03\x01\x00\x05",
        b"HTTP/1.1 101 Up\r\n\r\n",
    ],
)
async def test_what_is_not_http_fails(client: GuardedClient, data: bytes) -> None:
    async with RawServer(always(data, is_closing=True)) as server:
        with pytest.raises(FetchFailed):
            await client.request("POST", server.url, {}, b"x", 2.0, 100)


async def test_endless_headers_are_cut_off(client: GuardedClient) -> None:
    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X-Header: " + b"x" * 1000 + b"\r\n")
            await writer.drain()

    async with RawServer(answer) as server:
        with pytest.raises(FetchFailed):
            await client.request("POST", server.url, {}, b"x", 20.0, 100)


@pytest.mark.parametrize("piece", [b"x" * 4096, b"1\r\nx\r\n", b"1;" + b"e" * 4096 + b"\r\nx\r\n"])
async def test_an_endless_body_is_cut_off_and_the_status_counts(client: GuardedClient, piece: bytes) -> None:
    head = b"Transfer-Encoding: chunked\r\n" if piece.startswith(b"1") else b""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()

    async with RawServer(answer) as server:
        answer_ = await client.request("POST", server.url, {}, b"x", 20.0, 1000)
        assert answer_.status == 200
        assert answer_.is_truncated
        assert len(answer_.body) <= 1000


@pytest.mark.parametrize("ending", ["stalls", "breaks"])
async def test_a_body_that_does_not_come_leaves_the_status(client: GuardedClient, ending: str) -> None:
    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        if ending == "breaks":
            writer.close()
        await asyncio.Event().wait()

    async with RawServer(answer) as server:
        answer_ = await client.request("POST", server.url, {}, b"x", 0.2, 1000)
    assert (answer_.status, answer_.body, answer_.is_truncated) == (201, b"half", True)


async def test_the_time_covers_everything(client: GuardedClient) -> None:
    async def say_nothing(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    loop = asyncio.get_running_loop()
    async with RawServer(say_nothing) as server:
        started = loop.time()
        with pytest.raises(FetchTimeout):
            await client.request("POST", server.url, {}, b"x", 0.1, 100)
        assert 0.09 < loop.time() - started < 1.0


async def test_dripping_headers_do_not_stretch_the_time(client: GuardedClient) -> None:
    async def drip(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"H" if writer.transport.get_write_buffer_size() else b"")
            await asyncio.sleep(0.01)

    async with RawServer(drip) as server:
        with pytest.raises(FetchTimeout):
            await client.request("POST", server.url, {}, b"x", 0.15, 100)


async def test_resolving_is_part_of_the_time() -> None:
    class Silent:
        async def resolve(self, host: str) -> list[str]:
            await asyncio.Event().wait()
            raise AssertionError(host)

    client = GuardedClient(AddressPolicy(), resolver=Silent())
    with pytest.raises(FetchTimeout):
        await client.request("POST", "http://slow.example/", {}, b"", 0.05, 100)
    await client.close()


async def test_nobody_listens(client: GuardedClient) -> None:
    async with RawServer(answer_ok) as server:
        url = server.url
    with pytest.raises(FetchFailed):
        await client.request("POST", url, {}, b"x", 2.0, 100)


async def test_the_next_address_is_tried() -> None:
    class Two:
        async def resolve(self, host: str) -> list[str]:
            return ["::1", "127.0.0.1"]

    client = GuardedClient(AddressPolicy(LOOPBACK), resolver=Two())
    async with RawServer(answer_ok) as server:
        answer = await client.request("GET", f"http://two.example:{server.port}/", {}, b"", 2.0, 100)
        assert answer.status == 200
        await client.close()


async def test_reset_without_an_answer_is_a_failure(client: GuardedClient) -> None:
    async def break_it(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    async with RawServer(break_it) as server:
        with pytest.raises(FetchFailed):
            await client.request("POST", server.url, {}, b"x", 2.0, 100)
        assert len(server.requests) == 1, "a fresh connection that breaks is not tried again"


@pytest.mark.parametrize("is_repeatable", [True, False])
async def test_a_stale_connection_is_replaced_once(client: GuardedClient, is_repeatable: bool) -> None:
    async def once_per_connection(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        if sum(r.connection == request.connection for r in server.requests) > 1:
            reset(writer)
        else:
            writer.write(OK)

    async with RawServer(once_per_connection) as server:
        await client.request("POST", server.url, {}, b"1", 2.0, 100)
        again = client.request("POST", server.url, {}, b"2", 2.0, 100, is_repeatable=is_repeatable)
        if is_repeatable:
            assert (await again).status == 200
            assert server.connections == 2
        else:
            with pytest.raises(FetchFailed):
                await again
            assert server.connections == 1


async def test_a_connection_is_kept_and_not_shared(client: GuardedClient) -> None:
    async with RawServer(answer_ok) as server:
        for _ in range(5):
            await client.request("POST", server.url, {}, b"x", 2.0, 100)
        assert server.connections == 1
        await asyncio.gather(*(client.request("POST", server.url, {}, b"x", 2.0, 100) for _ in range(3)))
        assert server.connections == 3


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    ],
)
async def test_a_connection_that_cannot_be_trusted_is_not_used_again(client: GuardedClient, data: bytes) -> None:
    async with RawServer(always(data)) as server:
        for _ in range(2):
            assert (await client.request("POST", server.url, {}, b"x", 2.0, 100)).status == 200
        assert server.connections == 2


async def test_places_are_bounded_and_given_on() -> None:
    running = most = 0

    async def slow(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        writer.write(OK)

    client = GuardedClient(AddressPolicy(LOOPBACK), FetchLimits(max_connections_per_host=3, max_connections=4))
    async with RawServer(slow) as first, RawServer(slow) as second:
        urls = [first.url] * 10 + [second.url] * 10
        answers = await asyncio.gather(*(client.request("POST", url, {}, b"x", 5.0, 100) for url in urls))
        assert all(answer.status == 200 for answer in answers)
        assert most <= 4
        await client.close()


async def test_waiting_for_a_place_is_part_of_the_time() -> None:
    async def say_nothing(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    client = GuardedClient(AddressPolicy(LOOPBACK), FetchLimits(max_connections_per_host=1))
    async with RawServer(say_nothing) as server:
        first = asyncio.create_task(client.request("POST", server.url, {}, b"x", 5.0, 100))
        await asyncio.sleep(0)
        with pytest.raises(FetchTimeout):
            await client.request("POST", server.url, {}, b"x", 0.1, 100)
        await client.close()
        with pytest.raises(FetchFailed):
            await first


async def test_a_cancelled_request_gives_its_place_back() -> None:
    client = GuardedClient(AddressPolicy(LOOPBACK), FetchLimits(max_connections_per_host=1))
    arrived = asyncio.Event()

    async def first_is_slow(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        if request.body == b"slow":
            arrived.set()
            await asyncio.Event().wait()
        writer.write(OK)

    async with RawServer(first_is_slow) as server:
        task = asyncio.create_task(client.request("POST", server.url, {}, b"slow", 5.0, 100))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.request("POST", server.url, {}, b"fast", 2.0, 100)).status == 200
        await client.close()


async def test_idle_connections_are_dropped() -> None:
    client = GuardedClient(AddressPolicy(LOOPBACK), FetchLimits(max_idle_s=0.05))
    async with RawServer(answer_ok) as server:
        await client.request("POST", server.url, {}, b"x", 2.0, 100)
        async with asyncio.timeout(5):
            while client.connections:
                await asyncio.sleep(0.005)
        await client.request("POST", server.url, {}, b"x", 2.0, 100)
        assert server.connections == 2
        await client.close()


async def test_sent_is_told_once_and_before_the_answer(client: GuardedClient) -> None:
    said: list[str] = []

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        said.append("received")
        writer.write(OK)

    async with RawServer(answer) as server:
        await client.request("POST", server.url, {}, b"x", 2.0, 100, on_sent=lambda: said.append("sent"))
    assert said == ["sent", "received"]


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0b"])
async def test_a_header_cannot_break_the_framing(client: GuardedClient, value: str) -> None:
    async with RawServer(answer_ok) as server:
        with pytest.raises(UrlForbidden):
            await client.request("POST", server.url, {"X-Tag": value}, b"x", 2.0, 100)
        assert server.connections == 0


async def test_a_closed_client_sends_nothing(client: GuardedClient) -> None:
    await client.close()
    async with RawServer(answer_ok) as server:
        with pytest.raises(FetchFailed):
            await client.request("POST", server.url, {}, b"x", 2.0, 100)
        assert server.connections == 0
