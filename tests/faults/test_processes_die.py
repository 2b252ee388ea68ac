"""A media worker is killed, code of ours raises: who else is on the phone does not notice."""

import asyncio
import os
import signal
from pathlib import Path

from support.caller import CAUSE, calling
from support.crash import download
from support.faults import LIMIT_S, media_workers, sabotage
from trebuchet.testing.tones import hears

CALLS = 4
LOST_S = 1.0
UNSPECIFIED = "NORMAL_UNSPECIFIED"


async def test_a_killed_media_worker_costs_its_own_calls_alone(tmp_path: Path) -> None:
    async with calling(tmp_path, "--media-workers", "2") as stage:
        calls = [await stage.answered() for _ in range(CALLS)]
        for _, call_id in calls:
            assert (await stage.update(call_id, recordingEnabled="true")).status == 200
        await asyncio.gather(*(call.hear(2.0) for call, _ in calls))
        victim, other = media_workers(stage.server)
        os.kill(victim, signal.SIGKILL)

        lost = [await stage.web.wait_for("hangup", number=n) for n in (1, 2)]
        assert {event["cause"] for event in lost} == {CAUSE}
        gone = {event["callId"] for event in lost}
        for call, call_id in calls:
            if call_id not in gone:
                assert (await stage.server.call(call_id))["state"] == "active"
                await call.hear(0.5)
                continue
            await call.wait_ended()
            recording = await stage.recording(call_id)
            assert recording["state"] == "complete"
            pcm = await download(stage.server, recording["media"])
            assert len(pcm) / 8000 > 2.0 - LOST_S and hears(pcm, 700.0, above_db=-16)

        async with asyncio.timeout(LIMIT_S):
            while len(media_workers(stage.server)) < 2:
                await asyncio.sleep(0.05)
        assert other in media_workers(stage.server)
        fresh = [await stage.answered() for _ in range(CALLS)]
        await asyncio.gather(*(call.hear(0.3) for call, _ in fresh))
        state = await stage.server.state()
        assert state["calls"] == 2 + CALLS


BROKEN_KEY = """
from trebuchet.calls.machine import Machine
from trebuchet.calls.stimuli import HangUp, KeyPressed

decide = Machine.decide

def broken(self, status, stimulus, at):
    if isinstance(stimulus, KeyPressed) and stimulus.digit == "9":
        raise RuntimeError("sabotaged")
    if isinstance(stimulus, HangUp) and status.call.recording.is_enabled:
        raise RuntimeError("sabotaged")
    return decide(self, status, stimulus, at)

Machine.decide = broken
"""


async def test_an_exception_in_one_call_ends_that_call_alone(tmp_path: Path) -> None:
    """In what a party did, and in what a client asked for: he gets an answer, and not a late one."""
    async with calling(tmp_path, environment=sabotage(tmp_path / "code", BROKEN_KEY)) as stage:
        (pressing, pressed_id), (hung_up, hung_up_id), (healthy, healthy_id) = [
            await stage.answered() for _ in range(3)
        ]
        await healthy.send_digits("1")
        press = asyncio.ensure_future(pressing.send_digits("9"))  # the call ends in the middle of the key
        assert (await stage.web.wait_for("hangup", callId=pressed_id))["cause"] == UNSPECIFIED
        await pressing.wait_ended()
        press.cancel()
        assert (await stage.update(hung_up_id, recordingEnabled="true")).status == 200
        answer = await stage.update(hung_up_id, state="completed")
        assert (answer.status, answer.json["code"]) == (500, "internal-error")
        assert (await stage.web.wait_for("hangup", callId=hung_up_id))["cause"] == UNSPECIFIED
        await hung_up.wait_ended()
        assert (await stage.web.wait_for("dtmf", callId=healthy_id))["dtmfDigit"] == "1"
        await healthy.hear(0.3)
        assert (await stage.server.call(healthy_id))["state"] == "active"
        assert (await stage.server.curl(f"{stage.server.http}/readyz")).status == 200
