"""One key, one INVITE: counted on the wire, under a thousand requests at once and under kill -9 at every place."""

import asyncio
import json
import random
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import aiohttp
import pytest

from support import dying_server
from support.crash import kill_and_start, restart_to_die, wait_dead
from support.scale import new_seed, scaled
from support.server import Answer, Server

NUMBER = "+15550120001"
LIMIT_S = 20.0


class Callee(asyncio.DatagramProtocol):
    """A SIP address that answers nothing and counts the calls that reach it (retransmissions are not calls)."""

    def __init__(self) -> None:
        self.calls: dict[str, set[str]] = {}
        """Call-IDs by the user that was called."""
        self.arrived = asyncio.Event()

    async def __aenter__(self) -> "Callee":
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def uri(self, user: str) -> str:
        return f"sip:{user}@127.0.0.1:{self.port}"

    def count(self, user: str) -> int:
        return len(self.calls.get(user, ()))

    async def wait_for(self, user: str) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not self.count(user):
                self.arrived.clear()
                await self.arrived.wait()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        first, *lines = data.decode().split("\r\n")
        if first.startswith("INVITE sip:"):
            user = first.removeprefix("INVITE sip:").partition("@")[0]
            (call_id,) = [line for line in lines if line.lower().startswith(("call-id:", "i:"))]
            self.calls.setdefault(user, set()).add(call_id)
            self.arrived.set()


async def post(server: Server, key: str, to: str) -> Answer:
    body = json.dumps({"from": NUMBER, "to": to, "callTimeout": 120})
    headers = ("-H", "Content-Type: application/json", "-H", f"Idempotency-Key: {key}")
    return await server.curl("-X", "POST", *headers, "-d", body, "/calls")


async def post_and_die(server: Server, key: str, to: str) -> None:
    """A request that the server does not survive."""
    with suppress(AssertionError):  # curl: the connection was closed
        await post(server, key, to)
    await wait_dead(server)


async def test_a_thousand_posts_with_one_key(tmp_path: Path) -> None:
    async with Callee() as callee, Server(tmp_path / "server") as server:
        await server.bind(NUMBER, {"incomingCallUrl": "http://127.0.0.1:9/"})
        auth = "Basic " + b64encode(server.credentials.encode()).decode()
        headers = {"Authorization": auth, "Idempotency-Key": "one"}
        body = {"from": NUMBER, "to": callee.uri("bob")}
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as session:

            async def send() -> tuple[int, str | None]:
                async with session.post(f"{server.user_url}/calls", json=body, headers=headers) as response:
                    return response.status, response.headers.get("location")

            answers = await asyncio.gather(*(send() for _ in range(1000)))
        places = {location for status, location in answers if status == 201}
        assert {status for status, _ in answers} <= {201, 409}
        assert len(places) == 1
        await callee.wait_for("bob")
        assert len(await server.get("/calls")) == 1
        assert callee.count("bob") == 1
        await kill_and_start(server)
        again = await post(server, "one", callee.uri("bob"))
        assert again.status == 422, "another body"
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{server.user_url}/calls", json=body, headers=headers) as response,
        ):
            assert (response.status, response.headers["idempotent-replayed"]) == (201, "true")
            assert {response.headers["location"]} == places
        assert callee.count("bob") == 1


@pytest.mark.parametrize(
    ("place", "dialled_by_the_retry"),
    [(dying_server.BEFORE_COMMIT, 1), (dying_server.AFTER_COMMIT, 0), (dying_server.AFTER_INVITE, 0)],
)
async def test_a_crash_on_the_way_to_the_invite(tmp_path: Path, place: str, dialled_by_the_retry: int) -> None:
    async with Callee() as callee, Server(tmp_path / "server") as server:
        await server.bind(NUMBER, {"incomingCallUrl": "http://127.0.0.1:9/"})
        await restart_to_die(server, place)
        await post_and_die(server, "k", callee.uri("bob"))
        before = callee.count("bob")
        assert before <= (1 if place == dying_server.AFTER_INVITE else 0)
        await server.start()
        first = await post(server, "k", callee.uri("bob"))
        second = await post(server, "k", callee.uri("bob"))
        assert (first.status, second.status) == (201, 201)
        assert first.headers["location"] == second.headers["location"]
        assert len(await server.get("/calls")) == 1
        other = await post(server, "other", callee.uri("carol"))  # what comes later has arrived: nothing is on its way
        assert other.status == 201
        await callee.wait_for("carol")
        assert callee.count("bob") - before == dialled_by_the_retry


async def test_kills_at_random_moments_of_a_request(tmp_path: Path) -> None:
    seed = new_seed()
    rand = random.Random(seed)
    async with Callee() as callee, Server(tmp_path / "server") as server:
        await server.bind(NUMBER, {"incomingCallUrl": "http://127.0.0.1:9/"})
        for number in range(scaled(3, 40)):
            user = f"bob{number}"
            posting = asyncio.ensure_future(post(server, user, callee.uri(user)))
            await asyncio.sleep(rand.uniform(0.0, 0.06))  # curl needs some 20 ms to start
            await kill_and_start(server)
            with suppress(AssertionError):  # curl: no connection, or it was closed
                await posting
            answer = await post(server, user, callee.uri(user))
            assert answer.status == 201, answer
        await post(server, "last", callee.uri("last"))
        await callee.wait_for("last")
        counts = {user: callee.count(user) for user in callee.calls}
        assert set(counts.values()) == {1}, f"{counts} (seed {seed})"
