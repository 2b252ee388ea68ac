"""kill -9 at random moments of a busy server: no committed event is lost, no recording, nothing stays alive.

Every round has calls that come and go, keys, recordings, transfers, outgoing calls, bridges and conferences, driven by
an application over REST. In the last moments before the kill the application answers no webhook, so that there are
always events which only a new process can deliver. After each kill and start what the server acknowledged is compared
with what the API and the disk have, and what the disk has with what the application got.
"""

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from support.busy import Busy
from support.caller import calling
from support.crash import (
    BACK_LIMIT_S,
    check_log,
    count_meetings,
    count_open,
    database,
    download,
    kill_and_start,
    read_log,
)
from support.ports import port_range
from support.scale import new_seed, scaled
from trebuchet.model.event import LoggedEvent, OwnerKind
from trebuchet.sim.phone import Phone
from trebuchet.sim.phone_call import PhoneCall

KILLS = scaled(5, 200)
LONGEST_S = 3.0
"""Of a round, before the kill."""
LONGEST_MUTE_S = 0.5
"""How long before the kill the application answers no more."""
SETTLE_S = 30.0
LOST_S = 1.0
AGAIN_S = 60.0
SETTINGS = "[signalling]\nt1_ms = 100\n[webhooks]\nretry_first_s = 0.2\n"


class Check:
    """What must be true after every start."""

    def __init__(self, busy: Busy) -> None:
        self.busy = busy
        self.server, self.web = busy.stage.server, busy.stage.web
        self.position = 0
        """In the log: what is before it has been checked."""
        self.known: set[str] = set()
        """Ids of all events that are in the log."""
        self.seen: Counter[str] = Counter()
        """How much of everything was compared."""

    async def all(self) -> None:
        path = database(self.server)
        async with asyncio.timeout(SETTLE_S):
            while count_open(path) != (0, 0) or count_meetings(path) != 0:
                await asyncio.sleep(0.05)
        check_log(path)
        self.position, events = read_log(path, self.position)
        await self._events(events)
        for call_id in {each.owner_id for each in events if each.owner_kind is OwnerKind.CALL} | self.busy.made:
            await self._call(call_id, [each for each in events if each.owner_id == call_id])
        for call_id in self.busy.recorded:
            await self._recording(call_id)
        for bridge_id in self.busy.bridges:
            await self._bridge(bridge_id)
        for conference_id in self.busy.conferences:
            await self._conference(conference_id, [each for each in events if each.owner_id == conference_id])
        await self._peers()

    async def _events(self, events: list[LoggedEvent]) -> None:
        """Told is what is stored, and each stored one was taken by the application at least once."""
        customer = self.busy.customer
        self.known |= {event.id for event in events}
        assert customer.told <= self.known, f"told and lost: {customer.told - self.known}"
        wanted = {event.id: event for event in events if event.target is not None and event.payload is not None}
        try:
            async with asyncio.timeout(SETTLE_S):
                while not wanted.keys() <= customer.acknowledged:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            lost = [wanted[each] for each in wanted.keys() - customer.acknowledged]
            raise AssertionError(f"{len(lost)} stored events were never delivered, such as {lost[0]}") from None
        self.seen.update(events=len(events), resumed=len(customer.kept_waiting & wanted.keys()))

    async def _call(self, call_id: str, events: list[LoggedEvent]) -> None:
        assert (await self.server.call(call_id))["state"] in ("completed", "rejected"), "a zombie"
        names = [each["name"] for each in await self.server.get(f"/calls/{call_id}/events")]
        assert names == [event.name for event in events] and names.count("hangup") == 1, names

    async def _recording(self, call_id: str) -> None:
        (recording,) = await self.server.get(f"/calls/{call_id}/recordings")
        assert recording["state"] == "complete", recording
        pcm = await download(self.server, recording["media"])
        assert len(pcm) / 8000 > self.busy.recorded[call_id] - LOST_S
        await self.web.wait_for("recording", callId=call_id)
        self.seen.update(recordings=1)

    async def _bridge(self, bridge_id: str) -> None:
        bridge = await self.server.get(f"/bridges/{bridge_id}")
        assert bridge["state"] == "completed" and "completedTime" in bridge, bridge
        self.seen.update(bridges=1)

    async def _conference(self, conference_id: str, events: list[LoggedEvent]) -> None:
        """One that nobody had entered is still there; of the others the end is told, and each member's."""
        conference = await self.server.get(f"/conferences/{conference_id}")
        members = await self.server.get(f"/conferences/{conference_id}/members")
        acknowledged = self.busy.conferences[conference_id]
        assert acknowledged <= {member["id"] for member in members}, "a member is lost"
        has_ended = conference["state"] == "completed"
        assert has_ended or (conference["state"] == "created" and not members), conference
        assert conference["activeMembers"] == 0, conference
        assert all(member["state"] == "completed" and "removedTime" in member for member in members), members
        told = Counter((event.name, event.data) for event in events)
        assert told["conference", "completed"] == has_ended, told
        assert told["conference-member", "completed"] == len(members), told
        self.seen.update(conferences=1, members=len(members))

    async def _peers(self) -> None:
        """No phone is left in a call. One that was answered within the last moment, before that was stored, hears no
        ACK and gives up by itself."""
        caller, bob = self.busy.stage.caller, self.busy.bob
        left = await _left_alone([*caller.calls, *bob.calls])
        assert not left, [await self.server.call(each) for each in self.busy.made]
        for phone in (caller, bob):
            phone.calls.clear()


async def _left_alone(calls: list[PhoneCall]) -> list[PhoneCall]:
    """Those that do not end by themselves."""
    waits = {call: asyncio.create_task(call.wait_ended(AGAIN_S)) for call in calls if call.leg is not None}
    await asyncio.gather(*waits.values(), return_exceptions=True)
    return [call for call in waits if call.end is None]


async def _round(busy: Busy) -> float:
    """A time of business, and then the kill; how long the server was away."""
    busy.start()
    await asyncio.sleep(busy.pick.uniform(0.1, LONGEST_S))
    busy.customer.hold()
    await asyncio.sleep(busy.pick.uniform(0.0, LONGEST_MUTE_S))
    busy.up = [call for call in busy.stage.caller.calls if call.is_confirmed and call.end is None]

    async def meanwhile() -> None:
        await busy.stop()
        busy.customer.go_on()

    return await kill_and_start(busy.stage.server, meanwhile)


@pytest.mark.timeout(scaled(240, 6 * 3600))
async def test_nothing_is_lost_by_kills_at_random_moments(tmp_path: Path) -> None:
    pick = random.Random(new_seed())
    slowest_s = 0.0
    async with calling(tmp_path, settings=SETTINGS, rtp_ports=port_range(400)) as stage, await Phone.open("bob") as bob:
        busy = Busy(stage, bob, pick)
        await busy.prepare()
        check = Check(busy)
        for _ in range(KILLS):
            slowest_s = max(slowest_s, await _round(busy))
            assert slowest_s < BACK_LIMIT_S
            await check.all()
            busy.forget()
    print(f"{KILLS} kills: {dict(check.seen)}; serving again after {slowest_s:.2f} s at the most")
    for kind in ("events", "resumed", "recordings", "bridges", "members"):
        assert check.seen[kind] > 0, f"no {kind} to compare"
