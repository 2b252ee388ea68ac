"""Recorders end to end: what is in the files, whatever happens to disk, worker and server."""

import asyncio
import os
import resource
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from media_lab import Ear, attach, media, phone, wait_for

from trebuchet.base.ids import AccountId, CallId, RecordingId
from trebuchet.calls.interfaces import MediaUnavailable, StopReason
from trebuchet.media.adapter import MediaPlanePool
from trebuchet.media.files import AudioFiles, RecordingFiles
from trebuchet.media.paths import MediaNameInvalid
from trebuchet.media.port import WorkerMediaPort
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.testing.tones import Pcm, hears, is_free_of

ALICE_HZ, BOB_HZ = 440.0, 650.0
ACCOUNT = AccountId("u-test")
RECORDING = RecordingId("rec-1")


def record(port: WorkerMediaPort, name: str = "c-1-1.wav", seconds: int = 60) -> None:
    port.start_recorder(RECORDING, name, ACCOUNT, max_duration_s=seconds)


def wav(data: Path, name: str = "c-1-1.wav") -> Path:
    return data / "media" / ACCOUNT / name


def read(path: Path) -> Pcm:
    """int16[frames, channels]"""
    pcm, rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert rate == 8000
    return pcm


def pid_of(pool: MediaPlanePool, index: int = 0) -> int:
    pid = pool.stats().workers[index].pid
    assert pid is not None
    return pid


@pytest.mark.parametrize("is_stereo", [False, True])
async def test_a_recording_holds_both_directions(tmp_path: Path, is_stereo: bool):
    async with (
        media(tmp_path, has_stereo_recordings=is_stereo) as pool,
        phone(ALICE_HZ) as alice,
        phone(BOB_HZ, codec="PCMA") as bob,
    ):
        a, ear = attach(pool, alice)
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        await asyncio.gather(alice.wait_for_tone(BOB_HZ), bob.wait_for_tone(ALICE_HZ))
        record(a)
        await alice.hear(1.5)
        a.stop_recorder()
        await ear.until(lambda: ear.stopped)
        (told,) = ear.stopped
        pcm = read(wav(tmp_path))
        assert told == (RECORDING, len(pcm), StopReason.ASKED)
        assert 1.3 < len(pcm) / 8000 < 2.0
        if is_stereo:
            said, heard = pcm[:, 0], pcm[:, 1]
            assert hears(said, ALICE_HZ, above_db=-13) and is_free_of(said, BOB_HZ)
            assert hears(heard, BOB_HZ, above_db=-13) and is_free_of(heard, ALICE_HZ)
        else:
            assert pcm.shape[1] == 1
            assert hears(pcm[:, 0], ALICE_HZ, above_db=-13) and hears(pcm[:, 0], BOB_HZ, above_db=-13)


async def test_the_limit_is_kept_to_the_sample_and_the_next_recording_is_fresh(tmp_path: Path):
    async with media(tmp_path) as pool, phone(ALICE_HZ) as alice:
        port, ear = attach(pool, alice)
        record(port, seconds=1)
        await ear.until(lambda: ear.stopped)
        assert ear.stopped == [(RECORDING, 8000, StopReason.MAX_DURATION)]
        assert len(read(wav(tmp_path))) == 8000
        port.stop_recorder()
        record(port, "c-1-2.wav")
        await alice.stop()
        port.close()
        await ear.until(lambda: len(ear.stopped) == 2)
        _, samples, reason = ear.stopped[1]
        assert reason is StopReason.CLOSED
        assert len(read(wav(tmp_path, "c-1-2.wav"))) == samples


async def test_headers_are_valid_while_the_file_grows(tmp_path: Path):
    async with media(tmp_path) as pool, phone(ALICE_HZ) as alice:
        port, _ = attach(pool, alice)
        record(port)
        path = wav(tmp_path)
        await wait_for(lambda: path.exists() and path.stat().st_size > 20_000)
        growing = read(path)
        assert len(growing) >= 8000
        assert hears(growing[-4000:, 0], ALICE_HZ, above_db=-13)


async def test_a_killed_worker_leaves_a_playable_file_and_is_replaced(tmp_path: Path):
    async with (
        media(tmp_path, workers=2) as pool,
        phone(ALICE_HZ) as alice,
        phone(BOB_HZ) as bob,
    ):
        a, ear = attach(pool, alice)
        b, bobs_ear = attach(pool, bob)
        b.play_ringback()
        record(a)
        path = wav(tmp_path)
        await wait_for(lambda: path.exists() and path.stat().st_size > 30_000)
        victim = pid_of(pool, 0)
        os.kill(victim, signal.SIGKILL)
        await ear.until(lambda: ear.losses and ear.stopped)
        ((recording_id, samples, reason),) = ear.stopped
        pcm = read(path)
        assert (recording_id, reason) == (RECORDING, StopReason.LOST)
        assert samples == len(pcm) >= 8000
        assert hears(pcm[-4000:, 0], ALICE_HZ, above_db=-13)
        await bob.wait_for_tone(440.0)
        a.play_ringback()  # after the loss everything is a no-op
        a.close()
        await wait_for(lambda: pool.stats().restarts == 1)
        assert pid_of(pool, 0) != victim
        again, _ = attach(pool, alice)
        again.play_ringback()
        await alice.wait_for_tone(480.0)
        assert (ear.losses, bobs_ear.losses) == (1, 0)


