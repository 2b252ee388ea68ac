"""The server's own life: start, orderly stop, hasty stop, and a death in the middle of a call."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from support.hearing import phase_names
from support.ports import free_port, port_range
from support.server import Server
from support.stage import Stage, talk
from support.webhooks import Webhooks

ALICE_HZ = 700.0
LIMIT_S = 20.0
LONG_DRAIN = ("--drain", "60")
"""Longer than any of these tests: what ends earlier was not ended by it."""


@asynccontextmanager
async def a_stage(folder: Path, *arguments: str) -> AsyncIterator[Stage]:
    """A stage of one test's own. Its server is stopped by the test; whatever still runs is killed."""
    async with Webhooks() as web:
        server = Server(folder / "server", arguments)
        await server.start()
        try:
            yield Stage(server, web, folder)
        finally:
            if server.process is not None and server.process.returncode is None:
                await server.kill()
    assert "Traceback" not in server.log_path.read_text()


async def signal_stop(server: Server) -> None:
    """SIGTERM, and wait until the server has taken note of it."""
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(LIMIT_S):
        while (await server.curl(f"{server.http}/readyz")).status != 503:
            await asyncio.sleep(0.02)


async def end(server: Server) -> int:
    """Wait until the process has ended by itself; its exit code."""
    assert server.process is not None
    async with asyncio.timeout(LIMIT_S):
        return await server.process.wait()


# --- start ----------------------------------------------------------------------------------------------------------


