"""The five documented uses of the update endpoint, by curl, on real calls from SIPp and baresip."""

import io
import json
import re
import time
from typing import Any

import pytest
import soundfile
from aiohttp import web

from support.hearing import phase_names, phases
from support.sipp import SippFailed
from support.stage import CALLER, Stage, talk
from trebuchet.sim.app import Received

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ = 700.0

ANSWER = '\n\t{\n\t\t"state": "active"\n\t}\n\t'
HANG_UP = '\n\t{\n\t\t"state": "completed"\n\t}\n\t'
RECORD = '\n\t{\n\t\t"recordingEnabled": "true"\n\t}\n\t'
STOP_RECORDING = '\n\t{\n\t\t"recordingEnabled": "false"\n\t}\n\t'
REJECT = '\n\t{\n\t\t"state": "rejected"\n\t}\n\t'
"""The bodies as documented: with white space around, and strings for booleans."""

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


async def send(stage: Stage, call_id: str, body: str) -> None:
    """The documented command, which answers 200 and nothing else."""
    answer = await stage.server.post(f"/calls/{call_id}", body)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
    assert "location" not in answer.headers
    assert "content-type" not in answer.headers


def timeless(event: dict[str, Any]) -> dict[str, Any]:
    """The event without its time, which must look like one."""
    assert TIME.fullmatch(event["time"])
    return {key: value for key, value in event.items() if key != "time"}


def common(stage: Stage, kind: str, call_id: str, caller: str, number: str) -> dict[str, Any]:
    return {
        "eventType": kind,
        "callId": call_id,
        "callUri": f"{stage.server.user_url}/calls/{call_id}",
        "from": caller,
        "to": number,
    }


async def test_sipp_is_answered_and_hung_up(stage: Stage) -> None:
    number = await stage.number()
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, number)
        assert (await stage.server.call(call_id))["state"] == "started"
        await send(stage, call_id, ANSWER)
        call = await stage.server.call(call_id)
        assert (call["state"], call["direction"], call["from"], call["to"]) == ("active", "in", CALLER, number)
        assert TIME.fullmatch(call["activeTime"]) and "endTime" not in call
        await stage.web.wait_for("answer", callId=call_id)
        await send(stage, call_id, HANG_UP)
        call = await stage.server.call(call_id)
        assert (call["state"], call["chargeableDuration"]) == ("completed", 60)
        assert call["startTime"] <= call["activeTime"] <= call["endTime"]
        await caller.finish()
    hangup = await stage.web.wait_for("hangup", callId=call_id)
    application = (await stage.web.wait_for("incomingcall", callId=call_id))["applicationId"]
    told = {"displayName": "SIPp", "withholdCallerNumber": "false", "withholdCallerName": "false"}
    arrival, answer = stage.web.events(call_id)[:2]
    incoming = common(stage, "incomingcall", call_id, CALLER, number)
    assert timeless(arrival) == incoming | {"callState": "active", "applicationId": application} | told
    assert timeless(answer) == incoming | {
        "eventType": "answer",
        "callState": "active",
        "applicationId": application,
        **told,
    }
    assert timeless(hangup) == incoming | {
        "eventType": "hangup",
        "callState": "completed",
        "cause": "NORMAL_CLEARING",
    }
    assert stage.web.kinds(call_id) == ["incomingcall", "answer", "hangup"]


async def test_events_are_posted_as_documented(stage: Stage) -> None:
    number = await stage.number()
    async with stage.sipp("caller_cancels") as caller:
        call_id = await stage.call_from_sipp(caller, number)
        await caller.finish()
    request = await stage.web.wait_for_request("hangup", callId=call_id)
    assert (request.method, request.path) == ("POST", "/events")
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert request.headers["User-Agent"].startswith("BandwidthAPI/v1")
    assert request.data["cause"] == "ORIGINATOR_CANCEL"
    assert (await stage.server.call(call_id))["state"] == "completed"


