"""Gathers with a foreign phone that presses keys."""

from typing import Any

import pytest

from support.baresip import Baresip
from support.hearing import music, phase_names, phases
from support.stage import Stage, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ, PROMPT_HZ, FILE_HZ = 700.0, 1900.0, 2500.0
TONES = {"prompt": PROMPT_HZ, "file": FILE_HZ}


async def answered_call(stage: Stage, alice: Baresip) -> str:
    call_id = await stage.call_from(alice, await stage.number())
    await stage.answer(call_id)
    await alice.wait_for("CALL_ESTABLISHED")
    return call_id


async def start(stage: Stage, call_id: str, **body: Any) -> str:
    """The path of the new gather."""
    answer = await stage.server.post(f"/calls/{call_id}/gather", body)
    assert (answer.status, answer.body) == (201, b""), answer
    return answer.headers["location"].removeprefix(stage.server.user_url)


async def ended(stage: Stage, path: str) -> dict[str, Any]:
    """The event of the gather's end, which says what the resource says."""
    _, _, call_id, _, gather_id = path.split("/")
    event = await stage.web.wait_for("gather", gatherId=gather_id)
    gather = await stage.server.get(path)
    assert (gather["id"], gather["state"]) == (gather_id, "completed")
    assert gather["call"] == event["callUri"] == f"{stage.server.user_url}/calls/{call_id}"
    assert (gather["reason"], gather["digits"]) == (event["reason"], event["digits"])
    assert gather["createdTime"] <= gather["completedTime"] == event["time"]
    assert (event["state"], event["callId"]) == ("completed", call_id)
    return event


async def outcome(stage: Stage, path: str) -> tuple[str, str]:
    event = await ended(stage, path)
    return event["reason"], event["digits"]


def kinds(stage: Stage, call_id: str) -> list[tuple[str, Any]]:
    events = stage.web.events(call_id)
    return [(event["eventType"], event.get("dtmfDigit", event.get("reason"))) for event in events]


