"""What the Ruby, Java and C# clients put on the wire about calls, request by request as documented for them, on live
calls; and what each of them does with the answers."""

from functools import partial
from typing import Any

import pytest

from support.client_rules import Unreadable
from support.hearing import music, phase_names
from support.replays import Replay
from support.stage import Stage, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ, BOB_HZ, ONE_HZ = 700.0, 1100.0, 1900.0


async def test_answer_and_hangup_and_the_read_that_follows(stage: Stage, replay: Replay) -> None:
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number())
        answered = await replay("answer a call", call_id) or await replay("get a call", call_id)
        assert answered["state"] == "active"
        over = await replay("hang up a call", call_id) or await replay("get a call", call_id)
        assert over["state"] == "completed"
        await caller.finish()
        refused = await replay("answer a call", call_id, status=403)
        assert refused["code"] == "call-invalid-state"


async def test_reject(stage: Stage, replay: Replay) -> None:
    async with stage.sipp("caller_refused_603") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number())
        rejected = await replay("reject a call", call_id) or await replay("get a call", call_id)
        assert rejected["state"] == "rejected"
        await caller.finish()


async def test_recording_on_and_off(stage: Stage, replay: Replay) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        call = await replay("record a call", call_id) or await replay("get a call", call_id)
        assert call["recordingEnabled"] is True
        await talk(alice, seconds=0.6)
        call = await replay("stop recording a call", call_id) or await replay("get a call", call_id)
        is_off = replay.name != "c#"  # which leaves the key out, so that nothing changes
        assert call["recordingEnabled"] is not is_off
        await alice.hang_up()
    await stage.recording(call_id)
    (recording,) = await replay("list recordings of a call", call_id)
    assert phase_names(await stage.audio(recording["media"]), alice=ALICE_HZ) == ["alice"]


async def test_transfer(stage: Stage, replay: Replay) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await stage.web.wait_for("answer", callId=call_id)
        whisper = {"whisperAudio": {"sentence": "Hi", "gender": "female", "voice": "kate"}}
        body = {"transferTo": bob.uri, "transferCallerId": "private", "callbackUrl": stage.web.url}
        result = await replay("transfer a call", call_id, body | whisper)
        assert (await replay("get a call", call_id))["state"] == "transferring"
        (new,) = await replay("list calls", {"to": bob.uri})
        assert (new["from"], new["direction"]) == ("private", "out")
        shown = result if isinstance(result, str) else result["id"]
        assert shown == (call_id if replay.name == "java" else new["id"]), "Java looks at the old call again"
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await talk(alice, bob, seconds=0.7)
        await replay("hang up a call", call_id)
        await bob.wait_for("CALL_CLOSED")
    assert phase_names(bob.heard(), alice=ALICE_HZ, bob=BOB_HZ)[-1] == "alice"
    await stage.web.wait_for("hangup", callId=new["id"])
    assert stage.web.kinds(new["id"]) == ["answer", "hangup"]


async def test_a_call_of_ones_own(stage: Stage, replay: Replay) -> None:
    number = await stage.number()
    wanted = {
        "from": number, "callbackUrl": stage.web.url, "callbackHttpMethod": "get", "callTimeout": 30,
        "recordingEnabled": True, "recordingFileFormat": "mp3", "tag": "mine",
    }  # fmt: skip
    async with stage.phone("bob", BOB_HZ) as bob:
        call_id = await replay.new("create a call", wanted | {"to": bob.uri})
        call = await replay("get a call", call_id)
        assert (wanted | {"to": bob.uri, "state": "started", "direction": "out"}).items() <= call.items()
        await bob.accept()
        request = await stage.web.wait_for_request("answer", callId=call_id)
        assert (request.method, request.data["tag"]) == ("GET", "mine")
        events = await replay("list events of a call", call_id)
        assert [event["name"] for event in events] == ["create", "answer"]
        assert await replay("get an event of a call", call_id, events[1]["id"]) == events[1]
        await replay("hang up a call", call_id)
        await bob.wait_for("CALL_CLOSED")
    order = "Desc" if replay.name == "c#" else "desc"
    listed = await replay("list calls", {"from": number, "sortOrder": order, "size": 25})
    assert [each["id"] for each in listed] == [call_id]
    assert (await stage.recording(call_id))["media"].endswith(".mp3")


async def test_csharp_cannot_read_why_a_call_ended(stage: Stage, ruby: Replay, csharp: Replay) -> None:
    """It takes the text for a dictionary; what the documents say of it is not changed for one client."""
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await alice.hang_up()
        await stage.web.wait_for("hangup", callId=call_id)
    assert (await ruby("list events of a call", call_id))[-1]["data"] == "NORMAL_CLEARING"
    with pytest.raises(Unreadable):
        await csharp("list events of a call", call_id)


