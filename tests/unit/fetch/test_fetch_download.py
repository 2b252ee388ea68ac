"""Downloads: into a file, within bounds, every hop judged."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import Downloaded, FetchFailed, FetchTimeout, GuardedClient, TooLarge, UrlForbidden
from trebuchet.testing.raw_http import Handler, RawRequest, RawServer


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    made = GuardedClient(AddressPolicy(LOOPBACK))
    yield made
    await made.close()


def answer_file(body: bytes, content_type: str = "Audio/WAV; rate=8000") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 7\r\n\r\nignored".encode()


def by_path(answers: dict[str, bytes]) -> Handler:
    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        data = answers[request.line.split(" ")[1]]
        writer.write(data)
        if b"Content-Length" not in data and b"chunked" not in data:
            await writer.drain()
            writer.close()

    return answer


async def test_a_file_arrives(client: GuardedClient, tmp_path: Path) -> None:
    body = bytes(range(256)) * 4000
    async with RawServer(by_path({"/": answer_file(body)})) as server:
        done = await client.download(server.url, tmp_path / "f", max_bytes=len(body), timeout_s=5)
    assert done == Downloaded("audio/wav", len(body))
    assert (tmp_path / "f").read_bytes() == body


async def test_redirects_are_followed(client: GuardedClient, tmp_path: Path) -> None:
    answers = {
        "/": redirect("b?c=d", 301),
        "/b?c=d": redirect("/x/../y#z", 308),
        "/y": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    }
    async with RawServer(by_path(answers)) as server:
        done = await client.download(server.url, tmp_path / "f", max_bytes=3, timeout_s=5)
    assert done == Downloaded("", 3)
    assert (tmp_path / "f").read_bytes() == b"abc"


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/",
        "http://[fe80::1]/",
        "file:///etc/passwd",
        "http://0x7f.1/",
        "//169.254.169.254/latest",
        "http://127.0.0.1:22/",
    ],
)
async def test_every_hop_is_judged(client: GuardedClient, tmp_path: Path, location: str) -> None:
    async with RawServer(by_path({"/": redirect(location)})) as server:
        with pytest.raises(UrlForbidden):
            await client.download(server.url, tmp_path / "f", max_bytes=100, timeout_s=5)
    assert not (tmp_path / "f").exists()


async def test_a_circle_ends(client: GuardedClient, tmp_path: Path) -> None:
    async with RawServer(by_path({"/": redirect("/")})) as server:
        with pytest.raises(FetchFailed):
            await client.download(server.url, tmp_path / "f", max_bytes=100, timeout_s=5, max_redirects=3)
        assert len(server.requests) == 4


async def test_credentials_stay_with_their_url(client: GuardedClient, tmp_path: Path) -> None:
    async with RawServer(by_path({"/": answer_file(b"x")})) as second:
        async with RawServer(by_path({"/": redirect(second.url)})) as first:
            url = first.url.replace("http://", "http://user:secret@")
            await client.download(url, tmp_path / "f", max_bytes=100, timeout_s=5)
        assert "authorization" in first.requests[0].headers
        assert "authorization" not in second.requests[0].headers


@pytest.mark.parametrize(
    "data",
    [
        answer_file(b"x" * 101),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    ],
)
async def test_too_large(client: GuardedClient, tmp_path: Path, data: bytes) -> None:
    async with RawServer(by_path({"/": data})) as server:
        with pytest.raises(TooLarge):
            await client.download(server.url, tmp_path / "f", max_bytes=100, timeout_s=5)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("status", [400, 404, 500, 304])
async def test_only_success_is_a_file(client: GuardedClient, tmp_path: Path, status: int) -> None:
    data = f"HTTP/1.1 {status} X\r\nContent-Length: {0 if status == 304 else 3}\r\n\r\n".encode()
    async with RawServer(by_path({"/": data if status == 304 else data + b"abc"})) as server:
        with pytest.raises(FetchFailed) as caught:
            await client.download(server.url, tmp_path / "f", max_bytes=100, timeout_s=5)
    assert caught.value.status == status
    assert not (tmp_path / "f").exists()


async def test_half_a_file_is_no_file(client: GuardedClient, tmp_path: Path) -> None:
    async def half(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    async with RawServer(half) as server:
        with pytest.raises(FetchFailed):
            await client.download(server.url, tmp_path / "f", max_bytes=100, timeout_s=5)
    assert not (tmp_path / "f").exists()


async def test_a_slow_file_runs_out_of_time(client: GuardedClient, tmp_path: Path) -> None:
    async def drip(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.01)

    async with RawServer(drip) as server:
        with pytest.raises(FetchTimeout):
            await client.download(server.url, tmp_path / "f", max_bytes=10_000, timeout_s=0.2)
    assert not (tmp_path / "f").exists()


async def test_a_disk_that_fails_is_a_failure(client: GuardedClient, tmp_path: Path) -> None:
    async with RawServer(by_path({"/": answer_file(b"x")})) as server:
        with pytest.raises(FetchFailed):
            await client.download(server.url, tmp_path / "missing" / "f", max_bytes=100, timeout_s=5)
        full = tmp_path / "full"
        full.symlink_to("/dev/full")
        with pytest.raises(FetchFailed):
            await client.download(server.url, full, max_bytes=100, timeout_s=5)
