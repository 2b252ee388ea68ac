"""kill -9 at random moments of a busy server: no acknowledged event is lost, no recording, no call stays alive.

Every round has calls that come and go, keys, recordings, transfers and outgoing calls, driven by an application over
REST. What the server acknowledged is written down as it happens: every event of every webhook, every recording, every
call that a request made. After each kill and start all of it is compared with what the API and the disk have.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from support.caller import Caller, calling
from support.crash import BACK_LIMIT_S, check_log, count_open, database, download, kill_and_start
from support.ports import port_range
from support.scale import scaled
from trebuchet.sim.phone import Phone
from trebuchet.sim.phone_call import CallFailed, PhoneCall

KILLS = scaled(5, 200)
CALLERS = 6
LONGEST_S = 3.0
"""Of a round, before the kill."""
SETTLE_S = 30.0
WEBHOOKS = ("incomingcall", "answer", "dtmf", "hangup")
"""Events of which each one is told, sooner or later; of recordings see below."""
LOST_S = 1.0
AGAIN_S = 60.0
SETTINGS = "[signalling]\nt1_ms = 100\n[webhooks]\nretry_first_s = 0.2\n"


class Busy:
    """What goes on, and what the server has said about it."""

    def __init__(self, stage: Caller, bob: Phone, pick: random.Random) -> None:
        self.stage, self.bob, self.pick = stage, bob, pick
        self.numbers: list[str] = []
        self.made: set[str] = set()
        """Calls that a request was told to exist."""
        self.recorded: dict[str, float] = {}
        """Calls whose recording was acknowledged, and for how long they talked from then on."""
        self.tasks: list[asyncio.Task[None]] = []
        self.up: list[PhoneCall] = []
        """Calls of the callers that were up when the server was killed."""

    async def prepare(self) -> None:
        self.numbers = [await self.stage.number(autoAnswer=True) for _ in range(CALLERS)]

    def start(self) -> None:
        work: list[Callable[[], Coroutine[Any, Any, None]]] = [self._dial] + [
            lambda number=number: self._call(number) for number in self.numbers
        ]
        self.tasks = [asyncio.create_task(self._forever(each)) for each in work]

    async def _forever(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            with contextlib.suppress(CallFailed, TimeoutError, AssertionError):
                await work()
            await asyncio.sleep(0.05)

    async def _call(self, number: str) -> None:
        """A party calls, is recorded, presses keys, is perhaps transferred, and hangs up."""
        seen = len(self.stage.web.requests(eventType="incomingcall", to=number))
        call = await self.stage.caller.call(number)
        await call.wait_answered()
        arrival = await self.stage.web.wait_for("incomingcall", number=seen + 1, to=number)
        call_id = str(arrival["callId"])
        if (await self.stage.update(call_id, recordingEnabled="true")).status == 200:
            self.recorded[call_id] = 0.0
        await self._talk(call, call_id)
        await asyncio.wait_for(call.send_digits("12"), 5)
        if self.pick.random() < 0.3:
            moved = await self.stage.update(
                call_id, state="transferring", transferTo=self.bob.uri, callbackUrl=self.stage.web.url
            )
            if moved.status == 201:
                self.made.add(moved.headers["location"].rsplit("/", 1)[1])
        await self._talk(call, call_id)
        call.hang_up()
        await call.wait_ended(timeout_s=5)

    async def _talk(self, call: PhoneCall, call_id: str) -> None:
        for _ in range(self.pick.randrange(1, 5)):
            await call.hear(0.25)
            if call_id in self.recorded:
                self.recorded[call_id] += 0.25

    async def _dial(self) -> None:
        body = {"from": self.numbers[0], "to": self.bob.uri, "callbackUrl": self.stage.web.url}
        answer = await self.stage.server.post("/calls", body)
        if answer.status == 201:
            call_id = answer.headers["location"].rsplit("/", 1)[1]
            self.made.add(call_id)
            await asyncio.sleep(self.pick.random())
            await self.stage.update(call_id, state="completed")

    async def stop(self) -> None:
        """Nobody does anything any more. Who was still dialling gives up; who was in a call waits for what comes."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for call in self.stage.caller.calls:
            if call not in self.up:
                call.hang_up()

    # --- what must be true after every start ---

    async def check(self) -> tuple[int, int]:
        """How many events and recordings were compared."""
        server, web = self.stage.server, self.stage.web
        async with asyncio.timeout(SETTLE_S):
            while count_open(database(server)) != (0, 0):
                await asyncio.sleep(0.05)
        check_log(database(server))
        told: dict[str, list[dict[str, Any]]] = {}
        for received in web.requests():
            told.setdefault(str(received.data["callId"]), []).append(received.data)
        events = 0
        for call_id in told.keys() | self.made | self.recorded.keys():
            events += await self._check_call(call_id, told.get(call_id, []))
        recordings = [await self._check_recording(call_id) for call_id in self.recorded]
        await self._check_peers()
        return events, len(recordings)

    async def _check_call(self, call_id: str, told: list[dict[str, Any]]) -> int:
        server = self.stage.server
        assert (await server.call(call_id))["state"] in ("completed", "rejected"), "a zombie"
        names = [each["name"] for each in await server.get(f"/calls/{call_id}/events")]
        assert names.count("hangup") == 1
        for event in told:
            assert event["eventType"] in names, f"told and lost: {event}"
        keys = [event["dtmfDigit"] for event in told if event["eventType"] == "dtmf"]
        assert len(set(keys)) <= names.count("dtmf")
        for kind in WEBHOOKS:
            if kind in names:
                await self.stage.web.wait_for(kind, number=names.count(kind), callId=call_id)
        return len(names)

    async def _check_recording(self, call_id: str) -> None:
        (recording,) = await self.stage.server.get(f"/calls/{call_id}/recordings")
        assert recording["state"] == "complete", recording
        pcm = await download(self.stage.server, recording["media"])
        assert len(pcm) / 8000 > self.recorded[call_id] - LOST_S
        await self.stage.web.wait_for("recording", callId=call_id)

    async def _check_peers(self) -> None:
        """No phone is left in a call. Only one that was answered within the last moment may be: its answer was heard,
        but nothing of it had been stored."""
        unstored = [call_id for call_id in self.made if not await self._was_answered(call_id)]
        left = await _left_alone([*self.stage.caller.calls, *self.bob.calls])
        assert len(left) <= len(unstored) and not any(call in self.stage.caller.calls for call in left)
        for call in left:
            call.hang_up()
        for phone in (self.stage.caller, self.bob):
            phone.calls.clear()

    async def _was_answered(self, call_id: str) -> bool:
        return "activeTime" in await self.stage.server.call(call_id)

    def forget(self) -> None:
        """What has been compared need not be again."""
        self.made.clear()
        self.recorded.clear()
        self.stage.web.forget()


