"""Something playable: a sentence to speak or a file to fetch."""

from dataclasses import dataclass
from enum import StrEnum

MAX_SENTENCE_CHARS = 1000
"""Longest sentence a client may have spoken (the API's own limit)."""


class Gender(StrEnum):
    FEMALE = "female"
    MALE = "male"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """Text to speak. `locale` and `voice` are canonical names of the voice table (`en_US`, `susan`)."""

    text: str
    gender: Gender = Gender.FEMALE
    locale: str = "en_US"
    voice: str = "susan"
    volume: int = 0
    """-4 … 4; steps of 3 dB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFile:
    """A wav or mp3 file at an http(s) URL."""

    url: str
    volume: int = 0
    """-4 … 4; steps of 3 dB."""


Prompt = Sentence | AudioFile


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt as samples: headerless native-endian int16 PCM, 8 kHz mono, in a local file that stays in place."""

    path: str
    samples: int
    volume: int = 0
