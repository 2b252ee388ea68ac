"""Bridges and conferences with fake planes: what happens when the log or the media fail, and that nothing is left over.

Who hears whom is shown by real phones; here it is who is in the audio group, and as what."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from trebuchet.base.ids import AccountId, BridgeId, CallId, ConferenceId, Ids, MemberId
from trebuchet.base.rand import SeededRand
from trebuchet.calls.commands import CallNotFound, CreateCall, NumberNotOwned, Overloaded, UpdateCall, WrongCallState
from trebuchet.calls.control import CallControl
from trebuchet.calls.interfaces import CallPolicy, IncomingCall, LegListener, LogUnavailable, UnitOfWork
from trebuchet.calls.meeting_commands import (
    BridgeCreationFailed,
    BridgeEnded,
    BridgeFailed,
    BridgeFull,
    BridgeNotFound,
    CallConnected,
    CallIdUnknown,
    ConferenceFull,
    ConferenceMismatch,
    ConferenceNotFound,
    ConferenceNotUsable,
    CreateBridge,
    CreateConference,
    CreateMember,
    MemberNotFound,
    PlayToConference,
    PlayToMember,
    UpdateBridge,
    UpdateConference,
    UpdateMember,
)
from trebuchet.calls.meeting_recovery import end_meetings
from trebuchet.model.bridge import BridgeState
from trebuchet.model.call import CallState
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.conference import ConferenceState
from trebuchet.model.event import ConferenceCreated, ConferenceEnded, ConferencePlaybackChanged, MemberChanged
from trebuchet.model.prompt import Sentence
from trebuchet.testing.clock import VirtualClock
from trebuchet.testing.fakes import (
    DESCRIPTION,
    FakeDirectory,
    FakeFinisher,
    FakeLeg,
    FakeLog,
    FakeMedia,
    FakePrompts,
    FakeSignalling,
    application,
)

ME, OTHER = AccountId("u-me"), AccountId("u-other")
OURS, THEIRS = "+15550100", "+15550999"
NOBODY = CallId("c-nobody")


async def until(condition: Callable[[], bool]) -> None:
    """Let everything run until the condition holds; a bound, not a wait."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


@dataclass
class PickyLog(FakeLog):
    """Refuses what a test says."""

    refuses: Callable[[UnitOfWork], bool] = lambda unit: False

    async def commit(self, unit: UnitOfWork) -> None:
        if self.refuses(unit):
            raise LogUnavailable
        await super().commit(unit)


@dataclass
class World:
    media: FakeMedia
    log: PickyLog
    control: CallControl
    signalling: FakeSignalling

    async def call(self, to: str = OURS, *, is_answered: bool = True) -> tuple[CallId, LegListener]:
        leg, known = FakeLeg(), set(self.log.calls)
        listener = self.control.handle_incoming(IncomingCall(from_="+15550188", to=to, offer=DESCRIPTION), leg)
        assert listener is not None
        await until(lambda: set(self.log.calls) != known)
        (call_id,) = set(self.log.calls) - known
        if is_answered:
            account = self.log.calls[call_id].account_id
            await self.control.update(UpdateCall(account_id=account, call_id=call_id, state=CallState.ANSWERED))
        return call_id, listener

    async def bridge(self, *call_ids: CallId, **more: Any) -> BridgeId:
        return await self.control.bridges.create(CreateBridge(account_id=ME, call_ids=call_ids, **more))

    async def update_bridge(self, bridge_id: BridgeId, **more: Any) -> None:
        await self.control.bridges.update(UpdateBridge(account_id=ME, bridge_id=bridge_id, **more))

    async def conference(self, **more: Any) -> ConferenceId:
        return await self.control.conferences.create(CreateConference(account_id=ME, from_=OURS, **more))

    async def member(self, conference_id: ConferenceId, call_id: CallId, **more: Any) -> MemberId:
        command = CreateMember(account_id=ME, conference_id=conference_id, call_id=call_id, **more)
        return await self.control.conferences.add_member(command)

    def facts(self, conference_id: ConferenceId) -> list[type]:
        return [type(fact) for fact in self.log.conference_facts[conference_id]]

    def voices(self) -> list[tuple[bool, bool]]:
        """Of everybody who is in a group: may he speak, may he hear."""
        return sorted((v.can_speak, v.can_hear) for group in self.media.groups for v in group.voices.values())

    def hang_up(self, listener: LegListener) -> None:
        listener.handle_ended(Cause.HANGUP, Blame.PEER, None)

    async def idle(self) -> None:
        """Nobody owns a bridge or conference any more."""
        await until(lambda: len(self.control.meetings) == 0)