async def _left_alone(calls: list[PhoneCall]) -> list[PhoneCall]:
    """Those that do not end by themselves."""
    waits = {call: asyncio.create_task(call.wait_ended(AGAIN_S)) for call in calls if call.leg is not None}
    await asyncio.gather(*waits.values(), return_exceptions=True)
    return [call for call in waits if call.end is None]


@pytest.mark.timeout(scaled(240, 6 * 3600))
async def test_nothing_is_lost_by_kills_at_random_moments(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    pick = random.Random(seed)
    events = recordings = 0
    slowest_s = 0.0
    async with calling(tmp_path, settings=SETTINGS, rtp_ports=port_range(400)) as stage, await Phone.open("bob") as bob:
        busy = Busy(stage, bob, pick)
        await busy.prepare()
        for _ in range(KILLS):
            busy.start()
            await asyncio.sleep(pick.uniform(0.1, LONGEST_S))
            busy.up = [call for call in stage.caller.calls if call.is_confirmed and call.end is None]
            slowest_s = max(slowest_s, await kill_and_start(stage.server, busy.stop))
            assert slowest_s < BACK_LIMIT_S
            found = await busy.check()
            events, recordings = events + found[0], recordings + found[1]
            busy.forget()
    print(f"{KILLS} kills: {events} events, {recordings} recordings; serving again after {slowest_s:.2f} s at the most")
    assert events > 0 and recordings > 0
