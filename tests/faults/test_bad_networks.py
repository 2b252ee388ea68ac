"""Loss, doubles, disorder, and parties that vanish: calls are set up, carried and ended all the same."""

import asyncio
from pathlib import Path

from support.caller import CAUSE, calling, sip_place
from support.crash import check_log, count_open, database
from support.scale import new_seed, scaled
from trebuchet.sim.phone import Phone
from trebuchet.testing.lossy_relay import LossyRelay
from trebuchet.testing.rtp_phone import Impairment
from trebuchet.testing.tones import hears

CALLS = scaled(8, 200)
AT_ONCE = 8
QUICK = "[signalling]\nt1_ms = 100\n[media]\nrtp_timeout_s = 1\n"
PATIENCE_S = 30.0


async def test_calls_over_a_network_that_loses_doubles_and_reorders(tmp_path: Path) -> None:
    seed = new_seed()
    settings = "[signalling]\nt1_ms = 100\n"
    async with calling(tmp_path, settings=settings) as stage:
        relay = await LossyRelay.open(sip_place(stage.server), seed=seed)
        number = await stage.number(autoAnswer=True)
        async with await Phone.open("far", tone_hz=900.0, proxy=relay.place) as phone:
            relay.phone = ("127.0.0.1", phone.port)

            async def one() -> None:
                call = await phone.call(number)
                call.rtp.impairment = Impairment(loss=0.1, duplicate=0.1, swap=0.1)
                await call.wait_answered(timeout_s=PATIENCE_S)
                await call.hear(0.4, timeout_s=PATIENCE_S)
                call.hang_up()
                await call.wait_ended(timeout_s=PATIENCE_S)

            for _ in range(0, CALLS, AT_ONCE):
                await asyncio.gather(*(one() for _ in range(AT_ONCE)))
            recorded = await phone.call(number)
            await recorded.wait_answered(timeout_s=PATIENCE_S)
            await stage.web.wait_for("answer", number=CALLS + 1)
            call_id = stage.web.requests(eventType="answer")[-1].data["callId"]
            recorded.rtp.impairment = Impairment(loss=0.1, duplicate=0.1, swap=0.1)
            assert (await stage.update(call_id, recordingEnabled="true")).status == 200
            await recorded.hear(1.5)
            assert (await stage.update(call_id, recordingEnabled="false")).status == 200
            recording = await stage.recording(call_id)
            assert hears(await stage.audio(recording["media"]), 900.0, above_db=-16)
            recorded.hang_up()
            await stage.web.wait_for("hangup", number=CALLS + 1)
            await stage.server.wait_until_idle()
        relay.close()
        assert relay.lost, "the network was not bad enough"
        print(f"{CALLS + 1} calls, {relay.passed} messages passed, {relay.lost} lost")
        assert len(stage.web.requests(eventType="hangup")) == CALLS + 1
        assert count_open(database(stage.server)) == (0, 0)
        check_log(database(stage.server))


async def test_a_peer_that_is_gone_without_a_word(tmp_path: Path) -> None:
    """Its audio ends and nothing answers our BYE: the call ends with a documented cause and leaves nothing."""
    async with calling(tmp_path, settings=QUICK) as stage:
        gone = await Phone.open("gone", proxy=sip_place(stage.server))
        number = await stage.number(autoAnswer=True)
        call = await gone.call(number)
        await call.wait_answered()
        call_id = await stage.arrival(number)
        healthy, healthy_id = await stage.answered()
        await gone._shell.close()  # as if its cable were cut
        await call.rtp.close()
        assert (await stage.web.wait_for("hangup", callId=call_id))["cause"] == CAUSE
        assert (await stage.server.call(call_id))["state"] == "completed"
        await healthy.hear(0.3)
        assert (await stage.server.call(healthy_id))["state"] == "active"
        healthy.hang_up()
        await stage.server.wait_until_idle()