@pytest.fixture
def world() -> World:
    return make_world()


def make_world(log: PickyLog | None = None, **policy: Any) -> World:
    log = log or PickyLog()
    media, signalling, directory = FakeMedia(), FakeSignalling(), FakeDirectory()
    directory.add(ME, OURS, application(ME))
    directory.add(OTHER, THEIRS, application(OTHER))
    control = CallControl(
        signalling=signalling,
        media=media,
        prompts=FakePrompts(),
        log=log,
        directory=directory,
        archive=log,
        finisher=FakeFinisher(),
        ids=Ids(SeededRand(5)),
        clock=VirtualClock(),
        policy=CallPolicy(**policy),
    )
    return World(media, log, control, signalling)


# --- bridges --------------------------------------------------------------------------------------------------------


async def test_a_bridge_of_two_and_their_ends(world: World) -> None:
    (a, first), (b, second) = await world.call(), await world.call()
    bridge_id = await world.bridge(a, b)
    assert world.log.bridges_kept[bridge_id].state is BridgeState.ACTIVE
    assert {world.log.calls[c].bridge_id for c in (a, b)} == {bridge_id}
    assert world.voices() == [(True, True)] * 2
    world.hang_up(first)
    await until(lambda: world.voices() == [])
    assert world.log.bridges_kept[bridge_id].state is BridgeState.ACTIVE
    world.hang_up(second)
    await world.idle()
    assert world.log.bridges_kept[bridge_id].state is BridgeState.ENDED
    assert all(group.is_closed for group in world.media.groups)


async def test_calls_may_be_bridged_before_they_are_answered(world: World) -> None:
    (a, _), (b, _) = await world.call(is_answered=False), await world.call()
    bridge_id = await world.bridge(a, b)
    assert world.log.bridges_kept[bridge_id].state is BridgeState.CREATED
    await world.control.update(UpdateCall(account_id=ME, call_id=a, state=CallState.ANSWERED))
    await until(lambda: world.log.bridges_kept[bridge_id].state is BridgeState.ACTIVE)
    assert world.voices() == [(True, True)] * 2


async def test_a_bridge_that_cannot_be_stored_lets_its_calls_go(world: World) -> None:
    (a, _), (b, _) = await world.call(), await world.call()

    world.log.refuses = lambda unit: bool(unit.bridges)
    with pytest.raises(LogUnavailable):
        await world.bridge(a, b)
    world.log.refuses = lambda unit: False
    assert [world.log.calls[c].bridge_id for c in (a, b)] == [None, None]
    assert world.voices() == []
    assert world.log.bridges_kept[await world.bridge(a, b)].state is BridgeState.ACTIVE


async def test_workers_that_cannot_be_connected(world: World) -> None:
    (a, _), (b, _), (c, _) = await world.call(), await world.call(), await world.call()
    bridge_id = await world.bridge(a)
    world.media.are_workers_apart = True
    with pytest.raises(BridgeCreationFailed):
        await world.bridge(b, c)
    with pytest.raises(BridgeFailed):
        await world.update_bridge(bridge_id, call_ids=(a, b))
    assert [world.log.calls[call].bridge_id for call in (a, b, c)] == [bridge_id, None, None]
    assert world.log.bridges_kept[bridge_id].call_ids == (a,)


