"""A server that is killed and started again on its own ports, and what it must not have lost."""

import io
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from support.server import Server

BACK_LIMIT_S = 3.0
"""The promise: so long after the kill the server serves again."""


async def kill_and_start(server: Server) -> float:
    """kill -9, then the same command on the same ports; the seconds from the kill to its first answer."""
    killed = time.monotonic()
    await server.kill()
    server.sip_bind, server.http_bind = server.sip_host, server.http.partition("//")[2]
    await server.start()
    assert (await server.curl(f"{server.http}/readyz")).status == 200
    return time.monotonic() - killed


def database(server: Server) -> Path:
    return server.folder / "data" / "trebuchet.db"


def check_log(path: Path) -> int:
    """The database is sound and no call's numbering has a gap. Returns how many events there are."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        gaps = connection.execute(
            "SELECT call_sequence FROM events GROUP BY call_sequence HAVING max(sequence) != count(*)"
        ).fetchall()
        assert not gaps, f"events are missing in {gaps}"
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def count_open(path: Path) -> tuple[int, int]:
    """Calls that live and recordings that are not finished, as the database has it."""
    with closing(sqlite3.connect(path)) as connection:
        (calls,) = connection.execute("SELECT count(*) FROM calls WHERE is_open = 1").fetchone()
        (recordings,) = connection.execute("SELECT count(*) FROM recordings WHERE is_unfinished = 1").fetchone()
    return int(calls), int(recordings)


async def download(server: Server, url: str) -> NDArray[np.int16]:
    """A recording's file, decoded: int16[samples]."""
    answer = await server.curl(url)
    assert answer.status == 200, answer
    samples, rate = soundfile.read(io.BytesIO(answer.body), dtype="int16")
    assert rate == 8000
    return np.asarray(samples, np.int16)
