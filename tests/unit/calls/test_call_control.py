"""Call control with fake planes: what clients and peers do, and what they may rely on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from trebuchet.base.ids import AccountId, CallId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.calls.commands import (
    AlreadyRecording,
    CallerIdNotAllowed,
    CallFailed,
    CallNotFound,
    CannotCall,
    CreateCall,
    NoNumbers,
    NumberNotOwned,
    Overloaded,
    RecordingLimitLocked,
    RecordingLimitTooLong,
    Transfer,
    TransferFailed,
    UpdateCall,
    WrongCallState,
)
from trebuchet.calls.control import CallControl
from trebuchet.calls.interfaces import (
    CallPolicy,
    IncomingCall,
    LegListener,
    LogUnavailable,
    PromptUnreachable,
    StopReason,
)
from trebuchet.calls.recovery import Recovery
from trebuchet.model.call import CallState, WebhookTarget
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import (
    Answered,
    Arrived,
    Created,
    DigitPressed,
    Ended,
    RecordingFinished,
    RingTimedOut,
    TransferChanged,
)
from trebuchet.model.media_description import Codec
from trebuchet.model.prompt import Sentence
from trebuchet.model.recording import RecordingFormat, RecordingSettings, RecordingState
from trebuchet.testing.clock import VirtualClock
from trebuchet.testing.fakes import (
    DESCRIPTION,
    FakeDirectory,
    FakeFinisher,
    FakeLeg,
    FakeLog,
    FakeMedia,
    FakePort,
    FakePrompts,
    FakeSignalling,
    application,
)

ME = AccountId("u-me")
OURS, CALLER, AGENT = "+15550100", "+15550188", "+15550177"


@dataclass
class World:
    signalling: FakeSignalling
    media: FakeMedia
    prompts: FakePrompts
    log: FakeLog
    directory: FakeDirectory
    finisher: FakeFinisher
    control: CallControl

    async def incoming(self, **more: object) -> tuple[CallId, FakeLeg, LegListener]:
        """A call from CALLER to OURS that has reached its application."""
        leg, known = FakeLeg(), set(self.log.calls)
        incoming = IncomingCall(from_=CALLER, to=OURS, offer=DESCRIPTION)
        listener = self.control.handle_incoming(replace(incoming, **more), leg)  # type: ignore[arg-type]  # kwargs of the dataclass
        assert listener is not None
        await until(lambda: set(self.log.calls) != known)
        (call_id,) = set(self.log.calls) - known
        return call_id, leg, listener

    async def answered(self, **more: object) -> tuple[CallId, FakeLeg, LegListener]:
        call_id, leg, listener = await self.incoming(**more)
        await self.update(call_id, state=CallState.ANSWERED)
        return call_id, leg, listener

    async def update(self, call_id: CallId, **more: object) -> CallId | None:
        command = UpdateCall(account_id=ME, call_id=call_id)
        return await self.control.update(replace(command, **more))  # type: ignore[arg-type]  # kwargs of the dataclass

    async def transfer(self, call_id: CallId, to: str = AGENT, **more: object) -> CallId:
        transfer = Transfer(to=to, **more)  # type: ignore[arg-type]  # kwargs of the dataclass
        new = await self.update(call_id, state=CallState.TRANSFERRING, transfer=transfer)
        assert new is not None
        return new

    def state(self, call_id: CallId) -> CallState:
        return self.log.calls[call_id].state

    def port(self, call_id: CallId) -> FakePort:
        actor = self.control.calls.get(call_id)
        assert actor is not None and isinstance(actor.port, FakePort)
        return actor.port

    async def reaches(self, call_id: CallId, state: CallState) -> None:
        await until(lambda: self.state(call_id) is state)


async def until(condition: Callable[[], bool]) -> None:
    """Let everything run until the condition holds; a bound, not a wait: nothing here takes time."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def world() -> World:
    signalling, media, prompts, log = FakeSignalling(), FakeMedia(), FakePrompts(), FakeLog()
    directory, finisher = FakeDirectory(), FakeFinisher()
    directory.add(ME, OURS, application(ME))
    control = CallControl(
        signalling=signalling,
        media=media,
        prompts=prompts,
        log=log,
        directory=directory,
        archive=log,
        finisher=finisher,
        ids=Ids(SeededRand(1)),
        clock=VirtualClock(),
        policy=CallPolicy(),
    )
    return World(signalling, media, prompts, log, directory, finisher, control)


