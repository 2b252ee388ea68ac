"""The embedded engine behind the interface: sentences to its process, errors to ours."""

from functools import cache
from importlib.metadata import version

from trebuchet.calls.interfaces import SpeechFailed
from trebuchet.model.prompt import Sentence
from trebuchet.speech.process import EngineError, EngineProcess
from trebuchet.speech.protocol import Utterance, speakable
from trebuchet.speech.tts import DEFAULT_SENTENCE_LIMIT_S
from trebuchet.speech.voices import EspeakVoice, espeak_voice

SUBJECT_CHARS = 40
"""How much of a sentence an error repeats."""


@cache
def _engine_version() -> str:
    return version("espeakng-loader")


def _voice(sentence: Sentence) -> EspeakVoice:
    voice = espeak_voice(sentence)
    if voice is None:
        raise SpeechFailed(sentence.text[:SUBJECT_CHARS], f"no voice for the locale {sentence.locale!r}")
    return voice


class EspeakEngine:
    """espeak-ng, from its wheel: every locale of the API, no key, no model file."""

    def __init__(self, *, sentence_limit_s: float = DEFAULT_SENTENCE_LIMIT_S) -> None:
        self.process = EngineProcess("trebuchet.speech.espeak_process")
        self._limit_s = sentence_limit_s

    def fingerprint(self, sentence: Sentence) -> str:
        voice = _voice(sentence)
        return f"espeak {_engine_version()} {voice.name} {voice.pitch} {voice.words_per_minute}"

    async def speak(self, sentence: Sentence) -> bytes:
        voice = _voice(sentence)
        text = speakable(sentence.text)
        if not text:
            return b""
        utterance = Utterance(
            text=text, voice=voice.name, pitch=voice.pitch, words_per_minute=voice.words_per_minute
        )  # fmt: skip
        try:
            return await self.process.speak(utterance, self._limit_s)
        except EngineError as error:
            raise SpeechFailed(sentence.text[:SUBJECT_CHARS], str(error)) from error

    async def close(self) -> None:
        await self.process.close()
