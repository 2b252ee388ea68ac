"""What a transcription engine is, and how one is found by name.

Engines are built in (`pocketsphinx`, `faster-whisper`) or come from an installed package that declares an entry point
in the group `trebuchet.transcription`: a callable that takes `ListeningOptions` and returns a `ListeningEngine`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from trebuchet.calls.interfaces import TranscriptionFailed
from trebuchet.speech.process import EngineError, EngineProcess
from trebuchet.speech.stt_protocol import ListenRequest, encode_request
from trebuchet.speech.tts import SpeechUnavailable

ENTRY_POINT_GROUP = "trebuchet.transcription"
DEFAULT_ENGINE = "pocketsphinx"
NO_ENGINE = "none"


class ListeningEngine(Protocol):
    """Turns recordings into text. One engine serves the whole server; calls may overlap and are then taken in order."""

    async def listen(self, recording: Path, limit_s: float) -> str:
        """The words in a wav (8 kHz, 16 bit, one or two channels); empty when there are none. Raises
        `calls.interfaces.TranscriptionFailed`, also when it takes longer than `limit_s`."""
        ...

    async def close(self) -> None:
        """End the engine's processes. A closed engine listens no more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningOptions:
    """What the operator chose; a plug-in reads `extra` as it likes."""

    model: Path | None = None
    """Folder of a model, for engines that need one."""
    extra: Mapping[str, object] = field(default_factory=dict)


class ProcessEngine:
    """An engine in a process of its own, which is killed when it hangs and started anew when it is needed again."""

    def __init__(self, module: str, model: str = "") -> None:
        self.process = EngineProcess(module)
        self._model = model

    async def listen(self, recording: Path, limit_s: float) -> str:
        request = encode_request(ListenRequest(path=str(recording.resolve()), model=self._model))
        try:
            return (await self.process.ask(request, limit_s)).decode()
        except EngineError as error:
            raise TranscriptionFailed(str(error)) from error

    async def close(self) -> None:
        await self.process.close()


class NoEngine:
    """Transcription is switched off: every one fails."""

    async def listen(self, recording: Path, limit_s: float) -> str:
        raise TranscriptionFailed("transcription is switched off (transcription.engine)")

    async def close(self) -> None:
        """Nothing to end."""


EngineFactory = Callable[[ListeningOptions], ListeningEngine]


def _pocketsphinx(options: ListeningOptions) -> ListeningEngine:
    if find_spec("pocketsphinx") is None:
        raise SpeechUnavailable("pocketsphinx is not installed: pip install pocketsphinx, or transcription.engine none")
    return ProcessEngine("trebuchet.speech.sphinx_process")


def _faster_whisper(options: ListeningOptions) -> ListeningEngine:
    if find_spec("faster_whisper") is None:
        raise SpeechUnavailable("faster-whisper is not installed: pip install faster-whisper")
    if options.model is None:
        raise SpeechUnavailable("faster-whisper needs a model on disk (transcription.model)")
    if not (options.model / "model.bin").is_file():
        raise SpeechUnavailable(f"transcription.model: {options.model} holds no model.bin")
    return ProcessEngine("trebuchet.speech.whisper_process", str(options.model.resolve()))


BUILT_IN: Mapping[str, EngineFactory] = {
    "pocketsphinx": _pocketsphinx,
    "faster-whisper": _faster_whisper,
    NO_ENGINE: lambda options: NoEngine(),
}


def _plug_ins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def listening_names() -> list[str]:
    """Every engine that can be configured here."""
    return sorted({*BUILT_IN, *_plug_ins()})


def open_listening(name: str, options: ListeningOptions) -> ListeningEngine:
    """The engine of that name. A built-in name cannot be taken over by a plug-in. Raises `SpeechUnavailable`."""
    factory = BUILT_IN.get(name)
    if factory is None:
        point = _plug_ins().get(name)
        if point is None:
            known = ", ".join(listening_names())
            raise SpeechUnavailable(f"transcription engine {name!r} is not installed; known: {known}")
        try:
            factory = cast(EngineFactory, point.load())
        except Exception as error:  # a plug-in may fail in any way; the operator needs its name
            raise SpeechUnavailable(f"transcription engine {name!r} ({point.value}) does not load: {error}") from error
    return factory(options)