async def test_each_way_to_end(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        path = await start(stage, call_id, maxDigits="2", tag="pin")
        running = await stage.server.get(path)
        assert running["state"] == "started" and running["digits"] == ""
        assert not {"reason", "completedTime"} & set(running)
        second = await stage.server.post(f"/calls/{call_id}/gather", {})
        assert (second.status, second.json["code"]) == (409, "call-duplicate-gather-error")
        await alice.press("12")
        assert await outcome(stage, path) == ("max-digits", "12")
        assert (await ended(stage, path))["tag"] == "pin"

        path = await start(stage, call_id)
        await alice.press("47#")
        assert await outcome(stage, path) == ("terminating-digit", "47")

        path = await start(stage, call_id, interDigitTimeout="0.4")
        await alice.press("5")
        assert await outcome(stage, path) == ("inter-digit-timeout", "5")
        path = await start(stage, call_id, interDigitTimeout=0.3)
        assert await outcome(stage, path) == ("inter-digit-timeout", "")

        path = await start(stage, call_id)
        await alice.press("9")
        await stage.web.wait_for("dtmf", callId=call_id, dtmfDigit="9")
        assert (await stage.server.get(path))["digits"] == "9"
        for _ in range(2):
            stopped = await stage.server.post(path, {"state": "completed"})
            assert (stopped.status, stopped.body) == (200, b"")
        assert await outcome(stage, path) == ("cancelled", "9")

        path = await start(stage, call_id)
        await alice.press("3")
        await stage.web.wait_for("dtmf", callId=call_id, dtmfDigit="3")
        await alice.hang_up()
        assert await outcome(stage, path) == ("hung-up", "3")
        await stage.web.wait_for("hangup", callId=call_id)
    assert [kind for kind in kinds(stage, call_id) if kind[0] in ("dtmf", "gather", "hangup")] == [
        ("dtmf", "1"), ("dtmf", "2"), ("gather", "max-digits"),
        ("dtmf", "4"), ("dtmf", "7"), ("dtmf", "#"), ("gather", "terminating-digit"),
        ("dtmf", "5"), ("gather", "inter-digit-timeout"), ("gather", "inter-digit-timeout"),
        ("dtmf", "9"), ("gather", "cancelled"),
        ("dtmf", "3"), ("gather", "hung-up"), ("hangup", None),
    ]  # fmt: skip
    assert len([event for event in stage.web.events(call_id) if event["eventType"] == "gather"]) == 6


async def test_a_key_stops_the_prompt_and_prompts_have_no_events(stage: Stage) -> None:
    url = stage.web.serve("prompt.wav", music(PROMPT_HZ, 0.4))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        path = await start(
            stage, call_id, maxDigits=2, prompt={"fileUrl": url, "loopEnabled": "true", "bargeable": True}
        )
        await talk(alice, seconds=0.8)
        await alice.press("1")
        await stage.web.wait_for("dtmf", callId=call_id)
        await talk(alice, seconds=0.8)
        await alice.press("2")
        assert await outcome(stage, path) == ("max-digits", "12")
        await alice.hang_up()
        await stage.web.wait_for("hangup", callId=call_id)
    (heard,) = phases(alice.heard(), **TONES)
    assert heard.name == "prompt" and heard.length_s > 0.5
    assert heard.end_s < len(alice.heard()) / 8000 - 0.5
    assert not {"speak", "playback"} & set(stage.web.kinds(call_id))


async def test_the_wait_begins_when_the_spoken_prompt_is_over(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        prompt = {"sentence": "Please enter your code, and press pound", "locale": "en_US", "voice": "kate"}
        path = await start(stage, call_id, interDigitTimeout=0.1, prompt=prompt)
        assert await outcome(stage, path) == ("inter-digit-timeout", "")
        await alice.hang_up()
    heard = phases(alice.heard(), **TONES)
    assert sum(phase.length_s for phase in heard) > 1.0  # it was spoken to its end, though the wait is a tenth of it


async def test_other_audio_plays_during_a_gather(stage: Stage) -> None:
    url = stage.web.serve("file.wav", music(FILE_HZ, 20.0))
    prompt = stage.web.serve("prompt.wav", music(PROMPT_HZ, 20.0))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        path = await start(stage, call_id, maxDigits=1, prompt={"fileUrl": prompt})
        await talk(alice, seconds=0.7)
        playing = await stage.server.post(f"/calls/{call_id}/audio", {"fileUrl": url, "tag": "music"})
        assert playing.status == 200
        await talk(alice, seconds=0.7)
        await alice.press("8")
        assert await outcome(stage, path) == ("max-digits", "8")
        await talk(alice, seconds=0.7)
        await alice.hang_up()
        await stage.web.wait_for("hangup", callId=call_id)
    assert phase_names(alice.heard(), **TONES) == ["prompt", "file"]
    assert stage.web.kinds(call_id)[-4:] == ["dtmf", "gather", "playback", "hangup"]


async def test_at_hang_up_the_gather_is_told_before_the_audio(stage: Stage) -> None:
    url = stage.web.serve("file.wav", music(FILE_HZ, 20.0))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        path = await start(stage, call_id)
        assert (await stage.server.post(f"/calls/{call_id}/audio", {"sentence": "Hello " * 50})).status == 200
        assert (await stage.server.post(f"/calls/{call_id}/audio", {"fileUrl": url})).status == 200
        await stage.update(call_id, state="completed")
        await stage.web.wait_for("hangup", callId=call_id)
    assert await outcome(stage, path) == ("hung-up", "")
    assert kinds(stage, call_id)[-3:] == [("gather", "hung-up"), ("playback", None), ("hangup", None)]
    refused = await stage.server.post(f"/calls/{call_id}/gather", {})
    assert (refused.status, refused.json["code"]) == (403, "call-invalid-state")


async def test_keys_can_be_kept_to_the_gather(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        path = await start(stage, call_id, suppressDtmf="true", terminatingDigits="*")
        await alice.press("4#7*")
        assert await outcome(stage, path) == ("terminating-digit", "4#7")
        await alice.hang_up()
        await stage.web.wait_for("hangup", callId=call_id)
    assert "dtmf" not in stage.web.kinds(call_id)


async def test_after_kill_a_gather_reads_hung_up_and_the_audio_done(stage: Stage) -> None:
    """The last test of the module: the server comes back without the call."""
    url = stage.web.serve("file.wav", music(FILE_HZ, 20.0))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        path = await start(stage, call_id, tag="pin")
        assert (await stage.server.post(f"/calls/{call_id}/audio", {"fileUrl": url})).status == 200
        await alice.press("6")
        await stage.web.wait_for("dtmf", callId=call_id)
        await stage.server.kill()
        await stage.server.start()
        event = await stage.web.wait_for("gather", callId=call_id)
        await stage.web.wait_for("hangup", callId=call_id)
    assert (event["reason"], event["digits"], event["tag"]) == ("hung-up", "6", "pin")
    assert await outcome(stage, path.replace(stage.server.user_url, "")) == ("hung-up", "6")
    assert stage.web.kinds(call_id)[-3:] == ["gather", "playback", "hangup"]
