"""kill -9 while writing: every acknowledged row is there afterwards, and no batch is there by half."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from support.scale import new_seed
from trebuchet.base.ids import CallId
from trebuchet.store.sqlite import SqliteStore

KILLS = 4
"""The long form runs the same many times more."""

CHILD = """
import asyncio, os, sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from trebuchet.base.ids import AccountId, Ids
from trebuchet.base.rand import SystemRand
from trebuchet.model.call import Call, CallState, Direction
from trebuchet.model.event import LoggedEvent
from trebuchet.store.interface import Batch
from trebuchet.store.sqlite import SqliteStore

async def live(store, ids):
    at = datetime.now(UTC)
    while True:
        call = Call(id=ids.call(), account_id=AccountId("u-1"), direction=Direction.IN, from_="a", to="b",
                    state=CallState.RINGING, created_at=at)
        for n in range(1, 40, 2):
            call = replace(call, events_logged=n + 1)
            events = tuple(LoggedEvent(id=ids.event(), account_id=call.account_id, owner_id=call.id, sequence=s, at=at,
                                       name="answer", payload=b"x" * 300) for s in (n, n + 1))
            await store.write(Batch(calls=(call,), events=events))
            os.write(1, f"{call.id} {call.events_logged}\\n".encode())

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    ids = Ids(SystemRand())
    await asyncio.gather(*(live(store, ids) for _ in range(20)))

asyncio.run(main())
"""


def run_and_kill(path: Path, lines_before_kill: int) -> dict[str, int]:
    """What the child said was stored, until it was killed: events by call."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    acknowledged: dict[str, int] = {}
    try:
        for _ in range(lines_before_kill):
            note(acknowledged, child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split(b"\n")
        for line in rest[:-1]:
            note(acknowledged, line)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    return acknowledged


def note(acknowledged: dict[str, int], line: bytes) -> None:
    call_id, events = line.split()
    acknowledged[call_id.decode()] = int(events)


async def test_nothing_acknowledged_is_lost_and_nothing_is_half(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seed = new_seed()
    pick = random.Random(seed)
    path = tmp_path / "log.db"
    acknowledged: dict[str, int] = {}
    for _ in range(KILLS):
        acknowledged |= await asyncio.to_thread(run_and_kill, path, pick.randrange(1, 600))
    assert len(acknowledged) >= 20
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store = await SqliteStore.open(path)
    for call in await store.open_calls():
        events = await store.events(call.id)
        assert [event.sequence for event in events] == list(range(1, call.events_logged + 1)), "by half"
        assert call.events_logged % 2 == 0
        assert call.events_logged >= acknowledged.get(call.id, 0), "lost"
    for call_id in acknowledged:
        assert await store.call(CallId(call_id)) is not None, "lost"
    await store.close()
