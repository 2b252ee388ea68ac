"""The voices a sentence can be spoken with: their canonical names, and the rules that choose one.

The names are those of the v1 API; which engine speaks them, and how, is the speech package's business.
"""

from trebuchet.base.errors import RemoteError
from trebuchet.base.values import frozen
from trebuchet.model.prompt import Gender

DEFAULT_LOCALE = "en_US"


@frozen
class Voice:
    """One voice. `name` is lower case (`susan`), `locale` canonical (`en_US`, one of `LOCALES`)."""

    name: str
    locale: str
    gender: Gender


class UnknownVoice(RemoteError):
    """No voice of any locale has this name."""

    code = "unknown-voice"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class UnknownLocale(RemoteError):
    """No voice speaks this locale."""

    code = "unknown-locale"

    def __init__(self, locale: str) -> None:
        super().__init__(locale)
        self.locale = locale


VOICES: tuple[Voice, ...] = (
    Voice("susan", "en_US", Gender.FEMALE),
    Voice("kate", "en_US", Gender.FEMALE),
    Voice("julie", "en_US", Gender.FEMALE),
    Voice("dave", "en_US", Gender.MALE),
    Voice("paul", "en_US", Gender.MALE),
    Voice("bridget", "en_UK", Gender.FEMALE),
    Voice("simon", "en_UK", Gender.MALE),
    Voice("esperanza", "es_MX", Gender.FEMALE),
    Voice("violeta", "es_MX", Gender.FEMALE),
    Voice("jorge", "es_MX", Gender.MALE),
    Voice("jolie", "fr_FR", Gender.FEMALE),
    Voice("bernard", "fr_FR", Gender.MALE),
    Voice("katrin", "de_DE", Gender.FEMALE),
    Voice("stefan", "de_DE", Gender.MALE),
    Voice("paola", "it_IT", Gender.FEMALE),
    Voice("luca", "it_IT", Gender.MALE),
)
"""All voices; the first of a locale and gender is the one chosen without a name, so `susan` leads."""

LOCALES: dict[str, str] = {
    "en_US": "en_US",
    "en": "en_US",
    "en_UK": "en_UK",
    "es": "es_MX",
    "es_MX": "es_MX",
    "fr": "fr_FR",
    "fr_FR": "fr_FR",
    "de": "de_DE",
    "de_DE": "de_DE",
    "it": "it_IT",
    "it_IT": "it_IT",
}
"""Every locale a client may name, and the canonical one whose voices speak it."""

_LOCALES_BY_LOWER = {name.lower(): canonical for name, canonical in LOCALES.items()}
_VOICES_BY_NAME = {voice.name: voice for voice in VOICES}


def resolve_voice(name: str | None = None, locale: str | None = None, gender: Gender | None = None) -> Voice:
    """Choose a voice; names and locales in any case, `None` means not given.

    The named voice if it speaks the locale (whatever the gender), else the first voice of the locale with the gender.
    Without a locale a named voice brings its own, without a gender its own; else `en_US` and female hold.
    Raises `UnknownVoice`, `UnknownLocale`; never fails on names it knows.
    """
    named = _named(name)
    wanted_locale = _canonical_locale(locale) if locale is not None else (named.locale if named else DEFAULT_LOCALE)
    if named is not None and named.locale == wanted_locale:
        return named
    wanted_gender = gender or (named.gender if named else Gender.FEMALE)
    return next(voice for voice in VOICES if voice.locale == wanted_locale and voice.gender == wanted_gender)


def _named(name: str | None) -> Voice | None:
    if name is None:
        return None
    voice = _VOICES_BY_NAME.get(name.lower())
    if voice is None:
        raise UnknownVoice(name)
    return voice


def _canonical_locale(locale: str) -> str:
    canonical = _LOCALES_BY_LOWER.get(locale.lower())
    if canonical is None:
        raise UnknownLocale(locale)
    return canonical
