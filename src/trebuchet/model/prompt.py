"""Something playable: a sentence to speak or a file to fetch."""

from enum import StrEnum

from trebuchet.base.values import frozen, frozen_keywords

MAX_SENTENCE_CHARS = 1000
"""Longest sentence a client may have spoken (the API's own limit)."""


class Gender(StrEnum):
    FEMALE = "female"
    MALE = "male"


@frozen_keywords
class Sentence:
    """Text to speak. `locale` and `voice` are canonical names of the voice table (`en_US`, `susan`)."""

    text: str
    gender: Gender = Gender.FEMALE
    locale: str = "en_US"
    voice: str = "susan"
    volume: int = 0
    """-4 … 4; steps of 3 dB."""


@frozen_keywords
class AudioFile:
    """A wav or mp3 file at an http(s) URL."""

    url: str
    volume: int = 0
    """-4 … 4; steps of 3 dB."""


Prompt = Sentence | AudioFile


@frozen
class RenderedPrompt:
    """A prompt as samples: headerless native-endian int16 PCM, 8 kHz mono, in a local file that stays in place."""

    path: str
    samples: int
    volume: int = 0
