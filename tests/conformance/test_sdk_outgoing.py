"""bandwidth-sdk 3.1.0, node-bandwidth 3.0.3 and 4.0.0, unmodified: outgoing calls, their events and lists."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from support.node_client import VERSIONS, NodeClient
from support.ports import free_port
from support.python_client import PythonClient
from support.stage import Stage
from trebuchet.sim.app import Received

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOB_HZ, SILENT_HZ = 1100.0, 0.0
TEXT_LIMIT_S = 90.0


@pytest.fixture(scope="module")
def voice(stage: Stage) -> PythonClient:
    return PythonClient("voice", stage.server.http)


async def test_events_as_get_requests(stage: Stage, voice: PythonClient) -> None:
    number = await stage.number()
    async with stage.phone("bob", BOB_HZ) as bob:
        call_id = await voice.create_call(
            number, bob.uri, callback_url=stage.web.url_of("/told?shop=7"), callback_http_method="GET", tag="a b&c=é"
        )
        await bob.accept()
        answer = await stage.web.wait_for_request("answer", callId=call_id)
        await bob.hang_up()
        hangup = await stage.web.wait_for_request("hangup", callId=call_id)
    for request in (answer, hangup):
        assert (request.method, request.path, request.body) == ("GET", "/told", b"")
        wanted = {"shop": "7", "tag": "a b&c=é", "from": number, "to": bob.uri, "callId": call_id}
        assert wanted.items() <= request.data.items()
    assert hangup.data["cause"] == "NORMAL_CLEARING"


async def test_a_call_whose_recording_becomes_text(stage: Stage, voice: PythonClient) -> None:
    async with stage.phone("bob", SILENT_HZ) as bob:
        call_id = await voice.create_call(
            await stage.number(), bob.uri, callback_url=stage.web.url, recording_enabled=True,
            transcription_enabled=True, tag="text",
        )  # fmt: skip
        await bob.accept()
        await stage.web.wait_for("answer", callId=call_id)
        await voice.play_audio_to_call(call_id, sentence="Please call me back.")
        await stage.web.wait_for("speak", callId=call_id, status="done")
        await voice.hangup_call(call_id)
        recording = await stage.recording(call_id)
    assert (await voice.get_call(call_id))["transcription_enabled"] is True
    (begun,) = await voice.list_call_transcriptions(call_id)
    async with asyncio.timeout(TEXT_LIMIT_S):
        while (done := await voice.get_transcription(recording["id"], begun["id"]))["state"] == "transcribing":
            await asyncio.sleep(0.2)
    assert done["state"] == "completed" and "call" in done["text"].split()
    event = await stage.web.wait_for("transcription", transcriptionId=done["id"])
    assert (event["tag"], event["recordingId"], event["text"]) == ("text", recording["id"], done["text"])


async def refuse(_: Received) -> web.StreamResponse:
    return web.Response(status=503)


async def check_the_fallback(stage: Stage, *, is_up: bool, create: Callable[..., Awaitable[str]]) -> None:
    """Each event goes to the first URL, which refuses it or is not there, and then to the second."""
    stage.web.reactions["/refuses"] = refuse
    first = stage.web.url_of("/refuses") if is_up else f"http://127.0.0.1:{free_port()}/"
    paths = ["/refuses", "/fallback"] if is_up else ["/fallback"]
    async with stage.phone("bob", BOB_HZ) as bob:
        call_id = await create(await stage.number(), bob.uri, first, stage.web.url_of("/fallback"))
        await bob.accept()
        await stage.web.wait_for("answer", number=len(paths), callId=call_id)
        await bob.hang_up()
        await stage.web.wait_for("hangup", number=len(paths), callId=call_id)
    for kind in ("answer", "hangup"):
        requests = stage.web.requests(eventType=kind, callId=call_id)
        assert [request.path for request in requests] == paths
        assert len({request.body for request in requests}) == 1, "the same event"


@pytest.mark.parametrize("is_up", [True, False], ids=["refuses", "is-down"])
async def test_the_fallback_url(stage: Stage, voice: PythonClient, is_up: bool) -> None:
    async def create(number: str, to: str, first: str, second: str) -> str:
        return str(await voice.create_call(number, to, callback_url=first, fallback_url=second))

    await check_the_fallback(stage, is_up=is_up, create=create)


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_fallback_url_by_node(stage: Stage, version: str) -> None:
    async with NodeClient(stage.server.http, version) as sdk:

        async def create(number: str, to: str, first: str, second: str) -> str:
            wanted = {"from": number, "to": to, "callbackUrl": first, "fallbackUrl": second}
            return str((await sdk("Call.create", wanted))["id"])

        await check_the_fallback(stage, is_up=True, create=create)


def ids(calls: list[dict[str, Any]]) -> list[str]:
    return [call["id"] for call in calls]


def nobody() -> str:
    return f"sip:nobody@127.0.0.1:{free_port()}"


async def test_pages_and_callees_in_lists(stage: Stage, voice: PythonClient) -> None:
    number, to = await stage.number(), nobody()
    made = [await voice.create_call(number, to, call_timeout=1) for _ in range(3)]
    newest = made[::-1]
    assert ids(await voice.list_calls(to=to)) == newest
    assert ids(await voice.list_calls(to=to, from_=number, size=1)) == newest, "page after page"
    assert ids(await voice.list_calls(to=to, size=1, page=1)) == newest[1:], "that page and those that follow"
    assert ids(await voice.list_calls(to=to, size=2, page=1, sort_order="asc")) == made[2:]
    assert await voice.list_calls(to=to, size=2, page=2) == []
    assert await voice.list_calls(to=number) == await voice.list_calls(to=nobody()) == []
    for call_id in made:
        await stage.server.wait_for_state(call_id, "completed")


@pytest.mark.parametrize("version", VERSIONS)
async def test_pages_and_callees_in_lists_by_node(stage: Stage, version: str) -> None:
    number, to = await stage.number(), nobody()
    async with NodeClient(stage.server.http, version) as sdk:
        wanted = {"from": number, "to": to, "callTimeout": 1}
        made = [(await sdk("Call.create", wanted))["id"] for _ in range(3)]
        newest = made[::-1]
        assert ids(await sdk("Call.list", {"to": to})) == newest
        assert ids(await sdk("Call.list", {"to": to, "page": 0, "size": 2})) == newest[:2]
        assert ids(await sdk("Call.list", {"to": to, "page": 1, "size": 2})) == newest[2:]
        assert ids(await sdk("Call.list", {"from": number, "page": 1, "size": 1, "sortOrder": "asc"})) == made[1:2]
        assert await sdk("Call.list", {"to": to, "page": 2, "size": 2}) == await sdk("Call.list", {"to": number}) == []
    for call_id in made:
        await stage.server.wait_for_state(call_id, "completed")
