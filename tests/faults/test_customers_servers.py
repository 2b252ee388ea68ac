"""Web servers of customers that are down, slow, that reset, redirect, babble, and never end: each costs its own
deliveries; and files that are bombs cost nothing but an error."""

import asyncio
import contextlib
import gzip
import io
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from aiohttp import web

from support.caller import Caller, calling
from support.load import all_memory_kb
from support.scale import scaled
from trebuchet.media.wav import header
from trebuchet.sim.app import App, Received

DOWN_S = scaled(2.0, 60.0)
PROMPT_S = 9.0
"""Within this everything of the good customer has arrived: the bad ones are waited for longer."""
MANNERS = ("slow", "reset", "redirect", "garbage", "endless", "mute")
SETTINGS = "[webhooks]\nretry_first_s = 0.2\nretry_longest_s = 1\n[prompts]\ndownload_limit_s = 2\n"
LARGEST_BYTES = 500_000
"""The largest file that is fetched; one by a header longer is not."""
BOMB_KB = 60_000
"""What the bombs would take unpacked, at the least."""


@asynccontextmanager
async def bad_server(manner: str) -> AsyncIterator[str]:
    """The URL of a server that behaves so."""

    tasks: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await misbehave(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            match manner:
                case "slow":
                    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
                        writer.write(bytes([byte]))
                        await asyncio.sleep(1)
                case "reset":
                    writer.transport.abort()
                case "redirect":
                    writer.write(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
                case "garbage":
                    writer.write(b"\x16\x03\x01\x00 this is not HTTP\r\n\r\n" * 100)
                case "endless":
                    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    while True:
                        writer.write(bytes(65_536))
                        await writer.drain()
                case "mute":
                    await reader.read()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
    finally:
        server.close()
        for task in filter(None, tasks):
            task.cancel()
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)


@pytest.mark.parametrize("bad", MANNERS)
async def test_a_bad_customer_delays_no_other(tmp_path: Path, bad: str) -> None:
    async with calling(tmp_path, settings=SETTINGS) as stage, bad_server(bad) as url:
        memory = all_memory_kb(stage.server)
        number = await stage.number(autoAnswer=True, incomingCallUrl=url)
        calls = [await stage.caller.call(number) for _ in range(5)]
        for call in calls:
            await call.wait_answered()
            call.hang_up()
        began = time.monotonic()
        good, good_id = await stage.answered()
        good.hang_up()
        await stage.web.wait_for("hangup", callId=good_id)
        assert time.monotonic() - began < PROMPT_S
        assert stage.web.kinds(good_id) == ["incomingcall", "answer", "hangup"]
        assert (await stage.server.curl(f"{stage.server.http}/readyz")).status == 200
        assert all_memory_kb(stage.server) - memory < BOMB_KB
        await stage.server.kill()  # an orderly stop would wait for the bad ones


@pytest.mark.timeout(scaled(60, 200))
async def test_an_endpoint_that_is_down_for_a_while_hears_what_matters(tmp_path: Path) -> None:
    with socket.socket() as place:  # bound, so that nobody else takes it, and not listened on
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        await down_then_up(tmp_path, place.getsockname()[1])


async def down_then_up(folder: Path, port: int) -> None:
    async with calling(folder, settings=SETTINGS) as stage:
        number = await stage.number(autoAnswer=True, incomingCallUrl=f"http://127.0.0.1:{port}/calls")
        call = await stage.caller.call(number)
        await call.wait_answered()
        call.hang_up()
        await call.wait_ended()
        began = time.monotonic()
        while time.monotonic() - began < DOWN_S:
            good, good_id = await stage.answered()
            good.hang_up()
            await stage.web.wait_for("hangup", callId=good_id)
        async with await App.open(port=port) as late:
            hangup = await late.wait_for("hangup", timeout_s=40)
            assert hangup.data["to"] == number
            assert len(late.find("hangup")) == 1


async def whisper(stage: Caller, call_id: str, url: str) -> int:
    body = {"state": "transferring", "transferTo": stage.caller.uri, "whisperAudio": {"fileUrl": url}}
    return (await stage.server.post(f"/calls/{call_id}", body)).status


async def _stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def other_sound() -> bytes:
    """Sound that a decoder could read, in a format that is not among ours."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8000, np.int16), 8000, format="AIFF")
    return file.getvalue()


async def test_files_that_are_bombs_cost_an_error(tmp_path: Path) -> None:
    async def zipped(_: Received) -> web.StreamResponse:
        body = gzip.compress(header(1, BOMB_KB * 1024) + bytes(BOMB_KB * 1024))
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    async def drip(received: Received) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async def unannounced(_: Received) -> web.StreamResponse:
        chunks = (bytes(1000) for _ in range(LARGEST_BYTES // 1000))
        return web.Response(body=_stream(header(1, LARGEST_BYTES), *chunks))

    settings = f"{SETTINGS}max_download_bytes = {LARGEST_BYTES}\n"
    async with calling(tmp_path, settings=settings) as stage, bad_server("endless") as endless:
        stage.web.reactions |= {"/zipped.wav": zipped, "/drip.wav": drip, "/unannounced.wav": unannounced}
        call, call_id = await stage.answered()
        memory = all_memory_kb(stage.server)
        for url, status in (
            (stage.web.url_of("/zipped.wav"), 403),
            (stage.web.url_of("/drip.wav"), 503),
            (endless, 503),
            (stage.web.serve("text.wav", b"not a sound" * 1000), 403),
            (stage.web.serve("other.wav", other_sound()), 403),
            (stage.web.serve("larger.wav", header(1, LARGEST_BYTES) + bytes(LARGEST_BYTES)), 503),
            (stage.web.url_of("/unannounced.wav"), 503),
        ):
            hearing = asyncio.ensure_future(call.hear(0.5))
            assert await whisper(stage, call_id, url) == status, url
            await hearing
        assert all_memory_kb(stage.server) - memory < BOMB_KB
        assert (await stage.server.call(call_id))["state"] == "active"
        assert not [each for each in stage.caller.calls if each.is_incoming], "nobody was dialled"
