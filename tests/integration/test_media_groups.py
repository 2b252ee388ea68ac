"""Groups of real ports: who hears whom on one worker and across workers, playbacks for all, gains, and lost workers."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from media_lab import Ear, attach, media, phone, wait_for

from trebuchet.calls.interfaces import Tone, Voice
from trebuchet.media.adapter import MediaPlanePool
from trebuchet.media.group import WorkerGroup
from trebuchet.media.port import WorkerMediaPort
from trebuchet.model.prompt import RenderedPrompt
from trebuchet.testing.rtp_phone import RtpPhone
from trebuchet.testing.tones import hears, is_free_of, tone, tone_level

pytestmark = pytest.mark.asyncio(loop_scope="module")

PITCHES = (440.0, 650.0, 1000.0, 1300.0, 1700.0)
PROMPT_HZ = 2300.0
CHIME_HZ = 784.0


class GroupEar:
    def __init__(self) -> None:
        self.done: list[int] = []

    def handle_group_playback_done(self, playback: int) -> None:
        self.done.append(playback)


@pytest_asyncio.fixture(params=[1, 2, 3], ids=lambda n: f"{n}-workers", loop_scope="module")
async def pool(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MediaPlanePool]:
    async with media(tmp_path, pairs=120, workers=request.param) as running:
        yield running


class Meeting:
    """Phones of which each has a pitch, on as many workers as there are, and a group."""

    def __init__(self, pool: MediaPlanePool, phones: list[RtpPhone]) -> None:
        self.phones, self.ear = phones, GroupEar()
        pairs = [attach(pool, phone) for phone in phones]
        self.ports: list[WorkerMediaPort] = [port for port, _ in pairs]
        self.ears: list[Ear] = [ear for _, ear in pairs]
        self.group: WorkerGroup = pool.open_group(self.ear)

    async def hears(self, seconds: float = 0.5) -> list[set[int]]:
        """Which pitches each phone hears now."""
        heard = await asyncio.gather(*(phone.hear(seconds) for phone in self.phones))
        return [{n for n, hz in enumerate(PITCHES) if hears(pcm, hz)} for pcm in heard]

    async def until_hears(self, expected: list[set[int]]) -> None:
        async with asyncio.timeout(15):
            while await self.hears(0.25) != expected:
                pass


def prompt(folder: Path, seconds: float) -> RenderedPrompt:
    path = folder / "prompt.pcm"
    pcm = tone(PROMPT_HZ, seconds)
    pcm.tofile(path)
    return RenderedPrompt(str(path), len(pcm))


async def meet(stack: AsyncExitStack, pool: MediaPlanePool, people: int) -> Meeting:
    phones = [await stack.enter_async_context(phone(hz)) for hz in PITCHES[:people]]
    for opened in phones:
        opened.tone_level_db = -20.0
    return Meeting(pool, phones)


def everybody_but(people: int, *quiet: int) -> list[set[int]]:
    return [set(range(people)) - {me, *quiet} for me in range(people)]


@pytest.mark.parametrize("people", [2, 5])
async def test_everybody_hears_the_others_wherever_they_are(pool: MediaPlanePool, people: int) -> None:
    async with AsyncExitStack() as stack:
        meeting = await meet(stack, pool, people)
        for port in meeting.ports:
            meeting.group.join(port)
        await meeting.until_hears(everybody_but(people))
        meeting.group.leave(meeting.ports[0])
        left = [set[int](), *everybody_but(people, 0)[1:]]
        await meeting.until_hears(left)
        meeting.group.join(meeting.ports[0])
        await meeting.until_hears(everybody_but(people))
        meeting.group.close()
        await meeting.until_hears([set() for _ in range(people)])


async def test_mute_and_hold(pool: MediaPlanePool) -> None:
    async with AsyncExitStack() as stack:
        meeting = await meet(stack, pool, 3)
        for port in meeting.ports:
            meeting.group.join(port)
        meeting.group.set_voice(meeting.ports[0], Voice(can_speak=False))
        await meeting.until_hears([{1, 2}, {2}, {1}])
        meeting.group.set_voice(meeting.ports[1], Voice(can_speak=False, can_hear=False))
        await meeting.until_hears([{2}, set(), set()])
        for port in meeting.ports:
            meeting.group.set_voice(port, Voice())
        await meeting.until_hears(everybody_but(3))


async def test_a_playback_for_all_is_heard_by_all_and_reported_once(pool: MediaPlanePool, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        meeting = await meet(stack, pool, 3)
        for port in meeting.ports:
            meeting.group.join(port)
        await meeting.until_hears(everybody_but(3))
        playback = meeting.group.play(prompt(tmp_path, 0.5), is_looped=True)
        for phone_ in meeting.phones:
            await phone_.wait_for_tone(PROMPT_HZ)
        assert meeting.ear.done == []
        following = meeting.group.play(prompt(tmp_path, 0.3))
        await wait_for(lambda: meeting.ear.done == [playback, following])
        await meeting.hears(0.3)
        after = await asyncio.gather(*(phone_.hear(0.3) for phone_ in meeting.phones))
        assert all(is_free_of(pcm, PROMPT_HZ) for pcm in after)


async def test_tones_sound_beside_a_playback(pool: MediaPlanePool, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        meeting = await meet(stack, pool, 2)
        for port in meeting.ports:
            meeting.group.join(port)
        await meeting.until_hears(everybody_but(2))
        meeting.group.play(prompt(tmp_path, 0.5), is_looped=True)
        await meeting.phones[1].wait_for_tone(PROMPT_HZ)
        meeting.group.play_tone(Tone.JOINED)
        heard = await asyncio.gather(*(phone_.wait_for_tone(CHIME_HZ) for phone_ in meeting.phones))
        assert len(heard) == 2 and meeting.ear.done == []
        assert hears(await meeting.phones[1].hear(0.3), PROMPT_HZ)


async def test_a_louder_microphone(pool: MediaPlanePool) -> None:
    async with AsyncExitStack() as stack:
        meeting = await meet(stack, pool, 3)
        for port in meeting.ports:
            meeting.group.join(port)
        await meeting.until_hears(everybody_but(3))
        before = tone_level(await meeting.phones[1].hear(0.5), PITCHES[0])
        meeting.group.set_voice(meeting.ports[0], Voice(mic_db=9.0))
        await meeting.hears(0.3)
        after = tone_level(await meeting.phones[1].hear(0.5), PITCHES[0])
        assert after - before == pytest.approx(9.0, abs=1.5)


async def test_a_group_outlives_the_worker_of_its_first_party(tmp_path: Path) -> None:
    async with media(tmp_path, pairs=120, workers=3) as pool, AsyncExitStack() as stack:
        meeting = await meet(stack, pool, 5)
        for port in meeting.ports:
            meeting.group.join(port)
        await meeting.until_hears(everybody_but(5))
        playback = meeting.group.play(prompt(tmp_path, 0.5), is_looped=True)
        await meeting.phones[4].wait_for_tone(PROMPT_HZ)
        hub = pool.stats().workers[0]
        assert hub.pid is not None
        os.kill(hub.pid, signal.SIGKILL)
        await wait_for(lambda: meeting.ears[0].losses == 1)
        lost = {n for n, ear in enumerate(meeting.ears) if ear.losses}
        for n in lost:
            meeting.group.leave(meeting.ports[n])
        assert lost == {0, 3}
        meeting.phones = [meeting.phones[n] for n in (1, 2, 4)]
        await meeting.until_hears([{2, 4}, {1, 4}, {1, 2}])
        assert meeting.ear.done == [playback]
        again = meeting.group.play(prompt(tmp_path, 0.3))
        await wait_for(lambda: meeting.ear.done == [playback, again])


async def test_nothing_is_left_of_a_closed_group(pool: MediaPlanePool) -> None:
    async with AsyncExitStack() as stack:
        meeting = await meet(stack, pool, 3)
        for port in meeting.ports:
            meeting.group.join(port)
        await meeting.until_hears(everybody_but(3))
        meeting.group.close()
        assert sum(worker.ports for worker in pool.stats().workers) == 3
        for port in meeting.ports:
            port.close()
        await wait_for(lambda: all(worker.load and worker.load.ports == 0 for worker in pool.stats().workers))
