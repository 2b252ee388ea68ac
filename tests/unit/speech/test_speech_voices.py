"""The API's voices are distinct voices of the engine, and one hears who is a man and who is a woman."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import numpy as np
import numpy.typing as npt
import pytest
import pytest_asyncio

from trebuchet.base.units import RATE_HZ
from trebuchet.calls.interfaces import SpeechFailed
from trebuchet.model.prompt import Gender, Sentence
from trebuchet.model.voice import LOCALES, VOICES, Voice
from trebuchet.speech.espeak import EspeakEngine
from trebuchet.speech.voices import espeak_voice

TEXT = "One moment, mama."
WINDOW = 512
LOWEST_HZ, HIGHEST_HZ = 60, 400


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[EspeakEngine]:
    engine = EspeakEngine()
    yield engine
    await engine.close()


def sentence(voice: Voice, text: str = TEXT) -> Sentence:
    return Sentence(text=text, voice=voice.name, locale=voice.locale, gender=voice.gender)


def median_pitch_hz(pcm: npt.NDArray[np.int16]) -> float:
    """Median pitch of the voiced windows, by autocorrelation."""
    pitches = []
    for start in range(0, pcm.size - WINDOW, WINDOW // 2):
        window = pcm[start : start + WINDOW].astype(np.float64)
        window -= window.mean()
        correlation = np.correlate(window, window, "full")[WINDOW - 1 :]
        if correlation[0] < 1e8:
            continue
        lags = np.arange(RATE_HZ // HIGHEST_HZ, RATE_HZ // LOWEST_HZ)
        best = lags[np.argmax(correlation[lags])]
        if correlation[best] > 0.5 * correlation[0]:
            pitches.append(RATE_HZ / best)
    assert len(pitches) >= 5, "hardly anything voiced"
    return float(np.median(pitches))


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.name)
def test_every_voice_is_mapped(voice: Voice) -> None:
    mapped = espeak_voice(sentence(voice))
    assert mapped is not None
    assert mapped.variant.startswith("f" if voice.gender is Gender.FEMALE else "m")


def test_a_voice_the_engine_does_not_know_is_spoken_by_one_of_its_gender() -> None:
    mapped = espeak_voice(Sentence(text=TEXT, voice="nobody", locale="de_DE", gender=Gender.MALE))
    assert mapped is not None
    assert mapped.name == "gmw/de+m3"


@pytest.mark.parametrize("locale", sorted(LOCALES))
def test_every_locale_a_client_may_name_has_a_language(locale: str) -> None:
    assert espeak_voice(Sentence(text=TEXT, locale=locale)) is not None


async def speak_freshly(voice: Voice) -> bytes:
    """Spoken by a process of its own: the same sample by sample each time, so that a difference is the voice's."""
    engine = EspeakEngine()
    try:
        return await engine.speak(sentence(voice))
    finally:
        await engine.close()


async def test_all_voices_sound_different() -> None:
    first, again = await speak_freshly(VOICES[0]), await speak_freshly(VOICES[0])
    assert first == again, "the comparison means nothing when one voice differs from itself"
    spoken = dict(zip(VOICES, await asyncio.gather(*map(speak_freshly, VOICES)), strict=True))
    for (one, its), (other, others) in itertools.combinations(spoken.items(), 2):
        assert its != others, f"{one.name} and {other.name} are one voice"


@pytest.mark.asyncio(loop_scope="module")
async def test_women_speak_higher_than_men_in_every_locale(engine: EspeakEngine) -> None:
    pitches: dict[tuple[str, Gender], list[float]] = {}
    for voice in VOICES:
        pcm = np.frombuffer(await engine.speak(sentence(voice)), np.int16)
        pitches.setdefault((voice.locale, voice.gender), []).append(median_pitch_hz(pcm))
    for locale in {voice.locale for voice in VOICES}:
        lowest_woman = min(pitches[locale, Gender.FEMALE])
        highest_man = max(pitches[locale, Gender.MALE])
        assert lowest_woman > 1.25 * highest_man, (locale, pitches)


@pytest.mark.asyncio(loop_scope="module")
async def test_speech_is_loud_enough_and_does_not_clip(engine: EspeakEngine) -> None:
    for voice in VOICES:
        pcm = np.frombuffer(await engine.speak(sentence(voice)), np.int16).astype(np.int32)
        assert np.abs(pcm).max() > 6_000
        assert np.count_nonzero(np.abs(pcm) >= 32_767) < 20


@pytest.mark.asyncio(loop_scope="module")
async def test_the_length_follows_the_text(engine: EspeakEngine) -> None:
    short = len(await engine.speak(Sentence(text="Hello.")))
    long = len(await engine.speak(Sentence(text="Hello. " * 20)))
    assert RATE_HZ * 2 * 0.2 < short < RATE_HZ * 2 * 2
    assert long > 10 * short


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u0000\u0007"])
async def test_nothing_to_say_is_empty(engine: EspeakEngine, text: str) -> None:
    assert await engine.speak(Sentence(text=text)) == b""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "text",
    ["\ud800 hello", "a\0b", "<speak>hi</speak>", "[[h@'loU]]", "日本語", "🙂", "é" * 1000, "9 " * 500, "&<"],
)
async def test_odd_text_is_spoken_or_empty_but_never_an_error(engine: EspeakEngine, text: str) -> None:
    assert len(await engine.speak(Sentence(text=text))) % 2 == 0


@pytest.mark.asyncio(loop_scope="module")
async def test_an_unknown_locale_fails_by_name(engine: EspeakEngine) -> None:
    with pytest.raises(SpeechFailed, match="xx_XX"):
        await engine.speak(Sentence(text=TEXT, locale="xx_XX"))
    with pytest.raises(SpeechFailed):
        engine.fingerprint(Sentence(text=TEXT, locale="xx_XX"))


def test_the_fingerprint_tells_voices_apart_and_nothing_else() -> None:
    engine = EspeakEngine()
    prints = {engine.fingerprint(sentence(voice)) for voice in VOICES}
    assert len(prints) == len(VOICES)
    same = Sentence(text="another text", voice="susan", volume=3)
    assert engine.fingerprint(same) == engine.fingerprint(Sentence(text=TEXT))
