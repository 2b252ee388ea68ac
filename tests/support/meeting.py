"""People for bridges and conferences: simulated phones that called in, each with a pitch of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from support.stage import Stage
from trebuchet.sim.phone import Phone
from trebuchet.sim.phone_call import PhoneCall
from trebuchet.testing.tones import Pcm, level, tone_level

PITCHES = (
    317.5, 442.5, 567.5, 695.0, 822.5, 947.5, 1072.5, 1202.5, 1327.5, 1457.5, 1582.5, 1712.5, 1842.5, 1970.0, 2097.5,
    2227.5, 2357.5, 2487.5, 2617.5, 2747.5,
)  # fmt: skip
"""Twenty that stay apart, of which none is the harmonic of another."""
VOICE_DB = -36.0
"""So quiet that twenty together do not clip, and louder than the gate of a conference."""
HEARD_DB, UNHEARD_DB = -43.0, -52.0
LIMIT_S = 30.0
LONG_SENTENCE = "Good morning, everybody, the meeting is about to begin. " * 12
"""Takes more than half a minute to say, far longer than a test waits for its end."""
SPEECH_DB, CALM_DB = -30.0, -33.0
"""Speech and music are louder than the one; the quiet tone of another person alone is below the other."""
CALM_LIMIT_S = 12.0
"""Far longer than a stop takes, far shorter than the sentence."""


@dataclass
class Person:
    """One who has called in. `call_id` is the server's id of the call."""

    phone: Phone
    call: PhoneCall
    call_id: str
    hz: float


@asynccontextmanager
async def people(stage: Stage, count: int) -> AsyncIterator[list[Person]]:
    """So many calls, all answered; they end with the block."""
    host, port = stage.server.sip_host.rsplit(":", 1)
    number = await stage.number(autoAnswer=True)
    async with AsyncExitStack() as stack:
        phones = [
            await stack.enter_async_context(
                await Phone.open(f"+1555077{stage.next_serial():04}", proxy=(host, int(port)), tone_hz=hz)
            )
            for hz in PITCHES[:count]
        ]
        yield list(await asyncio.gather(*(_call_in(stage, phone, number) for phone in phones)))


async def _call_in(stage: Stage, phone: Phone, number: str) -> Person:
    call = await phone.call(number)
    call.rtp.tone_level_db = VOICE_DB
    await call.wait_answered()
    event = await stage.web.wait_for("answer", **{"from": phone.number})
    assert phone.settings.tone_hz is not None
    return Person(phone, call, event["callId"], phone.settings.tone_hz)


async def hears(everybody: list[Person], seconds: float = 0.5) -> list[set[int]]:
    """For each person, whom of the others (by number) he hears now. Pitches that are neither clearly heard nor clearly
    not are -1, so that no expectation is met by them."""
    heard = await asyncio.gather(*(person.call.hear(seconds) for person in everybody))
    levels = [[tone_level(pcm, person.hz) for person in everybody] for pcm in heard]
    return [
        {number if level > HEARD_DB else -1 for number, level in enumerate(row) if level > UNHEARD_DB} for row in levels
    ]


async def until_hears(everybody: list[Person], expected: list[set[int]], seconds: float = 0.5) -> None:
    last: list[set[int]] = []
    try:
        async with asyncio.timeout(LIMIT_S):
            while (last := await hears(everybody, seconds)) != expected:
                pass
    except TimeoutError:
        raise AssertionError(f"heard {last}, not {expected}") from None


async def until_spoken_to(*persons: Person) -> None:
    async def wait(person: Person) -> None:
        while level(await person.call.hear(0.5)) < SPEECH_DB:
            pass

    async with asyncio.timeout(CALM_LIMIT_S):
        await asyncio.gather(*map(wait, persons))


async def until_left_alone(*persons: Person) -> None:
    """Neither speech nor music for most of a second: what was said and played is over."""

    async def wait(person: Person) -> None:
        while not is_calm(await person.call.hear(0.8)):
            pass

    async with asyncio.timeout(CALM_LIMIT_S):
        await asyncio.gather(*map(wait, persons))


def is_calm(heard: Pcm) -> bool:
    return level(heard) < CALM_DB


def everybody_but(count: int, *silent: int) -> list[set[int]]:
    """All hear all others, except those who are silent."""
    return [set(range(count)) - {me, *silent} for me in range(count)]


async def events(stage: Stage, kind: str, **wanted: Any) -> list[dict[str, Any]]:
    return [request.data for request in stage.web.requests(eventType=kind, **wanted)]
