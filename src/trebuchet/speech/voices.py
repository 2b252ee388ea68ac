"""The API's voices as voices of the embedded engine.

Each one is a language, one of the engine's variants (`f1` … `f5` female, `m1` … `m8` male: formants, pitch range,
roughness) and a pitch. Variants with an echo (`f4`, `m2`) are left out: on a telephone they sound like a bad line.
The telephone band cuts what tells similar variants apart, so voices of one locale also differ in pitch or speed.
"""

from dataclasses import dataclass

from trebuchet.model.prompt import Gender, Sentence
from trebuchet.model.voice import LOCALES


@dataclass(frozen=True, slots=True, kw_only=True)
class EspeakVoice:
    language: str
    """The engine's voice file, below its `lang` folder."""
    variant: str
    pitch: int = 50
    words_per_minute: int = 165

    @property
    def name(self) -> str:
        return f"{self.language}+{self.variant}"


_LANGUAGES: dict[str, str] = {
    "en_US": "gmw/en-US",
    "en_UK": "gmw/en-GB-x-rp",
    "es_MX": "roa/es-419",
    "fr_FR": "roa/fr",
    "de_DE": "gmw/de",
    "it_IT": "roa/it",
}
"""By canonical locale."""

_TIMBRES: dict[str, tuple[str, int, int]] = {
    # voice: variant, pitch, words per minute
    "kate": ("f1", 46, 170),
    "susan": ("f2", 50, 165),
    "julie": ("f3", 58, 172),
    "dave": ("m3", 50, 165),
    "paul": ("m7", 40, 158),
    "bridget": ("f5", 44, 165),
    "simon": ("m6", 48, 165),
    "esperanza": ("f2", 50, 168),
    "violeta": ("f3", 58, 172),
    "jorge": ("m3", 46, 165),
    "jolie": ("f2", 54, 165),
    "bernard": ("m3", 42, 160),
    "katrin": ("f2", 48, 160),
    "stefan": ("m3", 44, 158),
    "paola": ("f2", 56, 170),
    "luca": ("m3", 50, 168),
}

_ANY_TIMBRE: dict[Gender, tuple[str, int, int]] = {Gender.FEMALE: ("f2", 50, 165), Gender.MALE: ("m3", 50, 165)}


def espeak_voice(sentence: Sentence) -> EspeakVoice | None:
    """The voice for a sentence: its own, else one of its gender in its locale; `None` for an unknown locale."""
    language = _LANGUAGES.get(LOCALES.get(sentence.locale, ""))
    if language is None:
        return None
    variant, pitch, speed = _TIMBRES.get(sentence.voice) or _ANY_TIMBRE[sentence.gender]
    return EspeakVoice(language=language, variant=variant, pitch=pitch, words_per_minute=speed)
