"""Audio files through the real audio process: formats, rates, damage."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import soundfile

from trebuchet.base.ids import AccountId, CallId, RecordingId
from trebuchet.media import audio_jobs
from trebuchet.media.files import AudioFiles, AudioProcessFailed, NotAudio, RecordingFiles
from trebuchet.media.wav import header
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.testing.tones import Pcm, level, loudest_hz, tone, tone_level

HZ = 440.0


@pytest_asyncio.fixture
async def audio() -> AsyncIterator[AudioFiles]:
    files = AudioFiles()
    yield files
    await files.close()


def sound(rate: int, channels: int, seconds: float, hz: float = HZ) -> np.ndarray:
    """A sine at -12 dB in every channel, float64[frames, channels]."""
    time = np.arange(round(rate * seconds)) / rate
    return np.repeat((10 ** (-12 / 20) * np.sin(2 * np.pi * hz * time))[:, None], channels, axis=1)


def pcm_of(path: Path) -> Pcm:
    return np.fromfile(path, np.int16)


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["wav", "mp3"])
async def test_any_rate_and_channel_count(audio: AudioFiles, tmp_path: Path, rate: int, channels: int, kind: str):
    source, target = tmp_path / f"a.{kind}", tmp_path / "a.pcm"
    soundfile.write(source, sound(rate, channels, 1.0), rate)
    samples = await audio.decode_to_pcm(source, target)
    pcm = pcm_of(target)
    assert samples == len(pcm)
    assert abs(samples - 8000) < (16 if kind == "wav" else 2500)  # mp3 pads to whole frames
    middle = pcm[2000:6000]
    assert loudest_hz(middle) == pytest.approx(HZ, abs=3)
    assert tone_level(middle, HZ) == pytest.approx(-12, abs=1)


@pytest.mark.parametrize("rate", [8000, 44_100])
@pytest.mark.parametrize("kind", ["wav", "mp3"])
async def test_no_gap_between_the_blocks_of_a_long_file(audio: AudioFiles, tmp_path: Path, rate: int, kind: str):
    """An mp3 decoder that seeks between blocks is silent for a tenth of a second after each."""
    source, target = tmp_path / f"a.{kind}", tmp_path / "a.pcm"
    soundfile.write(source, sound(rate, 2, 3 * audio_jobs.BLOCK_FRAMES / rate + 0.5), rate)
    await audio.decode_to_pcm(source, target)
    pcm = pcm_of(target)
    inside = pcm[1600:-3200]
    levels = [tone_level(inside[start : start + 400], HZ) for start in range(0, len(inside) - 400, 400)]
    assert min(levels) > -13


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "ULAW", "ALAW", "IMA_ADPCM"])
async def test_the_encodings_a_wav_may_hold(audio: AudioFiles, tmp_path: Path, subtype: str):
    source, target = tmp_path / "a.wav", tmp_path / "a.pcm"
    soundfile.write(source, sound(16_000, 1, 0.5), 16_000, subtype=subtype)
    await audio.decode_to_pcm(source, target)
    assert tone_level(pcm_of(target)[1000:3000], HZ) == pytest.approx(-12, abs=1)


async def test_what_lies_above_the_telephone_band_is_filtered_not_folded(audio: AudioFiles, tmp_path: Path):
    source, target = tmp_path / "a.wav", tmp_path / "a.pcm"
    soundfile.write(source, sound(48_000, 1, 0.5, hz=5000.0), 48_000)
    await audio.decode_to_pcm(source, target)
    assert level(pcm_of(target)[1000:3000]) < -50


async def test_loud_floats_are_clipped_and_nonsense_is_silence(audio: AudioFiles, tmp_path: Path):
    source, target = tmp_path / "a.wav", tmp_path / "a.pcm"
    samples = np.concatenate([np.full(4000, 7.0), np.full(4000, np.nan), np.full(4000, -np.inf)]).astype(np.float32)
    soundfile.write(source, samples, 8000, subtype="FLOAT")
    await audio.decode_to_pcm(source, target)
    pcm = pcm_of(target)
    assert (pcm[100:3900] == 32767).all() and (pcm[4100:7900] == 0).all() and (pcm[8100:11_900] <= -32767).all()


def damaged(kind: str) -> bytes:
    if kind == "truncated header":
        return header(1, 16_000)[:20]
    if kind == "no samples":
        return header(1, 0)
    if kind == "too many channels":
        good = bytearray(header(1, 64_000) + bytes(64_000))
        good[22:24] = (200).to_bytes(2, "little")
        good[32:34] = (400).to_bytes(2, "little")
        return bytes(good)
    if kind == "absurd rate":
        good = bytearray(header(1, 16_000) + bytes(16_000))
        good[24:28] = (2_000_000_000).to_bytes(4, "little")
        return bytes(good)
    return {
        "empty": b"",
        "html": b"<!doctype html><title>Not found</title>",
        "flac": b"fLaC" + bytes(200),
        "random mp3": b"\xff\xfb" + np.random.default_rng(5).bytes(5000),
        "id3 only": b"ID3\x04\x00\x00\x00\x00\x00\x00",
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "html",
        "flac",
        "random mp3",
        "id3 only",
        "truncated header",
        "no samples",
        "too many channels",
        "absurd rate",
    ],
)
async def test_what_is_no_audio_is_refused_and_leaves_nothing(audio: AudioFiles, tmp_path: Path, kind: str):
    source = tmp_path / "a.bin"
    source.write_bytes(damaged(kind))
    with pytest.raises(NotAudio):
        await audio.decode_to_pcm(source, tmp_path / "a.pcm")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


async def test_a_wav_whose_length_is_unknown_is_read_to_its_end(audio: AudioFiles, tmp_path: Path):
    """Streamed files have 0xFFFFFFFF, or more than there is, as their length."""
    source, target = tmp_path / "a.wav", tmp_path / "a.pcm"
    source.write_bytes(header(1, 0xFFFFFFFF - 44) + tone(HZ, 1.0).tobytes())
    assert await audio.decode_to_pcm(source, target) == 8000


async def test_a_missing_source_and_a_folder_that_cannot_be_written(audio: AudioFiles, tmp_path: Path):
    with pytest.raises(AudioProcessFailed):
        await audio.decode_to_pcm(tmp_path / "missing.wav", tmp_path / "a.pcm")
    source = tmp_path / "a.wav"
    soundfile.write(source, sound(8000, 1, 0.1), 8000)
    with pytest.raises(AudioProcessFailed):
        await audio.decode_to_pcm(source, tmp_path / "no folder" / "a.pcm")


async def test_mp3_round_trip(audio: AudioFiles, tmp_path: Path):
    source, target, back = tmp_path / "a.wav", tmp_path / "a.mp3", tmp_path / "a.pcm"
    pcm = tone(HZ, 2.0)
    source.write_bytes(header(1, 2 * len(pcm)) + pcm.tobytes())
    assert await audio.encode_mp3(source, target) == len(pcm)
    assert soundfile.info(target).format == "MP3"
    await audio.decode_to_pcm(target, back)
    assert tone_level(pcm_of(back)[4000:12_000], HZ) == pytest.approx(-12, abs=1)


async def test_many_jobs_at_once_and_a_cancelled_one(audio: AudioFiles, tmp_path: Path):
    source = tmp_path / "a.wav"
    soundfile.write(source, sound(48_000, 2, 60.0), 48_000)
    jobs = [asyncio.create_task(audio.decode_to_pcm(source, tmp_path / f"{n}.pcm")) for n in range(5)]
    await asyncio.sleep(0)
    jobs[0].cancel()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [480_000] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.pcm", "2.pcm", "3.pcm", "4.pcm", "a.wav"]


async def test_a_killed_audio_process_costs_its_jobs_and_no_more(audio: AudioFiles, tmp_path: Path):
    source = tmp_path / "a.wav"
    soundfile.write(source, sound(48_000, 2, 120.0), 48_000)
    await audio.start()
    pid = audio.pid
    assert pid is not None
    job = asyncio.create_task(audio.decode_to_pcm(source, tmp_path / "a.pcm"))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(AudioProcessFailed):
        await job
    soundfile.write(source, sound(8000, 1, 0.5), 8000)
    assert await audio.decode_to_pcm(source, tmp_path / "b.pcm") == 4000
    assert audio.pid != pid


def recording(name: str) -> Recording:
    return Recording(
        id=RecordingId("rec-1"),
        account_id=AccountId("u-1"),
        call_id=CallId("c-1"),
        media_name=name,
        state=RecordingState.SAVING,
        started_at=datetime.now(UTC),
    )


async def test_finishing_repairs_what_a_killed_server_left(audio: AudioFiles, tmp_path: Path):
    folder = tmp_path / "media" / "u-1"
    folder.mkdir(parents=True)
    files = RecordingFiles(tmp_path, audio)
    torn = header(1, 1600) + tone(HZ, 1.0).tobytes() + b"\0"
    (folder / "c-1-1.wav").write_bytes(torn)
    (folder / "c-1-2.mp3.part.wav").write_bytes(torn)
    (folder / "c-1-3.mp3.part.wav").write_bytes(header(1, 0))
    for name in ("c-1-1.wav", "c-1-2.mp3", "c-1-3.mp3"):
        assert await files.finish(recording(name))
    assert sorted(path.name for path in folder.iterdir()) == ["c-1-1.wav", "c-1-2.mp3", "c-1-3.mp3"]
    assert soundfile.info(folder / "c-1-1.wav").frames == 8000
    assert abs(soundfile.info(folder / "c-1-2.mp3").frames - 8000) < 2500


async def test_finishing_what_is_not_there_or_no_wav_is_no_success(audio: AudioFiles, tmp_path: Path):
    folder = tmp_path / "media" / "u-1"
    folder.mkdir(parents=True)
    files = RecordingFiles(tmp_path, audio)
    assert not await files.finish(recording("c-1-1.wav"))
    assert not await files.finish(recording("c-1-1.mp3"))
    assert not await files.finish(recording("../c-1-1.wav"))
    (folder / "c-1-4.mp3.part.wav").write_bytes(b"no wav")
    assert not await files.finish(recording("c-1-4.mp3"))
    assert (folder / "c-1-4.mp3.part.wav").exists()
