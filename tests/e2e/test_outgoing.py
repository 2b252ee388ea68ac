"""Calls placed with POST /calls, to phones that are not ours."""

import re
from typing import Any

import pytest

from support.hearing import phase_names
from support.ports import free_port
from support.stage import Stage, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOB_HZ = 1100.0
TRUNK_PORT = free_port()
OUTSIDE = "+15550188888"


@pytest.fixture(scope="module")
def server_arguments() -> tuple[str, ...]:
    return ("--trunk", f"sip:trunkuser:trunksecret@127.0.0.1:{TRUNK_PORT}")


async def place(stage: Stage, to: str, number: str | None = None, **more: Any) -> str:
    """The id of a new call from a number of ours."""
    body = {"from": number or await stage.number(), "to": to, "callbackUrl": stage.web.url} | more
    created = await stage.server.post("/calls", body)
    assert (created.status, created.body) == (201, b""), created
    assert created.headers["location"].startswith(f"{stage.server.user_url}/calls/c-")
    return created.headers["location"].rsplit("/", 1)[1]


async def test_baresip_answers(stage: Stage) -> None:
    number = await stage.number()
    async with stage.phone("bob", BOB_HZ) as bob:
        call_id = await place(stage, bob.uri, number, tag="order-4711", recordingEnabled="true", callTimeout="30")
        call = await stage.server.call(call_id)
        uri = f"{stage.server.user_url}/calls/{call_id}"
        assert {key: call[key] for key in call if key != "startTime"} == {
            "id": call_id, "direction": "out", "from": number, "to": bob.uri, "state": "started", "callTimeout": 30,
            "callbackUrl": stage.web.url, "callbackHttpMethod": "post", "recordingEnabled": True,
            "recordingFileFormat": "wav", "transcriptionEnabled": False, "tag": "order-4711",
            "events": f"{uri}/events", "recordings": f"{uri}/recordings", "transcriptions": f"{uri}/transcriptions",
        }  # fmt: skip
        incoming = await bob.wait_for("CALL_INCOMING")
        assert number in incoming["peeruri"]
        assert stage.web.events(call_id) == []
        await bob.accept()
        answer = await stage.web.wait_for("answer", callId=call_id)
        assert (await stage.server.call(call_id))["state"] == "active"
        await talk(bob)
        await bob.hang_up()
        recording = await stage.recording(call_id)
    hangup = await stage.web.wait_for("hangup", callId=call_id)
    party = {"callId": call_id, "callUri": uri, "from": number, "to": bob.uri, "tag": "order-4711"}
    assert answer == party | {"eventType": "answer", "callState": "active", "time": answer["time"]}
    ended = {"eventType": "hangup", "callState": "completed", "cause": "NORMAL_CLEARING", "time": hangup["time"]}
    assert hangup == party | ended
    samples = await stage.audio(recording["media"])
    assert len(samples) > 0.7 * 8000
    assert phase_names(samples, bob=BOB_HZ) == ["bob"]
    assert sorted(stage.web.kinds(call_id)) == ["answer", "hangup", "recording"]
    assert stage.web.events(call_id)[-1]["tag"] == "order-4711"


async def test_we_hang_up(stage: Stage) -> None:
    async with stage.phone("bob", BOB_HZ) as bob:
        call_id = await place(stage, bob.uri)
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        assert (await stage.update(call_id, state="completed")).status == 200
        await bob.wait_for("CALL_CLOSED")
        assert (await stage.web.wait_for("hangup", callId=call_id))["cause"] == "NORMAL_CLEARING"


@pytest.mark.parametrize(
    ("scenario", "cause", "state"),
    [
        ("called_refuses_486", "USER_BUSY", "completed"),
        ("called_refuses_603", "CALL_REJECTED", "rejected"),
        ("called_refuses_404", "UNALLOCATED_NUMBER", "completed"),
        ("called_refuses_480", "NO_ANSWER", "completed"),
    ],
)
async def test_sipp_refuses(stage: Stage, scenario: str, cause: str, state: str) -> None:
    async with stage.sipp(scenario) as callee:
        await callee.start()
        call_id = await place(stage, f"sip:bob@127.0.0.1:{callee.port}")
        hangup = await stage.web.wait_for("hangup", callId=call_id)
        await callee.finish()
    assert (hangup["cause"], hangup["callState"]) == (cause, "completed")
    call = await stage.server.call(call_id)
    assert (call["state"], call["chargeableDuration"]) == (state, 0)
    assert stage.web.kinds(call_id) == ["hangup"]


async def test_baresip_declines(stage: Stage) -> None:
    async with stage.phone("bob", BOB_HZ) as bob:
        call_id = await place(stage, bob.uri)
        await bob.wait_for("CALL_INCOMING")
        await bob.command("hangup")
        hangup = await stage.web.wait_for("hangup", callId=call_id)
    assert hangup["cause"] in ("USER_BUSY", "CALL_REJECTED")  # which one, the phone decides