async def test_one_wrong_call_leaves_the_others_as_they_were(world: World) -> None:
    (a, _), (b, _), (theirs, _) = await world.call(), await world.call(), await world.call(THEIRS)
    bridge_id = await world.bridge(a)
    for wrong, error in ((NOBODY, CallIdUnknown), (theirs, CallIdUnknown), (a, CallConnected)):
        with pytest.raises(error):
            await world.bridge(b, wrong)
        assert world.log.calls[b].bridge_id is None
    with pytest.raises(BridgeFull):
        await world.bridge(a, b, NOBODY)
    assert world.log.bridges_kept[bridge_id].call_ids == (a,)


async def test_a_call_of_the_past_cannot_be_bridged(world: World) -> None:
    a, listener = await world.call()
    world.hang_up(listener)
    await until(lambda: a not in [actor.id for actor in world.control.calls])
    with pytest.raises(WrongCallState):
        await world.bridge(a)


async def test_bridges_sleep_in_the_store_and_are_found_again(world: World) -> None:
    bridge_id = await world.bridge(has_audio=False)
    await world.idle()
    a, _ = await world.call()
    await world.update_bridge(bridge_id, call_ids=(a,))
    assert world.log.bridges_kept[bridge_id].call_ids == (a,)
    with pytest.raises(BridgeNotFound):
        await world.control.bridges.update(UpdateBridge(account_id=OTHER, bridge_id=bridge_id))
    with pytest.raises(BridgeNotFound):
        await world.update_bridge(BridgeId("brg-nobody"))
    await world.update_bridge(bridge_id, call_ids=())
    await world.idle()
    with pytest.raises(BridgeEnded):
        await world.update_bridge(bridge_id, has_audio=True)
    await world.idle()


async def test_two_who_want_a_sleeping_bridge_get_the_same(world: World) -> None:
    bridge_id = await world.bridge()
    await world.idle()
    (a, _), (b, _) = await world.call(), await world.call()
    results = await asyncio.gather(
        world.update_bridge(bridge_id, call_ids=(a,)),
        world.update_bridge(bridge_id, call_ids=(a, b)),
        return_exceptions=True,
    )
    assert results == [None, None]
    assert world.log.bridges_kept[bridge_id].call_ids == (a, b)


async def test_a_place_for_a_new_call_is_given_back_when_it_does_not_come_about(world: World) -> None:
    a, _ = await world.call()
    bridge_id = await world.bridge(a)
    new = CreateCall(account_id=ME, from_=OURS, to="sip:bob@127.0.0.1", bridge_id=bridge_id)

    world.log.refuses = lambda unit: bool(unit.changes)
    with pytest.raises(LogUnavailable):
        await world.control.create(new)
    world.log.refuses = lambda unit: False
    await until(lambda: world.log.bridges_kept[bridge_id].call_ids == (a,))
    call_id = await world.control.create(new)
    assert world.log.bridges_kept[bridge_id].call_ids == (a, call_id)
    with pytest.raises(BridgeFull):
        await world.control.create(new)
    world.signalling.legs[-1].listener.handle_answered(DESCRIPTION)  # type: ignore[union-attr]  # it has one
    await until(lambda: world.log.bridges_kept[bridge_id].state is BridgeState.ACTIVE)


# --- conferences ----------------------------------------------------------------------------------------------------


async def test_a_life(world: World) -> None:
    (a, first), (b, _) = await world.call(), await world.call()
    conference_id = await world.conference()
    assert world.facts(conference_id) == [ConferenceCreated]
    await world.member(conference_id, a)
    second = await world.member(conference_id, b, is_muted=True)
    assert world.voices() == [(False, True), (True, True)]
    world.hang_up(first)
    await until(lambda: world.voices() == [(False, True)])
    update = UpdateMember(account_id=ME, conference_id=conference_id, member_id=second, is_removed=True)
    await world.control.conferences.update_member(update)
    assert world.facts(conference_id) == [ConferenceCreated, *[MemberChanged] * 4, ConferenceEnded]
    assert world.log.conferences_kept[conference_id].state is ConferenceState.ENDED
    assert world.log.calls[b].state is CallState.ANSWERED, "it goes on by itself"
    await world.idle()


