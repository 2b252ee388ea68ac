"""Transcription as call control sees it: what is transcribed by itself, in which order, and how it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from trebuchet.base.ids import AccountId, CallId, Ids, RecordingId
from trebuchet.base.rand import SeededRand
from trebuchet.base.values import replace
from trebuchet.calls.commands import Overloaded, RecordingNotComplete, RecordingNotTranscribable, UpdateCall
from trebuchet.calls.control import CallControl
from trebuchet.calls.interfaces import (
    CallPolicy,
    IncomingCall,
    TranscriptionFailed,
    UnitOfWork,
)
from trebuchet.calls.notes import CallNotes
from trebuchet.calls.recovery import Recovery
from trebuchet.calls.transcriber import MAX_WAITING, Transcriber
from trebuchet.calls.transcribing import TranscriptionRules
from trebuchet.model.call import Call, CallState, Direction, WebhookTarget
from trebuchet.model.event import Ended, RecordingFinished, TranscriptionFinished
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.transcription import Transcription, TranscriptionState
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
AT = datetime(2016, 3, 2, 10, tzinfo=UTC)
OURS = "+15550100"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


@dataclass
class FakeEar:
    """Hears `text` in every recording."""

    text: str = "hello"
    failure: Exception | None = None
    heard: list[Transcription] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, transcription: Transcription, recording: Recording) -> str:
        self.heard.append(transcription)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return self.text


class World:
    def __init__(self) -> None:
        self.log, self.media, self.ear = FakeLog(), FakeMedia(), FakeEar()
        self.ids, self.clock = Ids(SeededRand(3)), VirtualClock()
        self.ear.gate.set()
        directory = FakeDirectory()
        directory.add(ME, OURS, application(ME))
        self.finisher, self.signalling = FakeFinisher(), FakeSignalling()
        self.control = CallControl(
            signalling=self.signalling,
            media=self.media,
            prompts=FakePrompts(),
            log=self.log,
            directory=directory,
            archive=self.log,
            finisher=self.finisher,
            ids=self.ids,
            clock=self.clock,
            policy=CallPolicy(),
        )
        self.rules = TranscriptionRules(self.ids)
        self.transcriber = Transcriber(
            rules=self.rules,
            log=self.log,
            archive=self.log,
            notes=CallNotes(self.control.calls, self.log, self.log),
            listening=self.ear,
            clock=self.clock,
        )

    def recording(self, **changes: object) -> Recording:
        base = Recording(
            id=self.ids.recording(),
            account_id=ME,
            call_id=CallId("c-old"),
            media_name="c-old-1.wav",
            state=RecordingState.COMPLETE,
            started_at=AT,
            ended_at=AT + timedelta(seconds=11),
        )
        made = replace(base, **changes)
        self.log.recordings[made.id] = made
        return made

    def old_call(self, **changes: object) -> Call:
        """A call of long ago; nothing of it lives but its row."""
        base = Call(
            id=CallId("c-old"),
            account_id=ME,
            direction=Direction.IN,
            from_="+1",
            to=OURS,
            state=CallState.ENDED,
            created_at=AT,
        )
        made = replace(base, **changes)
        self.log.calls[made.id] = made
        return made

    def states(self) -> list[TranscriptionState]:
        return [item.state for item in self.log.transcriptions.values()]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.transcriber.close()


@pytest.mark.parametrize("state", [RecordingState.RECORDING, RecordingState.SAVING, RecordingState.ERROR])
async def test_only_complete_recordings(world: World, state: RecordingState) -> None:
    with pytest.raises(RecordingNotComplete):
        await world.transcriber.transcribe(world.recording(state=state))


async def test_only_wav(world: World) -> None:
    with pytest.raises(RecordingNotTranscribable):
        await world.transcriber.transcribe(world.recording(media_name="c-old-1.mp3"))
    assert world.log.transcriptions == {}


async def test_a_request_is_stored_then_made_then_told(world: World) -> None:
    world.old_call()
    made = await world.transcriber.transcribe(world.recording())
    assert world.states() == [TranscriptionState.TRANSCRIBING]
    assert made.duration_ms == 11_000
    world.transcriber.start()
    await until(lambda: world.states() == [TranscriptionState.COMPLETED])
    (done,) = world.log.transcriptions.values()
    assert (done.excerpt, done.text_chars) == ("hello", 5)
    assert world.log.facts[CallId("c-old")] == [TranscriptionFinished(done)]


async def test_a_transcription_whose_call_is_unknown_is_stored_all_the_same(world: World) -> None:
    await world.transcriber.transcribe(world.recording())
    world.transcriber.start()
    await until(lambda: world.states() == [TranscriptionState.COMPLETED])


@pytest.mark.parametrize("failure", [TranscriptionFailed("it hung"), OSError("the disk is full")])
async def test_what_fails_is_told_and_the_next_one_is_made(world: World, failure: Exception) -> None:
    world.old_call()
    world.ear.failure = failure
    first = await world.transcriber.transcribe(world.recording())
    world.transcriber.start()
    await until(lambda: world.log.transcriptions[first.id].state is TranscriptionState.ERROR)
    world.ear.failure = None
    second = await world.transcriber.transcribe(world.recording())
    await until(lambda: world.log.transcriptions[second.id].state is TranscriptionState.COMPLETED)
    facts = world.log.facts[CallId("c-old")]
    assert [fact.transcription.state for fact in facts if isinstance(fact, TranscriptionFinished)] == [
        TranscriptionState.ERROR,
        TranscriptionState.COMPLETED,
    ]


async def test_a_recording_that_is_gone_fails(world: World) -> None:
    made = await world.transcriber.transcribe(world.recording())
    world.log.recordings.clear()
    world.transcriber.start()
    await until(lambda: world.log.transcriptions[made.id].state is TranscriptionState.ERROR)
    assert world.ear.heard == []


async def test_a_result_is_stored_once_the_log_works_again(world: World) -> None:
    world.old_call()
    await world.transcriber.transcribe(world.recording())
    world.log.failures = 1
    world.transcriber.start()
    await until(lambda: world.states() == [TranscriptionState.COMPLETED])
    assert len(world.log.facts[CallId("c-old")]) == 1


async def test_what_was_left_unfinished_is_made_after_a_restart(world: World) -> None:
    left = world.rules.begin(world.recording(), AT)
    await world.log.commit(UnitOfWork(transcriptions=(left,)))
    world.transcriber.start()
    await until(lambda: world.states() == [TranscriptionState.COMPLETED])


async def test_what_is_under_way_at_a_stop_stays_unfinished(world: World) -> None:
    world.ear.gate.clear()
    await world.transcriber.transcribe(world.recording())
    world.transcriber.start()
    await until(lambda: len(world.ear.heard) == 1)
    await world.transcriber.close()
    assert world.states() == [TranscriptionState.TRANSCRIBING]


async def test_many_of_one_account_do_not_hold_up_another(world: World) -> None:
    for account in (ME, ME, ME, OTHER):
        await world.transcriber.transcribe(world.recording(account_id=account))
    world.transcriber.start()
    await until(lambda: set(world.states()) == {TranscriptionState.COMPLETED})
    assert [item.account_id for item in world.ear.heard] == [ME, OTHER, ME, ME]


async def test_the_queue_is_bounded(world: World) -> None:
    for _ in range(MAX_WAITING):
        await world.transcriber.transcribe(world.recording())
    with pytest.raises(Overloaded):
        await world.transcriber.transcribe(world.recording())
    assert len(world.log.transcriptions) == MAX_WAITING


async def test_an_event_may_go_somewhere_else(world: World) -> None:
    target = WebhookTarget(url="http://app.example/transcribed")
    made = await world.transcriber.transcribe(world.recording(), target)
    assert world.log.transcriptions[made.id].webhook == target


# --- by itself ------------------------------------------------------------------------------------------------------


async def record(world: World, *, is_transcribed: bool = True) -> tuple[CallId, RecordingId]:
    """A living call whose recording has just been saved."""
    leg = FakeLeg()
    listener = world.control.handle_incoming(IncomingCall(from_="+15550188", to=OURS, offer=DESCRIPTION), leg)
    assert listener is not None
    await until(lambda: len(world.log.calls) == 1)
    (call_id,) = world.log.calls
    actor = world.control.calls.get(call_id)
    assert actor is not None
    actor.status = replace(actor.status, call=replace(actor.status.call, is_transcribed=is_transcribed))
    command = UpdateCall(account_id=ME, call_id=call_id, state=CallState.ANSWERED, is_recording=True)
    await world.control.update(command)
    await world.control.update(UpdateCall(account_id=ME, call_id=call_id, is_recording=False))
    (recording_id,) = world.log.recordings
    await until(lambda: world.log.recordings[recording_id].state is RecordingState.COMPLETE)
    return call_id, recording_id


async def test_a_recording_of_a_transcribed_call_is_transcribed(world: World) -> None:
    """Stored in the same unit of work as the recording's end, so that no crash can come between."""
    units: list[UnitOfWork] = []
    world.log.on_commit = units.append
    call_id, recording_id = await record(world)
    (made,) = world.log.transcriptions.values()
    assert (made.recording_id, made.call_id, made.duration_ms) == (recording_id, call_id, 1000)
    (unit,) = [unit for unit in units if unit.transcriptions]
    assert [recording.state for recording in unit.recordings] == [RecordingState.COMPLETE]
    world.transcriber.start()
    await until(lambda: world.states() == [TranscriptionState.COMPLETED])
    finished, told = world.log.facts[call_id][-2:]
    assert isinstance(finished, RecordingFinished) and isinstance(told, TranscriptionFinished)
    assert world.control.calls.get(call_id) is not None, "the call goes on"


