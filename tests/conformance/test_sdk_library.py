"""bandwidth-sdk 3.1.0 and node-bandwidth 3.0.3, unmodified: media, transcriptions, numbers, names, transactions."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import bandwidth
import pytest
import pytest_asyncio
from bandwidth.account import BandwidthAccountAPIException

from support.node_client import NodeClient, SdkError
from support.server import SECRET, TOKEN, USER
from support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

SILENT_HZ = 0.0
TEXT_LIMIT_S = 90.0


class Client:
    """`await client.list_media_files()` for the blocking method; lists are read to their end."""

    def __init__(self, kind: str, base_url: str) -> None:
        self._client = bandwidth.client(kind, USER, TOKEN, SECRET, api_endpoint=base_url, api_version="v1")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            result = method(*arguments, **options)
            return list(result) if hasattr(result, "__next__") else result

        async def run(*arguments: Any, **options: Any) -> Any:
            return await asyncio.to_thread(call, *arguments, **options)

        return run


@pytest.fixture(scope="module")
def account(stage: Stage) -> Client:
    return Client("account", stage.server.http)


@pytest.fixture(scope="module")
def voice(stage: Stage) -> Client:
    return Client("voice", stage.server.http)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(stage: Stage) -> AsyncIterator[NodeClient]:
    async with NodeClient(stage.server.http) as client:
        yield client


async def operate(stage: Stage, *arguments: str) -> None:
    program = Path(sys.executable).with_name("trebuchet")
    data = str(stage.server.folder / "data")
    process = await asyncio.create_subprocess_exec(
        str(program), *arguments, "--data", data, stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


async def recorded(stage: Stage) -> tuple[str, dict[str, Any]]:
    """A finished call in which a sentence was spoken, and its recording."""
    async with stage.phone("alice", SILENT_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await stage.update(call_id, recordingEnabled=True)
        await stage.server.post(f"/calls/{call_id}/audio", {"sentence": "Please call me back."})
        await stage.web.wait_for("speak", callId=call_id, status="done")
        await stage.update(call_id, state="completed")
        return call_id, await stage.recording(call_id)


async def test_python_media(account: Client) -> None:
    await account.upload_media_file("prompts/my file é.txt", b"hello", "text/plain")
    (item,) = [item for item in await account.list_media_files() if item["media_name"] == "prompts/my file é.txt"]
    assert item["content_length"] == 5
    content, content_type = await account.download_media_file("prompts/my file é.txt")
    assert (b"".join(content), content_type) == (b"hello", "text/plain")
    await account.delete_media_file("prompts/my file é.txt")
    with pytest.raises(BandwidthAccountAPIException) as refused:
        await account.delete_media_file("prompts/my file é.txt")
    assert (refused.value.status_code, refused.value.code) == (404, "media-not-found")


async def test_node_media(stage: Stage, node: NodeClient) -> None:
    path = stage.folder / "from-node.txt"
    path.write_text("hello")
    await node("Media.upload", "from node é.txt", str(path), "text/plain")
    assert "from node é.txt" in [item["mediaName"] for item in await node("Media.list")]
    downloaded = await node("Media.download", "from node é.txt")
    assert downloaded["contentType"] == "text/plain"
    await node("Media.delete", "from node é.txt")
    with pytest.raises(SdkError) as refused:
        await node("Media.delete", "from node é.txt")
    assert refused.value.status == 404


async def test_transcriptions(stage: Stage, voice: Client, node: NodeClient) -> None:
    call_id, recording = await recorded(stage)
    by_python = await voice.create_transcription(recording["id"])
    by_node = (await node("Recording.createTranscription", recording["id"]))["id"]
    async with asyncio.timeout(TEXT_LIMIT_S):
        while (await voice.get_transcription(recording["id"], by_node))["state"] == "transcribing":
            await asyncio.sleep(0.2)
    done = await node("Recording.getTranscription", recording["id"], by_python)
    assert (done["state"], done["chargeableDuration"]) == ("completed", 60)
    assert "call" in done["text"].split()
    listed = await voice.list_transcriptions(recording["id"], size=1)
    assert [item["id"] for item in listed] == [by_python, by_node]
    assert [item["id"] for item in await node("Recording.getTranscriptions", recording["id"])] == [by_python, by_node]
    assert [item["id"] for item in await voice.list_call_transcriptions(call_id)] == [by_python, by_node]
    assert [item["id"] for item in await node("Call.getTranscriptions", call_id)] == [by_python, by_node]
    charged = await voice_transactions(stage)
    assert {by_python, by_node, call_id} <= {item.get("resourceId") for item in charged}


async def voice_transactions(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await stage.server.get("/account/transactions?size=1000")
    return found


async def test_available_numbers(stage: Stage, account: Client, node: NodeClient) -> None:
    for number in ("+14155550142", "+14155550143", "+18885550142", "+18885550143"):
        await operate(stage, "number", "add", number)
    assert {item["number"] for item in await account.search_available_local_numbers(area_code="415")} == {
        "+14155550142",
        "+14155550143",
    }
    assert len(await account.search_available_toll_free_numbers(quantity=5)) == 2
    assert len(await node("AvailableNumber.search", "local", {"areaCode": "415", "pattern": "*42"})) == 1
    (ordered,) = await account.search_and_order_local_numbers(area_code="415", quantity=1)
    assert (await account.get_phone_number(ordered["id"]))["number"] == ordered["number"] == "+14155550142"
    (ordered,) = await account.search_and_order_toll_free_numbers(1)
    assert ordered["number"] == "+18885550142"
    (by_node,) = await node("AvailableNumber.searchAndOrder", "local", {"areaCode": "415", "quantity": 1})
    assert (await stage.server.get(by_node["location"]))["number"] == "+14155550143"
    with pytest.raises(BandwidthAccountAPIException) as refused:
        await account.search_and_order_local_numbers(area_code="415", quantity=1)
    assert refused.value.code == "order-number-quantity-unavailable"


async def test_number_info(stage: Stage, account: Client, node: NodeClient) -> None:
    await operate(stage, "cnam", "add", "+19195550188", "ACME")
    assert (await account.get_number_info("+19195550188"))["name"] == "ACME"
    assert (await node("NumberInfo.get", "+19195550188"))["name"] == "ACME"


async def test_transactions(stage: Stage, account: Client, node: NodeClient) -> None:
    number = "+14155550155"
    for place in range(3):
        created = await stage.server.post("/phoneNumbers", {"number": f"{number[:-1]}{place}"})
        assert created.status == 201
    newest = await account.list_account_transactions(max_items=2, size=1, trans_type="Charge")
    assert [item["number"] for item in newest] == ["+14155550152", "+14155550151"]
    assert newest[0]["product_type"] == "local-number-per-month"
    mine = await account.list_account_transactions(number="+14155550150", from_date="2016-03-02T10:00:00Z")
    assert [item["units"] for item in mine] == [1]
    page = await node("Account.getTransactions", {"size": 1})
    assert [item["number"][-1] for item in page][:3] == ["2", "1", "0"], "page after page"
