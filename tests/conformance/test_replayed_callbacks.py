"""Events as the C# client reads them: it knows a closed set of words, and one that it does not know is an exception."""

import asyncio

import pytest

from support.client_rules import KINDS, CSharp
from support.hearing import music
from support.meeting import people
from support.replays import Replay
from support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

SILENT_HZ = 0.0
TEXT_LIMIT_S = 90.0


async def a_call_in(stage: Stage, csharp: Replay) -> None:
    """With whatever can happen in it."""
    async with stage.phone("alice", SILENT_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await csharp("record a call", call_id)
        await csharp("say to a call", call_id, {"sentence": "Please call me back."})
        await stage.web.wait_for("speak", callId=call_id, status="done")
        await csharp("play a file to a call", call_id, {"fileUrl": stage.web.serve("beep.wav", music(1900.0, 0.3))})
        await stage.web.wait_for("playback", callId=call_id, status="done")
        await csharp("gather", call_id, {"maxDigits": "1"})
        await alice.press("7")
        await stage.web.wait_for("gather", callId=call_id, reason="max-digits")
        await stage.web.wait_for("dtmf", callId=call_id, dtmfDigit="7")
        stopped = await csharp.new("gather", call_id, {"maxDigits": "2"})
        await csharp("stop a gather", call_id, stopped)
        await stage.web.wait_for("gather", callId=call_id, reason="cancelled")
        await csharp("hang up a call", call_id)
        recording = await stage.recording(call_id)
    await csharp("transcribe a recording", recording["id"], {})
    async with asyncio.timeout(TEXT_LIMIT_S):
        while not stage.web.requests(eventType="transcription"):
            await asyncio.sleep(0.1)


async def a_call_that_nobody_takes(stage: Stage, csharp: Replay) -> None:
    async with stage.phone("bob", SILENT_HZ) as bob:
        wanted = {"from": await stage.number(), "to": bob.uri, "callTimeout": 1, "callbackUrl": stage.web.url}
        call_id = await csharp.new("create a call", wanted)
        await stage.web.wait_for("timeout", callId=call_id)
        await stage.web.wait_for("hangup", callId=call_id)


async def a_conference(stage: Stage, csharp: Replay) -> None:
    async with people(stage, 1) as (person,):
        wanted = {"from": await stage.number(), "callbackUrl": stage.web.url}
        conference_id = await csharp.new("create a conference", wanted)
        member_id = await csharp.new("create a member", conference_id, {"callId": person.call_id})
        await csharp("mute a member", conference_id, member_id)
        await csharp("say to a conference", conference_id, {"sentence": "Hello"})
        await stage.web.wait_for("conference-speak", conferenceId=conference_id, status="done")
        url = stage.web.serve("short.wav", music(1900.0, 0.3))
        await csharp("play a file to a conference", conference_id, {"fileUrl": url})
        await stage.web.wait_for("conference-playback", conferenceId=conference_id, status="done")
        await csharp("end a conference", conference_id)
        await stage.web.wait_for("conference", conferenceId=conference_id, status="completed")


async def test_csharp_reads_every_event(stage: Stage, csharp: Replay) -> None:
    await a_call_in(stage, csharp)
    await a_call_that_nobody_takes(stage, csharp)
    await a_conference(stage, csharp)
    events = [received.data for received in stage.web.requests() if received.method == "POST"]
    assert {CSharp().read_event(event) for event in events} == KINDS, "each has happened"