async def test_a_recording_of_another_call_is_not(world: World) -> None:
    await record(world, is_transcribed=False)
    assert world.log.transcriptions == {}


async def test_a_text_that_is_done_after_the_call(world: World) -> None:
    """The facts of a call are numbered without gaps, whoever stores them; FakeLog checks that."""
    world.ear.gate.clear()
    call_id, _ = await record(world)
    world.transcriber.start()
    await until(lambda: len(world.ear.heard) == 1)
    await world.control.update(UpdateCall(account_id=ME, call_id=call_id, state=CallState.ENDED))
    await until(lambda: world.control.calls.get(call_id) is None)
    world.ear.gate.set()
    await until(lambda: world.states() == [TranscriptionState.COMPLETED])
    ended, told = world.log.facts[call_id][-2:]
    assert isinstance(ended, Ended) and isinstance(told, TranscriptionFinished)


async def test_a_text_that_is_done_while_the_call_ends(world: World) -> None:
    """The note is in the actor's inbox when the actor ends: it is stored from beside then."""
    call_id, _ = await record(world)
    actor = world.control.calls.get(call_id)
    assert actor is not None
    (made,) = world.log.transcriptions.values()
    notes = CallNotes(world.control.calls, world.log, world.log)
    ending = asyncio.create_task(
        world.control.update(UpdateCall(account_id=ME, call_id=call_id, state=CallState.ENDED))
    )
    await asyncio.sleep(0)
    await notes.add(call_id, TranscriptionFinished(made), made)
    await ending
    facts = world.log.facts[call_id]
    assert sum(isinstance(fact, TranscriptionFinished) for fact in facts) == 1


async def test_salvaged_recordings_are_transcribed_too(world: World) -> None:
    call = world.old_call(is_transcribed=True)
    left = world.recording(call_id=call.id, state=RecordingState.RECORDING, ended_at=None)
    recovery = Recovery(
        world.control.machine, world.log, world.log, world.signalling, world.finisher, world.clock, world.rules
    )
    assert await recovery.save_recordings([left]) == 1
    (made,) = world.log.transcriptions.values()
    assert made.recording_id == left.id
