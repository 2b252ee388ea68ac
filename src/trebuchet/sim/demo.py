"""The demonstration: one call through the real server, on real SIP and RTP, every claim checked by ear.

    trebuchet sim demo [DIRECTORY]

A caller, an agent, the server as a process, and the sample application of the README as another. Tones say who hears
whom; files are decoded again. Prints each step as it happens; exits 1 when a claim does not hold.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import soundfile

from trebuchet.base.units import RATE_HZ
from trebuchet.sim.phone import Manner, Phone
from trebuchet.sim.phone_call import PhoneCall
from trebuchet.testing.tones import Pcm, hears, is_free_of, level, tone_level

USER, TOKEN, SECRET = "u-demo", "t-demo", "s-demo"
NUMBER = "+15550100"
CALLER_HZ, AGENT_HZ = 620.0, 1050.0
RINGBACK_HZ = (440.0, 480.0)
"""The ringback tone of North America."""
TALK_S = 3.0
STEP_LIMIT_S = 20.0
POLL_S = 0.02
SPEECH_DB = -45.0
"""A spoken sentence is far above this, silence and what G.711 adds to it far below."""
RTP_PORTS = "23000-23999"
EXAMPLE = Path(__file__).parents[3] / "examples" / "reception.py"


class ClaimFailed(Exception):
    """Something that the demonstration says is not so."""


@dataclass(slots=True)
class Story:
    """Prints the steps, numbered and with the time since the start, and checks claims."""

    started: float
    steps: int = 0
    claims: int = 0

    def step(self, text: str) -> None:
        self.steps += 1
        print(f"\n{self.steps}. {text}  [{time.monotonic() - self.started:.1f} s]", flush=True)

    def tell(self, text: str) -> None:
        print(f"   {text}", flush=True)

    def claim(self, text: str, is_so: bool) -> None:
        """Raises `ClaimFailed`."""
        self.claims += 1
        print(f"   {'✓' if is_so else '✗'} {text}", flush=True)
        if not is_so:
            raise ClaimFailed(text)


class Api:
    """The few requests of the story, as any client would send them."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self.user_url = f"{base}/v1/users/{USER}"

    async def post(self, path: str, body: dict[str, Any]) -> str:
        """POST that must succeed; returns the id in the Location, or nothing."""
        async with self._session.post(self.user_url + path, json=body) as answer:
            if answer.status not in (200, 201):
                raise ClaimFailed(f"POST {path}: {answer.status} {await answer.text()}")
            return answer.headers.get("Location", "").rsplit("/", 1)[-1]

    async def get(self, path: str) -> Any:
        async with self._session.get(self.user_url + path) as answer:
            if answer.status != 200:
                raise ClaimFailed(f"GET {path}: {answer.status} {await answer.text()}")
            return await answer.json()

    async def wait(self, path: str, is_so: Callable[[Any], bool]) -> Any:
        """Read until it is so."""
        async with asyncio.timeout(STEP_LIMIT_S):
            while not is_so(found := await self.get(path)):
                await asyncio.sleep(POLL_S)
        return found