# --- incoming calls -------------------------------------------------------------------------------------------------


async def test_incoming_call_rings_and_waits_for_the_application(world: World) -> None:
    call_id, leg, _ = await world.incoming()
    assert leg.said == ["ring"]
    assert world.state(call_id) is CallState.RINGING
    assert world.log.facts[call_id] == [Created(), Arrived()]


async def test_answer_is_in_force_and_stored_when_it_returns(world: World) -> None:
    call_id, leg, _ = await world.incoming()
    await world.update(call_id, state=CallState.ANSWERED)
    assert leg.said == ["ring", "answer"]
    assert world.state(call_id) is CallState.ANSWERED
    assert world.log.facts[call_id][-1] == Answered()
    assert world.log.calls[call_id].dialog == b"dialog"


async def test_auto_answer_stores_arrival_and_answer_together(world: World) -> None:
    world.directory.add(ME, OURS, application(ME, auto_answer=True))
    call_id, leg, _ = await world.incoming()
    assert leg.said == ["ring", "answer"]
    assert world.log.facts[call_id] == [Created(), Arrived(), Answered()]


async def test_reject(world: World) -> None:
    call_id, leg, _ = await world.incoming()
    await world.update(call_id, state=CallState.REJECTED)
    assert leg.said == ["ring", "reject declined"]
    assert world.state(call_id) is CallState.REJECTED
    assert world.log.facts[call_id][-1] == Ended(Cause.DECLINED)
    await until(lambda: len(world.control.calls) == 0)


async def test_caller_gives_up(world: World) -> None:
    call_id, _, listener = await world.incoming()
    listener.handle_ended(Cause.CANCELLED, Blame.PEER, None)
    await world.reaches(call_id, CallState.ENDED)
    assert world.log.facts[call_id][-1] == Ended(Cause.CANCELLED)


async def test_nobody_answers(world: World) -> None:
    call_id, leg, _ = await world.incoming()
    actor = world.control.calls.get(call_id)
    assert actor is not None
    from trebuchet.calls.stimuli import RingExpired

    actor.tell(RingExpired())
    await world.reaches(call_id, CallState.ENDED)
    assert leg.said[-1] == "hang up"
    assert world.log.facts[call_id][-2:] == [RingTimedOut(), Ended(Cause.NO_ANSWER)]


async def test_unknown_number_is_not_found(world: World) -> None:
    leg = FakeLeg()
    world.control.handle_incoming(IncomingCall(from_=CALLER, to="+15559999", offer=DESCRIPTION), leg)
    await until(lambda: leg.said == ["reject not-found"])
    assert not world.log.calls


async def test_number_without_application_is_refused_and_reported(world: World) -> None:
    world.directory.add(ME, OURS, None)
    leg = FakeLeg()
    world.control.handle_incoming(IncomingCall(from_=CALLER, to=OURS, offer=DESCRIPTION), leg)
    await until(lambda: leg.said == ["reject unavailable"] and bool(world.log.errors))
    assert world.log.errors[0].code == "no-application-for-number"


async def test_application_without_url_is_refused_and_reported(world: World) -> None:
    world.directory.add(ME, OURS, application(ME, incoming_call_url=None))
    leg = FakeLeg()
    world.control.handle_incoming(IncomingCall(from_=CALLER, to=OURS, offer=DESCRIPTION), leg)
    await until(lambda: bool(world.log.errors))
    assert world.log.errors[0].code == "no-callback-for-call"


