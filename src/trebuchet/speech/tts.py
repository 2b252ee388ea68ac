"""What a speech engine is, and how one is found by name.

Engines are built in (`espeak`, `piper`) or come from an installed package that declares an entry point in the group
`trebuchet.speech`: a callable that takes `SpeechOptions` and returns a `SpeechEngine`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, cast

from trebuchet.base.errors import LocalError
from trebuchet.model.prompt import Sentence

ENTRY_POINT_GROUP = "trebuchet.speech"
DEFAULT_ENGINE = "espeak"
DEFAULT_SENTENCE_LIMIT_S = 15.0
"""Longest wait for one sentence. A thousand characters take the embedded engine well under a second; a neural voice
on a slow machine may need several."""


class SpeechEngine(Protocol):
    """Speaks sentences. One engine serves the whole server; calls may overlap and are then taken in order."""

    def fingerprint(self, sentence: Sentence) -> str:
        """Everything besides the text that shapes the audio (engine, version, voice): part of a cache key."""
        ...

    async def speak(self, sentence: Sentence) -> bytes:
        """The sentence as headerless native-endian int16 PCM, 8 kHz mono; empty when there is nothing to say.
        Raises `calls.interfaces.SpeechFailed`."""
        ...

    async def close(self) -> None:
        """End the engine's processes. A closed engine speaks no more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechOptions:
    """What the operator chose; a plug-in reads `extra` as it likes."""

    sentence_limit_s: float = DEFAULT_SENTENCE_LIMIT_S
    piper_models: Mapping[str, Path] = field(default_factory=dict)
    """Model files by locale (`en_US`) or by locale and voice (`en_US/susan`)."""
    extra: Mapping[str, object] = field(default_factory=dict)


class SpeechUnavailable(LocalError):
    """The configured engine cannot be used: not installed, or its model is missing."""

    code = "speech-unavailable"


EngineFactory = Callable[[SpeechOptions], SpeechEngine]


def _espeak(options: SpeechOptions) -> SpeechEngine:
    from trebuchet.speech.espeak import EspeakEngine

    return EspeakEngine(sentence_limit_s=options.sentence_limit_s)


def _piper(options: SpeechOptions) -> SpeechEngine:
    from trebuchet.speech.piper import PiperEngine

    return PiperEngine(options.piper_models, sentence_limit_s=options.sentence_limit_s)


BUILT_IN: Mapping[str, EngineFactory] = {"espeak": _espeak, "piper": _piper}


def _plug_ins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def engine_names() -> list[str]:
    """Every engine that can be configured here."""
    return sorted({*BUILT_IN, *_plug_ins()})


def open_engine(name: str, options: SpeechOptions) -> SpeechEngine:
    """The engine of that name. A built-in name cannot be taken over by a plug-in. Raises `SpeechUnavailable`."""
    factory = BUILT_IN.get(name)
    if factory is None:
        point = _plug_ins().get(name)
        if point is None:
            raise SpeechUnavailable(f"speech engine {name!r} is not installed; known: {', '.join(engine_names())}")
        try:
            factory = cast(EngineFactory, point.load())
        except Exception as error:  # a plug-in may fail in any way; the operator needs its name
            raise SpeechUnavailable(f"speech engine {name!r} ({point.value}) does not load: {error}") from error
    return factory(options)


def open_speech(name: str, options: SpeechOptions) -> SpeechEngine:
    """The configured engine; with Piper models beside another engine, their voices are Piper's and the rest are not."""
    engine = open_engine(name, options)
    if name == "piper" or not options.piper_models:
        return engine
    from trebuchet.speech.piper import PiperEngine

    return VoiceRouter(PiperEngine(options.piper_models, sentence_limit_s=options.sentence_limit_s), engine)


class SelectiveEngine(SpeechEngine, Protocol):
    """An engine that has some voices only."""

    def has_voice(self, sentence: Sentence) -> bool: ...


class VoiceRouter:
    """Two engines as one: the first where it has the voice, else the second."""

    def __init__(self, preferred: SelectiveEngine, other: SpeechEngine) -> None:
        self._preferred = preferred
        self._other = other

    def _engine(self, sentence: Sentence) -> SpeechEngine:
        return self._preferred if self._preferred.has_voice(sentence) else self._other

    def fingerprint(self, sentence: Sentence) -> str:
        return self._engine(sentence).fingerprint(sentence)

    async def speak(self, sentence: Sentence) -> bytes:
        return await self._engine(sentence).speak(sentence)

    async def close(self) -> None:
        await self._preferred.close()
        await self._other.close()
