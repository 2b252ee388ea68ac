"""Prompts with the real parts: the embedded engine, the guarded client against a real web server, the decoder child."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from aiohttp import web

from trebuchet.base.clock import SystemClock
from trebuchet.base.ids import AccountId
from trebuchet.base.rand import SystemRand
from trebuchet.base.units import RATE_HZ
from trebuchet.calls.interfaces import PromptUnreachable, PromptUnsupported, PromptUrlInvalid
from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import GuardedClient
from trebuchet.media.files import AudioFiles
from trebuchet.model.prompt import AudioFile, RenderedPrompt, Sentence
from trebuchet.prompts.cache import PcmCache
from trebuchet.prompts.renderer import PromptRenderer
from trebuchet.prompts.sources import PromptLimits, PromptSources
from trebuchet.speech.tts import SpeechOptions, open_speech
from trebuchet.testing.tones import Pcm, loudest_hz, tone

ME = AccountId("u-me")
MAX_BYTES = 400_000


def encoded(hz: float, rate_hz: int, channels: int, kind: str) -> bytes:
    """A second of a tone as a file."""
    seconds = np.arange(rate_hz) / rate_hz
    wave = 0.5 * np.sin(2 * np.pi * hz * seconds)
    buffer = io.BytesIO()
    soundfile.write(buffer, np.column_stack([wave] * channels), rate_hz, format=kind)
    return buffer.getvalue()


@dataclass
class World:
    prompts: PromptRenderer
    base: str
    folder: Path
    client: GuardedClient
    audio: AudioFiles

    async def play(self, path: str) -> RenderedPrompt:
        return await self.prompts.render(AudioFile(url=self.base + path), ME)


async def serve_files(request: web.Request) -> web.StreamResponse:
    match request.path:
        case "/stereo.wav":
            return web.Response(body=encoded(440, 44_100, 2, "WAV"))
        case "/low.mp3":
            return web.Response(body=encoded(700, 22_050, 1, "MP3"), content_type="audio/mpeg")
        case "/moved":
            raise web.HTTPFound("/stereo.wav")
        case "/inward":
            raise web.HTTPFound("http://169.254.169.254/latest/meta-data")
        case "/page.html":
            return web.Response(text="<html>no audio</html>")
        case "/huge.wav":
            return web.Response(body=bytes(MAX_BYTES + 1))
        case "/slow.wav":
            await asyncio.sleep(30)
    raise web.HTTPNotFound


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    app = web.Application()
    app.router.add_get("/{name}", serve_files)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    client, audio = GuardedClient(AddressPolicy(LOOPBACK)), AudioFiles()
    engine = open_speech("espeak", SpeechOptions())

    async def find_media(account_id: AccountId, media_name: str) -> Path | None:
        path = tmp_path / "media" / account_id / media_name
        return path if path.is_file() else None

    clock = SystemClock()
    prompts = PromptRenderer(
        PromptSources(
            speech=engine,
            download=client.download,
            decode=audio.decode_to_pcm,
            find_media=find_media,
            own_urls=("http://127.0.0.1:8080",),
        ),
        PcmCache(tmp_path / "cache", clock, SystemRand(), max_bytes=1 << 24, protected_s=600),
        PromptLimits(max_download_bytes=MAX_BYTES, download_limit_s=1.0),
        clock,
    )
    yield World(prompts, f"http://{host}:{port}", tmp_path, client, audio)
    await prompts.close()
    await engine.close()
    await audio.close()
    await client.close()
    await runner.cleanup()
    left = [file.name for file in (tmp_path / "cache").iterdir() if file.suffix != ".pcm"]
    assert left == []


def samples(rendered: RenderedPrompt) -> Pcm:
    pcm = np.fromfile(rendered.path, np.int16)
    assert pcm.size == rendered.samples
    return pcm


async def test_a_sentence_becomes_a_file_of_speech(world: World) -> None:
    rendered = await world.prompts.render(Sentence(text="One moment please."), ME)
    pcm = samples(rendered)
    assert 0.5 < pcm.size / RATE_HZ < 4
    assert np.abs(pcm.astype(np.int32)).max() > 5000


@pytest.mark.parametrize(("path", "hz"), [("/stereo.wav", 440), ("/low.mp3", 700), ("/moved", 440)])
async def test_files_of_any_rate_and_kind_become_telephone_audio(world: World, path: str, hz: float) -> None:
    pcm = samples(await world.play(path))
    assert pcm.size / RATE_HZ == pytest.approx(1.0, abs=0.12)
    assert loudest_hz(pcm) == pytest.approx(hz, abs=3)


async def test_own_media_is_played_from_disk(world: World) -> None:
    folder = world.folder / "media" / ME
    folder.mkdir(parents=True)
    soundfile.write(folder / "c-1.wav", tone(900, 0.5), RATE_HZ)
    rendered = await world.prompts.render(AudioFile(url=f"http://127.0.0.1:8080/v1/users/{ME}/media/c-1.wav"), ME)
    assert loudest_hz(samples(rendered)) == pytest.approx(900, abs=3)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("/page.html", PromptUnsupported),
        ("/huge.wav", PromptUnreachable),
        ("/slow.wav", PromptUnreachable),
        ("/missing.wav", PromptUnreachable),
        ("/inward", PromptUrlInvalid),
    ],
)
async def test_what_cannot_be_played_is_told_apart(world: World, url: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        await world.play(url)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/a.wav", "http://10.0.0.1/a.wav", "not a url", "http://"])
async def test_a_url_nobody_may_follow(world: World, url: str) -> None:
    with pytest.raises(PromptUrlInvalid):
        await world.prompts.render(AudioFile(url=url), ME)
