"""Customers' URLs that lead into this machine, in many spellings and every field that takes one: no packet reaches a
canary there. A name that changes its mind between the look and the connection leads where it was looked at."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from support.faults import sabotage
from support.ports import port_range
from support.server import Server
from trebuchet.sim.app import App, Received
from trebuchet.sim.phone import Manner, Phone

LIMIT_S = 60.0
NUMBER = "+15550120001"
AT_ONCE = 8
APPLICATIONS = 4
"""Every so many URLs are tried for an application too: it is the same client that follows them."""
HOME = ("127.0.0.1", "127.8.8.8", "127.255.255.254", "::1")
"""Where canaries sit, all on one port; `0.0.0.0` and `::` lead to the first and the last."""
ALLOWED = "127.0.0.2"
"""An address that the operator names in the second test, and beside which nothing is allowed."""
NAMES = {
    "inside.test": ["127.0.0.1"],
    "inside6.test": ["::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "first.test": ["127.0.0.1", "192.0.2.1"],
    "second.test": ["192.0.2.1", "127.0.0.1"],
    "any.test": ["0.0.0.0"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "far.test": ["127.255.255.254", "::1"],
    "mixed.test": ["127.0.0.1", ALLOWED],
    # A second look-up, by whoever does not ask through here, gives what the machine thinks of it: 127.0.0.1.
    "localhost": [ALLOWED],
}
LOOK_UP = f"""
import socket
look_up = socket.getaddrinfo

def answer(host, port, *args, **kwargs):
    found = {NAMES!r}.get(host)
    if found is None:
        return look_up(host, port, *args, **kwargs)
    return [row for each in found for row in look_up(each, port, *args, **kwargs)]

socket.getaddrinfo = answer
"""
"""The server's name server."""

HOSTS = [
    *HOME[:3], "127.0.0.1.", "127.1", "127.0.1", "127.8.8.8.", "0x7f.1", "0x7f000001", "0X7F000001", "0x7f.0x0.0x0.0x1",
    "2130706433", "017700000001", "0177.0.0.1", "0177.0.0.01", "127.0.0.01", "127.000.000.001", "00127.0.0.1", "0",
    "0.0.0.0", "0x0", "00000", "4294967295", "2139096072", "127.524296",
    "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "%31%32%37.0.0.1", "127.0.0.1%00.example",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::0001]", "[::]", "[::127.0.0.1]",
    "[::ffff:127.0.0.1]", "[::FFFF:7F00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::ffff:0:127.0.0.1]", "[::1%25lo]",
    "[::ffff:127.8.8.8]", "[::ffff:0.0.0.0]", "[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]",
    "[2001:0:7f00:1::]", "[2a00:1450::5efe:127.0.0.1]",
    "localhost", "LOCALHOST", "localhost.", "ｌocalhost", "me:secret@127.0.0.1", "public.example@127.0.0.1",
    "127.0.0.1@127.0.0.1", "public.example%40127.0.0.1", "public.example#@127.0.0.1", "public.example\\@127.0.0.1",
    *(name for name in NAMES if name != "localhost"), "INSIDE.test.", "me@far.test",
]  # fmt: skip


@asynccontextmanager
async def canaries() -> AsyncIterator[tuple[int, list[str]]]:
    """Their port, and whom somebody connected to."""
    visited: list[str] = []

    def notice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visited.append(str(writer.get_extra_info("sockname")[0]))
        writer.close()

    async with AsyncExitStack() as stack:
        port = 0
        for host in HOME:
            server = await asyncio.start_server(notice, host, port)
            await stack.enter_async_context(server)
            port = server.sockets[0].getsockname()[1]
        yield port, visited


def serve(folder: Path, networks: list[str]) -> Server:
    """A server whose customers' URLs may lead to the public and to these networks."""
    folder.mkdir(exist_ok=True)
    settings = folder / "trebuchet.toml"
    settings.write_text(f"[fetch]\nallowed_networks = {networks}\n".replace("'", '"'))
    environment = sabotage(folder / "code", LOOK_UP)
    return Server(folder / "server", ("--config", str(settings)), environment, rtp_ports=port_range(1000))


async def deliveries(server: Server, call_id: str) -> list[dict[str, Any]]:
    """What became of a call's webhooks, once the first round of each is over."""
    while True:
        found: list[dict[str, Any]] = await server.get(f"/calls/{call_id}/deliveries")
        if found and all(each["state"] != "queued" for each in found):
            return found
        await asyncio.sleep(0.05)


async def called(server: Server, phone: Phone, body: dict[str, Any]) -> str | None:
    """The id of a call that the phone refuses; `None` when the server took none."""
    answer = await server.post("/calls", {"to": phone.uri} | body)
    assert answer.status in (201, 400), (body, answer)
    return answer.headers["location"].rsplit("/", 1)[1] if answer.status == 201 else None