async def test_a_worker_that_hangs_is_given_up(tmp_path: Path):
    async with media(tmp_path, stall_s=1.0) as pool:
        ear = Ear()
        port = pool.open_port(ear)
        record(port)
        victim = pid_of(pool)
        os.kill(victim, signal.SIGSTOP)
        with pytest.raises(MediaUnavailable):
            while True:  # the stock runs out first, or the worker is known to be gone
                await asyncio.sleep(0.01)
                pool.open_port(Ear())
        await ear.until(lambda: ear.losses and ear.stopped)
        assert ear.stopped[0][2] is StopReason.LOST
        await wait_for(lambda: pool.stats().restarts == 1)
        assert not Path(f"/proc/{victim}").exists()


async def test_a_full_disk_ends_the_recording_and_not_the_call(tmp_path: Path):
    async with media(tmp_path) as pool, phone(ALICE_HZ) as alice, phone(BOB_HZ) as bob:
        a, ear = attach(pool, alice)
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        await alice.wait_for_tone(BOB_HZ)
        resource.prlimit(pid_of(pool), resource.RLIMIT_FSIZE, (20_000, 20_000))
        record(a)
        await ear.until(lambda: ear.stopped)
        ((_, samples, reason),) = ear.stopped
        assert reason is StopReason.FAILED
        pcm = read(wav(tmp_path))
        assert len(pcm) == samples
        assert 0 < len(pcm) <= 10_000
        assert hears(pcm[:, 0], ALICE_HZ, above_db=-13)
        assert hears(await alice.hear(0.3), BOB_HZ)
        record(a, "c-1-2.wav", seconds=1)  # a short one fits
        await ear.until(lambda: len(ear.stopped) == 2)
        assert ear.stopped[1][1:] == (8000, StopReason.MAX_DURATION)


async def test_nothing_is_overwritten_and_no_link_is_followed(tmp_path: Path):
    async with media(tmp_path) as pool:
        ear = Ear()
        port = pool.open_port(ear)
        folder = wav(tmp_path).parent
        folder.mkdir(parents=True)
        wav(tmp_path).write_bytes(b"precious")
        record(port)
        await ear.until(lambda: len(ear.stopped) == 1)
        assert wav(tmp_path).read_bytes() == b"precious"
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (folder.parent / "u-linked").symlink_to(elsewhere)
        port.start_recorder(RECORDING, "c-1-2.wav", AccountId("u-linked"), max_duration_s=10)
        await ear.until(lambda: len(ear.stopped) == 2)
        assert list(elsewhere.iterdir()) == []
        assert [told[1:] for told in ear.stopped] == [(0, StopReason.FAILED)] * 2
        for name in ("../c.wav", "a/b.wav", ""):
            with pytest.raises(MediaNameInvalid):
                record(port, name)


async def test_a_closing_pool_finishes_its_recordings(tmp_path: Path):
    async with phone(ALICE_HZ) as alice:
        async with media(tmp_path) as pool:
            port, ear = attach(pool, alice)
            record(port)
            path = wav(tmp_path)
            await wait_for(lambda: path.exists() and path.stat().st_size > 4_000)
        ((_, samples, reason),) = ear.stopped
        assert reason is StopReason.CLOSED
        assert len(read(path)) == samples
        assert ear.losses == 0


SERVER = """
import asyncio, sys
from pathlib import Path
from media_lab import Ear, media

async def main():
    async with media(Path(sys.argv[1])) as pool:
        port = pool.open_port(Ear())
        port.start_recorder("rec-1", "c-1-1.wav", "u-test", max_duration_s=60)
        path = Path(sys.argv[1]) / "media/u-test/c-1-1.wav"
        while not path.exists():
            await asyncio.sleep(0.01)
        print(pool.stats().workers[0].pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_worker_ends_when_its_server_dies(tmp_path: Path):
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVER,
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )
    assert server.stdout is not None
    pid = int(await asyncio.wait_for(server.stdout.readline(), 20))
    server.kill()
    await server.wait()
    await wait_for(lambda: has_ended(pid))
    assert read(wav(tmp_path)).shape[1] == 1


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def test_an_mp3_recording_is_encoded_beside_its_wav(tmp_path: Path):
    audio = AudioFiles()
    recording = Recording(
        id=RECORDING,
        account_id=ACCOUNT,
        call_id=CallId("c-1"),
        media_name="c-1-1.mp3",
        state=RecordingState.SAVING,
        started_at=datetime.now(UTC),
    )
    files = RecordingFiles(tmp_path, audio)
    try:
        async with media(tmp_path) as pool, phone(ALICE_HZ) as alice:
            port, ear = attach(pool, alice)
            record(port, "c-1-1.mp3", seconds=1)
            await ear.until(lambda: ear.stopped)
        assert not wav(tmp_path, "c-1-1.mp3").exists()
        assert await files.finish(recording)
        assert [path.name for path in wav(tmp_path).parent.iterdir()] == ["c-1-1.mp3"]
        pcm = read(wav(tmp_path, "c-1-1.mp3"))
        assert abs(len(pcm) - 8000) < 2500
        assert hears(np.ascontiguousarray(pcm[2000:6000, 0]), ALICE_HZ, above_db=-15)
        assert await files.finish(recording)
    finally:
        await audio.close()
