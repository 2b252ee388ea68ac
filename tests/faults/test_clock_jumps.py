"""The wall clock of the machine is set forward and back by a day while calls are up: calls, limits and the order of
events go by a clock that nobody can set, and no time of a call runs backwards."""

from pathlib import Path

import pytest

from support.caller import calling
from support.crash import check_log, database
from support.faults import sabotage
from trebuchet.testing.tones import hears

DAY_S = 86_400
JUMPING = """
from datetime import timedelta
from pathlib import Path
from trebuchet.base.clock import SystemClock

utc = SystemClock.utc

def jumping(self):
    return utc(self) + timedelta(seconds=int(Path({path!r}).read_text()))

SystemClock.utc = jumping
"""


@pytest.mark.parametrize("days", [1, -1])
async def test_a_clock_that_is_set_ends_nothing_and_loses_nothing(tmp_path: Path, days: int) -> None:
    offset = tmp_path / "offset"
    offset.write_text("0")
    environment = sabotage(tmp_path / "code", JUMPING.format(path=str(offset)))
    async with calling(tmp_path, environment=environment) as stage:
        call, call_id = await stage.answered()
        assert (await stage.update(call_id, recordingEnabled="true")).status == 200
        await call.hear(0.6)
        offset.write_text(str(days * DAY_S))
        await call.send_digits("1")
        await stage.web.wait_for("dtmf", callId=call_id)
        await call.hear(0.6)
        other, other_id = await stage.answered()
        assert (await stage.server.call(call_id))["state"] == "active"
        call.hang_up()
        other.hang_up()
        for each in (call_id, other_id):
            await stage.web.wait_for("hangup", callId=each)
            ended = await stage.server.call(each)
            assert ended["startTime"] <= ended["activeTime"] <= ended["endTime"]
        recording = await stage.recording(call_id)
        assert recording["state"] == "complete" and recording["startTime"] <= recording["endTime"]
        assert hears(await stage.audio(recording["media"]), 700.0, above_db=-16)
        assert stage.web.kinds(call_id)[:2] == ["incomingcall", "answer"]
        names = [each["name"] for each in await stage.server.get(f"/calls/{call_id}/events")]
        assert names[0] == "create" and names.index("dtmf") < names.index("hangup")
        check_log(database(stage.server))
        assert (await stage.server.curl(f"{stage.server.http}/readyz")).status == 200
