"""Calls driven with the typed client and with the command line alone, against a running server and foreign phones."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from support.hearing import phases
from support.server import SECRET, TOKEN, USER, Server
from support.stage import Stage
from trebuchet.client import AsyncClient, Client, Conflict, Forbidden, LiveEvent, NotFound, Unauthorized

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT_S = 30.0
ALICE_HZ, BOB_HZ = 700.0, 1100.0


@pytest_asyncio.fixture(loop_scope="module")
async def client(stage: Stage) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(stage.server.http, USER, TOKEN, SECRET) as client:
        yield client


async def until_state(client: AsyncClient, call_id: str, state: str) -> None:
    async with asyncio.timeout(LIMIT_S):
        while (await client.calls.get(call_id)).state != state:
            await asyncio.sleep(0.05)


async def command(server: Server, *arguments: str) -> str:
    """What the command line prints."""
    program = Path(sys.executable).with_name("trebuchet")
    access = {"TREB_URL": server.http, "TREB_USER": USER, "TREB_TOKEN": TOKEN, "TREB_SECRET": SECRET}
    process = await asyncio.create_subprocess_exec(
        str(program), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL, env=os.environ | access,
    )  # fmt: skip
    async with asyncio.timeout(LIMIT_S):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def test_a_call_with_the_client(stage: Stage, client: AsyncClient) -> None:
    number = await stage.number()
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        call_id = await stage.call_from(alice, number)
        await client.calls.answer(call_id)
        await alice.wait_for("CALL_ESTABLISHED")
        await client.calls.record(call_id)
        with pytest.raises(Conflict) as twice:
            await client.calls.record(call_id)
        assert twice.value.code == "conflicted-recording-values-request"
        new_id = await client.calls.transfer(call_id, to=bob.uri, idempotency_key="transfer-1")
        assert await client.calls.transfer(call_id, to=bob.uri, idempotency_key="transfer-1") == new_id
        await bob.accept()
        await until_state(client, call_id, "active")
        await asyncio.gather(alice.listen(1.5), bob.listen(1.5))
        assert "bob" in [phase.name for phase in phases(alice.heard(), alice=ALICE_HZ, bob=BOB_HZ)]
        assert "alice" in [phase.name for phase in phases(bob.heard(), alice=ALICE_HZ, bob=BOB_HZ)]
        await client.calls.record(call_id, False)
        await client.calls.hangup(call_id)
        await until_state(client, new_id, "completed")
    call = await client.calls.get(call_id)
    assert (call.state, call.direction, call.to) == ("completed", "in", number)
    assert call.active_time is not None and call.end_time is not None and call.end_time >= call.active_time
    assert "hangup" in [event.name async for event in client.calls.events(call_id)]
    assert {new_id, call_id} <= {call.id async for call in client.calls.list(size=1)}
    with pytest.raises(Forbidden) as late:
        await client.calls.hangup(call_id)
    assert late.value.code == "call-invalid-state"
    await stage.web.wait_for("recording", callId=call_id)
    (recording,) = [recording async for recording in client.calls.recordings(call_id)]
    audio = await client.media.download(recording.media_name)
    assert audio[:4] == b"RIFF" and await client.media.size(recording.media_name) == len(audio)


async def test_the_blocking_client_says_the_same(stage: Stage) -> None:
    def ask() -> list[Any]:
        with Client(stage.server.http, USER, TOKEN, SECRET) as client:
            with pytest.raises(NotFound):
                client.calls.get("c-nope")
            return [client.account.get().account_type, *client.phone_numbers.list(size=1)]

    kind, *numbers = await asyncio.to_thread(ask)
    assert kind == "pre-pay" and numbers == list(dict.fromkeys(numbers))
    async with AsyncClient(stage.server.http, USER, TOKEN, "s-wrong") as stranger:
        with pytest.raises(Unauthorized):
            await stranger.account.get()


async def test_events_live(stage: Stage, client: AsyncClient) -> None:
    """Everything of two calls, in order, once, with a look at the log between."""
    number, other_number = await stage.number(), await stage.number()
    async with stage.phone("alice", ALICE_HZ) as alice:
        first = await stage.call_from(alice, number)
        following = client.events.stream()
        heard = asyncio.create_task(anext(following))
        answered = asyncio.create_task(_answer_when_followed(stage, first, heard))
        async with asyncio.timeout(LIMIT_S):
            events = [await heard]
            await answered
            await client.calls.hangup(first)
            while events[-1].name != "hangup":
                events.append(await anext(following))
        assert [event.name for event in events if event.call_id == first][-1] == "hangup"
        await following.aclose()  # type: ignore[attr-defined]  # it is a generator
        missed = await stage.call_from(alice, other_number)
        await client.calls.reject(missed)
        later: list[LiveEvent] = []
        async with asyncio.timeout(LIMIT_S):
            async for event in client.events.stream(after=events[-1].position):
                later.append(event)
                if event.name == "hangup" and event.call_id == missed:
                    break
    places = [event.position for event in (*events, *later)]
    assert places == sorted(set(places))
    logged = [event.id async for event in client.calls.events(missed)]
    assert [event.id for event in later if event.call_id == missed] == logged
    rejected = later[-1]
    assert rejected.data == "CALL_REJECTED" and rejected.event is not None
    assert rejected.event["cause"] == "CALL_REJECTED"


async def _answer_when_followed(stage: Stage, call_id: str, heard: "asyncio.Task[LiveEvent]") -> None:
    """Change something until the first event is heard: from then on the stream is there."""
    await stage.answer(call_id)
    while not heard.done():
        await stage.update(call_id, recordingEnabled=True)
        await stage.update(call_id, recordingEnabled=False)
        await asyncio.wait([heard], timeout=0.2)


async def test_a_stopped_server_ends_its_streams(tmp_path: Path) -> None:
    async with Server(tmp_path) as server, AsyncClient(server.http, USER, TOKEN, SECRET) as client:
        await server.bind("+15550123", {"incomingCallUrl": "http://127.0.0.1:9/"})
        following = client.events.stream(after=0)
        await client.calls.create("+15550123", "sip:nobody@127.0.0.1:9")
        async with asyncio.timeout(LIMIT_S):
            assert (await anext(following)).name == "create"
            await server.stop()
        await following.aclose()  # type: ignore[attr-defined]  # it is a generator
        assert "Traceback" not in server.log_path.read_text()


async def test_a_call_from_the_command_line(stage: Stage, client: AsyncClient) -> None:
    server, number = stage.server, await stage.number()
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        incoming = await stage.call_from(alice, number)
        assert incoming in await command(server, "call", "list")
        assert await command(server, "call", "answer", incoming) == f"{incoming} active\n"
        await alice.wait_for("CALL_ESTABLISHED")
        assert await command(server, "call", "record", incoming) == f"{incoming} recording\n"
        new_id = (await command(server, "call", "transfer", incoming, "--to", bob.uri, "--tag", "from here")).strip()
        await bob.accept()
        await until_state(client, incoming, "active")
        shown = json.loads(await command(server, "call", "get", new_id, "--json"))
        assert (shown["id"], shown["tag"], shown["state"]) == (new_id, "from here", "active")
        assert await command(server, "call", "record", incoming, "--off") == f"{incoming} not recording\n"
        assert await command(server, "call", "hangup", incoming) == f"{incoming} completed\n"
    lines = (await command(server, "tail", "--after", "0", "--call", incoming, "--limit", "3")).splitlines()
    assert [line.split()[1:3] for line in lines] == [
        [incoming, name] for name in [event.name async for event in client.calls.events(incoming)][:3]
    ]


async def test_audio_and_digits_from_the_command_line(stage: Stage, client: AsyncClient) -> None:
    server, number = stage.server, await stage.number()
    async with stage.phone("alice", ALICE_HZ) as alice:
        created = await command(server, "call", "create", "--from", number, "--to", alice.uri, "--tag", "t")
        call_id = created.strip()
        await alice.accept()
        await until_state(client, call_id, "active")
        await command(server, "call", "say", call_id, "Good morning", "--tag", "greeting", "--loop")
        await command(server, "call", "say", call_id, "--stop")
        await command(server, "call", "dtmf", call_id, "12#")
        gathering = asyncio.create_task(
            command(server, "call", "gather", call_id, "--max-digits", "2", "--timeout", "20", "--wait")
        )
        while not gathering.done():  # the command may need a while until it gathers
            await alice.press("7")
            await asyncio.wait([gathering], timeout=0.5)
        assert await gathering == "77 (max-digits)\n"
        assert await command(server, "call", "hangup", call_id) == f"{call_id} completed\n"
    names = [event.name async for event in client.calls.events(call_id)]
    assert {"speak", "gather"} <= set(names)