async def test_offer_without_a_common_codec(world: World) -> None:
    leg = FakeLeg()
    offer = replace(DESCRIPTION, codecs=(Codec("G729", 18),))
    world.control.handle_incoming(IncomingCall(from_=CALLER, to=OURS, offer=offer), leg)
    await until(lambda: leg.said == ["reject not-acceptable"])
    assert world.media.ports[0].is_closed


async def test_no_room_refuses_early(world: World) -> None:
    world.media.load = 0.95
    leg = FakeLeg()
    assert world.control.handle_incoming(IncomingCall(from_=CALLER, to=OURS, offer=DESCRIPTION), leg) is None
    assert leg.said == ["reject overloaded"]


async def test_no_port_refuses(world: World) -> None:
    world.media.is_exhausted = True
    leg = FakeLeg()
    world.control.handle_incoming(IncomingCall(from_=CALLER, to=OURS, offer=DESCRIPTION), leg)
    await until(lambda: leg.said == ["reject overloaded"])


async def test_call_that_cannot_be_stored_is_refused(world: World) -> None:
    world.log.failures = 1
    leg = FakeLeg()
    world.control.handle_incoming(IncomingCall(from_=CALLER, to=OURS, offer=DESCRIPTION), leg)
    await until(lambda: leg.said == ["ring", "reject overloaded"])
    assert len(world.control.calls) == 0 and not world.log.calls


async def test_offerless_invite_is_answered_with_our_offer(world: World) -> None:
    call_id, leg, listener = await world.answered(offer=None)
    assert leg.said == ["ring", "answer"]
    listener.handle_confirmed(DESCRIPTION)
    assert "accept" in world.port(call_id).did
    listener.handle_confirmed(None)
    await world.reaches(call_id, CallState.ENDED)


async def test_undeliverable_call_goes_to_the_fallback_number(world: World) -> None:
    world.directory.add(ME, OURS, application(ME), fallback_number=AGENT)
    call_id, leg, _ = await world.incoming()
    await world.control.handle_undeliverable(call_id)
    assert leg.said == ["ring", "answer"]
    assert world.state(call_id) is CallState.TRANSFERRING
    assert world.signalling.legs[0].invite is not None and world.signalling.legs[0].invite.to == AGENT


async def test_undeliverable_call_without_fallback_keeps_ringing(world: World) -> None:
    call_id, leg, _ = await world.incoming()
    await world.control.handle_undeliverable(call_id)
    assert leg.said == ["ring"] and world.state(call_id) is CallState.RINGING


# --- hang-up and peers ----------------------------------------------------------------------------------------------


async def test_hang_up(world: World) -> None:
    call_id, leg, _ = await world.answered()
    port = world.port(call_id)
    await world.update(call_id, state=CallState.ENDED)
    assert leg.said[-1] == "hang up" and port.is_closed
    assert world.log.facts[call_id][-1] == Ended(Cause.HANGUP)
    with pytest.raises(WrongCallState):
        await world.update(call_id, state=CallState.ENDED)


async def test_peer_hangs_up(world: World) -> None:
    call_id, leg, listener = await world.answered()
    listener.handle_ended(Cause.HANGUP, Blame.PEER, "BYE")
    await world.reaches(call_id, CallState.ENDED)
    assert "hang up" not in leg.said[:-1]
    assert world.log.calls[call_id].dialog is None


async def test_digits_are_logged_while_the_call_is_up(world: World) -> None:
    call_id, _, listener = await world.incoming()
    listener.handle_digit("1", 100)
    await world.update(call_id, state=CallState.ANSWERED)
    listener.handle_digit("2", 120)
    await until(lambda: DigitPressed("2", 120) in world.log.facts[call_id])
    assert DigitPressed("1", 100) not in world.log.facts[call_id]


async def test_lost_media_ends_the_call_with_its_cause(world: World) -> None:
    call_id, leg, _ = await world.answered()
    world.port(call_id).listener.handle_media_timeout()
    await world.reaches(call_id, CallState.ENDED)
    assert world.log.calls[call_id].cause is Cause.MEDIA_TIMEOUT and leg.said[-1] == "hang up"