async def test_events_are_sent_by_get_if_so_wanted(stage: Stage) -> None:
    number = await stage.number(callbackHttpMethod="GET", incomingCallUrl=f"{stage.web.url}?mine=1")
    async with stage.sipp("caller_diverted") as caller:
        call_id = await stage.call_from_sipp(caller, number)
        await send(stage, call_id, HANG_UP)
        with pytest.raises(SippFailed, match="480"):
            await caller.finish()
    request = await stage.web.wait_for_request("incomingcall", callId=call_id)
    assert (request.method, request.data["mine"], request.data["from"]) == ("GET", "1", CALLER)
    assert json.loads(request.data["diversion"])["origTo"] == "+15551230033"
    assert "Content-Type" not in request.headers
    hangup = await stage.web.wait_for("hangup", callId=call_id)
    assert hangup["cause"] == "NORMAL_CLEARING"


async def test_a_diverted_call_says_so(stage: Stage) -> None:
    number = await stage.number(autoAnswer=True)
    async with stage.sipp("caller_diverted") as caller:
        call_id = await stage.call_from_sipp(caller, number)
        answer = await stage.web.wait_for("answer", callId=call_id)
        await send(stage, call_id, HANG_UP)
        await caller.finish()
    arrival = await stage.web.wait_for("incomingcall", callId=call_id)
    diversion = {
        "origTo": "+15551230033", "reason": "no-answer", "screen": "no", "privacy": "off", "counter": 2, "limit": 5,
        "kind": "test",
    }  # fmt: skip
    assert arrival["diversion"] == answer["diversion"] == diversion
    assert (await stage.server.call(call_id))["sipHeaders"] == {"X-Order": "4711"}


async def test_sipp_is_rejected(stage: Stage) -> None:
    number = await stage.number()
    async with stage.sipp("caller_refused_603") as caller:
        call_id = await stage.call_from_sipp(caller, number)
        await send(stage, call_id, REJECT)
        call = await stage.server.call(call_id)
        assert call["state"] == "rejected" and TIME.fullmatch(call["endTime"]) and "activeTime" not in call
        assert call["chargeableDuration"] == 0
        await caller.finish()
    hangup = await stage.web.wait_for("hangup", callId=call_id)
    assert (hangup["cause"], hangup["callState"]) == ("CALL_REJECTED", "completed")
    assert stage.web.kinds(call_id) == ["incomingcall", "hangup"]
    log = await stage.server.get(f"/calls/{call_id}/events")
    assert [(entry["name"], entry.get("data")) for entry in log] == [
        ("create", None),
        ("incomingcall", None),
        ("hangup", "CALL_REJECTED"),
    ]
    assert await stage.server.get(f"/calls/{call_id}/events/{log[2]['id']}") == log[2]


async def test_a_number_without_application_does_not_ring(stage: Stage) -> None:
    host, port = stage.server.sip_host.rsplit(":", 1)
    application_id = await stage.server.bind("+15550129999", {"incomingCallUrl": stage.web.url})
    assert (await stage.server.curl("-X", "DELETE", f"/applications/{application_id}")).status == 200
    async with stage.sipp("caller_refused_480") as caller:
        await caller.start((host, int(port)), service="+15550129999")
        await caller.finish()
    errors = await stage.server.get("/errors?size=1000")
    (error,) = [error for error in errors if error["code"] == "no-application-for-number"]
    assert error["category"] == "unavailable"
    assert {(detail["name"], detail["value"]) for detail in error["details"]} >= {("number", "+15550129999")}


async def test_baresip_is_rejected(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number())
        await send(stage, call_id, REJECT)
        closed = await alice.wait_for("CALL_CLOSED")
    assert "603" in closed["param"]


async def test_the_caller_hangs_up(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number())
        await send(stage, call_id, ANSWER)
        await alice.wait_for("CALL_ESTABLISHED")
        await alice.hang_up()
        hangup = await stage.web.wait_for("hangup", callId=call_id)
    assert hangup["cause"] == "NORMAL_CLEARING"
    assert (await stage.server.call(call_id))["state"] == "completed"