async def serve(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> asyncio.subprocess.Process:
    low, high = port_range()
    program = Path(sys.executable).with_name("trebuchet")
    return await asyncio.create_subprocess_exec(
        str(program), "serve", "--data", str(folder / "data"), "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0",
        "--rtp-ports", f"{low}-{high}", "--media-workers", "1", *arguments, env=os.environ | (environment or {}),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def lines_until_ready(process: asyncio.subprocess.Process) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(LIMIT_S):
        while not lines or not lines[-1].startswith("trebuchet ready "):
            line = (await process.stdout.readline()).decode()
            assert line, lines
            lines.append(line.rstrip())
    return lines


async def stop(process: asyncio.subprocess.Process) -> None:
    """Within the drain, with nothing left to read: a server without calls has nothing to wait for."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(LIMIT_S):
        await process.communicate()
    assert process.returncode == 0


async def test_the_first_start_makes_an_account_and_says_so_once(tmp_path: Path) -> None:
    process = await serve(tmp_path, *LONG_DRAIN)
    first = await lines_until_ready(process)
    (credentials,) = [match for line in first if (match := re.fullmatch(r"user=(\S+) token=(\S+) secret=(\S+)", line))]
    user, token, secret = credentials.groups()
    ready = re.fullmatch(
        r"trebuchet ready http=(http://127\.0\.0\.1:\d+)/? sip=\S*127\.0\.0\.1:\d+ rtp=\d+-\d+ user=(\S+)", first[-1]
    )
    assert ready is not None and ready.group(2) == user
    client = Server(tmp_path, http=ready.group(1))
    for path in ("/healthz", "/readyz"):
        assert (await client.curl(client.http + path, credentials=":")).status == 200
    account = f"{client.http}/v1/users/{user}/account"
    assert (await client.curl(account, credentials=f"{token}:{secret}")).status == 200
    assert (await client.curl(account, credentials=f"{token}:{secret}x")).status == 401
    await stop(process)
    process = await serve(tmp_path, *LONG_DRAIN)
    again = await lines_until_ready(process)
    assert again[-1].endswith(f" user={user}")
    assert secret not in "\n".join(again) and "secret=" not in "\n".join(again)
    await stop(process)


async def test_a_start_that_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "trebuchet.toml"
    file.write_text("[policy]\nring_limit_sec = 5\n")
    cases: list[tuple[tuple[str, ...], dict[str, str], tuple[str, ...]]] = [
        (("--config", str(file)), {}, ("policy.ring_limit_sec", "unknown key")),
        ((), {"TREBUCHET_RTP_PORT": "1-2"}, ("TREBUCHET_RTP_PORT", "unknown")),
        (("--sip", "127.0.0.1:many"), {}, ("sip", "127.0.0.1:many")),
        (("--account", "only-a-user"), {}, ("account",)),
    ]
    for arguments, environment, named in cases:
        process = await serve(tmp_path, *arguments, environment=environment)
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate()
        said = err.decode()
        assert process.returncode not in (0, None) and b"ready" not in out
        assert all(word in said for word in named), said
        assert len(said.strip().splitlines()) == 1 and "Traceback" not in said


async def test_what_another_holds_is_not_taken(tmp_path: Path) -> None:
    async with Server(tmp_path / "server") as server:
        port = server.http.rsplit(":", 1)[1]
        for folder, arguments, named in (
            (tmp_path / "server", (), "in use by another server"),
            (tmp_path / "other", ("--http", f"127.0.0.1:{port}"), f"127.0.0.1:{port}"),
            (tmp_path / "other", ("--sip", server.sip_host), server.sip_host.rsplit(":", 1)[1]),
        ):
            process = await serve(folder, *arguments)
            async with asyncio.timeout(LIMIT_S):
                _, err = await process.communicate()
            assert process.returncode == 1
            assert named in err.decode() and "Traceback" not in err.decode()


# --- stop -----------------------------------------------------------------------------------------------------------


async def test_a_drain_refuses_the_new_and_lets_the_old_go_on(tmp_path: Path) -> None:
    async with a_stage(tmp_path, *LONG_DRAIN) as stage, stage.phone("alice", ALICE_HZ) as alice:
        number = await stage.number(autoAnswer=True)
        call_id = await stage.call_from(alice, number)
        await alice.wait_for("CALL_ESTABLISHED")
        await stage.web.wait_for("answer", callId=call_id)
        await signal_stop(stage.server)
        host, port = stage.server.sip_host.rsplit(":", 1)
        async with stage.sipp("caller_refused_503") as caller:
            await caller.start((host, int(port)), service=number)
            await caller.finish()
        refused = await stage.server.post("/calls", {"from": number, "to": alice.uri})
        assert (refused.status, refused.json["category"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) > 0
        away = await stage.update(call_id, state="transferring", transferTo=alice.uri)
        assert away.status == 503
        assert (await stage.server.curl(f"{stage.server.http}/healthz")).status == 200
        assert (await stage.update(call_id, recordingEnabled="true")).status == 200
        await talk(alice)
        assert (await stage.server.call(call_id))["state"] == "active"
        await alice.hang_up()
        assert await end(stage.server) == 0
        assert [event["eventType"] for event in stage.web.events(call_id)] in (
            ["incomingcall", "answer", "hangup", "recording"],
            ["incomingcall", "answer", "recording", "hangup"],
        )
        assert len(stage.web.requests(eventType="incomingcall")) == 1


async def test_when_the_drain_is_over_calls_are_ended_in_good_order(tmp_path: Path) -> None:
    async with a_stage(tmp_path, "--drain", "1") as stage, stage.phone("alice", ALICE_HZ) as alice:
        call_id = await recorded_call(stage, alice)
        await talk(alice, seconds=0.5)
        await signal_stop(stage.server)
        await alice.wait_for("CALL_CLOSED")
        assert await end(stage.server) == 0
        hangup = stage.web.requests(eventType="hangup", callId=call_id)
        recording = stage.web.requests(eventType="recording", callId=call_id)
        assert [each.data["cause"] for each in hangup] == ["NORMAL_TEMPORARY_FAILURE"]
        assert [each.data["state"] for each in recording] == ["complete"]
        await stage.server.start()
        await assert_is_over(stage, call_id, at_least_s=0.5)
        await stage.server.stop()


async def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    async with a_stage(tmp_path, *LONG_DRAIN) as stage, stage.phone("alice", ALICE_HZ) as alice:
        call_id = await recorded_call(stage, alice)
        await signal_stop(stage.server)
        children = children_of(stage.server)
        assert stage.server.process is not None and stage.server.process.returncode is None
        stage.server.process.send_signal(signal.SIGTERM)
        assert await end(stage.server) == 1
        await wait_gone(children)
        assert stage.web.requests(eventType="hangup", callId=call_id) == []


# --- death ----------------------------------------------------------------------------------------------------------


async def recorded_call(stage: Stage, alice: Any) -> str:
    call_id = await stage.call_from(alice, await stage.number())
    await stage.answer(call_id, recordingEnabled=True)
    await alice.wait_for("CALL_ESTABLISHED")
    await stage.web.wait_for("answer", callId=call_id)
    return call_id


def children_of(server: Server) -> list[int]:
    assert server.process is not None
    tasks = Path(f"/proc/{server.process.pid}/task")
    return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]


async def wait_gone(pids: list[int]) -> None:
    """Until none of the processes lives; a dead one that nobody has collected counts as gone."""

    def lives(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    assert pids
    async with asyncio.timeout(LIMIT_S):
        while any(lives(pid) for pid in pids):
            await asyncio.sleep(0.02)


async def assert_is_over(stage: Stage, call_id: str, at_least_s: float) -> None:
    """The call has ended, and its recording can be had and holds what was said."""
    call = await stage.server.call(call_id)
    assert call["state"] == "completed" and call["endTime"] >= call["activeTime"]
    (recording,) = await stage.server.get(f"/calls/{call_id}/recordings")
    assert recording["state"] == "complete" and recording["endTime"] >= recording["startTime"]
    samples = await stage.audio(recording["media"])
    assert len(samples) >= at_least_s * 8000
    assert phase_names(samples, alice=ALICE_HZ) == ["alice"]


async def test_a_killed_server_leaves_everything_in_order(tmp_path: Path) -> None:
    sip = f"127.0.0.1:{free_port()}"
    async with a_stage(tmp_path, "--sip", sip) as stage, stage.phone("alice", ALICE_HZ) as alice:
        call_id = await recorded_call(stage, alice)
        await talk(alice, seconds=2.5)
        children = children_of(stage.server)
        await stage.server.kill()
        await wait_gone(children)
        file = tmp_path / "server" / "data" / "media" / "u-test" / f"{call_id}-1.wav"
        samples, rate = soundfile.read(file, dtype="int16")
        assert rate == 8000 and len(samples) > 8000
        assert phase_names(np.asarray(samples, np.int16), alice=ALICE_HZ) == ["alice"]
        await stage.server.start()
        await alice.wait_for("CALL_CLOSED")
        hangup = await stage.web.wait_for("hangup", callId=call_id)
        assert hangup["cause"] == "NORMAL_TEMPORARY_FAILURE"
        recording = await stage.web.wait_for("recording", callId=call_id)
        assert recording["state"] == recording["status"] == "complete"
        await assert_is_over(stage, call_id, at_least_s=1.0)
        refused = await stage.update(call_id, state="completed")
        assert refused.status == 403
        async with stage.phone("bob", 1100.0) as bob:  # and it works
            again = await stage.call_from(bob, await stage.number(autoAnswer=True))
            await bob.wait_for("CALL_ESTABLISHED")
            assert (await stage.update(again, state="completed")).status == 200
            await bob.wait_for("CALL_CLOSED")
        assert stage.web.kinds(call_id) == ["incomingcall", "answer", "hangup", "recording"]
        await stage.server.stop()


async def test_both_sides_of_a_transfer_are_told_after_a_death(tmp_path: Path) -> None:
    sip = f"127.0.0.1:{free_port()}"
    async with (
        a_stage(tmp_path, "--sip", sip) as stage,
        stage.phone("alice", ALICE_HZ) as alice,
        stage.phone("bob", 1100.0) as bob,
    ):
        call_id = await recorded_call(stage, alice)
        new_id = await stage.transfer(call_id, bob.uri, callbackUrl=stage.web.url)
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await stage.server.kill()
        await stage.server.start()
        await alice.wait_for("CALL_CLOSED")
        await bob.wait_for("CALL_CLOSED")
        for each in (call_id, new_id):
            hangup = await stage.web.wait_for("hangup", callId=each)
            assert hangup["cause"] == "NORMAL_TEMPORARY_FAILURE"
            assert (await stage.server.call(each))["state"] == "completed"
        await stage.server.stop()
