"""Piper: neural voices from model files the operator has put on disk. Optional (`pip install trebuchet[piper]`)."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from trebuchet.calls.interfaces import SpeechFailed
from trebuchet.model.prompt import Sentence
from trebuchet.speech.process import EngineError, EngineProcess
from trebuchet.speech.protocol import Utterance, speakable
from trebuchet.speech.tts import DEFAULT_SENTENCE_LIMIT_S, SpeechUnavailable

SUBJECT_CHARS = 40


def _check_model(key: str, model: Path) -> None:
    settings = model.with_name(model.name + ".json")
    for file in (model, settings):
        if not file.is_file():
            raise SpeechUnavailable(
                f"piper model of {key}: {file} is missing (a model is NAME.onnx and NAME.onnx.json)"
            )


class PiperEngine:
    """Piper for the voices that have a model. Models load in the engine's process when first spoken with."""

    def __init__(self, models: Mapping[str, Path], *, sentence_limit_s: float = DEFAULT_SENTENCE_LIMIT_S) -> None:
        """`models` by locale or `locale/voice`. Raises `SpeechUnavailable`: the package or a model file is missing."""
        if not models:
            raise SpeechUnavailable("piper needs at least one voice model (speech.piper_models)")
        if find_spec("piper") is None:
            raise SpeechUnavailable("piper models are configured, but piper is not installed: pip install piper-tts")
        for key, model in models.items():
            _check_model(key, model)
        self._models = {key: model.resolve() for key, model in models.items()}
        self.process = EngineProcess("trebuchet.speech.piper_process")
        self._limit_s = sentence_limit_s

    def _model(self, sentence: Sentence) -> Path | None:
        return self._models.get(f"{sentence.locale}/{sentence.voice}") or self._models.get(sentence.locale)

    def has_voice(self, sentence: Sentence) -> bool:
        return self._model(sentence) is not None

    def fingerprint(self, sentence: Sentence) -> str:
        model = self._model(sentence)
        if model is None:
            return f"piper none {sentence.locale}/{sentence.voice}"
        facts = model.stat()
        return f"piper {model} {facts.st_size} {facts.st_mtime_ns}"

    async def speak(self, sentence: Sentence) -> bytes:
        subject = sentence.text[:SUBJECT_CHARS]
        model = self._model(sentence)
        if model is None:
            raise SpeechFailed(subject, f"no piper model for {sentence.locale}/{sentence.voice}")
        text = speakable(sentence.text)
        if not text:
            return b""
        try:
            return await self.process.speak(Utterance(text=text, voice=str(model)), self._limit_s)
        except EngineError as error:
            raise SpeechFailed(subject, str(error)) from error

    async def close(self) -> None:
        await self.process.close()
