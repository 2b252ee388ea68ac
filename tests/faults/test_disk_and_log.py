"""No space, no inodes, a locked database, a disk whose syncs fail: nothing is promised that is not stored, calls go on,
and all is well again by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.caller import Caller, calling
from support.crash import check_log, count_open, database, download
from support.faults import LIMIT_S, failing_fsync, fill, locked, small_disk, until_ready, use_up_inodes
from support.load import pid_of
from support.server import Answer
from trebuchet.sim.phone_call import CallFailed, PhoneCall
from trebuchet.testing.tones import hears


async def recorded(stage: Caller, call_id: str, n: int) -> str:
    """Record until the recording's event has come; its state."""
    event = await stage.web.wait_for("recording", number=n, callId=call_id)
    return str(event["state"])


async def test_a_full_disk_costs_the_recording_and_not_the_call(tmp_path: Path) -> None:
    with small_disk(tmp_path / "server" / "data" / "media") as disk:
        async with calling(tmp_path) as stage:
            call, call_id = await stage.answered()
            filler = fill(disk, leave_kb=24)
            assert (await stage.update(call_id, recordingEnabled="true")).status == 200
            assert await recorded(stage, call_id, 1) == "error"
            assert (await stage.server.call(call_id))["recordingEnabled"] is False
            await call.hear(0.5)
            filler.unlink()
            assert (await stage.update(call_id, recordingEnabled="true")).status == 200
            await call.hear(1.5)
            assert (await stage.update(call_id, recordingEnabled="false")).status == 200
            assert await recorded(stage, call_id, 2) == "complete"
            first, second = await stage.server.get(f"/calls/{call_id}/recordings")
            assert (first["state"], second["state"]) == ("error", "complete")
            assert hears(await download(stage.server, second["media"]), 700.0, above_db=-16)
            call.hang_up()
            await stage.web.wait_for("hangup", callId=call_id)
            await stage.server.stop()


async def test_without_inodes_too(tmp_path: Path) -> None:
    with small_disk(tmp_path / "server" / "data" / "media") as disk:
        async with calling(tmp_path) as stage:
            call, call_id = await stage.answered()
            taken = use_up_inodes(disk)
            assert (await stage.update(call_id, recordingEnabled="true")).status == 200
            assert await recorded(stage, call_id, 1) == "error"
            await call.hear(0.3)
            for path in taken:
                path.unlink()
            assert (await stage.update(call_id, recordingEnabled="true")).status == 200
            await call.hear(1.0)
            assert (await stage.update(call_id, recordingEnabled="false")).status == 200
            assert await recorded(stage, call_id, 2) == "complete"
            await stage.server.stop()


@asynccontextmanager
async def broken_log(stage: Caller, kind: str, disk: Path) -> AsyncIterator[None]:
    if kind == "locked":
        async with locked(database(stage.server)):
            yield
    elif kind == "syncs fail":
        async with failing_fsync(pid_of(stage.server)):
            yield
    else:
        filler = fill(disk)
        yield
        filler.unlink()


async def until_refused(stage: Caller) -> Answer:
    """A full disk still has room in the files that are there: so much is stored as is acknowledged."""
    application = {"name": "x" * 60, "incomingCallUrl": stage.web.url}
    async with asyncio.timeout(LIMIT_S):
        acknowledged = await count_applications(stage)
        while (answer := await stage.server.post("/applications", application)).status == 201:
            acknowledged += 1
    assert await count_applications(stage) == acknowledged
    return answer


async def count_applications(stage: Caller) -> int:
    return len(await stage.server.get("/applications?size=1000"))


async def is_refused(call: PhoneCall) -> bool:
    """With 503; else it is answered. That happens on a full disk, where SQLite finds room for some rows when it begins
    its write-ahead log anew, in a file that is there."""
    try:
        await call.wait_answered()
    except CallFailed:
        assert call.end is not None and call.end.status == 503
        return True
    return False


@pytest.mark.parametrize("kind", ["locked", "syncs fail", "full"])
async def test_a_log_that_cannot_be_written_is_not_lied_about(tmp_path: Path, kind: str) -> None:
    with small_disk(tmp_path / "server" / "data", size_kb=16_384, inodes=400) as disk:
        async with calling(tmp_path) as stage:
            call, call_id = await stage.answered()
            number = await stage.number(autoAnswer=True)
            stored = check_log(database(stage.server))
            async with broken_log(stage, kind, disk):
                made = await until_refused(stage)
                assert (made.status, made.json["category"]) == (503, "unavailable")
                assert int(made.headers["retry-after"]) > 0
                await until_ready(stage.server, 503)
                dialled = await stage.server.post("/calls", {"from": number, "to": stage.caller.uri})
                assert dialled.status == 503
                another = await stage.caller.call(number)
                if not await is_refused(another):
                    assert kind == "full", "answered although it cannot be stored"
                    another.hang_up()
                assert len(stage.caller.calls) == 2, "nobody was dialled for what is not stored"
                assert (await stage.server.call(call_id))["state"] == "active"
                await call.hear(0.3)
                call.hang_up()
                await call.wait_ended()
                told = len(stage.web.requests(eventType="hangup"))
                names = [each["name"] for each in await stage.server.get(f"/calls/{call_id}/events")]
                assert told <= names.count("hangup"), "told before it was stored"
                if "hangup" not in names:  # a full disk may have had room for that much
                    assert (await stage.update(call_id, recordingEnabled="true")).status in (403, 503)
            await until_ready(stage.server)
            await stage.web.wait_for("hangup", callId=call_id)
            async with asyncio.timeout(LIMIT_S):
                again, again_id = await stage.answered()
            again.hang_up()
            await stage.web.wait_for("hangup", callId=again_id)
            await stage.server.wait_until_idle()
            await stage.server.stop()
            assert check_log(database(stage.server)) > stored
            assert count_open(database(stage.server)) == (0, 0)