async def test_terminating_hangs_everybody_up(world: World) -> None:
    calls = [(await world.call())[0] for _ in range(3)]
    conference_id = await world.conference()
    for call_id in calls:
        await world.member(conference_id, call_id)
    command = UpdateConference(account_id=ME, conference_id=conference_id, is_terminated=True)
    await world.control.conferences.update(command)
    assert {world.log.calls[call_id].state for call_id in calls} == {CallState.ENDED}
    with pytest.raises(ConferenceNotUsable):
        await world.control.conferences.update(command)
    await world.idle()


async def test_terminating_ends_calls_whose_end_cannot_be_stored_yet(world: World) -> None:
    calls = [(await world.call())[0] for _ in range(3)]
    conference_id = await world.conference()
    for call_id in calls:
        await world.member(conference_id, call_id)
    world.log.refuses = lambda unit: bool(unit.changes)
    await world.control.conferences.update(
        UpdateConference(account_id=ME, conference_id=conference_id, is_terminated=True)
    )
    assert {world.log.calls[call_id].state for call_id in calls} == {CallState.ANSWERED}
    world.log.refuses = lambda unit: False
    await until(lambda: {world.log.calls[call_id].state for call_id in calls} == {CallState.ENDED})
    assert {world.log.calls[call_id].cause for call_id in calls} == {Cause.HANGUP}
    await world.idle()


async def test_an_entry_that_cannot_be_stored_lets_the_call_go(world: World) -> None:
    a, _ = await world.call()
    conference_id = await world.conference()

    world.log.refuses = lambda unit: any(change.members for change in unit.conferences)
    with pytest.raises(LogUnavailable):
        await world.member(conference_id, a)
    world.log.refuses = lambda unit: False
    assert world.voices() == [] and world.facts(conference_id) == [ConferenceCreated]
    await world.member(conference_id, a)
    assert world.voices() == [(True, True)]


async def test_a_member_whose_worker_cannot_be_reached(world: World) -> None:
    a, _ = await world.call()
    conference_id = await world.conference()
    world.media.are_workers_apart = True
    with pytest.raises(Overloaded):
        await world.member(conference_id, a)
    world.media.are_workers_apart = False
    await world.member(conference_id, a)


async def test_the_limit_is_the_operators(world: World) -> None:
    world = make_world(max_conference_members=2)
    conference_id = await world.conference()
    calls = [(await world.call())[0] for _ in range(3)]
    for call_id in calls[:2]:
        await world.member(conference_id, call_id)
    with pytest.raises(ConferenceFull):
        await world.member(conference_id, calls[2])


async def test_who_may_enter(world: World) -> None:
    (ringing, _), (up, _), (theirs, _) = (
        await world.call(is_answered=False),
        await world.call(),
        await world.call(THEIRS),
    )
    first, second = await world.conference(), await world.conference()
    for call_id, error in ((ringing, WrongCallState), (theirs, CallIdUnknown), (NOBODY, CallIdUnknown)):
        with pytest.raises(error):
            await world.member(first, call_id)
    await world.member(first, up)
    for conference_id in (first, second):
        with pytest.raises(CallConnected):
            await world.member(conference_id, up)
    with pytest.raises(CallConnected):
        await world.bridge(up)