async def test_an_end_is_stored_once_the_log_works_again(world: World) -> None:
    call_id, _, listener = await world.answered()
    world.log.failures = 2
    listener.handle_ended(Cause.HANGUP, Blame.PEER, None)
    await world.reaches(call_id, CallState.ENDED)


async def test_a_command_that_cannot_be_stored_changes_nothing(world: World) -> None:
    call_id, leg, _ = await world.incoming()
    world.log.failures = 1
    with pytest.raises(LogUnavailable):
        await world.update(call_id, state=CallState.ANSWERED)
    assert leg.said == ["ring"] and world.state(call_id) is CallState.RINGING
    await world.update(call_id, state=CallState.ANSWERED)
    assert leg.said == ["ring", "answer"]


async def test_an_error_of_ours_ends_that_call_alone(world: World) -> None:
    broken, leg, listener = await world.answered()
    healthy, _, _ = await world.answered()

    def explode(unit: object) -> None:
        world.log.on_commit = None
        raise RuntimeError("an error of ours")

    world.log.on_commit = explode
    listener.handle_digit("1", None)
    await until(lambda: world.log.calls[broken].state is CallState.ENDED)
    assert world.log.calls[broken].cause is Cause.INTERNAL and leg.said[-1] == "hang up"
    assert world.state(healthy) is CallState.ANSWERED


# --- recording ------------------------------------------------------------------------------------------------------


async def test_recording_on_off_twice_gives_two_recordings(world: World) -> None:
    call_id, _, _ = await world.answered()
    for n in (1, 2):
        await world.update(call_id, is_recording=True)
        assert world.log.calls[call_id].recording.is_enabled
        assert world.port(call_id).did[-1] == f"record {call_id}-{n}.wav 3600"
        await world.update(call_id, is_recording=False)
        assert not world.log.calls[call_id].recording.is_enabled
    done = RecordingState.COMPLETE
    await until(lambda: [r.state for r in world.log.recordings.values()] == [done, done])
    finished = [fact for fact in world.log.facts[call_id] if isinstance(fact, RecordingFinished)]
    assert len(finished) == 2 and all(fact.is_complete for fact in finished)
    assert all(recording.duration_ms == 1000 for recording in world.log.recordings.values())


async def test_recording_asked_for_before_the_answer_starts_with_it(world: World) -> None:
    call_id, _, _ = await world.incoming()
    await world.update(call_id, is_recording=True, recording_format=RecordingFormat.MP3)
    assert not world.log.recordings
    await world.update(call_id, state=CallState.ANSWERED)
    assert world.port(call_id).did[-1] == f"record {call_id}-1.mp3 3600"


async def test_recording_and_answer_in_one_request(world: World) -> None:
    call_id, leg, _ = await world.incoming()
    await world.update(call_id, is_recording=True, state=CallState.ANSWERED)
    assert leg.said[-1] == "answer" and world.port(call_id).recording_id is not None


async def test_recording_conflicts_change_nothing(world: World) -> None:
    call_id, _, _ = await world.answered()
    await world.update(call_id, is_recording=True)
    with pytest.raises(AlreadyRecording):
        await world.update(call_id, is_recording=True)
    with pytest.raises(RecordingLimitLocked):
        await world.update(call_id, recording_max_duration_s=10)
    with pytest.raises(AlreadyRecording):
        await world.update(call_id, is_recording=True, state=CallState.ENDED)
    assert world.state(call_id) is CallState.ANSWERED and len(world.log.recordings) == 1


async def test_recording_limits(world: World) -> None:
    call_id, _, _ = await world.answered()
    with pytest.raises(RecordingLimitTooLong):
        await world.update(call_id, recording_max_duration_s=3601)
    await world.update(call_id, recording_max_duration_s=5, is_recording=True)
    assert world.port(call_id).did[-1].endswith(" 5")


async def test_reaching_the_limit_ends_the_recording_and_not_the_call(world: World) -> None:
    call_id, _, _ = await world.answered()
    await world.update(call_id, is_recording=True)
    world.port(call_id).stop_recorder(StopReason.MAX_DURATION)
    await until(lambda: isinstance(world.log.facts[call_id][-1], RecordingFinished))
    assert world.state(call_id) is CallState.ANSWERED
    assert not world.log.calls[call_id].recording.is_enabled


