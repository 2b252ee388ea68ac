"""What a call does when the log, the clock or our own code lets it down."""

import asyncio
from datetime import timedelta

import pytest
from test_call_control import AGENT, ME, OURS, World, until, world

from trebuchet.base.ids import CallId
from trebuchet.calls import actor
from trebuchet.calls.commands import CreateCall
from trebuchet.calls.interfaces import LogUnavailable, StopReason, UnitOfWork
from trebuchet.model.call import CallState
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.recording import RecordingState
from trebuchet.testing.clock import VirtualClock
from trebuchet.testing.fakes import DESCRIPTION, FakeLeg

__all__ = ["world"]

ENDLESS = 10**6
"""Failures of the log in a row: more than a test lives to see."""


async def test_who_waits_for_a_command_that_failed_inside_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id, leg, _ = await world.incoming()

    def explode(*arguments: object) -> None:
        raise RuntimeError("an error of ours")

    monkeypatch.setattr(world.control.machine, "update", explode)
    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError):
            await world.update(call_id, state=CallState.ANSWERED)
    await world.reaches(call_id, CallState.ENDED)
    assert leg.said == ["ring", "hang up"]


async def test_clients_are_not_kept_waiting_while_nothing_can_be_stored(world: World) -> None:
    """The key is kept and stored later; what clients ask for meanwhile is refused, also what came before the refusal
    was known, and changes nothing."""
    call_id, leg, listener = await world.answered()
    world.log.failures = ENDLESS
    listener.handle_digit("1", None)
    early = asyncio.ensure_future(world.update(call_id, state=CallState.ENDED))
    async with asyncio.timeout(5):
        with pytest.raises(LogUnavailable):
            await early
        with pytest.raises(LogUnavailable):
            await world.update(call_id, state=CallState.ENDED)
    assert "hang up" not in leg.said
    listener.handle_ended(Cause.HANGUP, Blame.PEER, None)
    world.log.failures = 0
    await world.reaches(call_id, CallState.ENDED)
    names = [type(fact).__name__ for fact in world.log.facts[call_id]]
    assert names[-2:] == ["DigitPressed", "Ended"]


async def _called(world: World) -> tuple[CallId, FakeLeg]:
    call_id = await world.control.create(CreateCall(account_id=ME, from_=OURS, to=AGENT))
    return call_id, world.signalling.legs[0]


async def test_a_callees_answer_is_acknowledged_once_it_is_stored(world: World) -> None:
    call_id, leg = await _called(world)
    assert leg.listener is not None
    leg.listener.handle_answered(DESCRIPTION)
    assert not leg.is_confirmed
    await until(lambda: leg.is_confirmed)
    assert world.log.calls[call_id].state is CallState.ANSWERED


async def test_what_was_stored_before_the_answer_does_not_acknowledge_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The callee picks up while its ringing is being stored."""
    _, leg = await _called(world)
    assert leg.listener is not None
    commit, begun, turns = world.log.commit, asyncio.Event(), asyncio.Semaphore(0)

    async def one_by_one(unit: UnitOfWork) -> None:
        begun.set()
        await turns.acquire()
        await commit(unit)

    monkeypatch.setattr(world.log, "commit", one_by_one)
    leg.listener.handle_ringing()
    await begun.wait()
    begun.clear()
    leg.listener.handle_answered(DESCRIPTION)
    turns.release()
    await begun.wait()
    assert not leg.is_confirmed
    turns.release()
    await until(lambda: leg.is_confirmed)


async def test_a_log_that_fails_does_not_keep_a_callee_waiting(world: World) -> None:
    call_id, leg = await _called(world)
    assert leg.listener is not None
    world.log.failures = ENDLESS
    leg.listener.handle_answered(DESCRIPTION)
    await until(lambda: leg.is_confirmed)
    assert world.log.calls[call_id].state is not CallState.ANSWERED
    world.log.failures = 0
    await world.reaches(call_id, CallState.ANSWERED)


async def test_nor_does_one_that_hangs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actor, "ACK_LIMIT_S", 0.05)
    _, leg = await _called(world)
    assert leg.listener is not None
    for_ever = asyncio.Event()
    monkeypatch.setattr(world.log, "commit", lambda unit: for_ever.wait())
    leg.listener.handle_answered(DESCRIPTION)
    await until(lambda: leg.is_confirmed)
    monkeypatch.undo()
    for_ever.set()


async def test_a_recording_whose_process_died_is_complete(world: World) -> None:
    call_id, _, _ = await world.answered()
    await world.update(call_id, is_recording=True)
    (recording,) = world.log.recordings.values()
    port = world.port(call_id)
    listener, port.recording_id = port.listener, None  # its process is gone, and says nothing more
    listener.handle_media_lost()
    listener.handle_recorder_stopped(recording.id, 8000, StopReason.LOST)
    await until(lambda: world.log.recordings[recording.id].state is RecordingState.COMPLETE)
    assert world.log.calls[call_id].cause is Cause.MEDIA_LOST


async def test_times_of_a_call_never_run_backwards(world: World) -> None:
    clock = world.control._clock
    assert isinstance(clock, VirtualClock)
    call_id, _, listener = await world.incoming()
    for set_back, state in ((timedelta(days=1), CallState.ANSWERED), (timedelta(days=1), CallState.ENDED)):
        clock.set_wall(-set_back)
        await world.update(call_id, state=state)
    call = world.log.calls[call_id]
    assert call.answered_at is not None and call.ended_at is not None
    assert call.created_at <= call.answered_at <= call.ended_at
    listener.handle_ended(Cause.HANGUP, Blame.US, None)


async def test_what_a_restart_needs_is_stored_as_soon_as_it_is_known(world: World) -> None:
    waiting, _, _ = await world.incoming()
    assert world.log.calls[waiting].dialog == b"early"
    await world.update(waiting, state=CallState.ANSWERED)
    assert world.log.calls[waiting].dialog == b"dialog"
    dialled: CallId = await world.control.create(
        CreateCall(account_id=world.log.calls[waiting].account_id, from_=world.log.calls[waiting].to, to=AGENT)
    )
    assert world.log.calls[dialled].dialog is None
    leg = world.signalling.legs[-1]
    assert leg.listener is not None
    leg.listener.handle_ringing()
    await until(lambda: world.log.calls[dialled].dialog == b"early")
    assert world.state(dialled) is CallState.RINGING
