"""Audio and keys into calls of foreign phones: the spectrum says what was heard, the webhooks what was told.

Each party and each file has a tone of its own.
"""

import asyncio
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from numpy.typing import NDArray

from support.baresip import Baresip
from support.hearing import OTHER, RINGBACK, music, phase_names, phases
from support.stage import Stage, talk
from trebuchet.media.engine.tones import COLUMN_HZ, KEYPAD, ROW_HZ
from trebuchet.sim.app import Received
from trebuchet.testing.tones import level, tone_level

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ, BOB_HZ, ONE_HZ, TWO_HZ = 700.0, 1100.0, 1900.0, 2500.0
TONES = {"alice": ALICE_HZ, "bob": BOB_HZ, "one": ONE_HZ, "two": TWO_HZ}


async def answered_call(stage: Stage, alice: Baresip, **more: Any) -> str:
    call_id = await stage.call_from(alice, await stage.number())
    await stage.answer(call_id, **more)
    await alice.wait_for("CALL_ESTABLISHED")
    return call_id


async def audio(stage: Stage, call_id: str, **body: Any) -> None:
    answer = await stage.server.post(f"/calls/{call_id}/audio", body)
    assert (answer.status, answer.body) == (200, b""), answer


def told(stage: Stage, call_id: str) -> list[tuple[str, str | None, str | None]]:
    """What the application heard of playbacks: kind, status, tag."""
    events = [event for event in stage.web.events(call_id) if event["eventType"] in ("speak", "playback")]
    return [(event["eventType"], event["status"], event.get("tag")) for event in events]


def names(phone: Baresip) -> list[str]:
    return phase_names(phone.heard(), **TONES)


@pytest.mark.parametrize("format_", ["WAV", "MP3"])
async def test_a_file_is_played_to_its_end(stage: Stage, format_: str) -> None:
    url = stage.web.serve(f"one.{format_.lower()}", music(ONE_HZ, 1.0, format_))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        await audio(stage, call_id, fileUrl=url, tag="jingle")
        started = await stage.web.wait_for("playback", callId=call_id, status="started")
        assert started == {
            "eventType": "playback",
            "status": "started",
            "callId": call_id,
            "callUri": f"{stage.server.user_url}/calls/{call_id}",
            "tag": "jingle",
            "time": started["time"],
        }
        await stage.web.wait_for("playback", callId=call_id, status="done")
        await alice.hang_up()
        await stage.web.wait_for("hangup", callId=call_id)
    (heard,) = phases(alice.heard(), **TONES)
    assert heard.name == "one" and 0.7 < heard.length_s < 1.3
    assert told(stage, call_id) == [("playback", "started", "jingle"), ("playback", "done", "jingle")]
    entries = await stage.server.get(f"/calls/{call_id}/events")
    listed = [(entry["name"], entry.get("data")) for entry in entries]
    assert listed[2:] == [("answer", None), ("playback", "start"), ("playback", "done"), ("hangup", "NORMAL_CLEARING")]