async def test_failed_recording_is_reported_as_an_error(world: World) -> None:
    call_id, _, _ = await world.answered()
    await world.update(call_id, is_recording=True)
    world.port(call_id).stop_recorder(StopReason.FAILED)
    await until(lambda: isinstance(world.log.facts[call_id][-1], RecordingFinished))
    (recording,) = world.log.recordings.values()
    assert recording.state is RecordingState.ERROR and world.state(call_id) is CallState.ANSWERED


async def test_hang_up_ends_a_running_recording(world: World) -> None:
    call_id, _, listener = await world.answered()
    await world.update(call_id, is_recording=True)
    listener.handle_ended(Cause.HANGUP, Blame.PEER, None)
    await until(lambda: isinstance(world.log.facts[call_id][-1], RecordingFinished))
    assert isinstance(world.log.facts[call_id][-2], Ended)
    assert world.log.calls[call_id].recording.is_enabled, "the last value set stays readable"
    await until(lambda: len(world.control.calls) == 0)


async def test_recording_keys_on_a_finished_call(world: World) -> None:
    call_id, _, _ = await world.answered()
    await world.update(call_id, state=CallState.ENDED)
    await until(lambda: len(world.control.calls) == 0)
    await world.update(call_id)
    await world.update(call_id, is_recording=False)
    with pytest.raises(WrongCallState):
        await world.update(call_id, is_recording=True)
    with pytest.raises(WrongCallState):
        await world.update(call_id, recording_max_duration_s=5)


# --- transfer -------------------------------------------------------------------------------------------------------


async def test_transfer_with_whisper(world: World) -> None:
    call_id, leg, _ = await world.answered()
    new = await world.transfer(call_id, whisper=Sentence(text="Hello"), webhook_url="http://app.example/agent")
    assert world.state(call_id) is CallState.TRANSFERRING and world.state(new) is CallState.RINGING
    assert "ringback" in world.port(call_id).did
    callee = world.signalling.legs[0]
    assert callee.invite is not None and callee.listener is not None
    assert (callee.invite.from_, callee.invite.to, callee.invite.trunk) == (CALLER, AGENT, "carrier")
    target = world.log.calls[new].webhook
    assert target == WebhookTarget(url="http://app.example/agent", timeout_ms=10_000)

    callee.listener.handle_answered(DESCRIPTION)
    await world.reaches(new, CallState.ANSWERED)
    assert world.port(new).did[-1] == "play prompt.pcm"
    assert world.port(new).connected is None and world.state(call_id) is CallState.TRANSFERRING

    world.port(new).listener.handle_playback_done(1)
    await world.reaches(call_id, CallState.ANSWERED)
    assert world.port(call_id).connected is world.port(new)
    assert world.port(call_id).did[-2:] == ["stop playback", "connect"]
    assert world.log.facts[call_id][-1] == TransferChanged("connected", new)
    assert leg.said == ["ring", "answer"]


async def connected(world: World) -> tuple[CallId, LegListener, CallId, FakeLeg]:
    call_id, _, listener = await world.answered()
    new = await world.transfer(call_id)
    callee = world.signalling.legs[-1]
    assert callee.listener is not None
    callee.listener.handle_answered(DESCRIPTION)
    await world.reaches(call_id, CallState.ANSWERED)
    return call_id, listener, new, callee


async def test_after_a_transfer_either_side_ends_both(world: World) -> None:
    call_id, listener, new, callee = await connected(world)
    listener.handle_ended(Cause.HANGUP, Blame.PEER, None)
    await world.reaches(new, CallState.ENDED)
    assert callee.said == ["hang up"] and world.state(call_id) is CallState.ENDED

    call_id, listener, new, callee = await connected(world)
    assert callee.listener is not None
    callee.listener.handle_ended(Cause.HANGUP, Blame.PEER, None)
    await world.reaches(call_id, CallState.ENDED)
    assert world.log.facts[call_id][-1] == Ended(Cause.HANGUP)


