"""kill -9 of a server with calls: back in time, calls ended and told, peers hung up, recordings whole."""

import asyncio
import time
from pathlib import Path

import pytest

from support import dying_server
from support.crash import (
    BACK_LIMIT_S,
    check_log,
    count_open,
    database,
    download,
    kill_and_start,
    restart_to_die,
    wait_dead,
)
from support.ports import port_range
from support.server import Server
from support.stage import Stage
from support.webhooks import Webhooks
from trebuchet.base.ids import CallId
from trebuchet.signalling.fork import parts_of
from trebuchet.sim.phone import Manner, Phone
from trebuchet.sip.outputs import EndReason
from trebuchet.sip.timers import TimerValues
from trebuchet.store.sqlite import SqliteStore
from trebuchet.testing.tones import hears

CAUSE = "NORMAL_TEMPORARY_FAILURE"
"""What the documentation says of calls that a crash ended."""
LOST_S = 1.0
"""The most that may be missing at the end of a recording."""
MP3_DELAY_S = 0.2
LIMIT_S = 15.0


async def test_after_a_kill_everything_is_ended_in_good_order(tmp_path: Path) -> None:
    async with Webhooks() as web, Server(tmp_path / "server") as server:
        stage = Stage(server, web, tmp_path)
        async with (
            stage.phone("alice", 700.0) as alice,
            stage.phone("carol", 900.0) as carol,
            await Phone.open("bob", tone_hz=1100.0) as bob,
        ):
            first = await stage.call_from(alice, await stage.number())
            await stage.answer(first, recordingEnabled="true")
            await alice.wait_for("CALL_ESTABLISHED")
            second = await stage.transfer(first, bob.uri, callbackUrl=web.url)
            await (await bob.wait_call()).wait_answered()
            third = await stage.call_from(carol, await stage.number())
            await stage.answer(third, recordingEnabled="true", recordingFileFormat="mp3")
            await carol.wait_for("CALL_ESTABLISHED")
            started = time.monotonic()
            await asyncio.gather(alice.listen(2.5), bob.calls[0].hear(2.5))
            talked_s = time.monotonic() - started

            took_s = await kill_and_start(server)
            print(f"serving again after {took_s:.2f} s")
            assert took_s < BACK_LIMIT_S

            for call_id in (first, second, third):
                assert (await server.call(call_id))["state"] == "completed"
                assert (await web.wait_for("hangup", callId=call_id))["cause"] == CAUSE
            await asyncio.gather(alice.wait_for("CALL_CLOSED"), carol.wait_for("CALL_CLOSED"))
            await bob.calls[0].wait_ended()
            for call_id, hz in ((first, 700.0), (third, 900.0)):
                recording = await stage.recording(call_id)
                assert recording["state"] == "complete"
                pcm = await download(server, recording["media"])
                assert len(pcm) / 8000 > talked_s - LOST_S - (MP3_DELAY_S if call_id == third else 0)
                assert hears(pcm[4000:-4000], hz)
            assert count_open(database(server)) == (0, 0)
            assert check_log(database(server)) > 0
        async with await Phone.open("dave", proxy=_place(server)) as dave:
            call = await dave.call(await stage.number(autoAnswer=True))
            await call.wait_answered()


async def test_a_phone_that_rings_stops_ringing(tmp_path: Path) -> None:
    async with Webhooks() as web, Server(tmp_path / "server") as server, await Phone.open("bob") as bob:
        stage = Stage(server, web, tmp_path)
        bob.manner = Manner.RING
        number = await stage.number()
        made = await server.post("/calls", {"from": number, "to": bob.uri, "callbackUrl": web.url})
        call_id = made.headers["location"].rsplit("/", 1)[1]
        await bob.wait_call()
        await until_early_dialog_is_stored(server, call_id)
        await kill_and_start(server)
        assert (await server.call(call_id))["state"] == "completed"
        assert (await web.wait_for("hangup", callId=call_id))["cause"] == CAUSE
        assert (await bob.calls[0].wait_ended()).reason is EndReason.PEER_CANCEL


