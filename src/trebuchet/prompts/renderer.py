"""Turns prompts into samples on disk, each made once: the `Prompts` of call control."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from trebuchet.base.clock import Clock
from trebuchet.base.errors import RemoteError, TrebuchetError
from trebuchet.base.ids import AccountId
from trebuchet.base.units import FRAME_SAMPLES
from trebuchet.calls.interfaces import (
    PromptError,
    PromptUnreachable,
    PromptUnsupported,
    PromptUrlInvalid,
    SpeechFailed,
)
from trebuchet.model.prompt import AudioFile, Prompt, RenderedPrompt, Sentence
from trebuchet.prompts.cache import SAMPLE_BYTES, PcmCache
from trebuchet.prompts.flights import DownloadTurns, Flights
from trebuchet.prompts.own_media import OwnUrls
from trebuchet.prompts.sources import PromptLimits, PromptSources

SUBJECT_CHARS = 40
"""How much of a sentence an error repeats."""
MAX_KNOWN_URLS = 10_000
"""Fetched URLs remembered with what they led to."""
URL_FAULT = "url-forbidden"
"""Code of the download error that is the URL's own fault."""
SILENCE = bytes(FRAME_SAMPLES * SAMPLE_BYTES)
"""What is played when there is nothing to hear: one frame, since an empty file cannot be mapped."""


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", errors="replace")).hexdigest()


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class PromptRenderer:
    """Renders prompts; one for the server. `render` is called from the event loop only."""

    def __init__(self, sources: PromptSources, cache: PcmCache, limits: PromptLimits, clock: Clock) -> None:
        self._sources = sources
        self._cache = cache
        self._limits = limits
        self._clock = clock
        self._own_urls = OwnUrls(sources.own_urls)
        self._flights: Flights[RenderedPrompt] = Flights()
        self._turns = DownloadTurns()
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()  # URL: key, fresh until

    async def render(self, prompt: Prompt, account_id: AccountId) -> RenderedPrompt:
        """Samples of the prompt, from the cache or made now. Raises `PromptError` (one of its kinds)."""
        rendered = await (
            self._render_sentence(prompt) if isinstance(prompt, Sentence) else self._render_file(prompt, account_id)
        )
        return replace(rendered, volume=prompt.volume)

    async def close(self) -> None:
        """Stop what is being made."""
        await self._flights.close()

    # sentences

    async def _render_sentence(self, sentence: Sentence) -> RenderedPrompt:
        key = _key("sentence", self._sources.speech.fingerprint(sentence), sentence.text)
        subject = sentence.text[:SUBJECT_CHARS]
        return self._cached(key) or await self._make(
            key, lambda: self._speak(key, sentence), lambda why: SpeechFailed(subject, why)
        )

    async def _speak(self, key: str, sentence: Sentence) -> RenderedPrompt:
        samples = await self._sources.speech.speak(sentence) or SILENCE
        partial = self._cache.partial()
        try:
            await asyncio.to_thread(partial.write_bytes, samples)
            return self._add(key, partial)
        finally:
            partial.unlink(missing_ok=True)

    # files

    async def _render_file(self, file: AudioFile, account_id: AccountId) -> RenderedPrompt:
        own = self._own_urls.read(file.url)
        if own is not None:
            return await self._render_own(file.url, own, account_id)
        known = self._known.get(file.url)
        if known is not None and known[1] > self._clock.now():
            cached = self._cached(known[0])
            if cached is not None:
                return cached
        return await self._make(
            _key("url", file.url),
            lambda: self._fetch(file.url, account_id),
            lambda why: PromptUnreachable(file.url, why),
        )

    async def _render_own(self, url: str, own: tuple[AccountId, str], account_id: AccountId) -> RenderedPrompt:
        owner, name = own
        path = await self._sources.find_media(owner, name) if owner == account_id else None
        if path is None:  # another account's media and media that does not exist look alike
            raise PromptUnreachable(url, "no such media")
        try:
            facts = path.stat()
        except OSError as error:
            raise PromptUnreachable(url, "no such media") from error
        key = _key("media", str(path), str(facts.st_size), str(facts.st_mtime_ns))
        return self._cached(key) or await self._make(
            key, lambda: self._decode(key, url, path), lambda why: PromptUnreachable(url, why)
        )

    async def _fetch(self, url: str, account_id: AccountId) -> RenderedPrompt:
        async with self._turns.turn(account_id):
            partial = self._cache.partial()
            try:
                await self._download(url, partial)
                key = _key("file", await asyncio.to_thread(_hash_file, partial))
                rendered = self._cached(key) or await self._decode(key, url, partial)
            finally:
                partial.unlink(missing_ok=True)
        self._remember(url, key)
        return rendered

    async def _download(self, url: str, target: Path) -> None:
        limits = self._limits
        try:
            await self._sources.download(
                url,
                target,
                max_bytes=limits.max_download_bytes,
                timeout_s=limits.download_limit_s,
                max_redirects=limits.max_redirects,
            )
        except TrebuchetError as error:
            kind = PromptUrlInvalid if error.code == URL_FAULT else PromptUnreachable
            raise kind(url, str(error)) from error

    async def _decode(self, key: str, url: str, source: Path) -> RenderedPrompt:
        partial = self._cache.partial()
        try:
            samples = await self._sources.decode(source, partial)
            if samples == 0:
                await asyncio.to_thread(partial.write_bytes, SILENCE)
            return self._add(key, partial)
        except RemoteError as error:
            raise PromptUnsupported(url, str(error)) from error
        finally:
            partial.unlink(missing_ok=True)

    # the cache

    async def _make(
        self, key: str, work: Callable[[], Awaitable[RenderedPrompt]], failed: Callable[[str], PromptError]
    ) -> RenderedPrompt:
        """Do the work once for all who ask for it now; what goes wrong on our side becomes the prompt's error."""
        try:
            self._cache.check_room()
            return await self._flights.run(key, work)
        except PromptError:
            raise
        except (TrebuchetError, OSError) as error:  # busy, cache or disk full
            raise failed(str(error)) from error

    def _cached(self, key: str) -> RenderedPrompt | None:
        found = self._cache.find(key)
        return None if found is None else RenderedPrompt(str(found[0]), found[1])

    def _add(self, key: str, partial: Path) -> RenderedPrompt:
        path, samples = self._cache.add(key, partial)
        return RenderedPrompt(str(path), samples)

    def _remember(self, url: str, key: str) -> None:
        self._known[url] = (key, self._clock.now() + self._limits.fresh_s)
        self._known.move_to_end(url)
        while len(self._known) > MAX_KNOWN_URLS:
            self._known.popitem(last=False)