async def test_failed_transfer_gives_the_caller_back_alive(world: World) -> None:
    call_id, leg, _ = await world.answered()
    new = await world.transfer(call_id)
    callee = world.signalling.legs[0]
    assert callee.listener is not None
    callee.listener.handle_ended(Cause.BUSY, Blame.PEER, "486 Busy Here")
    await world.reaches(call_id, CallState.ANSWERED)
    assert world.log.facts[new][-1] == Ended(Cause.BUSY, "486 Busy Here")
    assert world.port(call_id).did[-1] == "stop playback" and leg.said == ["ring", "answer"]
    await world.transfer(call_id, "+15550199")
    assert world.state(call_id) is CallState.TRANSFERRING


async def test_caller_hangs_up_during_a_transfer(world: World) -> None:
    call_id, _, listener = await world.answered()
    new = await world.transfer(call_id)
    listener.handle_ended(Cause.HANGUP, Blame.PEER, None)
    await world.reaches(new, CallState.ENDED)
    assert world.signalling.legs[0].said == ["hang up"]
    assert world.log.calls[new].cause is Cause.CANCELLED


async def test_hang_up_by_api_during_a_transfer_ends_both(world: World) -> None:
    call_id, leg, _ = await world.answered()
    new = await world.transfer(call_id)
    await world.update(call_id, state=CallState.ENDED)
    await world.reaches(new, CallState.ENDED)
    assert leg.said[-1] == "hang up"


async def test_second_transfer_releases_the_first_party_when_connected(world: World) -> None:
    call_id, _, first, first_leg = await connected(world)
    second = await world.transfer(call_id, "+15550199")
    assert world.port(call_id).connected is None
    callee = world.signalling.legs[-1]
    assert callee.listener is not None
    callee.listener.handle_answered(DESCRIPTION)
    await world.reaches(first, CallState.ENDED)
    assert first_leg.said == ["hang up"] and world.port(call_id).connected is world.port(second)


async def test_failed_second_transfer_rejoins_the_first_party(world: World) -> None:
    call_id, _, first, _ = await connected(world)
    await world.transfer(call_id, "+15550199")
    callee = world.signalling.legs[-1]
    assert callee.listener is not None
    callee.listener.handle_ended(Cause.NO_ANSWER, Blame.PEER, None)
    await world.reaches(call_id, CallState.ANSWERED)
    assert world.port(call_id).connected is world.port(first)


async def test_transfer_of_a_call_that_is_not_answered(world: World) -> None:
    call_id, _, _ = await world.incoming()
    with pytest.raises(WrongCallState):
        await world.transfer(call_id)
    assert not world.signalling.legs and len(world.control.calls) == 1


async def test_transfer_that_cannot_be_dialled_changes_nothing(world: World) -> None:
    call_id, _, _ = await world.answered()
    world.signalling.unroutable.add(AGENT)
    with pytest.raises(CannotCall):
        await world.transfer(call_id)
    world.prompts.error = PromptUnreachable("http://files.example/a.wav")
    with pytest.raises(PromptUnreachable):
        await world.transfer(call_id, "+15550199", whisper=Sentence(text="Hello"))
    assert world.state(call_id) is CallState.ANSWERED and len(world.log.calls) == 1


async def test_transfer_whose_invite_cannot_be_sent(world: World) -> None:
    call_id, _, _ = await world.answered()
    world.signalling.failing.add(AGENT)
    with pytest.raises(TransferFailed):
        await world.transfer(call_id)
    await world.reaches(call_id, CallState.ANSWERED)
    (new,) = set(world.log.calls) - {call_id}
    assert world.log.calls[new].cause is Cause.TEMPORARY_FAILURE


async def test_transfer_that_cannot_be_stored_sends_nothing(world: World) -> None:
    call_id, _, _ = await world.answered()
    world.log.failures = 1
    with pytest.raises(LogUnavailable):
        await world.transfer(call_id)
    assert not world.signalling.legs and len(world.control.calls) == 1
    assert world.media.ports[-1].is_closed and world.state(call_id) is CallState.ANSWERED