async def test_nobody_answers(stage: Stage) -> None:
    async with stage.sipp("called_is_cancelled") as callee:
        await callee.start()
        number, to = await stage.number(), f"sip:bob@127.0.0.1:{callee.port}"
        call_id = await place(stage, to, number, callTimeout=1, tag="t")
        timeout = await stage.web.wait_for("timeout", callId=call_id)
        hangup = await stage.web.wait_for("hangup", callId=call_id)
        await callee.finish()
    uri = f"{stage.server.user_url}/calls/{call_id}"
    assert timeout == {
        "eventType": "timeout", "callId": call_id, "callUri": uri, "from": number, "to": to, "tag": "t",
        "time": timeout["time"],
    }  # fmt: skip
    assert hangup["cause"] == "NO_ANSWER"
    assert stage.web.kinds(call_id) == ["timeout", "hangup"]
    assert (await stage.server.call(call_id))["state"] == "completed"


async def test_it_is_given_up_while_it_rings(stage: Stage) -> None:
    async with stage.sipp("called_is_cancelled") as callee:
        await callee.start()
        call_id = await place(stage, f"sip:bob@127.0.0.1:{callee.port}")
        for state in ("active", "rejected", "transferring"):
            refused = await stage.update(call_id, state=state, transferTo=OUTSIDE)
            assert (refused.status, refused.json["code"]) == (403, "call-invalid-state")
        assert (await stage.update(call_id, state="completed")).status == 200
        await callee.finish()
    assert (await stage.web.wait_for("hangup", callId=call_id))["cause"] == "ORIGINATOR_CANCEL"


async def test_nobody_is_there(stage: Stage) -> None:
    call_id = await place(stage, f"sip:bob@127.0.0.1:{free_port()};transport=tcp")
    hangup = await stage.web.wait_for("hangup", callId=call_id)
    assert hangup["cause"] == "NORMAL_TEMPORARY_FAILURE"


async def test_sip_headers_are_sent_and_shown(stage: Stage) -> None:
    headers = {"X-Order": "4711", "X-CaseD-Name": 'some "quoted" text; and=more'}
    async with stage.sipp("called_stays") as callee:
        await callee.start()
        call_id = await place(stage, f"sip:bob@127.0.0.1:{callee.port}", sipHeaders=headers)
        await stage.web.wait_for("answer", callId=call_id)
        assert (await stage.server.call(call_id))["sipHeaders"] == headers
        assert (await stage.update(call_id, state="completed")).status == 200
        await callee.finish()
    (invite,) = callee.received("INVITE")
    for name, value in headers.items():
        assert re.findall(rf"^{name}: (.*)$", invite, re.MULTILINE) == [value]


@pytest.mark.parametrize("scheme", ["401", "407"])
async def test_a_number_through_the_trunk(stage: Stage, scheme: str) -> None:
    async with stage.sipp(f"called_challenges_{scheme}", TRUNK_PORT) as trunk:
        await trunk.start()
        number = await stage.number()
        call_id = await place(stage, OUTSIDE, number)
        await stage.web.wait_for("answer", callId=call_id)
        assert (await stage.update(call_id, state="completed")).status == 200
        await trunk.finish()
    first, second = trunk.received("INVITE")
    assert "uthorization:" not in first and 'username="trunkuser"' in second
    for invite in (first, second):
        assert f"\nP-Asserted-Identity: <sip:{number}@127.0.0.1>\n" in invite


async def test_credentials_are_for_the_trunk_alone(stage: Stage) -> None:
    async with stage.sipp("called_challenges_407") as stranger:
        await stranger.start()
        call_id = await place(stage, f"sip:bob@127.0.0.1:{stranger.port}")
        hangup = await stage.web.wait_for("hangup", callId=call_id)
    assert hangup["cause"] == "CALL_REJECTED"
    assert len(stranger.received("INVITE")) == 1
    assert "uthorization:" not in "".join(stranger.received("INVITE"))


async def test_lists_and_pages(stage: Stage) -> None:
    number = await stage.number()
    refused = f"sip:bob@127.0.0.1:{free_port()};transport=tcp"
    ids = [await place(stage, refused, number) for _ in range(5)]
    for call_id in ids:
        await stage.server.wait_for_state(call_id, "completed")
    query = f"/calls?from={number.replace('+', '%2B')}"
    listed = await stage.server.get(query)
    assert [call["id"] for call in listed] == ids[::-1]
    assert [call["id"] for call in await stage.server.get(f"{query}&sortOrder=ASC")] == ids
    assert listed[0] == await stage.server.call(ids[-1])
    pages, url = [], f"{query}&size=2"
    while url:
        answer = await stage.server.curl(url)
        pages.append([call["id"] for call in answer.json])
        following = re.search(r'<([^>]*)>; rel="next"', answer.headers.get("link", ""))
        url = following.group(1) if following else ""
    assert pages == [ids[:2:-1], ids[2:0:-1], ids[:1]]
    assert await stage.server.get(f"{query}&page=3&size=2") == []
    assert await stage.server.get("/calls?to=%2B15559990000") == []
