"""One key, one upload and one token: under kill -9 at every place of the request and at random moments."""

import asyncio
import json
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from support import dying_server
from support.crash import kill_and_start, restart_to_die, wait_dead
from support.scale import new_seed, scaled
from support.server import USER, Answer, Server

OLD, NEW = b"old" * 1000, bytes(range(256)) * 8000
PLACES = (dying_server.BEFORE_CHANGE, dying_server.AFTER_CHANGE)


async def put(server: Server, key: str, content: Path) -> Answer:
    headers = ("-H", f"Idempotency-Key: {key}", "-H", "Content-Type: audio/wav", "-H", "Expect:")
    return await server.curl("-X", "PUT", *headers, "--data-binary", f"@{content}", "/media/x")


async def make_token(server: Server, endpoint: str, key: str) -> Answer:
    headers = ("-H", "Content-Type: application/json", "-H", f"Idempotency-Key: {key}")
    return await server.curl("-X", "POST", *headers, "-d", '{"expires": 60}', f"{endpoint}/tokens")


def write_files(folder: Path) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    old, new = folder / "old", folder / "new"
    old.write_bytes(OLD)
    new.write_bytes(NEW)
    return old, new


def uploads_of(server: Server) -> list[Path]:
    return list((server.folder / "data" / "media" / USER / ".uploads").iterdir())


async def content_of(server: Server) -> bytes:
    answer = await server.curl("/media/x")
    assert answer.status == 200, answer
    return answer.body


@pytest.mark.parametrize("place", [dying_server.BEFORE_PUBLISH, *PLACES])
async def test_a_crash_while_a_file_is_replaced(tmp_path: Path, place: str) -> None:
    old, new = write_files(tmp_path)
    async with Server(tmp_path / "server") as server:
        assert (await put(server, "first", old)).status == 200
        await restart_to_die(server, place)
        with suppress(AssertionError):  # curl: the connection was closed
            await put(server, "k", new)
        await wait_dead(server)
        await server.start()
        assert await content_of(server) == (NEW if place == dying_server.AFTER_CHANGE else OLD)
        other = await put(server, "k", old)
        assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")
        first, again = [await put(server, "k", new) for _ in range(2)]
        assert (first.status, first.body, again.status, again.body) == (200, b"", 200, b"")
        assert again.headers["idempotent-replayed"] == "true"
        assert ("idempotent-replayed" in first.headers) is (place == dying_server.AFTER_CHANGE)
        assert await content_of(server) == NEW
        assert [path.read_bytes() for path in uploads_of(server)] == [NEW]
        assert (await put(server, "first", old)).headers["idempotent-replayed"] == "true"
        assert await content_of(server) == NEW, "what an earlier key did is not done again"


async def test_kills_at_random_moments_of_an_upload(tmp_path: Path) -> None:
    seed = new_seed()
    rand = random.Random(seed)
    old, new = write_files(tmp_path)
    async with Server(tmp_path / "server") as server:
        for number in range(scaled(3, 40)):
            assert (await put(server, f"old-{number}", old)).status == 200
            putting = asyncio.ensure_future(put(server, f"new-{number}", new))
            await asyncio.sleep(rand.uniform(0.0, 0.08))  # curl needs some 20 ms to start
            await kill_and_start(server)
            with suppress(AssertionError):  # curl: no connection, or it was closed
                await putting
            assert await content_of(server) in (OLD, NEW), f"seed {seed}"
            answer = await put(server, f"new-{number}", new)
            assert answer.status == 200, f"{answer} (seed {seed})"
            assert await content_of(server) == NEW
            assert len(uploads_of(server)) == 1, f"seed {seed}"


async def an_endpoint(server: Server) -> str:
    """Its path below the account."""
    domain = await server.post("/domains", {"name": "office"})
    path = "/domains/" + domain.headers["location"].rpartition("/")[2] + "/endpoints"
    made = await server.post(path, {"name": "desk", "credentials": {"password": "sesame-street"}})
    assert made.status == 201, made
    return f"{path}/{made.headers['location'].rpartition('/')[2]}"


def files_with(folder: Path, text: str) -> Sequence[Path]:
    """Database, its journal, logs and all else the server writes."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.parametrize("place", PLACES)
async def test_a_crash_while_a_token_is_made(tmp_path: Path, place: str) -> None:
    async with Server(tmp_path / "server") as server:
        endpoint = await an_endpoint(server)
        await restart_to_die(server, place)
        with suppress(AssertionError):  # curl: the connection was closed
            await make_token(server, endpoint, "k")
        await wait_dead(server)
        await server.start()
        first, again = [await make_token(server, endpoint, "k") for _ in range(2)]
        await kill_and_start(server)
        later = await make_token(server, endpoint, "k")
        assert [answer.status for answer in (first, again, later)] == [201, 201, 201]
        assert first.json == again.json == later.json
        assert first.headers["location"] == later.headers["location"]
        assert later.headers["idempotent-replayed"] == "true"
        token = json.loads(first.body)["token"]
        assert not files_with(server.folder, token.removeprefix("et-"))
        gone = [await server.curl("-X", "DELETE", f"{endpoint}/tokens/{token}") for _ in range(2)]
        assert [answer.status for answer in gone] == [200, 404]
        assert not files_with(server.folder, token.removeprefix("et-"))
