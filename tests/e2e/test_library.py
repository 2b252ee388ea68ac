"""Uploaded media played on calls, recordings turned into text, numbers ordered from the operator's stock."""

import asyncio
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from support.hearing import phase_names
from support.server import Answer, Server
from support.stage import Stage
from support.webhooks import Webhooks

pytestmark = pytest.mark.asyncio(loop_scope="module")

SILENT_HZ = 0.0
MUSIC_HZ = 600.0
SENTENCE = "Please call me back about the invoice."
TEXT_LIMIT_S = 90.0
"""A transcription yields to whatever else runs on the machine."""


def tone_file(hz: float, seconds: float = 1.5, rate: int = 16_000) -> bytes:
    samples = np.sin(np.arange(int(seconds * rate)) * (2 * np.pi * hz / rate)) * 0.3
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


async def upload(server: Server, folder: Path, name: str, content: bytes, content_type: str) -> Answer:
    path = folder / "upload"
    path.write_bytes(content)
    return await server.curl("-T", str(path), "-H", f"Content-Type: {content_type}", f"/media/{name}")


async def transcribed(server: Server, recording: dict[str, Any], transcription_id: str) -> dict[str, Any]:
    async with asyncio.timeout(TEXT_LIMIT_S):
        while True:
            found: dict[str, Any] = await server.get(f"/recordings/{recording['id']}/transcriptions/{transcription_id}")
            if found["state"] != "transcribing":
                return found
            await asyncio.sleep(0.2)


