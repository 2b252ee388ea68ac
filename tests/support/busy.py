"""A busy server and what it has said: phones and an application that use everything at once, for tests that kill it.

What the server acknowledged is written down as it happens: calls, recordings and meetings that a request made, and
every event, which counts as delivered once the application has answered it and not before.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from aiohttp import web

from support.caller import Caller
from support.webhooks import Webhooks
from trebuchet.sim.app import Received
from trebuchet.sim.phone import Phone
from trebuchet.sim.phone_call import CallFailed, PhoneCall

CALLERS = 4
"""Who call alone."""
MEMBERS = 3
"""Who meet in conferences."""


class Customer:
    """The application's side of the webhooks, by their ids."""

    def __init__(self, application: Webhooks) -> None:
        application.reactions["/events"] = self._take
        self.told: set[str] = set()
        """What has arrived, whether it was answered or not."""
        self.acknowledged: set[str] = set()
        self.kept_waiting: set[str] = set()
        """What arrived while nobody was to be answered."""
        self._is_answering = asyncio.Event()
        self._is_answering.set()

    def hold(self) -> None:
        """From now on nobody is answered; who waits when it is over, and is still there, gets 503."""
        self._is_answering.clear()

    def go_on(self) -> None:
        self._is_answering.set()

    async def _take(self, received: Received) -> web.StreamResponse | None:
        event_id = received.headers["webhook-id"]
        self.told.add(event_id)
        if not self._is_answering.is_set():
            self.kept_waiting.add(event_id)
            await self._is_answering.wait()
            return web.Response(status=503)
        self.acknowledged.add(event_id)
        return None


class Busy:
    """What goes on, and what the server has said about it."""

    def __init__(self, stage: Caller, bob: Phone, pick: random.Random) -> None:
        self.stage, self.bob, self.pick = stage, bob, pick
        self.customer = Customer(stage.web)
        self.numbers: list[str] = []
        self.made: set[str] = set()
        """Calls that a request was told to exist."""
        self.recorded: dict[str, float] = {}
        """Calls whose recording was acknowledged, and for how long they talked from then on."""
        self.bridges: set[str] = set()
        """Each was made with a call in it."""
        self.conferences: dict[str, set[str]] = {}
        """Each with the members that were acknowledged."""
        self._tasks: list[asyncio.Task[None]] = []
        self.up: list[PhoneCall] = []
        """Calls of the callers that were up when the server was killed."""

    async def prepare(self) -> None:
        self.numbers = [await self.stage.number(autoAnswer=True) for _ in range(CALLERS + 1 + MEMBERS)]

    def start(self) -> None:
        alone, pair, members = self.numbers[:CALLERS], self.numbers[CALLERS], self.numbers[CALLERS + 1 :]
        work: list[Callable[[], Coroutine[Any, Any, None]]] = [self._dial]
        work += [partial(self._call, number) for number in alone]
        work += [partial(self._meet_in_a_bridge, pair), partial(self._meet_in_a_conference, members)]
        self._tasks = [asyncio.create_task(self._forever(each)) for each in work]

    async def _forever(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            with contextlib.suppress(CallFailed, TimeoutError, AssertionError):
                await work()
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Nobody does anything any more. Who was still dialling gives up; who was in a call waits for what comes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in self.stage.caller.calls:
            if call not in self.up:
                call.hang_up()

    def forget(self) -> None:
        """What has been compared need not be again."""
        self.made.clear()
        self.recorded.clear()
        self.bridges.clear()
        self.conferences.clear()
        self.customer.kept_waiting.clear()
        self.stage.web.forget()

    # --- calls ------------------------------------------------------------------------------------------------------

    async def _enter(self, number: str) -> tuple[PhoneCall, str]:
        """A party calls and is answered; the call, and its id."""
        seen = len(self.stage.web.requests(eventType="incomingcall", to=number))
        call = await self.stage.caller.call(number)
        await call.wait_answered()
        arrival = await self.stage.web.wait_for("incomingcall", number=seen + 1, to=number)
        return call, str(arrival["callId"])

    async def _call(self, number: str) -> None:
        """A party calls, is recorded, presses keys, is perhaps transferred, and hangs up."""
        call, call_id = await self._enter(number)
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

    async def _make(self, path: str, **body: Any) -> str | None:
        """The id of what a request made; `None` when it made nothing."""
        answer = await self.stage.server.post(path, body)
        return answer.headers["location"].rsplit("/", 1)[1] if answer.status == 201 else None

    async def _dial_bob(self, **more: Any) -> str | None:
        call_id = await self._make(
            "/calls", **{"from": self.numbers[0], "to": self.bob.uri, "callbackUrl": self.stage.web.url} | more
        )
        if call_id is not None:
            self.made.add(call_id)
        return call_id

    async def _dial(self) -> None:
        call_id = await self._dial_bob()
        if call_id is not None:
            await asyncio.sleep(self.pick.random())
            await self.stage.update(call_id, state="completed")

    # --- meetings ---------------------------------------------------------------------------------------------------

    async def _meet_in_a_bridge(self, number: str) -> None:
        """A party that called, and one that is called into their bridge; one of them hangs up, or nobody does."""
        call, call_id = await self._enter(number)
        bridge_id = await self._make("/bridges", callIds=[call_id])
        if bridge_id is None:
            return
        self.bridges.add(bridge_id)
        other_id = await self._dial_bob(bridgeId=bridge_id)
        await self._talk(call, call_id)
        if self.pick.random() < 0.5:
            call.hang_up()
        if other_id is not None and self.pick.random() < 0.5:
            await self.stage.update(other_id, state="completed")

    async def _meet_in_a_conference(self, numbers: list[str]) -> None:
        """Parties that called become members; the first leaves, then all are sent home, or stay."""
        conference_id = await self._make("/conferences", **{"from": self.numbers[0], "callbackUrl": self.stage.web.url})
        if conference_id is None:
            return
        inside = self.conferences.setdefault(conference_id, set())
        parties = await asyncio.gather(*(self._enter(number) for number in numbers))
        for _, call_id in parties:
            member_id = await self._make(f"/conferences/{conference_id}/members", callId=call_id)
            if member_id is not None:
                inside.add(member_id)
        call, call_id = parties[0]
        await self._talk(call, call_id)
        call.hang_up()
        if self.pick.random() < 0.5:
            await self.stage.server.post(f"/conferences/{conference_id}", {"state": "completed"})
