"""Faults for a real server: broken code, a small disk, a log that cannot be written, a clock that jumps."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from support.load import children
from support.server import Server

LIMIT_S = 20.0


def media_workers(server: Server) -> list[int]:
    """The processes that carry audio."""
    assert server.process is not None
    found = []
    for pid in children(server.process.pid):
        with contextlib.suppress(OSError):
            if b"trebuchet.media.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return sorted(found)


def sabotage(folder: Path, code: str) -> dict[str, str]:
    """The environment of a server whose interpreter runs this code before anything else: it breaks what a test wants
    broken, where no fault from outside reaches."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))}


@contextmanager
def small_disk(path: Path, *, size_kb: int = 4096, inodes: int = 64) -> Iterator[Path]:
    """A file system of its own at `path`. Needs the right to mount; without it the test is skipped, and says so."""
    path.mkdir(parents=True, exist_ok=True)
    options = f"size={size_kb}k,nr_inodes={inodes},mode=0700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk: Path, *, leave_kb: int = 0) -> Path:
    """A file that takes all of the disk but so much."""
    filler = disk / ".filler"
    free = shutil.disk_usage(disk).free - leave_kb * 1024
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free))
    return filler


def use_up_inodes(disk: Path) -> list[Path]:
    """Files until no further one can be made."""
    made: list[Path] = []
    with contextlib.suppress(OSError):
        while True:
            path = disk / f".inode-{len(made)}"
            path.touch()
            made.append(path)
    return made


@asynccontextmanager
async def locked(database: Path) -> AsyncIterator[None]:
    """Another process's transaction that does not end."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=LIMIT_S, check_same_thread=False)) as other:
        await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def failing_fsync(pid: int) -> AsyncIterator[None]:
    """Every sync of the process fails, as on a dying disk."""
    program = shutil.which("strace")
    assert program, "strace is not installed: run make setup"
    tracer = await asyncio.create_subprocess_exec(
        program, "-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO", "-p", str(pid),
        "-o", "/dev/null", stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        await _traced(pid, tracer)
        yield
    finally:
        if tracer.returncode is None:
            tracer.send_signal(signal.SIGINT)
        await tracer.communicate()


async def _traced(pid: int, tracer: asyncio.subprocess.Process) -> None:
    """Until every thread is under the tracer's eyes."""
    async with asyncio.timeout(LIMIT_S):
        while not all(
            "TracerPid:\t0" not in status.read_text() for status in Path(f"/proc/{pid}/task").glob("*/status")
        ):
            if tracer.returncode is not None:
                pytest.skip("processes cannot be traced here")
            await asyncio.sleep(0.02)


async def until_ready(server: Server, wanted: int = 200) -> None:
    """Until readiness says so."""
    async with asyncio.timeout(LIMIT_S):
        while (await server.curl(f"{server.http}/readyz")).status != wanted:
            await asyncio.sleep(0.05)