@pytest.mark.parametrize("rings", [True, False])
async def test_nobody_is_left_talking_when_an_answer_was_not_stored(tmp_path: Path, rings: bool) -> None:
    """The callee picked up and the server died before it had stored that: no ACK, so the phone gives up by itself, and
    if its ringing had been stored, it hears BYE before that."""
    quick = TimerValues().scaled(0.1)
    async with (
        Webhooks() as web,
        Server(tmp_path / "server") as server,
        await Phone.open("bob", timers=quick) as bob,
    ):
        stage = Stage(server, web, tmp_path)
        number = await stage.number()
        await restart_to_die(server, dying_server.BEFORE_ANSWER)
        bob.manner = Manner.RING if rings else Manner.SILENT
        made = await server.post("/calls", {"from": number, "to": bob.uri, "callbackUrl": web.url})
        call_id = made.headers["location"].rsplit("/", 1)[1]
        call = await bob.wait_call()
        if rings:
            await until_early_dialog_is_stored(server, call_id)
        call.answer()
        await wait_dead(server)
        await server.start()
        assert (await server.call(call_id))["state"] == "completed"
        assert (await web.wait_for("hangup", callId=call_id))["cause"] == CAUSE
        assert (await call.wait_ended()).reason is (EndReason.PEER_BYE if rings else EndReason.NO_ACK)


async def test_every_phone_of_an_endpoint_stops_ringing(tmp_path: Path) -> None:
    async with Webhooks() as web, Server(tmp_path / "server") as server:
        stage = Stage(server, web, tmp_path)
        domain = (await server.post("/domains", {"name": "office"})).headers["location"].rsplit("/", 1)[1]
        endpoint = {"name": "bob", "credentials": {"password": "correct-horse"}}
        assert (await server.post(f"/domains/{domain}/endpoints", endpoint)).status == 201
        uri = "sip:bob@office.sip.localhost"
        account = f'<{uri};transport=udp>;auth_pass=correct-horse;regint=600;outbound="sip:{server.sip_host}"'
        async with (
            stage.phone("bob", 700.0, account=account) as desk,
            stage.phone("bob", 900.0, account=account) as home,
        ):
            for phone in (desk, home):
                await phone.wait_for_log("200 OK () [")
            made = await server.post("/calls", {"from": await stage.number(), "to": uri, "callbackUrl": web.url})
            call_id = made.headers["location"].rsplit("/", 1)[1]
            await until_early_dialog_is_stored(server, call_id, phones=2)
            await kill_and_start(server)
            assert (await web.wait_for("hangup", callId=call_id))["cause"] == CAUSE
            for phone in (desk, home):
                await phone.wait_for("CALL_CLOSED")


async def test_a_caller_that_waits_for_an_answer_is_refused(tmp_path: Path) -> None:
    async with Webhooks() as web, Server(tmp_path / "server") as server:
        stage = Stage(server, web, tmp_path)
        async with await Phone.open("alice", proxy=_place(server)) as alice:
            number = await stage.number()
            call = await alice.call(number)
            call_id = await stage.arrival(number)
            await call.wait_ringing()
            await kill_and_start(server)
            assert (await server.call(call_id))["state"] == "completed"
            end = await call.wait_ended()
            assert (end.reason, end.status) == (EndReason.REFUSED, 503)


async def until_early_dialog_is_stored(server: Server, call_id: str, phones: int = 1) -> None:
    """The callee's 180 is stored a moment after the callee sent it; so is that of each of its phones."""
    store = await SqliteStore.open(database(server))
    async with asyncio.timeout(LIMIT_S):
        while (
            (call := await store.call(CallId(call_id))) is None
            or call.dialog is None
            or len(parts_of(call.dialog)) < phones
        ):
            await asyncio.sleep(0.02)
    await store.close()


async def test_kills_in_a_row_tell_each_end_once(tmp_path: Path) -> None:
    """A server that dies again right after its start has ended its calls already, and does not end them twice."""
    async with Webhooks() as web, Server(tmp_path / "server", rtp_ports=port_range()) as server:
        stage = Stage(server, web, tmp_path)
        async with await Phone.open("alice", proxy=_place(server)) as alice:
            number = await stage.number(autoAnswer=True)
            call = await alice.call(number)
            await call.wait_answered()
            call_id = await stage.arrival(number)
            for _ in range(3):
                await kill_and_start(server)
            events = await server.get(f"/calls/{call_id}/events")
            assert [event["name"] for event in events].count("hangup") == 1
            await call.wait_ended()


def _place(server: Server) -> tuple[str, int]:
    host, port = server.sip_host.rsplit(":", 1)
    return host, int(port)