@pytest.mark.parametrize(
    ("caller_id", "shown", "is_private"),
    [(None, CALLER, False), (CALLER, CALLER, False), (OURS, OURS, False), ("Private", "private", True)],
)
async def test_caller_id_of_an_incoming_call(world: World, caller_id: str | None, shown: str, is_private: bool) -> None:
    call_id, _, _ = await world.answered()
    new = await world.transfer(call_id, caller_id=caller_id)
    invite = world.signalling.legs[0].invite
    assert invite is not None and invite.is_private is is_private
    assert world.log.calls[new].from_ == shown


async def test_foreign_caller_id_is_refused(world: World) -> None:
    call_id, _, _ = await world.answered()
    with pytest.raises(CallerIdNotAllowed):
        await world.transfer(call_id, caller_id="+15559999")


async def test_outgoing_call_may_not_show_the_callee(world: World) -> None:
    call_id = await world.control.create(CreateCall(account_id=ME, from_=OURS, to=CALLER))
    listener = world.signalling.legs[0].listener
    assert listener is not None
    listener.handle_answered(DESCRIPTION)
    await world.reaches(call_id, CallState.ANSWERED)
    with pytest.raises(CallerIdNotAllowed):
        await world.transfer(call_id, caller_id=CALLER)
    new = await world.transfer(call_id)
    assert world.log.calls[new].from_ == OURS


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [
        ("none", ()),
        ("propagate", ("<sip:+1999@x>;reason=unknown",)),
        ("stack", (f"<sip:{OURS}@us>;reason=away;counter=1", "<sip:+1999@x>;reason=unknown")),
    ],
)
async def test_diversion(world: World, treatment: str, expected: tuple[str, ...]) -> None:
    call_id, _, _ = await world.answered(
        diversion_headers=("<sip:+1999@x>;reason=unknown",), request_uri=f"sip:{OURS}@us"
    )
    await world.transfer(call_id, diversion_treatment=treatment, diversion_reason="away")
    invite = world.signalling.legs[0].invite
    assert invite is not None and invite.diversion_headers == expected


# --- outgoing calls -------------------------------------------------------------------------------------------------


async def test_create_is_stored_before_it_is_dialled(world: World) -> None:
    dialled_at_commit: list[int] = []
    world.log.on_commit = lambda unit: dialled_at_commit.append(len(world.signalling.legs))
    settings = RecordingSettings(is_enabled=True)
    call_id = await world.control.create(CreateCall(account_id=ME, from_=OURS, to=AGENT, recording=settings))
    assert dialled_at_commit == [0] and len(world.signalling.legs) == 1
    listener = world.signalling.legs[0].listener
    assert listener is not None
    listener.handle_ringing()
    listener.handle_answered(DESCRIPTION)
    await world.reaches(call_id, CallState.ANSWERED)
    assert world.port(call_id).recording_id is not None


@pytest.mark.parametrize(("cause", "state"), [(Cause.BUSY, CallState.ENDED), (Cause.DECLINED, CallState.REJECTED)])
async def test_callee_refuses(world: World, cause: Cause, state: CallState) -> None:
    call_id = await world.control.create(CreateCall(account_id=ME, from_=OURS, to=AGENT))
    listener = world.signalling.legs[0].listener
    assert listener is not None
    listener.handle_ended(cause, Blame.PEER, None)
    await world.reaches(call_id, state)


async def test_hang_up_before_the_answer_cancels(world: World) -> None:
    call_id = await world.control.create(CreateCall(account_id=ME, from_=OURS, to=AGENT))
    with pytest.raises(WrongCallState):
        await world.update(call_id, state=CallState.ANSWERED)
    await world.update(call_id, state=CallState.ENDED)
    assert world.log.calls[call_id].cause is Cause.CANCELLED
    assert world.signalling.legs[0].said == ["hang up"]