async def test_calls_are_created_for_open_conferences_of_the_account_alone(world: World) -> None:
    conference_id, other = await world.conference(), await world.conference()
    new = CreateCall(account_id=ME, from_=OURS, to="sip:bob@127.0.0.1", conference_id=conference_id)
    call_id = await world.control.create(new)
    world.signalling.legs[-1].listener.handle_answered(DESCRIPTION)  # type: ignore[union-attr]  # it has one
    await until(lambda: world.log.calls[call_id].state is CallState.ANSWERED)
    with pytest.raises(ConferenceMismatch):
        await world.member(other, call_id)
    await world.member(conference_id, call_id)
    command = UpdateConference(account_id=ME, conference_id=other, is_terminated=True)
    await world.control.conferences.update(command)
    for wrong in (other, "conf-nobody"):
        with pytest.raises(ConferenceMismatch):
            await world.control.create(
                CreateCall(account_id=ME, from_=OURS, to="sip:bob@127.0.0.1", conference_id=wrong)
            )


async def test_unknown_things(world: World) -> None:
    conference_id = await world.conference()
    with pytest.raises(NumberNotOwned):
        await world.control.conferences.create(CreateConference(account_id=ME, from_=THEIRS))
    with pytest.raises(ConferenceNotFound):
        await world.control.conferences.update(UpdateConference(account_id=OTHER, conference_id=conference_id))
    nobody = MemberId("member-nobody")
    with pytest.raises(MemberNotFound):
        await world.control.conferences.update_member(
            UpdateMember(account_id=ME, conference_id=conference_id, member_id=nobody)
        )
    with pytest.raises(MemberNotFound):
        await world.control.conferences.play_to_member(
            PlayToMember(account_id=ME, conference_id=conference_id, member_id=nobody, prompt=None)
        )
    with pytest.raises(CallNotFound):
        await world.control.update(UpdateCall(account_id=ME, call_id=NOBODY))
    await world.idle()


async def test_audio_for_all(world: World) -> None:
    a, _ = await world.call()
    conference_id = await world.conference()
    play = PlayToConference(
        account_id=ME, conference_id=conference_id, prompt=Sentence(text="hello"), is_looped=True, tag="t"
    )
    with pytest.raises(ConferenceNotUsable):
        await world.control.conferences.play(play)
    await world.member(conference_id, a, has_join_tone=True)
    await world.control.conferences.play(play)
    (group,) = world.media.groups
    assert group.did == ["tone joined", "play prompt.pcm looped"]
    group.listener.handle_group_playback_done(1)
    await until(lambda: world.facts(conference_id).count(ConferencePlaybackChanged) == 2)


async def test_the_ends_of_calls_are_stored_once_the_log_can(world: World) -> None:
    a, listener = await world.call()
    conference_id = await world.conference()
    await world.member(conference_id, a)
    world.log.failures = 3
    world.hang_up(listener)
    await until(lambda: world.log.conferences_kept[conference_id].state is ConferenceState.ENDED)
    assert world.facts(conference_id) == [ConferenceCreated, MemberChanged, MemberChanged, ConferenceEnded]


async def test_after_a_restart_what_was_in_use_has_ended_and_what_was_not_goes_on() -> None:
    before = make_world()
    (a, _), (b, _) = await before.call(), await before.call()
    used, unused = await before.bridge(a), await before.bridge()
    busy, quiet = await before.conference(), await before.conference()
    await before.member(busy, b)
    after = make_world(before.log)
    assert await end_meetings(before.log, before.log, VirtualClock()) == 2
    assert after.log.bridges_kept[used].state is BridgeState.ENDED
    assert after.log.bridges_kept[unused].state is BridgeState.CREATED
    assert after.facts(busy) == [ConferenceCreated, MemberChanged, MemberChanged, ConferenceEnded]
    assert await end_meetings(before.log, before.log, VirtualClock()) == 0
    with pytest.raises(ConferenceNotUsable):
        await after.control.conferences.update(UpdateConference(account_id=ME, conference_id=busy, is_muted=True))
    await after.control.conferences.update(UpdateConference(account_id=ME, conference_id=quiet, is_muted=True))
    assert after.log.conferences_kept[quiet].is_muted