async def test_recording_is_switched_on_and_off_again_and_again(stage: Stage) -> None:
    spans: list[tuple[float, float]] = []
    async with stage.phone("alice", ALICE_HZ) as alice:
        number = await stage.number()
        call_id = await stage.call_from(alice, number)
        await send(stage, call_id, ANSWER)
        await alice.wait_for("CALL_ESTABLISHED")
        await talk(alice, seconds=0.2)
        for turn in range(3):
            asked = time.monotonic()
            await send(stage, call_id, RECORD)
            on = time.monotonic()
            assert (await stage.server.call(call_id))["recordingEnabled"] is True
            await talk(alice, seconds=1.0 + turn / 2)
            off = time.monotonic()
            await send(stage, call_id, STOP_RECORDING)
            spans.append((off - on, time.monotonic() - asked))
            assert (await stage.server.call(call_id))["recordingEnabled"] is False
            await stage.web.wait_for("recording", number=turn + 1, callId=call_id)
        await send(stage, call_id, HANG_UP)
    listed = await stage.server.get(f"/calls/{call_id}/recordings")
    assert len(listed) == 3
    for n, (recording, (at_least_s, at_most_s)) in enumerate(zip(listed, spans, strict=True), 1):
        assert recording["media"] == f"{stage.server.user_url}/media/{call_id}-{n}.wav"
        assert recording["state"] == "complete"
        assert recording["call"] == f"{stage.server.user_url}/calls/{call_id}"
        assert recording == await stage.server.get(f"/recordings/{recording['id']}")
        samples = await stage.audio(recording["media"])
        assert at_least_s - 0.3 < len(samples) / 8000 < at_most_s + 0.2
        assert phase_names(samples, alice=ALICE_HZ) == ["alice"]
        event = stage.web.events(call_id)[1 + n]
        assert event == {
            "eventType": "recording",
            "callId": call_id,
            "recordingId": recording["id"],
            "recordingUri": f"{stage.server.user_url}/recordings/{recording['id']}",
            "state": "complete",
            "status": "complete",
            "startTime": recording["startTime"],
            "endTime": recording["endTime"],
        }
    assert stage.web.kinds(call_id)[:5] == ["incomingcall", "answer", "recording", "recording", "recording"]


async def test_downloads_in_every_form(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await send(stage, call_id, RECORD)
        await talk(alice, seconds=1.2)
        await alice.hang_up()
        recording = await stage.recording(call_id)
    url = recording["media"]
    whole = await stage.server.curl(url)
    size = len(whole.body)
    assert (whole.status, whole.headers["content-type"]) == (200, "audio/wav")
    assert whole.headers["content-length"] == str(size)
    with soundfile.SoundFile(io.BytesIO(whole.body)) as sound:
        assert (sound.samplerate, sound.channels, sound.subtype) == (8000, 1, "PCM_16")
        assert 1.0 < len(sound) / 8000 < 10
    part = await stage.server.curl("-H", "Range: bytes=100-299", url)
    assert (part.status, part.body) == (206, whole.body[100:300])
    assert part.headers["content-range"] == f"bytes 100-299/{size}"
    tail = await stage.server.curl("-H", "Range: bytes=-50", url)
    assert (tail.status, tail.body) == (206, whole.body[-50:])
    beyond = await stage.server.curl("-H", f"Range: bytes={size}-", url)
    assert (beyond.status, beyond.json["code"]) == (416, "range-not-satisfiable")
    head = await stage.server.curl("-I", url)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(size))
    assert head.headers["content-type"] == "audio/wav"
    stranger = await stage.server.curl(url, credentials="t-test:wrong")
    assert stranger.status == 401


async def test_recording_as_mp3(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ, codecs=("PCMA",)) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await stage.web.wait_for("answer", callId=call_id)
        await alice.wait_for("CALL_ESTABLISHED")
        await send(stage, call_id, '{"recordingFileFormat": "mp3", "recordingEnabled": "true"}')
        started = time.monotonic()
        await talk(alice, seconds=1.5)
        await send(stage, call_id, STOP_RECORDING)
        lasted = time.monotonic() - started
        assert (await stage.server.call(call_id))["recordingFileFormat"] == "mp3"
        recording = await stage.recording(call_id)
        await send(stage, call_id, HANG_UP)
    assert recording["media"].endswith(f"{call_id}-1.mp3")
    answer = await stage.server.curl(recording["media"])
    assert (answer.status, answer.headers["content-type"]) == (200, "audio/mpeg")
    with soundfile.SoundFile(io.BytesIO(answer.body)) as sound:
        assert sound.format == "MP3"
    samples = await stage.audio(recording["media"])
    assert 1.2 < len(samples) / 8000 < lasted + 0.5
    (phase,) = phases(samples, alice=ALICE_HZ)
    assert phase.name == "alice" and phase.length_s > 1.0