async def test_answer_without_audio_ends_the_call(world: World) -> None:
    call_id = await world.control.create(CreateCall(account_id=ME, from_=OURS, to=AGENT))
    leg = world.signalling.legs[0]
    assert leg.listener is not None
    leg.listener.handle_answered(None)
    await world.reaches(call_id, CallState.ENDED)
    assert leg.said == ["hang up"]


async def test_create_refusals(world: World) -> None:
    with pytest.raises(NoNumbers):
        await world.control.create(CreateCall(account_id=AccountId("u-other"), from_=OURS, to=AGENT))
    with pytest.raises(NumberNotOwned):
        await world.control.create(CreateCall(account_id=ME, from_=AGENT, to=AGENT))
    too_long = RecordingSettings(max_duration_s=3601)
    with pytest.raises(RecordingLimitTooLong):
        await world.control.create(CreateCall(account_id=ME, from_=OURS, to=AGENT, recording=too_long))
    world.signalling.unroutable.add("sip:a@elsewhere.example")
    with pytest.raises(CannotCall):
        await world.control.create(CreateCall(account_id=ME, from_=OURS, to="sip:a@elsewhere.example"))
    world.control.begin_drain()
    with pytest.raises(Overloaded):
        await world.control.create(CreateCall(account_id=ME, from_=OURS, to=AGENT))
    assert not world.log.calls and len(world.control.calls) == 0


async def test_invite_that_cannot_be_sent_ends_the_stored_call(world: World) -> None:
    world.signalling.failing.add(AGENT)
    with pytest.raises(CallFailed):
        await world.control.create(CreateCall(account_id=ME, from_=OURS, to=AGENT))
    (call_id,) = world.log.calls
    await world.reaches(call_id, CallState.ENDED)


async def test_calls_of_others_do_not_exist(world: World) -> None:
    call_id, _, _ = await world.answered()
    with pytest.raises(CallNotFound):
        await world.control.update(UpdateCall(account_id=AccountId("u-other"), call_id=call_id))
    with pytest.raises(CallNotFound):
        await world.update(CallId("c-nope"))


# --- start and stop -------------------------------------------------------------------------------------------------


async def test_close_ends_what_outlives_the_drain(world: World) -> None:
    call_id, leg, _ = await world.answered()
    await world.control.close(0.01)
    assert world.log.calls[call_id].cause is Cause.SHUTDOWN and leg.said[-1] == "hang up"


async def test_close_waits_for_running_calls(world: World) -> None:
    call_id, _, listener = await world.answered()
    closing = asyncio.create_task(world.control.close(30))
    await asyncio.sleep(0)
    listener.handle_ended(Cause.HANGUP, Blame.PEER, None)
    await closing
    assert world.log.calls[call_id].cause is Cause.HANGUP


async def test_recovery_ends_calls_and_reports_recordings(world: World) -> None:
    call_id, _, _ = await world.answered()
    await world.update(call_id, is_recording=True)
    machine = world.control.machine
    recovery = Recovery(machine, world.log, world.log, world.signalling, world.finisher, VirtualClock())
    leftovers = await recovery.leftovers()
    assert await recovery.end_calls() == 1 and await recovery.save_recordings(leftovers) == 1
    assert world.log.calls[call_id].cause is Cause.RESTARTED
    assert world.signalling.hung_up == [b"dialog"]
    ended, finished = world.log.facts[call_id][-2:]
    assert isinstance(ended, Ended) and isinstance(finished, RecordingFinished)


async def test_recovery_goes_on_after_a_recording_that_cannot_be_stored(world: World) -> None:
    for _ in range(2):
        call_id, _, _ = await world.answered()
        await world.update(call_id, is_recording=True)
    recovery = Recovery(world.control.machine, world.log, world.log, world.signalling, world.finisher, VirtualClock())
    leftovers = await recovery.leftovers()
    await recovery.end_calls()
    world.log.failures = 1
    assert await recovery.save_recordings(leftovers) == 1
    states = sorted(recording.state for recording in world.log.recordings.values())
    assert states == [RecordingState.COMPLETE, RecordingState.RECORDING]
