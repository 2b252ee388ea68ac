"""Prompts rendered once each, with every kind of failure told apart."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trebuchet.base.errors import LocalError, RemoteError
from trebuchet.base.ids import AccountId
from trebuchet.base.rand import SeededRand
from trebuchet.calls.interfaces import (
    PromptError,
    PromptUnreachable,
    PromptUnsupported,
    PromptUrlInvalid,
    SpeechFailed,
)
from trebuchet.model.prompt import AudioFile, Sentence
from trebuchet.prompts import flights, renderer
from trebuchet.prompts.cache import PcmCache
from trebuchet.prompts.renderer import PromptRenderer
from trebuchet.prompts.sources import PromptLimits, PromptSources

ME, OTHER = AccountId("u-me"), AccountId("u-other")
URL = "http://files.example/a.wav"


class Forbidden(RemoteError):
    code = "url-forbidden"


class TooSlow(RemoteError):
    code = "fetch-timeout"


class NotAudio(RemoteError):
    code = "not-audio"


class HandClock:
    time = 1000.0

    def now(self) -> float:
        return self.time

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


@dataclass
class World:
    """Speech, web, decoder and media folder in one; decoding means: every byte becomes a sample."""

    folder: Path
    spoken: list[Sentence] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    decoded: list[bytes] = field(default_factory=list)
    asked_for: list[tuple[AccountId, str]] = field(default_factory=list)
    media: dict[tuple[AccountId, str], str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    failure: Exception | None = None
    gate: asyncio.Event | None = None
    bounds: dict[str, float] = field(default_factory=dict)
    at_once: int = 0
    most_at_once: int = 0

    def fingerprint(self, sentence: Sentence) -> str:
        return sentence.voice

    async def speak(self, sentence: Sentence) -> bytes:
        self.spoken.append(sentence)
        await self._pause()
        return b"\1\0" * len(sentence.text.strip())

    async def download(self, url: str, target: Path, *, max_bytes: int, timeout_s: float, max_redirects: int) -> object:
        self.fetched.append(url)
        self.bounds = {"max_bytes": max_bytes, "timeout_s": timeout_s, "max_redirects": max_redirects}
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._pause()
            target.write_bytes(self.files.get(url, url.encode()))
        finally:
            self.at_once -= 1
        return None

    async def decode(self, source: Path, target: Path) -> int:
        data = source.read_bytes()
        self.decoded.append(data)
        if data.startswith(b"kill the decoder"):
            raise LocalError("the audio process died")
        if data.startswith(b"not audio"):
            raise NotAudio("neither wav nor mp3")
        target.write_bytes(data * 2)
        return len(data)

    async def find_media(self, account_id: AccountId, media_name: str) -> Path | None:
        """As a store does it: names are looked up, never made into paths."""
        self.asked_for.append((account_id, media_name))
        place = self.media.get((account_id, media_name))
        return None if place is None else self.folder / account_id / place

    async def _pause(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "media" / ME).mkdir(parents=True)
    (tmp_path / "media" / OTHER).mkdir()
    (tmp_path / "media" / ME / "c-1.wav").write_bytes(b"my recording")
    (tmp_path / "media" / OTHER / "c-2.wav").write_bytes(b"not mine")
    return World(tmp_path / "media", media={(ME, "c-1.wav"): "c-1.wav", (OTHER, "c-2.wav"): "c-2.wav"})


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def prompts(world: World, clock: HandClock, tmp_path: Path) -> AsyncIterator[PromptRenderer]:
    sources = PromptSources(
        speech=world,
        download=world.download,
        decode=world.decode,
        find_media=world.find_media,
        own_urls=("https://voice.example/base", "http://127.0.0.1:8080"),
    )
    cache = PcmCache(tmp_path / "cache", clock, SeededRand(1), max_bytes=100_000, protected_s=10)
    rendering = PromptRenderer(sources, cache, PromptLimits(fresh_s=60), clock)
    yield rendering
    await rendering.close()
    assert not list((tmp_path / "cache").glob("*.part")), "something half written was left behind"


async def until_waiting(things: list[str] | list[Sentence], count: int) -> None:
    async with asyncio.timeout(5):
        while len(things) < count:
            await asyncio.sleep(0)


# sentences


async def test_a_sentence_is_spoken_once_and_then_comes_from_the_cache(prompts: PromptRenderer, world: World) -> None:
    first = await prompts.render(Sentence(text="hello"), ME)
    second = await prompts.render(Sentence(text="hello"), OTHER)
    assert first == second
    assert first.samples == 5
    assert Path(first.path).read_bytes() == b"\1\0" * 5
    assert len(world.spoken) == 1


async def test_text_and_voice_make_another_prompt_and_volume_does_not(prompts: PromptRenderer, world: World) -> None:
    plain = await prompts.render(Sentence(text="hello"), ME)
    loud = await prompts.render(Sentence(text="hello", volume=4), ME)
    assert (loud.path, loud.volume) == (plain.path, 4)
    assert (await prompts.render(Sentence(text="hello!"), ME)).path != plain.path
    assert (await prompts.render(Sentence(text="hello", voice="dave"), ME)).path != plain.path
    assert len(world.spoken) == 3


async def test_many_who_ask_at_once_share_one_rendering(prompts: PromptRenderer, world: World) -> None:
    world.gate = asyncio.Event()
    asking = [asyncio.create_task(prompts.render(Sentence(text="hello", volume=n), ME)) for n in range(4)]
    await until_waiting(world.spoken, 1)
    asking[0].cancel()  # the one who started it
    world.gate.set()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert [each.volume for each in done[1:] if not isinstance(each, BaseException)] == [1, 2, 3]
    assert len(world.spoken) == 1


async def test_nothing_to_say_becomes_one_silent_frame(prompts: PromptRenderer) -> None:
    silent = await prompts.render(Sentence(text="  "), ME)
    assert silent.samples == 160
    assert Path(silent.path).read_bytes() == bytes(320)


async def test_a_failing_engine_is_told_and_asked_again_next_time(prompts: PromptRenderer, world: World) -> None:
    world.failure = SpeechFailed("hello", "the engine died")
    with pytest.raises(SpeechFailed, match="the engine died"):
        await prompts.render(Sentence(text="hello"), ME)
    world.failure = None
    assert (await prompts.render(Sentence(text="hello"), ME)).samples == 5


async def test_a_full_disk_is_a_speech_failure(prompts: PromptRenderer, world: World) -> None:
    world.failure = OSError(28, "No space left on device")
    with pytest.raises(SpeechFailed, match="No space left"):
        await prompts.render(Sentence(text="hello"), ME)


async def test_the_work_at_hand_is_bounded(
    prompts: PromptRenderer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flights, "MAX_FLIGHTS", 2)
    world.gate = asyncio.Event()
    asking = [asyncio.create_task(prompts.render(Sentence(text=text), ME)) for text in ("a", "b")]
    await until_waiting(world.spoken, 2)
    with pytest.raises(SpeechFailed, match="2 prompts are being made"):
        await prompts.render(Sentence(text="c"), ME)
    with pytest.raises(PromptUnreachable):
        await prompts.render(AudioFile(url=URL), ME)
    world.gate.set()
    await asyncio.gather(*asking)


async def test_a_cache_full_of_prompts_in_use_refuses_more(prompts: PromptRenderer, world: World) -> None:
    world.files[URL] = bytes(100_000)
    await prompts.render(AudioFile(url=URL), ME)
    with pytest.raises(SpeechFailed, match="in use at once"):
        await prompts.render(Sentence(text="hello"), ME)


# files


async def test_a_file_is_fetched_within_the_limits_and_decoded(prompts: PromptRenderer, world: World) -> None:
    world.files[URL] = b"audio"
    rendered = await prompts.render(AudioFile(url=URL, volume=-2), ME)
    assert (rendered.samples, rendered.volume) == (5, -2)
    assert Path(rendered.path).read_bytes() == b"audioaudio"
    assert world.bounds == {"max_bytes": 65_000_000, "timeout_s": 10.0, "max_redirects": 5}


async def test_a_fresh_file_is_not_fetched_again(prompts: PromptRenderer, world: World, clock: HandClock) -> None:
    await prompts.render(AudioFile(url=URL), ME)
    clock.time += 59
    await prompts.render(AudioFile(url=URL), OTHER)
    assert len(world.fetched) == 1
    clock.time += 2
    await prompts.render(AudioFile(url=URL), ME)
    assert len(world.fetched) == 2
    assert len(world.decoded) == 1, "the same bytes need no decoding"


async def test_a_changed_file_is_another_prompt(prompts: PromptRenderer, world: World, clock: HandClock) -> None:
    before = await prompts.render(AudioFile(url=URL), ME)
    world.files[URL] = b"the second version"
    clock.time += 61
    after = await prompts.render(AudioFile(url=URL), ME)
    assert after.path != before.path
    assert Path(before.path).is_file(), "who plays the old one still can"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Forbidden("a private address"), PromptUrlInvalid),
        (TooSlow("10 s"), PromptUnreachable),
        (LocalError("no resolver"), PromptUnreachable),
        (OSError(28, "No space left on device"), PromptUnreachable),
    ],
)
async def test_what_can_go_wrong_with_a_download(
    prompts: PromptRenderer, world: World, failure: Exception, kind: type[PromptError]
) -> None:
    world.failure = failure
    with pytest.raises(kind) as raised:
        await prompts.render(AudioFile(url=URL), ME)
    assert type(raised.value) is kind
    assert raised.value.subject == URL
    world.failure = None
    assert (await prompts.render(AudioFile(url=URL), ME)).samples == len(URL)


async def test_a_file_that_is_not_audio_is_unsupported_each_time(prompts: PromptRenderer, world: World) -> None:
    world.files[URL] = b"not audio at all"
    for _ in range(2):
        with pytest.raises(PromptUnsupported, match="neither wav nor mp3"):
            await prompts.render(AudioFile(url=URL), ME)


async def test_a_decoder_that_dies_is_not_the_files_fault(prompts: PromptRenderer, world: World) -> None:
    world.files[URL] = b"kill the decoder"
    with pytest.raises(PromptUnreachable, match="the audio process died"):
        await prompts.render(AudioFile(url=URL), ME)


async def test_one_account_cannot_take_all_downloads(prompts: PromptRenderer, world: World) -> None:
    world.gate = asyncio.Event()
    asking = [asyncio.create_task(prompts.render(AudioFile(url=f"{URL}?{n}"), ME)) for n in range(30)]
    await until_waiting(world.fetched, flights.MAX_DOWNLOADS_PER_ACCOUNT)
    asking.append(asyncio.create_task(prompts.render(AudioFile(url="http://other.example/b.mp3"), OTHER)))
    await until_waiting(world.fetched, flights.MAX_DOWNLOADS_PER_ACCOUNT + 1)
    assert world.fetched[-1] == "http://other.example/b.mp3"
    assert world.most_at_once == flights.MAX_DOWNLOADS_PER_ACCOUNT + 1
    world.gate.set()
    await asyncio.gather(*asking)


async def test_downloads_at_once_are_bounded_over_all_accounts(prompts: PromptRenderer, world: World) -> None:
    world.gate = asyncio.Event()
    asking = [asyncio.create_task(prompts.render(AudioFile(url=f"{URL}?{n}"), AccountId(f"u-{n}"))) for n in range(40)]
    await until_waiting(world.fetched, flights.MAX_DOWNLOADS)
    world.gate.set()
    await asyncio.gather(*asking)
    assert world.most_at_once == flights.MAX_DOWNLOADS


async def test_urls_remembered_are_bounded(
    prompts: PromptRenderer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderer, "MAX_KNOWN_URLS", 2)
    for name in "abca":
        await prompts.render(AudioFile(url=f"http://files.example/{name}"), ME)
    assert len(world.fetched) == 4


async def test_closing_stops_what_is_under_way(prompts: PromptRenderer, world: World) -> None:
    world.gate = asyncio.Event()
    asking = asyncio.create_task(prompts.render(AudioFile(url=URL), ME))
    await until_waiting(world.fetched, 1)
    await prompts.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


# this server's own media


@pytest.mark.parametrize(
    "url",
    [
        "https://voice.example/base/v1/users/u-me/media/c-1.wav",
        "https://VOICE.example:443/base/v1/users/u-me/media/c-1.wav",
        "http://127.0.0.1:8080/v1/users/u-me/media/c-1.wav?x=1#f",
        "http://user:secret@127.0.0.1:8080/v1/users/u-me/media/c%2D1.wav",
    ],
)
async def test_own_media_is_read_from_disk(prompts: PromptRenderer, world: World, url: str) -> None:
    rendered = await prompts.render(AudioFile(url=url, volume=1), ME)
    assert (rendered.samples, rendered.volume) == (len("my recording"), 1)
    assert world.fetched == []
    assert await prompts.render(AudioFile(url=url, volume=1), ME) == rendered
    assert len(world.decoded) == 1


async def test_own_media_that_changes_is_decoded_again(prompts: PromptRenderer, world: World) -> None:
    url = "http://127.0.0.1:8080/v1/users/u-me/media/c-1.wav"
    await prompts.render(AudioFile(url=url), ME)
    (world.folder / ME / "c-1.wav").write_bytes(b"a longer recording")
    assert (await prompts.render(AudioFile(url=url), ME)).samples == len("a longer recording")


@pytest.mark.parametrize(
    "path",
    [
        "u-other/media/c-2.wav",  # another account's
        "u-me/media/..%2Fu-other%2Fc-2.wav",
        "u-me/media/../../u-other/media/c-2.wav",
        "u-me/media/..",
        "u-me/media/.hidden",
        "u-me/media/a%00b",
        "u-me/media/a%5Cb",
        "u-me/media/" + "a" * 300,
        "u-me/media/no-such.wav",
        "..%2Fu-other/media/c-2.wav",
    ],
)
async def test_own_media_beyond_the_account_or_its_folder_is_unreachable(
    prompts: PromptRenderer, world: World, path: str
) -> None:
    with pytest.raises(PromptUnreachable):
        await prompts.render(AudioFile(url=f"https://voice.example/base/v1/users/{path}"), ME)
    assert world.fetched == []
    assert world.decoded == []
    assert all(account_id == ME for account_id, _ in world.asked_for)


async def test_own_media_may_have_any_name(prompts: PromptRenderer, world: World) -> None:
    world.media[ME, "greetings/été 1.wav"] = "c-1.wav"
    base = "https://voice.example/base/v1/users/u-me/media"
    for name in ("greetings/%C3%A9t%C3%A9%201.wav", "greetings%2F%C3%A9t%C3%A9%201.wav"):
        assert (await prompts.render(AudioFile(url=f"{base}/{name}"), ME)).samples == len("my recording")


@pytest.mark.parametrize(
    "url",
    [
        "http://voice.example/base/v1/users/u-me/media/c-1.wav",  # another scheme
        "https://voice.example/v1/users/u-me/media/c-1.wav",  # not below our path
        "https://voice.example/base/v1/users/u-me/recordings/c-1.wav",
        "http://127.0.0.1:8081/v1/users/u-me/media/c-1.wav",
        "http://127.0.0.1:port/v1/users/u-me/media/c-1.wav",
        "http://[broken/v1/users/u-me/media/c-1.wav",
    ],
)
async def test_other_urls_are_fetched_like_any(prompts: PromptRenderer, world: World, url: str) -> None:
    await prompts.render(AudioFile(url=url), ME)
    assert world.fetched == [url]


async def test_own_media_that_is_not_audio_is_unsupported(prompts: PromptRenderer, world: World) -> None:
    (world.folder / ME / "notes.txt").write_bytes(b"not audio")
    world.media[ME, "notes.txt"] = "notes.txt"
    with pytest.raises(PromptUnsupported):
        await prompts.render(AudioFile(url="http://127.0.0.1:8080/v1/users/u-me/media/notes.txt"), ME)
