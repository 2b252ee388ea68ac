"""Where prompts come from, as protocols: the composition root passes the speech engine, the guarded client, the decoder
and the media folder; a test passes what it likes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trebuchet.base.ids import AccountId
from trebuchet.model.prompt import Sentence

MAX_DOWNLOAD_BYTES = 65_000_000
"""Largest audio file fetched: an hour of 8 kHz 16-bit wav has 57.6 MB."""
DOWNLOAD_LIMIT_S = 10.0
"""Longest time for a whole download; a caller waits meanwhile."""
MAX_REDIRECTS = 5
FRESH_S = 60.0
"""How long a fetched file is played again without asking its server for it once more."""
CACHE_BYTES = 1 << 30
"""Size of the cache: some 18 hours of speech."""
PROTECTED_S = 600.0
"""A cached file used within this time is not removed: a worker may be about to open it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLimits:
    """The bounds an operator may change."""

    max_download_bytes: int = MAX_DOWNLOAD_BYTES
    download_limit_s: float = DOWNLOAD_LIMIT_S
    max_redirects: int = MAX_REDIRECTS
    fresh_s: float = FRESH_S
    cache_bytes: int = CACHE_BYTES
    protected_s: float = PROTECTED_S


class Speaks(Protocol):
    def fingerprint(self, sentence: Sentence) -> str:
        """Everything besides the text that shapes the audio. Raises `SpeechFailed`."""
        ...

    async def speak(self, sentence: Sentence) -> bytes:
        """Headerless native-endian int16 PCM, 8 kHz mono. Raises `SpeechFailed`."""
        ...


class Download(Protocol):
    async def __call__(self, url: str, target: Path, *, max_bytes: int, timeout_s: float, max_redirects: int) -> object:
        """Fetch into `target`. Raises a `TrebuchetError`; the one coded `url-forbidden` is the URL's own fault, all
        others mean that it could not be fetched."""
        ...


class Decode(Protocol):
    async def __call__(self, source: Path, target: Path) -> int:
        """Audio of any kind to headerless int16 PCM, 8 kHz mono; returns the samples. Raises a `RemoteError` when
        it is not audio, or takes too long or too much, and a `LocalError` when the decoder itself fails."""
        ...


class FindMedia(Protocol):
    async def __call__(self, account_id: AccountId, media_name: str) -> Path | None:
        """The file of an account's media object, `None` when it has none of that name that can be downloaded. The
        name is a plain file name when this is called."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSources:
    speech: Speaks
    download: Download
    decode: Decode
    find_media: FindMedia
    own_urls: tuple[str, ...] = ()
    """Base URLs (`https://voice.example`) under which this server's own media is reached."""
