"""What a customer's audio file can make its decoder take: memory, time, space on disk, descriptors. All have an end."""

import asyncio
import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.load import children
from trebuchet.media import audio_child, audio_jobs
from trebuchet.media.files import AudioFiles

HOARDERS = {
    "memory": "bytearray(1 << 30)",
    "file": "open('big', 'wb').truncate(1 << 30)",
    "descriptors": "[os.open('/dev/null', os.O_RDONLY) for _ in range(100)]",
}
"""What a file might make a decoder do that it has taken over."""


@pytest.mark.parametrize("kind", HOARDERS)
async def test_nothing_can_be_hoarded_within_the_limits(tmp_path: Path, kind: str) -> None:
    code = f"import os\nfrom trebuchet.media.audio_child import limit_resources\nlimit_resources()\n{HOARDERS[kind]}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode().splitlines()[-1].startswith(("MemoryError", "OSError: [Errno 27]", "OSError: [Errno 24]"))


async def test_every_job_runs_within_the_limits(tmp_path: Path) -> None:
    """Seen from outside while one runs: a file long enough to be met at it."""
    source = tmp_path / "a.wav"
    soundfile.write(source, np.zeros((48_000 * 300, 2), np.int16), 48_000)
    audio = AudioFiles()
    await audio.start()
    assert audio.pid is not None
    job = asyncio.create_task(audio.decode_to_pcm(source, tmp_path / "a.pcm"))
    seen: set[tuple[bool, ...]] = set()
    while not job.done():
        seen |= {limits_of(pid) for pid in children(audio.pid)}
        await asyncio.sleep(0.005)
    assert await job == 300 * 8000
    await audio.close()
    assert (True, True, True, True) in seen


def limits_of(pid: int) -> tuple[bool, ...]:
    """Whether the process is limited in memory, time, file size and descriptors."""
    wanted = {
        resource.RLIMIT_AS: 1 << 40,
        resource.RLIMIT_CPU: audio_child.CPU_S,
        resource.RLIMIT_FSIZE: audio_child.OUTPUT_BYTES,
        resource.RLIMIT_NOFILE: audio_child.DESCRIPTORS,
    }
    try:
        found = {kind: resource.prlimit(pid, kind)[1] for kind in wanted}
    except ProcessLookupError:
        return ()
    return tuple(0 <= found[kind] <= most for kind, most in wanted.items())


def test_a_long_file_is_cut_at_the_limit(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(48_000, np.int16), 16_000)
    assert audio_jobs.decode(str(tmp_path / "a.wav"), str(tmp_path / "a.pcm"), max_seconds=2) == 16_000
