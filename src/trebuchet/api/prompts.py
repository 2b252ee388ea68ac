"""The audio parameters (a file or a sentence) as clients write them, for every resource that plays something."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from trebuchet.api import errors
from trebuchet.api.errors import ApiError
from trebuchet.api.fields import Body, Flag, Text, choice, drop_nulls, fault, integer, is_web_url
from trebuchet.model.prompt import MAX_SENTENCE_CHARS, AudioFile, Gender, Prompt, Sentence
from trebuchet.model.voice import LOCALES, VOICES, UnknownLocale, UnknownVoice, Voice, resolve_voice

LOUDEST = 4
"""Volume runs from -4 to 4 (API rule)."""


def _sentence(value: Any) -> str:
    if not isinstance(value, str):
        raise fault("bad")
    if len(value) > MAX_SENTENCE_CHARS:
        raise fault("too_big", limit=MAX_SENTENCE_CHARS)
    return value


def _file_url(value: Any) -> str:
    """Blank is legal: it stops a playback where there is one."""
    if not isinstance(value, str):
        raise fault("bad")
    if value and not is_web_url(value):
        raise fault("media_url", value=value)
    return value


class AudioBody(Body):
    """`fileUrl` or `sentence`; with both, the file wins. `to_prompt` gives what to play."""

    resource = "audio"
    file_url: Annotated[str, BeforeValidator(_file_url), WithJsonSchema({"type": "string"})] | None = Field(
        None, alias="fileUrl"
    )
    sentence: (
        Annotated[str, BeforeValidator(_sentence), WithJsonSchema({"type": "string", "maxLength": MAX_SENTENCE_CHARS})]
        | None
    ) = None
    gender: choice({g.value: g for g in Gender}) = None  # type: ignore[valid-type]  # a type made by a function
    locale: Text | None = Field(None, json_schema_extra={"enum": list(LOCALES)})
    voice: Text | None = Field(None, json_schema_extra={"enum": [voice.name for voice in VOICES]})
    volume: integer(-LOUDEST, LOUDEST) = 0  # type: ignore[valid-type]  # likewise
    loop_enabled: Flag = Field(False, alias="loopEnabled")
    tag: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, value: Any) -> Any:
        """One SDK puts the whole object into `fileUrl`."""
        if isinstance(value, dict) and isinstance(value.get("fileUrl"), dict):
            return drop_nulls({**value, **value["fileUrl"], "fileUrl": value["fileUrl"].get("fileUrl")})
        return drop_nulls(value)

    def to_prompt(self) -> Prompt | None:
        """What is to be played; `None` when neither key holds anything. Raises `ApiError` for voices and locales
        that do not exist."""
        if self.file_url:
            return AudioFile(url=self.file_url, volume=self.volume)
        if not self.sentence:
            return None
        voice = self._voice()
        return Sentence(
            text=self.sentence, gender=voice.gender, locale=voice.locale, voice=voice.name, volume=self.volume
        )

    def wanted_prompt(self) -> Prompt | None:
        """What is to be played where playing can also be stopped: `None` means stop, which is what an empty string in
        either key says. Raises `ApiError` when neither key is there, and what `to_prompt` raises."""
        if self.file_url is None and self.sentence is None:
            raise errors.MISSING_PROPERTY(self.resource, "fileUrl")
        return self.to_prompt()

    def _voice(self) -> Voice:
        try:
            return resolve_voice(self.voice, self.locale, self.gender)
        except UnknownVoice as error:
            raise self._unknown("voice", [voice.name for voice in VOICES]) from error
        except UnknownLocale as error:
            raise self._unknown("locale", list(LOCALES)) from error

    def _unknown(self, name: str, values: list[str]) -> ApiError:
        return errors.NOT_ONE_OF(self.resource, name, ", ".join(values))


def prompt_to_wire(prompt: Prompt) -> dict[str, Any]:
    """A prompt as audio parameters, for reading back."""
    if isinstance(prompt, AudioFile):
        shown: dict[str, Any] = {"fileUrl": prompt.url}
    else:
        shown = {
            "sentence": prompt.text,
            "gender": prompt.gender.value,
            "locale": prompt.locale,
            "voice": prompt.voice,
        }
    return {**shown, "volume": prompt.volume} if prompt.volume else shown
