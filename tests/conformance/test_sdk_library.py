"""bandwidth-sdk 3.1.0, node-bandwidth 3.0.3 and 4.0.0, unmodified: media, transcriptions, numbers, names, payments."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from bandwidth.account import BandwidthAccountAPIException

from support.node_client import VERSIONS, NodeClient, SdkError
from support.python_client import PythonClient
from support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

SILENT_HZ = 0.0
TEXT_LIMIT_S = 90.0
ALL_BYTES = bytes(range(256))
LONG_BYTES = 1000 * ALL_BYTES
"""More than a stream holds at once."""
AREA_CODES = {"3.0.3": "530", "4.0.0": "531"}
"""Of the numbers that each version of the JavaScript client orders."""


@pytest.fixture(scope="module")
def account(stage: Stage) -> PythonClient:
    return PythonClient("account", stage.server.http)


@pytest.fixture(scope="module")
def voice(stage: Stage) -> PythonClient:
    return PythonClient("voice", stage.server.http)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=VERSIONS)
async def node(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[NodeClient]:
    async with NodeClient(stage.server.http, request.param) as client:
        yield client


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


async def test_python_media(stage: Stage, account: PythonClient) -> None:
    await account.upload_media_file("prompts/my file é.txt", b"hello", "text/plain")
    (item,) = [item for item in await account.list_media_files() if item["media_name"] == "prompts/my file é.txt"]
    assert item["content_length"] == 5
    content, content_type = await account.download_media_file("prompts/my file é.txt")
    assert (b"".join(content), content_type) == (b"hello", "text/plain")
    await account.delete_media_file("prompts/my file é.txt")
    with pytest.raises(BandwidthAccountAPIException) as refused:
        await account.delete_media_file("prompts/my file é.txt")
    assert (refused.value.status_code, refused.value.code) == (404, "media-not-found")
    path = stage.folder / "from-python.bin"
    path.write_bytes(ALL_BYTES)
    await account.upload_media_file("from-python.bin", file_path=str(path))
    content, content_type = await account.download_media_file("from-python.bin")
    assert (b"".join(content), content_type) == (ALL_BYTES, "application/octet-stream")


async def test_node_media(stage: Stage, node: NodeClient) -> None:
    path = stage.folder / "from-node.txt"
    path.write_text("hello")
    await node("Media.upload", "from node é.txt", str(path), "text/plain")
    assert "from node é.txt" in [item["mediaName"] for item in await node("Media.list")]
    downloaded = await node("Media.download", "from node é.txt")
    assert (downloaded["contentType"], downloaded["content"]) == ("text/plain", "hello")
    await node("Media.upload", "bytes", {"base64": base64.b64encode(ALL_BYTES).decode()})
    downloaded = await node("Media.download", "bytes", None)
    assert downloaded["contentType"] == "application/octet-stream"
    assert base64.b64decode(downloaded["base64"]) == ALL_BYTES
    await node("Media.upload", "stream", {"stream": base64.b64encode(LONG_BYTES).decode()}, "audio/wav")
    downloaded = await node("Media.download", "stream", None)
    assert downloaded["contentType"] == "audio/wav"
    assert base64.b64decode(downloaded["base64"]) == LONG_BYTES
    await node("Media.delete", "from node é.txt")
    with pytest.raises(SdkError) as refused:
        await node("Media.delete", "from node é.txt")
    assert refused.value.status == 404


async def test_transcriptions(stage: Stage, voice: PythonClient, node: NodeClient) -> None:
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


async def test_available_numbers(stage: Stage, account: PythonClient) -> None:
    for number in ("+14155550142", "+14155550143", "+18885550142", "+18885550143"):
        await stage.server.operate("number", "add", number)
    assert {item["number"] for item in await account.search_available_local_numbers(area_code="415")} == {
        "+14155550142",
        "+14155550143",
    }
    free = await account.search_available_toll_free_numbers(quantity=5, pattern="8885550*")
    assert [item["number"] for item in free] == ["+18885550142", "+18885550143"]
    assert len(await account.search_available_toll_free_numbers(quantity=1)) == 1
    (found,) = await account.search_available_local_numbers(area_code="415", pattern="*42")
    assert found["number"] == "+14155550142"
    (ordered,) = await account.search_and_order_local_numbers(area_code="415", quantity=1)
    assert (await account.get_phone_number(ordered["id"]))["number"] == ordered["number"] == "+14155550142"
    (ordered,) = await account.search_and_order_toll_free_numbers(1)
    bought = await account.get_phone_number(ordered["id"])
    assert bought["number"] == ordered["number"]
    assert ordered["number"] not in [item["number"] for item in await account.search_available_toll_free_numbers()]
    with pytest.raises(BandwidthAccountAPIException) as refused:
        await account.search_and_order_local_numbers(area_code="415", quantity=2)
    assert refused.value.code == "order-number-quantity-unavailable"


async def test_numbers_of_a_place(stage: Stage, account: PythonClient) -> None:
    """Every filter: of what is available, and of what is had."""
    cary, apex = ("--city", "CARY", "--state", "NC", "--zip", "27511"), ("--city", "APEX", "--state", "NC")
    await stage.server.operate("number", "add", "+19195550101", *cary)
    await stage.server.operate("number", "add", "+19195560102", *apex)

    async def found(**query: Any) -> list[str]:
        return sorted(item["number"] for item in await account.search_available_local_numbers(**query))

    assert await found(state="NC") == ["+19195550101", "+19195560102"]
    assert await found(state="NC", city="Cary") == await found(zip_code="27511") == ["+19195550101"]
    assert await found(area_code="919", local_number="556", in_local_calling_area=False) == ["+19195560102"]
    (ordered,) = await account.search_and_order_local_numbers(city="CARY", state="NC", quantity=1)
    await account.update_phone_number(ordered["id"], name="desk of Cary")
    for query in ({"state": "NC"}, {"city": "CARY"}, {"name": "desk of Cary"}, {"number_state": "enabled"}):
        listed = await account.list_phone_numbers(**query)
        assert ordered["id"] in [item["id"] for item in listed], query
    for query in ({"state": "CA"}, {"city": "APEX"}, {"name": "another"}, {"number_state": "released"}):
        assert ordered["id"] not in [item["id"] for item in await account.list_phone_numbers(**query)], query


async def test_available_numbers_by_node(stage: Stage, node: NodeClient) -> None:
    area = AREA_CODES[node.version]
    free = f"+1888555{area}1"
    for number in (f"+1{area}5550142", f"+1{area}5550143", free):
        await stage.server.operate("number", "add", number)
    assert len(await node("AvailableNumber.search", "local", {"areaCode": area})) == 2
    (found,) = await node("AvailableNumber.search", "local", {"areaCode": area, "pattern": "*43"})
    assert found["number"] == f"+1{area}5550143"
    (ordered,) = await node("AvailableNumber.searchAndOrder", "local", {"areaCode": area, "quantity": 1})
    assert (await stage.server.get(ordered["location"]))["number"] == f"+1{area}5550142"
    (left,) = await node("AvailableNumber.search", "local", {"areaCode": area})
    assert left["number"] == found["number"]
    assert free in [item["number"] for item in await node("AvailableNumber.search", "tollFree", {"quantity": 100})]
    (ordered,) = await node("AvailableNumber.searchAndOrder", "tollFree", {"quantity": 1})
    bought = await stage.server.get(ordered["location"])
    assert bought["number"] == ordered["number"]
    assert bought["number"] not in [item["number"] for item in await node("AvailableNumber.search", "tollFree", {})]
    with pytest.raises(SdkError) as refused:
        await node("AvailableNumber.searchAndOrder", "local", {"areaCode": area, "quantity": 2})
    assert refused.value.status == 404


async def test_number_info(stage: Stage, account: PythonClient, node: NodeClient) -> None:
    await stage.server.operate("cnam", "add", "+19195550188", "ACME")
    assert (await account.get_number_info("+19195550188"))["name"] == "ACME"
    assert (await node("NumberInfo.get", "+19195550188"))["name"] == "ACME"


async def order_three(stage: Stage, number: str) -> None:
    for place in range(3):
        created = await stage.server.post("/phoneNumbers", {"number": f"{number[:-1]}{place}"})
        assert created.status == 201


async def test_transactions(stage: Stage, account: PythonClient) -> None:
    await order_three(stage, "+14155550150")
    newest = await account.list_account_transactions(max_items=2, size=1, trans_type="Charge")
    assert [item["number"] for item in newest] == ["+14155550152", "+14155550151"]
    assert newest[0]["product_type"] == "local-number-per-month"
    mine = await account.list_account_transactions(number="+14155550150", from_date="2016-03-02T10:00:00Z")
    assert [item["units"] for item in mine] == [1]
    assert await account.list_account_transactions(number="+14155550150", to_date="2016-03-02T10:00:00Z") == []


async def test_transactions_by_node(stage: Stage, node: NodeClient) -> None:
    number = f"+1{AREA_CODES[node.version]}5550170"
    await order_three(stage, number)
    page = await node("Account.getTransactions", {"size": 1})
    assert [item["number"] for item in page][:3] == [f"{number[:-1]}{place}" for place in (2, 1, 0)], "page after page"