async def test_an_answer_that_records(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number())
        await send(stage, call_id, '{"state": "active", "recordingEnabled": true}')
        await talk(alice, seconds=0.8)
        await send(stage, call_id, HANG_UP)
        recording = await stage.recording(call_id)
    assert (await stage.audio(recording["media"])).size > 0.5 * 8000
    assert sorted(stage.web.kinds(call_id)) == ["answer", "hangup", "incomingcall", "recording"]


async def test_a_recording_ends_at_its_limit_and_the_call_goes_on(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number())
        await send(stage, call_id, '{"state": "active", "recordingMaxDuration": "1", "recordingEnabled": "true"}')
        recording = await stage.recording(call_id)
        call = await stage.server.call(call_id)
        assert (call["state"], call["recordingEnabled"], call["recordingMaxDuration"]) == ("active", False, 1)
        assert len(await stage.audio(recording["media"])) == 8000
        await send(stage, call_id, HANG_UP)


async def test_an_application_that_answers_by_itself(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer="true"))
        await alice.wait_for("CALL_ESTABLISHED")
        await stage.web.wait_for("answer", callId=call_id)
        assert (await stage.server.call(call_id))["state"] == "active"
        await send(stage, call_id, ANSWER)
        await send(stage, call_id, HANG_UP)
        await alice.wait_for("CALL_CLOSED")
        await stage.web.wait_for("hangup", callId=call_id)
    assert stage.web.kinds(call_id) == ["incomingcall", "answer", "hangup"]


async def test_each_key_is_one_event(stage: Stage) -> None:
    keys = "1590*#"
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number())
        await send(stage, call_id, ANSWER)
        await alice.wait_for("CALL_ESTABLISHED")
        for count, key in enumerate(keys, 1):
            await alice.press(key)
            await stage.web.wait_for("dtmf", number=count, callId=call_id)
        await send(stage, call_id, HANG_UP)
        await stage.web.wait_for("hangup", callId=call_id)
    pressed = [event for event in stage.web.events(call_id) if event["eventType"] == "dtmf"]
    assert [event["dtmfDigit"] for event in pressed] == list(keys)
    uri = f"{stage.server.user_url}/calls/{call_id}"
    assert timeless(pressed[0]) == {"eventType": "dtmf", "callId": call_id, "callUri": uri, "dtmfDigit": "1"}


async def test_handlers_may_use_the_api_before_they_answer(stage: Stage) -> None:
    async def answer_first(request: Received) -> None:
        if request.data["eventType"] == "incomingcall":
            await stage.answer(request.data["callId"])

    stage.web.reactions["/early"] = answer_first
    number = await stage.number(incomingCallUrl=stage.web.url_of("/early"))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, number)
        await alice.wait_for("CALL_ESTABLISHED")
        await send(stage, call_id, HANG_UP)


async def test_the_fallback_url_is_tried_when_the_first_fails(stage: Stage) -> None:
    async def fail(request: Received) -> web.StreamResponse:
        return web.Response(status=500)

    stage.web.reactions["/broken"] = fail
    number = await stage.number(
        incomingCallUrl=stage.web.url_of("/broken"), incomingCallFallbackUrl=stage.web.url_of("/fallback")
    )
    async with stage.sipp("caller_stays") as caller:
        host, port = stage.server.sip_host.rsplit(":", 1)
        await caller.start((host, int(port)), "-key", "caller", CALLER, service=number)
        second = await stage.web.wait_for("incomingcall", number=2, to=number)
        first = await stage.web.wait_for("incomingcall", to=number)
        assert first == second
        await send(stage, first["callId"], ANSWER)
        await send(stage, first["callId"], HANG_UP)
        await caller.finish()
    await stage.web.wait_for("hangup", number=2, callId=first["callId"])
    paths = [request.path for request in stage.web.requests(callId=first["callId"])]
    assert sorted(paths) == ["/broken"] * 3 + ["/fallback"] * 3
    errors = [error for error in await stage.server.get("/errors") if error["code"] == "callback-http-failure-status"]
    details = {detail["name"]: detail["value"] for detail in errors[0]["details"]}
    assert (details["callId"], details["callbackStatusCode"]) == (first["callId"], "500")
