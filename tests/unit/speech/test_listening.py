"""Transcription engines by name, and recordings in pieces."""

import wave
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from trebuchet.calls.interfaces import TranscriptionFailed
from trebuchet.speech import stt
from trebuchet.speech.stt import ListeningOptions, NoEngine, ProcessEngine, listening_names, open_listening
from trebuchet.speech.tts import SpeechUnavailable
from trebuchet.speech.utterances import FRAME, MAX_FRAMES, PADDING_FRAMES, NotWav, Samples, read_wav, utterances

SECOND = 8000


def tone(seconds: float, level: int = 8000) -> Samples:
    time = np.arange(int(seconds * SECOND)) / SECOND
    return (np.sin(2 * np.pi * 400 * time) * level).astype(np.int16)


def silence(seconds: float) -> Samples:
    return np.random.default_rng(1).integers(-10, 10, int(seconds * SECOND)).astype(np.int16)


def write_wav(path: Path, samples: Samples, channels: int = 1, rate: int = 8000, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def seconds(pieces: list[Samples]) -> list[float]:
    padding = 2 * PADDING_FRAMES * FRAME / SECOND
    return [round(piece.size / SECOND - padding, 1) for piece in pieces]


def test_utterances_lie_between_pauses() -> None:
    samples = np.concatenate([silence(1), tone(1), silence(0.3), tone(0.5), silence(1), tone(2), silence(1)])
    assert seconds(list(utterances(samples))) == [1.8, 2.0]


def test_long_speech_is_cut() -> None:
    pieces = list(utterances(tone(70)))
    assert [piece.size for piece in pieces] == [MAX_FRAMES * FRAME] * 2 + [10 * SECOND]


@pytest.mark.parametrize(
    "samples", [silence(5), np.zeros(0, np.int16), np.zeros(100, np.int16), np.zeros(8000, np.int16)]
)
def test_where_nobody_speaks_there_are_none(samples: Samples) -> None:
    assert list(utterances(samples)) == []


def test_a_voice_is_found_in_noise() -> None:
    noise = (np.random.default_rng(2).standard_normal(6 * SECOND) * 100).astype(np.int16)
    noise[2 * SECOND : 4 * SECOND] += tone(2, 6000)
    assert seconds(list(utterances(noise))) == [2.0]


def test_two_channels_are_mixed(tmp_path: Path) -> None:
    stereo = np.array([[100, 300], [-5, 5], [32767, 32767]], np.int16)
    assert read_wav(write_wav(tmp_path / "x.wav", stereo, channels=2)).tolist() == [200, 0, 32767]


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no wav at all" * 10])
def test_what_is_no_wav(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(NotWav):
        read_wav(tmp_path / "x.wav")


def test_a_wav_of_another_rate(tmp_path: Path) -> None:
    with pytest.raises(NotWav):
        read_wav(write_wav(tmp_path / "x.wav", tone(0.1), rate=16000))


# --- engines --------------------------------------------------------------------------------------------------------


def test_the_engines_that_are_built_in() -> None:
    assert {"pocketsphinx", "faster-whisper", "none"} <= set(listening_names())
    assert isinstance(open_listening("pocketsphinx", ListeningOptions()), ProcessEngine)


async def test_transcription_can_be_switched_off() -> None:
    engine = open_listening("none", ListeningOptions())
    assert isinstance(engine, NoEngine)
    with pytest.raises(TranscriptionFailed):
        await engine.listen(Path("x.wav"), 1)


def test_an_unknown_engine_names_the_known_ones() -> None:
    with pytest.raises(SpeechUnavailable, match=r"'nope' is not installed; known: .*pocketsphinx"):
        open_listening("nope", ListeningOptions())


def test_faster_whisper_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """First the package, then the model, then its file."""
    monkeypatch.setattr(stt, "find_spec", lambda name: None)
    with pytest.raises(SpeechUnavailable, match="pip install faster-whisper"):
        open_listening("faster-whisper", ListeningOptions(model=tmp_path))
    monkeypatch.setattr(stt, "find_spec", lambda name: object())
    with pytest.raises(SpeechUnavailable, match=r"transcription\.model"):
        open_listening("faster-whisper", ListeningOptions())
    with pytest.raises(SpeechUnavailable, match=r"no model\.bin"):
        open_listening("faster-whisper", ListeningOptions(model=tmp_path))
    (tmp_path / "model.bin").touch()
    assert isinstance(open_listening("faster-whisper", ListeningOptions(model=tmp_path)), ProcessEngine)


def test_the_default_engine_is_installed() -> None:
    assert find_spec(stt.DEFAULT_ENGINE) is not None


def test_a_missing_default_engine_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stt, "find_spec", lambda name: None)
    with pytest.raises(SpeechUnavailable, match="pip install pocketsphinx"):
        open_listening("pocketsphinx", ListeningOptions())
