"""The voice table and how a voice is chosen (calls.md 9)."""

import pytest

from trebuchet.model.prompt import Gender
from trebuchet.model.voice import LOCALES, VOICES, UnknownLocale, UnknownVoice, resolve_voice


def test_names_are_unique_and_canonical() -> None:
    names = [voice.name for voice in VOICES]
    assert len(set(names)) == len(names) == 16
    assert all(name == name.lower() for name in names)
    assert {voice.locale for voice in VOICES} == set(LOCALES.values())


@pytest.mark.parametrize("locale", [*LOCALES, *(name.upper() for name in LOCALES)])
@pytest.mark.parametrize("gender", list(Gender))
def test_every_locale_has_a_voice_of_both_genders(locale: str, gender: Gender) -> None:
    voice = resolve_voice(None, locale, gender)
    assert voice.gender is gender


def test_defaults() -> None:
    voice = resolve_voice()
    assert (voice.name, voice.locale, voice.gender) == ("susan", "en_US", Gender.FEMALE)


def test_a_named_voice_of_the_locale_wins_whatever_the_gender() -> None:
    for known in VOICES:
        for gender in Gender:
            assert resolve_voice(known.name.upper(), known.locale, gender) == known
        assert resolve_voice(known.name) == known


def test_a_voice_of_another_locale_gives_way_to_locale_and_gender() -> None:
    assert resolve_voice("susan", "es", Gender.MALE).name == "jorge"
    assert resolve_voice("susan", "de").name == "katrin"
    assert resolve_voice("jorge", "fr").name == "bernard"


def test_unknown_names() -> None:
    with pytest.raises(UnknownVoice, match="hal"):
        resolve_voice("hal")
    for locale in ("t", "", "en-US", "pt_BR"):
        with pytest.raises(UnknownLocale):
            resolve_voice("susan", locale)
