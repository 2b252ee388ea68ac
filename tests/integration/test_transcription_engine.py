"""The embedded transcription engine in its process: what it hears, and what becomes of it when it hangs or dies."""

import asyncio
import os
import signal
import wave
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from trebuchet.base.ids import AccountId, CallId, RecordingId, TranscriptionId
from trebuchet.calls.interfaces import TranscriptionFailed
from trebuchet.model.prompt import Sentence
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.transcription import Transcription
from trebuchet.speech.espeak import EspeakEngine
from trebuchet.speech.stt import ListeningOptions, ProcessEngine, open_listening
from trebuchet.speech.transcripts import Transcripts

LIMIT_S = 90.0
SENTENCE = "Please call me back about the invoice."
AT = datetime(2016, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
async def engine() -> AsyncIterator[ProcessEngine]:
    made = open_listening("pocketsphinx", ListeningOptions())
    assert isinstance(made, ProcessEngine)
    yield made
    await made.close()


@pytest.fixture
async def spoken(tmp_path: Path) -> Path:
    """A sentence as a recording holds it: 8 kHz, with silence around it."""
    voice = EspeakEngine()
    samples = await voice.speak(Sentence(text=SENTENCE))
    await voice.close()
    pause = np.zeros(8000, np.int16).tobytes()
    (tmp_path / "u-me").mkdir()
    path = tmp_path / "u-me" / "c-1-1.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pause + samples + pause)
    return path


async def test_a_spoken_sentence_is_recognised(engine: ProcessEngine, spoken: Path) -> None:
    """Most of its words, without a network; a second time the very same."""
    text = await engine.listen(spoken, LIMIT_S)
    words = SENTENCE.lower().strip(".").split()
    heard = [word for word in words if word in text.split()]
    assert len(heard) >= 5, text
    assert await engine.listen(spoken, LIMIT_S) == text


async def test_the_engine_does_not_hold_up_the_loop_and_yields_to_calls(engine: ProcessEngine, spoken: Path) -> None:
    listening = asyncio.create_task(engine.listen(spoken, LIMIT_S))
    turns = 0
    while not listening.done():
        await asyncio.sleep(0.01)
        turns += 1
    await listening
    assert turns > 5
    assert engine.process.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, engine.process.pid) > 0


async def test_a_killed_engine_is_started_anew(engine: ProcessEngine, spoken: Path) -> None:
    first = asyncio.create_task(engine.listen(spoken, LIMIT_S))
    async with asyncio.timeout(LIMIT_S):
        while engine.process.pid is None:
            await asyncio.sleep(0.01)
    os.kill(engine.process.pid, signal.SIGKILL)
    assert "call" in await first


async def test_an_engine_that_takes_too_long_is_killed(engine: ProcessEngine, spoken: Path) -> None:
    assert await engine.listen(spoken, LIMIT_S)
    with pytest.raises(TranscriptionFailed):
        await engine.listen(spoken, 0.01)
    assert engine.process.pid is None
    assert await engine.listen(spoken, LIMIT_S)


async def test_files_that_are_no_recordings(engine: ProcessEngine, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"nonsense")
    for path in (tmp_path / "x.wav", tmp_path / "missing.wav"):
        with pytest.raises(TranscriptionFailed):
            await engine.listen(path, LIMIT_S)


async def test_the_text_becomes_a_media_file(engine: ProcessEngine, spoken: Path, tmp_path: Path) -> None:
    recording = Recording(
        id=RecordingId("rec-1"),
        account_id=AccountId("u-me"),
        call_id=CallId("c-1"),
        media_name="c-1-1.wav",
        state=RecordingState.COMPLETE,
        started_at=AT,
    )
    transcription = Transcription(
        id=TranscriptionId("t-1"),
        account_id=recording.account_id,
        call_id=recording.call_id,
        recording_id=recording.id,
        created_at=AT,
    )
    transcripts = Transcripts(engine, tmp_path)
    text = await transcripts.listen(transcription, recording)
    assert (tmp_path / "u-me" / "t-1").read_text() == text
    assert sorted(path.name for path in (tmp_path / "u-me").iterdir()) == ["c-1-1.wav", "t-1"]
    spoken.unlink()
    with pytest.raises(TranscriptionFailed, match="gone"):
        await transcripts.listen(transcription, recording)
