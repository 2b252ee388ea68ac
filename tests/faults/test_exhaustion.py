"""RTP ports, SIP dialogs, file descriptors: when they run out new calls are refused, and taken again when there are
some; who is on the phone does not notice."""

import asyncio
import contextlib
import resource
from pathlib import Path

from aiohttp import web

from support.caller import Caller, calling
from support.faults import LIMIT_S, media_workers
from support.load import descriptors, pid_of
from support.ports import port_range
from trebuchet.sim.app import Received

PORTS = "[media]\nport_rest_s = 0.2\n"
RETRIES = "[webhooks]\nretry_first_s = 0.2\n"
DIALOGS = "[signalling]\nmax_dialogs = 10\nt1_ms = 50\n"
CONNECTIONS = 150


async def until_taken(stage: Caller) -> None:
    """Until a new call is taken again."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            call = await stage.caller.call(await stage.number(autoAnswer=True))
            with contextlib.suppress(Exception):
                await call.wait_answered()
                return
            await asyncio.sleep(0.1)


async def refused_outgoing(stage: Caller) -> int:
    number = await stage.number()
    return (await stage.server.post("/calls", {"from": number, "to": stage.caller.uri})).status


async def test_rtp_ports_run_out_and_come_back(tmp_path: Path) -> None:
    low, _ = port_range(20)
    async with calling(tmp_path, settings=PORTS, rtp_ports=(low, low + 7)) as stage:
        calls = [(await stage.answered())[0] for _ in range(4)]
        assert await stage.refused() == 503
        assert await refused_outgoing(stage) == 503
        await asyncio.gather(*(call.hear(0.2) for call in calls))
        for call in calls:
            call.hang_up()
        await until_taken(stage)


async def test_sip_dialogs_run_out_and_come_back(tmp_path: Path) -> None:
    async with calling(tmp_path, settings=DIALOGS) as stage:
        calls = [(await stage.answered())[0] for _ in range(10)]
        assert await stage.refused() == 503
        await asyncio.gather(*(call.hear(0.2) for call in calls))
        for call in calls:
            call.hang_up()
        await until_taken(stage)


async def test_a_server_without_descriptors_stays_up_and_recovers(tmp_path: Path) -> None:
    async def hang_up_on(_: Received) -> web.StreamResponse:
        return web.Response(headers={"Connection": "close"})

    async with calling(tmp_path, settings=RETRIES) as stage:
        stage.web.reactions["/events"] = hang_up_on  # so that each webhook needs a descriptor
        call, call_id = await stage.answered()
        await stage.web.wait_for("answer", callId=call_id)
        pid = pid_of(stage.server)
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        limit = descriptors(pid) + 20
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, before[1]))
        host, port = stage.server.http.removeprefix("http://").split(":")
        held = []
        for place in ((host, int(port)), stage.caller.settings.proxy) * (CONNECTIONS // 2):
            assert place is not None
            with contextlib.suppress(OSError):
                held.append((await asyncio.open_connection(*place))[1])
        await call.hear(0.5)
        await call.send_digits("5")
        assert stage.server.process is not None and stage.server.process.returncode is None
        assert limit - 3 <= descriptors(pid) <= limit, "they have not run out"
        for writer in held:
            writer.transport.abort()
        async with asyncio.timeout(LIMIT_S):
            while descriptors(pid) >= limit - 3 or (await stage.server.curl(f"/calls/{call_id}")).status != 200:
                await asyncio.sleep(0.05)
        assert (await stage.web.wait_for("dtmf", callId=call_id))["dtmfDigit"] == "5"
        await until_taken(stage)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


async def test_a_media_worker_without_descriptors_costs_recordings_and_new_calls(tmp_path: Path) -> None:
    async with calling(tmp_path) as stage:
        call, call_id = await stage.answered()
        (worker,) = media_workers(stage.server)
        before = resource.prlimit(worker, resource.RLIMIT_NOFILE)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (descriptors(worker), before[1]))
        assert (await stage.update(call_id, recordingEnabled="true")).status == 200
        assert (await stage.web.wait_for("recording", callId=call_id))["state"] == "error"
        await call.hear(0.3)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, before)
        assert (await stage.update(call_id, recordingEnabled="true")).status == 200
        await call.hear(0.5)
        assert (await stage.update(call_id, recordingEnabled="false")).status == 200
        assert (await stage.web.wait_for("recording", number=2, callId=call_id))["state"] == "complete"
        await until_taken(stage)