async def test_uploaded_media_is_played_on_a_call_without_credentials(stage: Stage) -> None:
    """resources.md 6: our media URLs may be used as `fileUrl`; the name has a slash, a blank and an accent."""
    content = tone_file(MUSIC_HZ)
    name = "prompts/caf%C3%A9%20one.wav"
    answer = await upload(stage.server, stage.folder, name, content, "audio/wav")
    assert (answer.status, answer.body) == (200, b"")
    (item,) = [item for item in await stage.server.get("/media") if item["mediaName"] == "prompts/café one.wav"]
    assert item["contentLength"] == len(content)
    downloaded = await stage.server.curl(item["content"])
    assert (downloaded.body, downloaded.headers["content-type"]) == (content, "audio/wav")
    head = await stage.server.curl("-I", item["content"])
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(content)), b"")
    async with stage.phone("alice", SILENT_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await stage.update(call_id, recordingEnabled=True)
        played = await stage.server.post(f"/calls/{call_id}/audio", {"fileUrl": item["content"]})
        assert played.status == 200, played
        await stage.web.wait_for("playback", callId=call_id, status="done")
        await stage.update(call_id, state="completed")
        recording = await stage.recording(call_id)
    assert phase_names(await stage.audio(recording["media"]), music=MUSIC_HZ) == ["music"]
    assert (await stage.server.curl("-X", "DELETE", item["content"])).status == 200
    assert (await stage.server.curl(item["content"])).json["code"] == "media-not-found"


async def test_limits_of_uploads_over_a_real_connection(stage: Stage) -> None:
    chunked = await stage.server.curl("-X", "PUT", "-H", "Transfer-Encoding: chunked", "-d", "x", "/media/x")
    assert (chunked.status, chunked.json["code"]) == (400, "validation-error")
    path = stage.folder / "large"
    with path.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    assert (await stage.server.curl("-T", str(path), "/media/large")).status == 200
    part = await stage.server.curl("-r", "68157430-", "/media/large")
    assert (part.status, part.headers["content-range"]) == (206, "bytes 68157430-68157439/68157440")
    with path.open("ab") as file:
        file.write(b"x")
    refused = await stage.server.curl("-T", str(path), "/media/large")
    assert (refused.status, refused.json["code"]) == (403, "media-size-overflow")
    sizes = {item["mediaName"]: item["contentLength"] for item in await stage.server.get("/media")}
    assert sizes["large"] == 65 * 1024 * 1024 and "x" not in sizes
    assert (await stage.server.curl("-X", "DELETE", "/media/large")).status == 200


async def test_a_transcribed_call(stage: Stage) -> None:
    """calls.md 5, resources.md 5, events.md 3.12: what is said on a call becomes text by itself."""
    async with stage.phone("bob", SILENT_HZ) as bob:
        body = {
            "from": await stage.number(),
            "to": bob.uri,
            "callbackUrl": stage.web.url,
            "transcriptionEnabled": "true",
            "recordingEnabled": True,
            "tag": "order-4711",
        }
        created = await stage.server.post("/calls", body)
        assert created.status == 201, created
        call_id = created.headers["location"].rsplit("/", 1)[1]
        await bob.accept()
        await stage.web.wait_for("answer", callId=call_id)
        said = await stage.server.post(f"/calls/{call_id}/audio", {"sentence": SENTENCE})
        assert said.status == 200, said
        await stage.web.wait_for("speak", callId=call_id, status="done")
        await stage.update(call_id, state="completed")
        recording = await stage.recording(call_id)
    (begun,) = await stage.server.get(f"/calls/{call_id}/transcriptions")
    done = await transcribed(stage.server, recording, begun["id"])
    assert done["state"] == "completed"
    words = SENTENCE.lower().strip(".").split()
    assert sum(word in done["text"].split() for word in words) >= 4, done["text"]
    assert (done["textSize"], done["chargeableDuration"]) == (len(done["text"]), 60)
    text = await stage.server.curl(done["textUrl"])
    assert (text.body.decode(), text.headers["content-type"]) == (done["text"], "text/plain; charset=utf-8")
    event = await stage.web.wait_for("transcription", transcriptionId=done["id"])
    user_url = stage.server.user_url
    assert event == {
        "eventType": "transcription",
        "transcriptionId": done["id"],
        "recordingId": recording["id"],
        "state": "completed",
        "status": "completed",
        "text": done["text"],
        "textSize": done["textSize"],
        "textUrl": done["textUrl"],
        "transcriptionUri": f"{user_url}/recordings/{recording['id']}/transcriptions/{done['id']}",
        "tag": "order-4711",
    }
    charged = await stage.server.get("/account/transactions")
    of_call = {item["productType"]: item for item in charged if item.get("resourceId") in (call_id, done["id"])}
    assert of_call["sip-call-out"]["units"] == of_call["transcription"]["units"] == 1
    listed = {item["mediaName"] for item in await stage.server.get("/media")}
    assert {done["id"], recording["media"].rsplit("/", 1)[1]} <= listed


async def test_a_transcription_outlives_a_killed_server(tmp_path: Path) -> None:
    """Asked for, not done, `kill -9`: the next server does it and tells."""
    async with Webhooks() as web, Server(tmp_path / "server") as server:
        stage = Stage(server, web, tmp_path)
        async with stage.phone("alice", SILENT_HZ) as alice:
            call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
            await alice.wait_for("CALL_ESTABLISHED")
            await stage.update(call_id, recordingEnabled=True)
            await server.post(f"/calls/{call_id}/audio", {"sentence": SENTENCE})
            await web.wait_for("speak", callId=call_id, status="done")
            await stage.update(call_id, state="completed")
            recording = await stage.recording(call_id)
        created = await server.post(f"/recordings/{recording['id']}/transcriptions", {})
        await server.kill()
        assert created.status == 201, created
        transcription_id = created.headers["location"].rsplit("/", 1)[1]
        assert web.requests(eventType="transcription") == []
        await server.start()
        done = await transcribed(server, recording, transcription_id)
        assert done["state"] == "completed" and "call" in done["text"]
        event = await web.wait_for("transcription", transcriptionId=transcription_id)
        assert event["status"] == "completed"


async def test_numbers_come_from_the_operators_stock(stage: Stage) -> None:
    """The stock may change while the server runs."""
    local = f"{stage.server.http}/v1/availableNumbers/local?areaCode=919"
    assert (await stage.server.curl(local)).json == []
    await stage.server.operate("number", "add", "+19195550142", "--city", "Cary", "--state", "NC", "--price", "0.60")
    (found,) = (await stage.server.curl(local)).json
    assert (found["number"], found["city"], found["price"]) == ("+19195550142", "Cary", "0.60")
    ordered = await stage.server.curl("-X", "POST", f"{local}&quantity=1")
    assert ordered.status == 201, ordered
    (item,) = ordered.json
    assert (await stage.server.get(item["location"]))["number"] == "+19195550142"
    assert (await stage.server.curl(local)).json == []
    assert stage.server.user in await stage.server.operate("number", "list")
    application = await stage.server.bind("+19195550142", {"incomingCallUrl": stage.web.url, "autoAnswer": False})
    assert (await stage.server.get(item["location"]))["applicationId"] == application
    async with stage.phone("alice", SILENT_HZ) as alice:
        call_id = await stage.call_from(alice, "+19195550142")
        await stage.update(call_id, state="completed")


async def test_names_come_from_the_operators_table(stage: Stage) -> None:
    url = f"{stage.server.http}/v1/phoneNumbers/numberInfo/%2B19195550188"
    assert (await stage.server.curl(url)).json["code"] == "cnam-not-found"
    await stage.server.operate("cnam", "add", "+19195550188", "ACME")
    assert (await stage.server.curl(url)).json["name"] == "ACME"


async def test_a_number_is_at_home_somewhere(stage: Stage) -> None:
    created = await stage.server.post("/phoneNumbers", {"number": "+19196680142"})
    found = await stage.server.get(created.headers["location"])
    assert (found["city"], found["state"], found["nationalNumber"]) == ("Durham", "NC", "(919) 668-0142")
    assert found["price"] == "0.00"
