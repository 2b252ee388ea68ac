"""Limits of time, with a server whose limits are short: ringing, waiting for audio, waiting for webhooks."""

import asyncio

import pytest

from support.stage import Stage
from trebuchet.sim.app import Received

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def server_environment() -> dict[str, str]:
    return {
        "TREBUCHET_POLICY_RING_LIMIT_S": "1",
        "TREBUCHET_POLICY_TRANSFER_RING_LIMIT_S": "1",
        "TREBUCHET_MEDIA_RTP_TIMEOUT_S": "5",
    }


async def test_an_incoming_call_that_nobody_answers(stage: Stage) -> None:
    async with stage.sipp("caller_refused_480") as caller:
        host, port = stage.server.sip_host.rsplit(":", 1)
        number = await stage.number()
        await caller.start((host, int(port)), service=number)
        call_id = await stage.arrival(number)
        await caller.finish()
    hangup = await stage.web.wait_for("hangup", callId=call_id)
    assert hangup["cause"] == "NO_ANSWER"
    assert stage.web.kinds(call_id) == ["incomingcall", "timeout", "hangup"]
    assert (await stage.server.call(call_id))["state"] == "completed"


async def test_a_transfer_that_nobody_answers_and_a_caller_without_audio(stage: Stage) -> None:
    """SIPp sends no audio: in the end that is what ends its call."""
    async with stage.sipp("caller_stays") as caller, stage.sipp("called_is_cancelled") as callee:
        await callee.start()
        call_id = await stage.call_from_sipp(caller, await stage.number(autoAnswer=True))
        await stage.web.wait_for("answer", callId=call_id)
        new_id = await stage.transfer(call_id, f"sip:bob@127.0.0.1:{callee.port}", callbackUrl=stage.web.url)
        hangup = await stage.web.wait_for("hangup", callId=new_id)
        assert (hangup["cause"], stage.web.kinds(new_id)) == ("NO_ANSWER", ["timeout", "hangup"])
        await callee.finish()
        await stage.server.wait_for_state(call_id, "active")
        hangup = await stage.web.wait_for("hangup", callId=call_id)
        assert hangup["cause"] == "NORMAL_TEMPORARY_FAILURE"
        await caller.finish()


async def test_a_handler_that_hangs_costs_its_delivery_alone(stage: Stage) -> None:
    is_free = asyncio.Event()

    async def hang(_: Received) -> None:
        await is_free.wait()

    stage.web.reactions["/slow"] = hang
    slow = stage.web.url_of("/slow")
    number = await stage.number(incomingCallUrl=slow, incomingCallUrlCallbackTimeout=300, autoAnswer=True)
    try:
        async with stage.phone("alice", 700.0) as alice:
            call_id = await stage.call_from(alice, number)
            await alice.wait_for("CALL_ESTABLISHED")
            await alice.hang_up()
            await stage.web.wait_for("hangup", callId=call_id)
        found: list[dict[str, str]] = []
        async with asyncio.timeout(15):
            while len(found) < 3:
                found = [
                    details
                    for error in await stage.server.get("/errors?size=1000")
                    if error["code"] == "callback-server-timeout"
                    and (details := {each["name"]: each["value"] for each in error["details"]})["callId"] == call_id
                ]
    finally:
        is_free.set()
    assert {each["callbackEvent"] for each in found} == {"incomingcall", "answer", "hangup"}
    assert {each["callbackTimeout"] for each in found} == {"300"}
    assert stage.web.kinds(call_id) == ["incomingcall", "answer", "hangup"]