async def test_update(stage: Stage, either: Replay) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await either("update a call", call_id, {})
        await either("update a call", call_id, {"recordingMaxDuration": 30, "recordingFileFormat": "Mp3"})
        call = await either("get a call", call_id)
        assert (call["recordingMaxDuration"], call["recordingFileFormat"]) == (30, "mp3")
        await either("update a call", call_id, {"recordingEnabled": True})
        await talk(alice, seconds=0.5)
        await either("update a call", call_id, {"state": "completed"})
        await alice.wait_for("CALL_CLOSED")
    assert (await stage.recording(call_id))["media"].endswith(".mp3")


async def test_audio(stage: Stage, replay: Replay, java: Replay) -> None:
    url = stage.web.serve("one.wav", music(ONE_HZ, 20.0))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        told = partial(stage.web.wait_for, callId=call_id)
        await replay("say to a call", call_id, {"sentence": "Hello there", "tag": "hi"})
        await told("speak", status="started", tag="hi")
        await told("speak", status="done", tag="hi")
        await replay("play a file to a call", call_id, {"fileUrl": url, "tag": "music"})
        await told("playback", status="started", tag="music")
        await talk(alice, seconds=0.7)
        await java("stop a file of a call", call_id)
        await told("playback", status="done", tag="music")
        looped = {"sentence": "Hello there", "voice": "kate", "loopEnabled": True, "tag": "again"}
        await replay("play audio to a call", call_id, looped)
        await told("speak", status="started", tag="again")
        await java("stop a sentence of a call", call_id)
        await told("speak", status="done", tag="again")
        refused = await replay("play audio to a call", call_id, {"fileUrl": ""}, status=403)
        assert refused["code"] == "call-audio-invalid-state"
        await alice.hang_up()
    assert "one" in phase_names(alice.heard(), one=ONE_HZ)


GATHERS: dict[str, dict[str, Any]] = {
    "ruby": {
        "maxDigits": 1,
        "prompt": {"locale": "en_US", "gender": "female", "sentence": "Press", "voice": "kate", "bargeable": True},
    },
    "java": {
        "maxDigits": "1", "interDigitTimeout": "9", "terminatingDigits": "*", "suppressDtmf": "false",
        "prompt": {"sentence": "Press", "gender": "female", "voice": "kate", "locale": "en_US", "bargeable": "true"},
    },
    "c#": {"maxDigits": "1", "prompt": {"sentence": "Press", "bargeable": True}},
}  # fmt: skip


async def test_digits_both_ways(stage: Stage, replay: Replay) -> None:
    """Two of the clients name a gather after its call."""
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await replay("send keys", call_id, {"dtmfOut": "5"})
        await alice.wait_until(lambda: alice.keys() == "5")
        gather_id = await replay.new("gather", call_id, GATHERS[replay.name] | {"tag": call_id})
        await alice.press("8")
        await stage.web.wait_for("gather", callId=call_id, gatherId=gather_id, digits="8", tag=call_id)
        gather = await replay("get a gather", call_id, gather_id)
        assert (gather["state"], gather["reason"], gather["digits"]) == ("completed", "max-digits", "8")
        await alice.hang_up()


async def test_a_gather_is_stopped(stage: Stage, either: Replay) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        gather_id = await either.new("gather", call_id, {"maxDigits": "5", "tag": "pin"})
        await either("stop a gather", call_id, gather_id)
        await stage.web.wait_for("gather", callId=call_id, gatherId=gather_id, reason="cancelled")
        if either.name == "c#":  # whose enumeration has no such word, as it has none for a gather that still runs
            with pytest.raises(Unreadable, match="cancelled"):
                await either("get a gather", call_id, gather_id)
        else:
            assert (await either("get a gather", call_id, gather_id))["reason"] == "cancelled"
        await alice.hang_up()


async def test_java_stops_a_gather_where_none_is(stage: Stage, java: Replay) -> None:
    """It puts the whole URL of the call where the id belongs."""
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        gather_id = await java("gather", call_id, {"maxDigits": 5})
        await java("stop a gather", f"{java.base}/calls/{call_id}", gather_id, status=404)
        assert (await java("get a gather", call_id, gather_id))["state"] == "started"
        await alice.hang_up()


async def test_java_creates_a_call_without_callback(stage: Stage, java: Replay) -> None:
    number = await stage.number()
    async with stage.phone("bob", BOB_HZ) as bob:
        call = await java("create a call without callback", {"to": bob.uri, "from": number})
        assert "callbackUrl" not in call and "tag" not in call
        await bob.accept()
        await stage.server.wait_for_state(call["id"], "active")
        await java("hang up a call", call["id"])
        await bob.wait_for("CALL_CLOSED")
    assert stage.web.events(call["id"]) == []


async def test_java_sends_a_locale_that_breaks_its_own_json(stage: Stage, java: Replay) -> None:
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number(autoAnswer=True))
        await stage.web.wait_for("answer", callId=call_id)
        text = '{"state":"transferring","transferTo":"sip:b@127.0.0.1","whisperAudio":{"sentence":"Hi","locale":EN_US}}'
        response = await java.http.post(f"{java.base}/calls/{call_id}", content=text)
        assert (response.status_code, response.json()["code"]) == (400, "validation-error")
        assert (await stage.server.call(call_id))["state"] == "active"
        await java("hang up a call", call_id)
        await caller.finish()
