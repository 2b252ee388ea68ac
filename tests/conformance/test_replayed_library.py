"""Media, recordings, transcriptions and applications as the Ruby, Java and C# clients ask for them."""

import asyncio
from urllib.parse import quote

import pytest

from support.hearing import music, phase_names
from support.replays import Replay
from support.stage import Stage, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ, ONE_HZ, SILENT_HZ = 700.0, 1900.0, 0.0
TEXT_LIMIT_S = 90.0
NAMES = {"ruby": "prompts/one ruby é.wav", "java": "one-java.wav", "c#": "prompts/one c# é.wav"}
"""Java sends names as they are, so that it can have no others."""


def in_path(replay: Replay, name: str) -> str:
    """How this client writes the name into the URL."""
    return quote(name, safe="" if replay.name == "c#" else "/")


async def test_media_are_uploaded_played_and_deleted(stage: Stage, replay: Replay) -> None:
    name, content = NAMES[replay.name], music(ONE_HZ, 20.0)
    path = in_path(replay, name)
    uploaded = await replay("upload media", path, content=content, headers={"Content-Type": "audio/wav"})
    assert uploaded is None or uploaded.content == content, "one of them reads it again"
    (item,) = [item for item in await replay("list media") if item["mediaName"] == name]
    assert item["contentLength"] == len(content)
    downloaded = await replay("download media", path)
    assert (downloaded.headers["content-type"], downloaded.content) == ("audio/wav", content)
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await replay("play a file to a call", call_id, {"fileUrl": item["content"]})
        await talk(alice, seconds=0.7)
        await alice.hang_up()
    assert "one" in phase_names(alice.heard(), one=ONE_HZ)
    await replay("delete media", path)
    assert name not in [item["mediaName"] for item in await replay("list media")]
    refused = await replay("delete media", path, status=404)
    assert refused["code"] == "media-not-found"


async def test_media_without_a_type(stage: Stage, replay: Replay) -> None:
    """C# needs a type where it downloads, Java turns pages of the list."""
    names = [f"untyped {replay.name} {number}" for number in range(27)]
    for name in names:
        await replay("upload media", quote(name, safe=""), content=b"\x00\xff")
    downloaded = await replay("download media", quote(names[0], safe=""))
    assert (downloaded.headers["content-type"], downloaded.content) == ("application/octet-stream", b"\x00\xff")
    assert set(names) <= {item["mediaName"] for item in await replay("list media")}


async def test_recordings_and_their_audio(stage: Stage, replay: Replay, ruby: Replay) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await replay("record a call", call_id)
        (running,) = await replay("list recordings of a call", call_id)
        assert running["state"] == "recording" and running["call"].endswith(f"/calls/{call_id}")
        await talk(alice, seconds=0.6)
        await alice.hang_up()
    await stage.recording(call_id)
    recording = await replay("get a recording", running["id"])
    assert recording["state"] == "complete" and "endTime" in recording
    assert (await replay("list recordings"))[0] == recording, "the newest is the first"
    name = recording["media"].rsplit("/", 1)[1]
    whole = await replay("download media", name)
    assert phase_names(await stage.audio(recording["media"]), alice=ALICE_HZ) == ["alice"]
    head = await ruby("look at media", name)
    assert head.request.content == b"{}", "its HEAD has a body"
    assert (head.headers["content-type"], head.content) == ("audio/wav", b"")
    assert int(head.headers["content-length"]) == len(whole.content)
    await replay("delete media", name)
    assert (await ruby("get a recording", running["id"]))["state"] == "complete", "the audio alone is gone"
    refused = await replay("get a recording", "rec-nope", status=404)
    assert refused["code"] == "recording-not-found"


async def test_transcriptions(stage: Stage, either: Replay, csharp: Replay) -> None:
    async with stage.phone("alice", SILENT_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await either("record a call", call_id)
        await either("say to a call", call_id, {"sentence": "Please call me back."})
        await stage.web.wait_for("speak", callId=call_id, status="done")
        await either("hang up a call", call_id)
        recording = await stage.recording(call_id)
    made = await either.new("transcribe a recording", recording["id"], {})
    async with asyncio.timeout(TEXT_LIMIT_S):
        while (done := await either("get a transcription", recording["id"], made))["state"] == "transcribing":
            await asyncio.sleep(0.2)
    event = await stage.web.wait_for("transcription", transcriptionId=made)
    assert (done["state"], event["text"], done["chargeableDuration"]) == ("completed", done["text"], 60)
    assert "call" in done["text"].split()
    assert await either("list transcriptions", recording["id"]) == [done]
    assert await csharp("list transcriptions of a call", call_id) == [done]
    text = await either("download media", done["textUrl"].rsplit("/", 1)[1])
    assert (text.text, text.headers["content-type"].split(";")[0]) == (done["text"], "text/plain")
    charged = [line.get("resourceId") for line in await either("list transactions", {"size": 1000})]
    assert made in charged
    refused = await either("get a transcription", recording["id"], "t-nope", status=404)
    assert refused["code"] == "transcription-not-found"


async def test_applications(stage: Stage, replay: Replay) -> None:
    wanted = {
        "name": f"of {replay.name}", "incomingCallUrl": stage.web.url, "incomingCallUrlCallbackTimeout": 2000,
        "incomingCallFallbackUrl": stage.web.url_of("/fallback"), "callbackHttpMethod": "post", "autoAnswer": True,
    }  # fmt: skip
    application_id = await replay.new("create an application", wanted)
    application = await replay("get an application", application_id)
    assert wanted.items() <= application.items()
    number = f"+1555014{stage.next_serial():04}"
    await replay.new("create a number", {"number": number, "applicationId": application_id})
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, number)
        await stage.web.wait_for("answer", callId=call_id)
        await replay("hang up a call", call_id)
        await caller.finish()
    application.pop("id")
    await replay("update an application", application_id, application | {"name": "renamed"})
    renamed = await replay("get an application", application_id)
    assert renamed == application | {"id": application_id, "name": "renamed"}, "all else is as it was"
    await replay("delete an application", application_id)
    refused = await replay("get an application", application_id, status=404)
    assert refused["code"] == "application-not-found"
    refused = await replay("create an application", {"name": "without URL"}, status=400)
    assert refused["code"] == "validation-error"


async def test_pages_of_applications(stage: Stage, replay: Replay) -> None:
    """Ruby has the first page alone, Java counts, C# follows the link."""
    body = {"incomingCallUrl": stage.web.url, "autoAnswer": False, "callbackHttpMethod": "post"}
    made = [await replay.new("create an application", body | {"name": f"{replay.name} {n}"}) for n in range(30)]
    listed = [each["id"] for each in await replay("list applications", {"size": 25})]
    assert len(listed) == len(set(listed))
    if replay.name == "ruby":
        assert len(listed) == 25
    else:
        assert set(made) <= set(listed)
    for application_id in made:
        await replay("delete an application", application_id)
