"""What can be played: a file, or a sentence that is spoken."""

from dataclasses import dataclass
from typing import Any

from trebuchet.client.values import to_wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """Text to speak, at most 1000 characters."""

    text: str
    gender: str | None = None
    """`female` or `male`."""
    locale: str | None = None
    """`en_US`, `en_UK`, `es`, `es_MX`, `fr`, `fr_FR`, `de`, `de_DE`, `it` or `it_IT`."""
    voice: str | None = None
    volume: int | None = None
    """-4 to 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFile:
    """A wav or mp3 file at an http(s) URL, or of this server's own media."""

    url: str
    volume: int | None = None
    """-4 to 4."""


Audio = str | Sentence | AudioFile
"""A plain string is a sentence."""


def audio_to_wire(audio: Audio, *, loop: bool | None = None, tag: str | None = None) -> dict[str, Any]:
    if isinstance(audio, AudioFile):
        return to_wire(file_url=audio.url, volume=audio.volume, loop_enabled=loop, tag=tag)
    spoken = Sentence(text=audio) if isinstance(audio, str) else audio
    return to_wire(
        sentence=spoken.text,
        gender=spoken.gender,
        locale=spoken.locale,
        voice=spoken.voice,
        volume=spoken.volume,
        loop_enabled=loop,
        tag=tag,
    )


STOP = {"sentence": ""}
"""Stops whatever plays."""