async def test_no_form_of_a_url_leads_into_the_machine(tmp_path: Path) -> None:
    assert len(set(HOSTS)) == len(HOSTS) >= 60
    async with canaries() as (port, visited), serve(tmp_path, []) as server, await Phone.open("bob") as bob:
        await server.bind(NUMBER, {"incomingCallUrl": "http://192.0.2.1/", "autoAnswer": True})
        up = await called(server, bob, {"from": NUMBER})
        assert up is not None
        await server.wait_for_state(up, "active")
        bob.manner = Manner.REJECT
        urls = [f"http://{host}:{port}/events" for host in HOSTS] + [f"https://{host}:{port}/" for host in HOSTS[:3]]
        inside = f"http://127.0.0.1:{port}/"

        async def try_everywhere(url: str) -> bool:
            async with slots:
                call_id = await called(server, bob, {"from": NUMBER, "callbackUrl": url, "fallbackUrl": url})
                if call_id is None:
                    call_id = await called(server, bob, {"from": NUMBER, "callbackUrl": inside, "fallbackUrl": url})
                audio = await server.post(f"/calls/{up}/audio", {"fileUrl": url})
                assert audio.status in (400, 403, 503), (url, audio)
                moved = {"state": "transferring", "transferTo": bob.uri, "whisperAudio": {"fileUrl": url}}
                whisper = await server.post(f"/calls/{up}", moved)
                assert whisper.status in (400, 403, 503), (url, whisper)
                return await is_in_vain(server, call_id)

        slots = asyncio.Semaphore(AT_ONCE)
        taken = sum(await asyncio.gather(*map(try_everywhere, urls)))
        assert taken > len(urls) // 4, "many are taken, since only the look-up tells"
        arrived = [await arrive(server, bob, url) for url in urls[::APPLICATIONS]]
        assert any(arrived)
        for call in await server.get("/calls?size=1000"):
            if call["direction"] == "in":
                await is_in_vain(server, call["id"])
        assert visited == [], "somebody was led into the machine"


async def is_in_vain(server: Server, call_id: str | None) -> bool:
    """Whether there was a call; none of its webhooks may have arrived anywhere."""
    if call_id is None:
        return False
    async with asyncio.timeout(LIMIT_S):
        for delivery in await deliveries(server, call_id):
            assert delivery["state"] != "delivered"
            assert {attempt["result"] for attempt in delivery["attempts"]} <= {"broken"}, delivery
    return True


async def arrive(server: Server, bob: Phone, url: str) -> bool:
    """Whether the URL was taken for an application, which then has a call."""
    application = await server.post("/applications", {"name": "a", "incomingCallUrl": url, "autoAnswer": True})
    if application.status != 201:
        return False
    bound = {"applicationId": application.headers["location"].rsplit("/", 1)[1]}
    assert (await server.post(f"/phoneNumbers/{NUMBER}", bound)).status == 200
    call = await bob.call(server.sip_uri(NUMBER))
    await call.wait_answered()
    call.hang_up()
    await call.wait_ended()
    return True


async def test_a_name_that_changes_its_mind_leads_where_it_was_looked_at(tmp_path: Path) -> None:
    """The name stands for an allowed address when it is judged, and for the canary's to everybody who asks again."""
    async with AsyncExitStack() as stack:
        port, visited = await stack.enter_async_context(canaries())
        app = await stack.enter_async_context(await App.open(ALLOWED, port))
        server = await stack.enter_async_context(serve(tmp_path, [f"{ALLOWED}/32"]))
        bob = await stack.enter_async_context(await Phone.open("bob"))
        assert socket.gethostbyname("localhost") == "127.0.0.1"
        url = f"http://localhost:{port}/events"
        await server.bind(NUMBER, {"incomingCallUrl": url})
        call_id = await called(server, bob, {"from": NUMBER, "callbackUrl": url})
        assert call_id is not None
        await app.wait_for("answer", callId=call_id)
        mixed = {"from": NUMBER, "callbackUrl": f"http://mixed.test:{port}/"}
        assert await is_in_vain(server, await called(server, bob, mixed)), "one bad address condemns the name"

        async def lead_inside(_: Received) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{port}/inside.wav"})

        app.on("", lead_inside)
        audio = await server.post(f"/calls/{call_id}/audio", {"fileUrl": url})
        assert audio.status in (403, 503), audio
        assert app.find(""), "the file was asked for, and the redirect not followed"
        await server.post(f"/calls/{call_id}", {"state": "completed"})
        await app.wait_for("hangup", callId=call_id)
        assert visited == []