async def test_a_sentence_is_spoken(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        await audio(stage, call_id, sentence="Welcome to the workshop", locale="en", gender="female", tag="greeting")
        await stage.web.wait_for("speak", callId=call_id, status="started", state="PLAYBACK_START", tag="greeting")
        await stage.web.wait_for("speak", callId=call_id, status="done", state="PLAYBACK_STOP", tag="greeting")
        await alice.hang_up()
    heard = phases(alice.heard(), **TONES)
    assert heard and {phase.name for phase in heard} == {OTHER}
    assert sum(phase.length_s for phase in heard) > 0.6


async def test_a_loop_goes_on_until_it_is_stopped_and_stopping_nothing_is_refused(stage: Stage) -> None:
    url = stage.web.serve("one.wav", music(ONE_HZ, 0.2))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        await audio(stage, call_id, fileUrl=url, loopEnabled=True)
        await talk(alice, seconds=1.2)
        await audio(stage, call_id, sentence="")
        await talk(alice, seconds=0.8)
        refused = await stage.server.post(f"/calls/{call_id}/audio", {"fileUrl": ""})
        assert (refused.status, refused.json["code"]) == (403, "call-audio-invalid-state")
        await alice.hang_up()
        await stage.web.wait_for("hangup", callId=call_id)
    (heard,) = phases(alice.heard(), **TONES)
    assert heard.name == "one" and 0.8 < heard.length_s < 1.9
    assert heard.end_s < len(alice.heard()) / 8000 - 0.4
    assert told(stage, call_id) == [("playback", "started", None), ("playback", "done", None)]


async def test_a_new_file_replaces_the_old_one(stage: Stage) -> None:
    one, two = (stage.web.serve(f"{hz}.wav", music(hz, 8.0)) for hz in (ONE_HZ, TWO_HZ))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        await audio(stage, call_id, fileUrl=one, tag="one")
        await talk(alice, seconds=0.7)
        await audio(stage, call_id, fileUrl=two, tag="two")
        await talk(alice, seconds=0.7)
        await alice.hang_up()
        await stage.web.wait_for("hangup", callId=call_id)
    assert names(alice) == ["one", "two"]
    assert told(stage, call_id) == [
        ("playback", "started", "one"),
        ("playback", "done", "one"),
        ("playback", "started", "two"),
        ("playback", "done", "two"),
    ]
    assert stage.web.kinds(call_id)[-2:] == ["playback", "hangup"]


async def test_volume(stage: Stage) -> None:
    url = stage.web.serve("one.wav", music(ONE_HZ, 6.0))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        await audio(stage, call_id, fileUrl=url)
        await talk(alice, seconds=0.8)
        await audio(stage, call_id, fileUrl=url, volume=-4)
        await talk(alice, seconds=0.8)
        await alice.hang_up()
    (heard,) = phases(alice.heard(), **TONES)
    pcm = alice.heard()[int(heard.start_s * 8000) : int(heard.end_s * 8000)]
    quieter = tone_level(pcm[1000:3000], ONE_HZ) - tone_level(pcm[-3000:-1000], ONE_HZ)
    assert 11 < quieter < 13  # four steps of 3 dB


async def test_it_is_mixed_with_the_other_party_and_heard_by_one_alone(stage: Stage) -> None:
    url = stage.web.serve("one.wav", music(ONE_HZ, 20.0))
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        call_id = await answered_call(stage, alice)
        await stage.transfer(call_id, bob.uri)
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await talk(alice, bob, seconds=0.6)
        await audio(stage, call_id, fileUrl=url)
        await talk(alice, bob, seconds=1.0)
        await alice.hang_up()
        await bob.wait_for("CALL_CLOSED")
    assert names(bob) == ["alice"]
    last = alice.heard()[-6000:-2000]
    assert tone_level(last, ONE_HZ) > -30 and tone_level(last, BOB_HZ) > -30


async def test_a_transfer_stops_what_plays_and_refuses_audio_meanwhile(stage: Stage) -> None:
    url = stage.web.serve("one.wav", music(ONE_HZ, 20.0))
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        call_id = await answered_call(stage, alice)
        await audio(stage, call_id, fileUrl=url)
        await talk(alice, seconds=0.7)
        await stage.transfer(call_id, bob.uri)
        await stage.web.wait_for("playback", callId=call_id, status="done")
        for path, body in (("audio", {"fileUrl": url}), ("audio", {"fileUrl": ""}), ("dtmf", {"dtmfOut": "1"})):
            refused = await stage.server.post(f"/calls/{call_id}/{path}", body)
            assert (refused.status, refused.json["code"]) == (403, "call-invalid-state")
        await talk(alice, seconds=0.7)
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await talk(alice, bob, seconds=0.7)
        await alice.hang_up()
        await bob.wait_for("CALL_CLOSED")
    assert names(alice) == ["one", RINGBACK, "bob"]


async def test_the_servers_own_recording_is_played_without_credentials(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice, recordingEnabled=True)
        await talk(alice, seconds=1.0)
        await stage.update(call_id, recordingEnabled=False)
        recording = await stage.recording(call_id)
        await audio(stage, call_id, fileUrl=recording["media"])
        await stage.web.wait_for("playback", callId=call_id, status="done")
        await alice.hang_up()
    assert names(alice) == ["alice"]  # she hears herself


async def test_files_that_cannot_be_played(stage: Stage) -> None:
    async def missing(_: Received) -> web.StreamResponse:
        return web.Response(status=404)

    stage.web.reactions["/missing.wav"] = missing
    text = stage.web.serve("text.wav", b"this is no audio")
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        for url, status, code in (
            (text, 403, "media-not-supported"),
            (stage.web.url_of("/gone") + "?" + "x" * 3000, 403, "media-invalid-url"),
            ("file:///etc/passwd", 403, "media-invalid-url"),
            (stage.web.url_of("/missing.wav"), 503, "media-unavailable"),
        ):
            refused = await stage.server.post(f"/calls/{call_id}/audio", {"fileUrl": url})
            assert (refused.status, refused.json["code"]) == (status, code), refused
        await stage.update(call_id, state="completed")
        await stage.web.wait_for("hangup", callId=call_id)
        assert told(stage, call_id) == []
        refused = await stage.server.post(f"/calls/{call_id}/audio", {"sentence": "Too late"})
        assert (refused.status, refused.json["code"]) == (403, "call-invalid-state")


# --- keys -----------------------------------------------------------------------------------------------------------


async def test_keys_are_heard_by_a_foreign_phone(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        answer = await stage.server.post(f"/calls/{call_id}/dtmf", {"dtmfOut": "1w,59#*0AD"})
        assert (answer.status, answer.body) == (200, b"")
        await alice.wait_until(lambda: alice.keys() == "159#*0AD")
        await alice.hang_up()
        await stage.web.wait_for("hangup", callId=call_id)
    assert "dtmf" not in stage.web.kinds(call_id)


async def test_keys_are_tones_for_a_phone_without_events(stage: Stage) -> None:
    """SIPp offers no telephone-event and sends back whatever it hears, so that the recording holds it."""
    async with stage.sipp("caller_without_events") as caller:
        number = await stage.number(autoAnswer=True)
        host, port = stage.server.sip_host.rsplit(":", 1)
        await caller.start((host, int(port)), "-key", "caller", "+15550190001", "-rtp_echo", service=number)
        call_id = await stage.arrival(number)
        await stage.server.wait_for_state(call_id, "active")
        await stage.update(call_id, recordingEnabled=True)
        assert (await stage.server.post(f"/calls/{call_id}/dtmf", {"dtmfOut": "5WD"})).status == 200
        refused = await stage.server.post(f"/calls/{call_id}/audio", {"fileUrl": ""})
        assert refused.json["code"] == "call-audio-invalid-state"  # keys are no playback
        await recorded(stage, call_id, seconds=3.0)
        await stage.update(call_id, state="completed")
        await caller.finish()
        recording = await stage.recording(call_id)
    decoded = decode_keys(await stage.audio(recording["media"]))
    assert list(dict.fromkeys(decoded)) == ["5", "D"]  # each of them as it is sent, and as it comes back


async def recorded(stage: Stage, call_id: str, seconds: float) -> None:
    """Until the call's first recording is that long."""
    path = stage.server.folder / "data" / "media" / stage.server.user / f"{call_id}-1.wav"
    async with asyncio.timeout(20):
        while not path.exists() or path.stat().st_size < seconds * 16_000:
            await asyncio.sleep(0.05)


def decode_keys(pcm: NDArray[np.int16]) -> list[str]:
    """Keys in audio: blocks of 40 ms whose energy lies in one low and one high frequency, repeats taken together."""
    found: list[str] = []
    last = None
    for start in range(0, len(pcm) - 320, 160):
        block = pcm[start : start + 320]
        low = max(ROW_HZ, key=lambda hz: tone_level(block, hz))
        high = max(COLUMN_HZ, key=lambda hz: tone_level(block, hz))
        is_key = level(block) > -30 and min(tone_level(block, low), tone_level(block, high)) > level(block) - 8
        key = KEYPAD[ROW_HZ.index(low) * 4 + COLUMN_HZ.index(high)] if is_key else None
        if key is not None and key != last:
            found.append(key)
        last = key
    return found
