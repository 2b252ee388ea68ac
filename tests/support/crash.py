"""A server that is killed and started again on its own ports, and what it must not have lost."""

import asyncio
import io
import os
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from support.load import pid_of
from support.scale import is_long
from support.server import Server
from trebuchet.model.event import LoggedEvent
from trebuchet.store.codec import decode_event

BACK_LIMIT_S = 3.0
"""The promise: so long after the kill the server serves again."""


DEATH_LIMIT_S = 20.0


def busy_s(pid: int) -> float:
    """Seconds of a processor that a process and its children that ended have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


async def kill_and_start(server: Server, meanwhile: Callable[[], Awaitable[None]] | None = None) -> float:
    """kill -9, then the same command on the same ports; the seconds from the start to its first answer. `meanwhile`
    is done while nothing runs. In the sample form, which shares the machine with whatever else runs on it, they are
    those in which the server had a processor."""
    await server.kill()
    if meanwhile is not None:
        await meanwhile()
    killed = time.monotonic()
    server.sip_bind, server.http_bind = server.sip_host, server.http.partition("//")[2]
    await server.start()
    assert (await server.curl(f"{server.http}/readyz")).status == 200
    took_s = time.monotonic() - killed
    return took_s if is_long() else min(took_s, busy_s(pid_of(server)))


async def restart_to_die(server: Server, place: str) -> None:
    """kill -9, and started again as a server that dies at this `place` of `support.dying_server`; the start after that
    is an ordinary one."""
    program, environment = server.program, server.environment
    paths = (str(Path(__file__).parents[1]), *os.environ.get("PYTHONPATH", "").split(os.pathsep))
    server.program = (sys.executable, "-m", "support.dying_server")
    server.environment = environment | {"DIES": place, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    await kill_and_start(server)
    server.program, server.environment = program, environment


async def wait_dead(server: Server) -> None:
    """Until it has died at its place. Raises `TimeoutError`."""
    assert server.process is not None
    async with asyncio.timeout(DEATH_LIMIT_S):
        await server.process.wait()


def database(server: Server) -> Path:
    return server.folder / "data" / "trebuchet.db"


def check_log(path: Path) -> int:
    """The database is sound and no call's numbering has a gap. Returns how many events there are."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        gaps = connection.execute(
            "SELECT owner_sequence FROM events GROUP BY owner_sequence HAVING max(sequence) != count(*)"
        ).fetchall()
        assert not gaps, f"events are missing in {gaps}"
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def count_open(path: Path) -> tuple[int, int]:
    """Calls that live and recordings that are not finished, as the database has it."""
    with closing(sqlite3.connect(path)) as connection:
        (calls,) = connection.execute("SELECT count(*) FROM calls WHERE is_open = 1").fetchone()
        (recordings,) = connection.execute("SELECT count(*) FROM recordings WHERE is_unfinished = 1").fetchone()
    return int(calls), int(recordings)


def count_meetings(path: Path) -> int:
    """Bridges and conferences that have calls, as the database has it."""
    with closing(sqlite3.connect(path)) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table} WHERE is_in_use = 1").fetchone()[0]
            for table in ("bridges", "conferences")
        ]
    return sum(counts)


def read_log(path: Path, position: int) -> tuple[int, list[LoggedEvent]]:
    """The events that were stored after that position of the log, in order, and the position of the last."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT position, doc FROM events WHERE position > ? ORDER BY position", (position,)
        ).fetchall()
    return max([position, *(place for place, _ in rows)]), [decode_event(doc) for _, doc in rows]


async def download(server: Server, url: str) -> NDArray[np.int16]:
    """A recording's file, decoded: int16[samples]."""
    answer = await server.curl(url)
    assert answer.status == 200, answer
    samples, rate = soundfile.read(io.BytesIO(answer.body), dtype="int16")
    assert rate == 8000
    return np.asarray(samples, np.int16)