@contextlib.asynccontextmanager
async def _process(
    *command: str, stderr: int | None = None, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=stderr, env=os.environ | environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


@contextlib.asynccontextmanager
async def _server(data: Path) -> AsyncIterator[dict[str, str]]:
    """The server; gives the pairs of its ready line."""
    program = str(Path(sys.executable).with_name("trebuchet"))
    account = f"{USER}:{TOKEN}:{SECRET}"
    command = (program, "serve", "--data", str(data), "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0",
               "--rtp-ports", RTP_PORTS, "--account", account, "--drain", "1")  # fmt: skip
    async with _process(*command) as process:
        assert process.stdout is not None
        async with asyncio.timeout(STEP_LIMIT_S):
            while not (line := (await process.stdout.readline()).decode()).startswith("trebuchet ready"):
                if not line:
                    raise ClaimFailed("the server did not start")
        yield {"line": line.strip()} | dict(pair.split("=", 1) for pair in line.split()[2:])


@contextlib.asynccontextmanager
async def _application(api: Api, agent: Phone) -> AsyncIterator[int]:
    """The sample application; gives its port."""
    port = _free_port()
    given = {"API": api.user_url, "CREDENTIALS": f"{TOKEN}:{SECRET}", "AGENT": agent.uri, "PORT": str(port)}
    async with _process(sys.executable, str(EXAMPLE), stderr=asyncio.subprocess.DEVNULL, **given):
        async with asyncio.timeout(STEP_LIMIT_S):
            while not await _is_listening(port):
                await asyncio.sleep(POLL_S)
        yield port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _is_listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _without(pcm: Pcm, *tones_hz: float) -> Pcm:
    """What is left of the sound without these tones (their bands of 60 Hz are cut out of the spectrum)."""
    spectrum = np.fft.rfft(pcm.astype(np.float64))
    frequencies = np.fft.rfftfreq(len(pcm), 1 / RATE_HZ)
    for hz in tones_hz:
        spectrum[np.abs(frequencies - hz) < 30.0] = 0.0
    return np.asarray(np.fft.irfft(spectrum, len(pcm)), np.int16)


async def _tell(story: Story, api: Api, sip: str, caller: Phone, agent: Phone, data: Path) -> None:
    story.step(f"A phone calls {NUMBER} at {sip}")
    calling = await caller.call(f"sip:{NUMBER}@{sip}")
    await calling.wait_answered()
    (call,) = await api.get("/calls")
    story.claim(f"the application answered it by API: SIP 200, the call reads {call['state']}", calling.is_answered)
    recordings = await api.wait(f"/calls/{call['id']}/recordings", bool)
    story.claim("and switched recording on", recordings[0]["state"] == "recording")

    story.step(f"The application transfers it to {agent.uri}, with a spoken whisper")
    await calling.wait_for_tone(RINGBACK_HZ[0])
    call = await api.get(f"/calls/{call['id']}")
    story.claim(f"the caller hears ringback; his call reads {call['state']}", call["state"] == "transferring")
    answering = await agent.wait_call()
    answering.answer()
    await answering.wait_answered()
    story.tell("the agent picks up")
    await _check_whisper(story, api, call["id"], calling, answering)
    transferred = (await api.get("/calls?size=1"))[0]
    await api.post(f"/calls/{transferred['id']}", {"recordingFileFormat": "mp3", "recordingEnabled": True})
    story.tell("the agent's call is recorded too, as mp3")

    story.step(f"They talk for {TALK_S:.0f} seconds")
    heard_by_caller, heard_by_agent = await asyncio.gather(calling.hear(TALK_S), answering.hear(TALK_S))
    _check_talk(story, "the caller", heard_by_caller, AGENT_HZ, CALLER_HZ)
    _check_talk(story, "the agent", heard_by_agent, CALLER_HZ, AGENT_HZ)

    story.step("The agent hangs up")
    answering.hang_up()
    await calling.wait_ended()
    call = await api.wait(f"/calls/{call['id']}", lambda found: found["state"] == "completed")
    story.claim("that ended the caller's call too", calling.end is not None)
    await _check_recordings(story, api, data, call, transferred)


async def _check_whisper(story: Story, api: Api, call_id: str, calling: PhoneCall, answering: PhoneCall) -> None:
    await api.wait(f"/calls/{call_id}", lambda found: found["state"] == "active")
    before = len(calling.heard)
    whispered, waited = answering.heard, calling.heard
    await answering.wait_for_tone(CALLER_HZ)
    story.claim(f"it hears a sentence before anything else ({len(whispered) / RATE_HZ:.1f} s)",
                level(_without(whispered, CALLER_HZ)) > SPEECH_DB)  # fmt: skip
    quiet = _without(waited[: before - RATE_HZ // 5], *RINGBACK_HZ)
    story.claim("the caller hears nothing of it: ringback alone", level(quiet) < SPEECH_DB)


def _check_talk(story: Story, who: str, heard: Pcm, other_hz: float, own_hz: float) -> None:
    middle = heard[RATE_HZ // 2 :]
    measured = f"{tone_level(middle, other_hz):.0f} dB against {tone_level(middle, own_hz):.0f} dB"
    is_right = hears(middle, other_hz) and is_free_of(middle, own_hz)
    story.claim(f"{who} hears the other and not itself ({measured})", is_right)


async def _check_recordings(
    story: Story, api: Api, data: Path, call: dict[str, Any], transferred: dict[str, Any]
) -> None:
    story.step("The recordings")
    for owner, suffix, least_s in ((call, "wav", TALK_S + 1), (transferred, "mp3", TALK_S - 0.5)):
        path = f"/calls/{owner['id']}/recordings"
        await api.wait(path, lambda found: bool(found) and found[0]["state"] == "complete")
        file = data / "media" / USER / f"{owner['id']}-1.{suffix}"
        samples, rate_hz = soundfile.read(file, dtype="int16")
        seconds, end = len(samples) / rate_hz, samples[-int(2 * rate_hz) :]
        has_both = hears(end, CALLER_HZ) and hears(end, AGENT_HZ)
        story.claim(f"{suffix}: {seconds:.1f} s, both voices in it", seconds > least_s and has_both)
        story.tell(str(file))


async def demonstrate(directory: Path) -> int:
    """Play it through; returns the number of claims that held. Raises `ClaimFailed` and `TimeoutError`."""
    story = Story(time.monotonic())
    _make_anew(directory)
    story.step("The server starts with its defaults, on ports of its own")
    async with contextlib.AsyncExitStack() as stack:
        ready = await stack.enter_async_context(_server(directory))
        story.tell(ready["line"])
        credentials = b64encode(f"{TOKEN}:{SECRET}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        session = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        api = Api(session, ready["http"])
        caller = await stack.enter_async_context(await Phone.open("+15550188", tone_hz=CALLER_HZ))
        agent = await stack.enter_async_context(await _ringing_phone())
        port = await stack.enter_async_context(_application(api, agent))
        story.step(f"The sample application ({EXAMPLE.name}) listens, and {NUMBER} leads to it")
        wanted = {"name": "Reception", "incomingCallUrl": f"http://127.0.0.1:{port}/", "autoAnswer": False}
        application_id = await api.post("/applications", wanted)
        await api.post("/phoneNumbers", {"number": NUMBER, "applicationId": application_id})
        await _tell(story, api, ready["sip"], caller, agent, directory)
    story.tell(f"\n{story.claims} claims checked, all hold.")
    return story.claims


def _make_anew(directory: Path) -> None:
    """Remove what an earlier demonstration left; anything else stays, and is said. Raises `ClaimFailed`."""
    if directory.exists() and any(directory.iterdir()) and not (directory / "trebuchet.db").exists():
        raise ClaimFailed(f"{directory} is not empty and no data directory")
    shutil.rmtree(directory, ignore_errors=True)


async def _ringing_phone() -> Phone:
    phone = await Phone.open("agent", tone_hz=AGENT_HZ, codec="PCMA")
    phone.manner = Manner.RING
    return phone


def run(directory: Path) -> int:
    """Play it through; returns the exit code: 1 when a claim does not hold."""
    try:
        asyncio.run(demonstrate(directory.resolve()))
    except (ClaimFailed, TimeoutError) as error:
        print(f"\nThe demonstration failed: {error or 'a step took too long'}", file=sys.stderr)
        return 1
    return 0
