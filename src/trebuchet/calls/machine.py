"""One call as a table: phase × stimulus → transition.

Theory. A call has one of six phases; `phase_of` reads them off the stored call, so nothing about a call's state lives
outside its row:

    OFFERED       incoming, not answered: the caller hears ringing, the application decides
    DIALLING      outgoing, not answered: our INVITE is out
    UP            answered
    TRANSFERRING  answered, and a new call, the target, is being set up for it
    REJECTED      refused before the answer; final
    ENDED         final

1. Final phases never change: commands are refused (`WrongCallState`), everything else is ignored.
2. A stimulus that the table does not name for a phase is refused if a client sent it, ignored if a plane did: planes
   report what is already over (a BYE that crosses our own), clients must be told.
3. The end of a call is one transition whatever the reason: gather, playback and recording are closed, the leg is told
   unless it is gone, the media port is closed, and every call tied to this one hears of it (`OtherEnded`) and decides
   for itself.
4. In a transfer the original call waits (TRANSFERRING) and the target asks to be joined once it was answered and has
   heard its whisper. Joining, failing and both hang-ups are therefore four ordinary stimuli of two ordinary calls;
   there is no third object that could be left over.

The transitions are pure: they return a `Step`, and the actor performs its effects after it is stored. The page
`docs/reference/call-states.md` is generated from `TABLE`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from trebuchet.base.values import frozen, replace
from trebuchet.calls import gather, keys, meeting, playback
from trebuchet.calls.commands import UpdateCall, WrongCallState
from trebuchet.calls.effects import (
    AnswerLeg,
    CloseMedia,
    Effect,
    HangUpLeg,
    Join,
    Leave,
    OfferJoin,
    PlayRingback,
    RejectLeg,
    StopPlayback,
    StopRingTimer,
    Tell,
)
from trebuchet.calls.interfaces import Refusal
from trebuchet.calls.recording import RecordingRules
from trebuchet.calls.step import Status, Step
from trebuchet.calls.stimuli import (
    Answer,
    BeginAudio,
    BeginGather,
    BeginRecording,
    CancelGather,
    DialDigits,
    EndAudio,
    EnterBridge,
    EnterConference,
    Fail,
    GatherExpired,
    HangUp,
    KeyPressed,
    LeaveMeeting,
    LegAnswered,
    LegEnded,
    LegRang,
    OtherEnded,
    PlaybackEnded,
    Reject,
    RingExpired,
    SilenceKeys,
    StartTransfer,
    Stimulus,
    TargetAnswered,
    TargetReady,
)
from trebuchet.model.call import Call, CallState, Direction
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import Answered, Ended, Fact, RingTimedOut, TransferChanged, TransferEnded
from trebuchet.model.recording import Recording, RecordingState


class Phase(StrEnum):
    OFFERED = "offered"
    DIALLING = "dialling"
    UP = "up"
    TRANSFERRING = "transferring"
    REJECTED = "rejected"
    ENDED = "ended"


def phase_of(call: Call) -> Phase:
    """The phase that a stored call is in."""
    if call.state is CallState.RINGING:
        return Phase.OFFERED if call.direction is Direction.IN else Phase.DIALLING
    return _PHASES[call.state]


_PHASES = {
    CallState.ANSWERED: Phase.UP,
    CallState.TRANSFERRING: Phase.TRANSFERRING,
    CallState.REJECTED: Phase.REJECTED,
    CallState.ENDED: Phase.ENDED,
}


class Machine:
    """Decides. Holds the rules that need ids or limits; keeps no state of any call."""

    def __init__(self, recordings: RecordingRules) -> None:
        self.recordings = recordings

    def decide(self, status: Status, stimulus: Stimulus, at: datetime) -> Step:
        """The step that follows. Raises `WrongCallState` for a command the phase does not allow."""
        transition = TABLE[phase_of(status.call)].get(type(stimulus))
        if transition is not None:
            return transition.make(self, status, stimulus, at)
        if isinstance(stimulus, COMMANDS):
            raise WrongCallState(status.call.id, status.call.state)
        return Step(status)

    def update(self, status: Status, command: UpdateCall, stimulus: Stimulus | None, at: datetime) -> Step:
        """A client's update: recording settings first, then the state. Everything or nothing."""
        step = self.recordings.update(status, command, at)
        if stimulus is None:
            return step
        return step.then(self.decide(step.status, stimulus, at))

    # --- transitions ------------------------------------------------------------------------------------------------

    def accept(self, status: Status, stimulus: Answer | LegAnswered, at: datetime) -> Step:
        """Answered: by the client's command, or by the callee of our INVITE."""
        at = max(at, status.call.created_at)  # the wall clock may have been set back meanwhile
        call = replace(status.call, state=CallState.ANSWERED, answered_at=at, dialog=stimulus.dialog)
        status = replace(status, call=call)
        effects: tuple[Effect, ...] = (StopRingTimer(),)
        if isinstance(stimulus, Answer):
            effects += (AnswerLeg(),)
        if status.other is not None:
            answered = TargetAnswered(call.id, call.from_, call.to)
            effects += (Tell(status.other, answered), OfferJoin(status.other))
        effects += meeting.tell_up(status)
        return Step(status, (Answered(),), (), effects).then(self.recordings.at_answer(status, at))

    def ring(self, status: Status, stimulus: LegRang, at: datetime) -> Step:
        """The callee rings: a restarted server could not cancel that without knowing."""
        return Step(replace(status, call=replace(status.call, dialog=stimulus.dialog)))

    def stay(self, status: Status, stimulus: Stimulus, at: datetime) -> Step:
        """Already so: nothing to do, nothing to refuse."""
        return Step(status)

    def refuse(self, status: Status, stimulus: Reject, at: datetime) -> Step:
        end = _Ending(Cause.DECLINED, Blame.CUSTOMER, CallState.REJECTED, RejectLeg(Refusal.DECLINED))
        return self._end(status, end, at)

    def hang_up(self, status: Status, stimulus: HangUp, at: datetime) -> Step:
        """The client ends the call: our own unanswered INVITE is a cancelled call, all else an ordinary hang-up."""
        cause = Cause.CANCELLED if phase_of(status.call) is Phase.DIALLING else Cause.HANGUP
        return self._end(status, _Ending(cause, Blame.CUSTOMER, leg=HangUpLeg()), at)

    def lose_leg(self, status: Status, stimulus: LegEnded, at: datetime) -> Step:
        """The leg is gone. A callee that declines makes a rejected call."""
        is_declined = stimulus.cause is Cause.DECLINED and phase_of(status.call) is Phase.DIALLING
        state = CallState.REJECTED if is_declined else CallState.ENDED
        return self._end(status, _Ending(stimulus.cause, stimulus.blame, state, detail=stimulus.detail), at)

    def expire(self, status: Status, stimulus: RingExpired, at: datetime) -> Step:
        end = _Ending(Cause.NO_ANSWER, Blame.PEER, leg=HangUpLeg(), before=(RingTimedOut(),))
        return self._end(status, end, at)

    def fail(self, status: Status, stimulus: Fail, at: datetime) -> Step:
        return self._end(status, _Ending(stimulus.cause, stimulus.blame, leg=HangUpLeg(), detail=stimulus.detail), at)

    def start_transfer(self, status: Status, stimulus: StartTransfer, at: datetime) -> Step:
        """Wait for the target with ringback; whoever was joined before is kept aside until it is decided."""
        quiet = meeting.leave_for_transfer(status)
        quiet = quiet.then(playback.take_off(quiet.status))
        call = replace(
            quiet.status.call, state=CallState.TRANSFERRING, transfer=stimulus.request, connected_to=stimulus.target
        )
        leave: tuple[Effect, ...] = (Leave(),) if status.other is not None else ()
        facts = (*quiet.facts, TransferChanged("started", stimulus.target))
        effects = (*quiet.effects, *leave, PlayRingback())
        status = replace(
            quiet.status, call=call, target=stimulus.target, also=stimulus.also, told=stimulus.told, partner=None
        )
        return Step(status, facts, (), effects)

    def choose_target(self, status: Status, stimulus: TargetAnswered, at: datetime) -> Step:
        """The first of several to answer is the one; the others ring no more."""
        if stimulus.other not in (status.target, *status.also):
            return Step(status)
        others = [other for other in (status.target, *status.also) if other not in (None, stimulus.other)]
        call = replace(status.call, connected_to=stimulus.other)
        partner = (stimulus.from_, stimulus.to)
        status = replace(status, call=call, target=stimulus.other, also=(), partner=partner)
        return Step(status, (), (), tuple(Tell(other, OtherEnded(call.id)) for other in others if other is not None))

    def join(self, status: Status, stimulus: TargetReady, at: datetime) -> Step:
        """The target can be joined: let both talk, and release whoever was joined before."""
        if stimulus.other != status.target:
            return Step(status)
        call = replace(status.call, state=CallState.ANSWERED)
        released: tuple[Effect, ...] = ()
        if status.other is not None:
            released = (Tell(status.other, OtherEnded(call.id)),)
        effects = (StopPlayback(), Join(stimulus.other), *released)
        fact = TransferChanged("connected", stimulus.other)
        return Step(replace(status, call=call, other=stimulus.other, target=None), (fact,), (), effects)

    def other_ended_transferring(self, status: Status, stimulus: OtherEnded, at: datetime) -> Step:
        """The target failed: the call is the application's again (and back with whom it had). Or the one kept aside
        hung up: the transfer goes on."""
        if stimulus.other == status.other:
            return Step(replace(status, other=None))
        if stimulus.other in status.also:
            return Step(replace(status, also=tuple(other for other in status.also if other != stimulus.other)))
        if stimulus.other != status.target:
            return Step(status)
        if status.also:
            call = replace(status.call, connected_to=status.also[0])
            return Step(replace(status, call=call, target=status.also[0], also=status.also[1:]))
        call = replace(status.call, state=CallState.ANSWERED, connected_to=status.other)
        back: tuple[Effect, ...] = (Join(status.other),) if status.other is not None else ()
        fact = TransferChanged("failed", stimulus.other)
        return Step(replace(status, call=call, target=None), (fact,), (), (StopPlayback(), *back))

    def record(self, status: Status, stimulus: BeginRecording, at: datetime) -> Step:
        return self.recordings.begin(status, stimulus, at)

    def other_ended(self, status: Status, stimulus: OtherEnded, at: datetime) -> Step:
        """The party we are joined with, or were dialled for, is gone: so are we."""
        if stimulus.other != status.other:
            return Step(status)
        cause = Cause.CANCELLED if phase_of(status.call) is Phase.DIALLING else Cause.HANGUP
        return self._end(replace(status, other=None), _Ending(cause, Blame.PEER, leg=HangUpLeg()), at)

    def _end(self, status: Status, end: "_Ending", at: datetime) -> Step:
        at = max(at, status.call.answered_at or status.call.created_at)
        silence = gather.end_with_call(status, at)
        status = silence.status
        call = replace(status.call, state=end.state, ended_at=at, cause=end.cause, blame=end.blame, dialog=None)
        recordings: tuple[Recording, ...] = ()
        if status.recording is not None:
            recordings = (replace(status.recording, state=RecordingState.SAVING, ended_at=at),)
        tied = [other for other in (status.other, status.target, *status.also) if other is not None]
        effects: list[Effect] = [StopRingTimer(), *silence.effects]
        if end.leg is not None:
            effects.append(end.leg)
        effects.append(CloseMedia())
        effects += [Tell(other, OtherEnded(call.id)) for other in tied]
        effects += meeting.tell_gone(status)
        facts = (*end.before, *silence.facts, *_parting(status), Ended(end.cause, end.detail))
        return Step(Status(call), facts, recordings, tuple(effects), silence.gathers)


def _parting(status: Status) -> tuple[Fact, ...]:
    """What is told of a connection that is over, if somebody asked for it."""
    if status.told is None or status.partner is None:
        return ()
    return (TransferEnded(*status.partner, status.told, status.call.tag),)


@frozen
class _Ending:
    cause: Cause
    blame: Blame
    state: CallState = CallState.ENDED
    leg: Effect | None = None
    """What the leg must be told; `None` when it is gone already."""
    before: tuple[Fact, ...] = ()
    detail: str | None = None


@frozen
class Transition:
    """One cell: the method that makes the step, and the phases it may lead to (for the diagram and its test)."""

    make: Callable[[Machine, Status, Any, datetime], Step]
    to: tuple[Phase, ...]


COMMANDS = (
    Answer,
    Reject,
    HangUp,
    StartTransfer,
    BeginAudio,
    EndAudio,
    DialDigits,
    BeginGather,
    BeginRecording,
    SilenceKeys,
    EnterBridge,
    EnterConference,
)
"""Stimuli that a client sends: refused where the table has no cell."""


def _stays(rule: Callable[[Status, Any, datetime], Step], *phases: Phase) -> Transition:
    """A rule of its own module that never changes the phase."""
    return Transition(lambda machine, status, stimulus, at: rule(status, stimulus, at), phases)


_HANG_UP = Transition(Machine.hang_up, (Phase.ENDED,))
_FAIL = Transition(Machine.fail, (Phase.ENDED,))
_LOSE = Transition(Machine.lose_leg, (Phase.ENDED,))
_EXPIRE = Transition(Machine.expire, (Phase.ENDED,))

TABLE: Mapping[Phase, Mapping[type[Stimulus], Transition]] = {
    Phase.OFFERED: {
        Answer: Transition(Machine.accept, (Phase.UP,)),
        Reject: Transition(Machine.refuse, (Phase.REJECTED,)),
        HangUp: _HANG_UP,
        LegEnded: _LOSE,
        RingExpired: _EXPIRE,
        Fail: _FAIL,
        EnterBridge: _stays(meeting.enter_bridge, Phase.OFFERED),
        LeaveMeeting: _stays(meeting.leave, Phase.OFFERED),
    },
    Phase.DIALLING: {
        HangUp: _HANG_UP,
        LegRang: Transition(Machine.ring, (Phase.DIALLING,)),
        LegAnswered: Transition(Machine.accept, (Phase.UP,)),
        LegEnded: Transition(Machine.lose_leg, (Phase.ENDED, Phase.REJECTED)),
        RingExpired: _EXPIRE,
        Fail: _FAIL,
        OtherEnded: Transition(Machine.other_ended, (Phase.ENDED, Phase.DIALLING)),
        EnterBridge: _stays(meeting.enter_bridge, Phase.DIALLING),
        LeaveMeeting: _stays(meeting.leave, Phase.DIALLING),
    },
    Phase.UP: {
        Answer: Transition(Machine.stay, (Phase.UP,)),
        HangUp: _HANG_UP,
        StartTransfer: Transition(Machine.start_transfer, (Phase.TRANSFERRING,)),
        LegEnded: _LOSE,
        Fail: _FAIL,
        OtherEnded: Transition(Machine.other_ended, (Phase.ENDED, Phase.UP)),
        BeginRecording: Transition(Machine.record, (Phase.UP,)),
        SilenceKeys: _stays(gather.silence_keys, Phase.UP),
        BeginAudio: _stays(playback.begin_audio, Phase.UP),
        EndAudio: _stays(playback.end_audio, Phase.UP),
        PlaybackEnded: _stays(playback.playback_ended, Phase.UP),
        DialDigits: _stays(keys.dial, Phase.UP),
        KeyPressed: _stays(meeting.press_key, Phase.UP),
        BeginGather: _stays(gather.begin_gather, Phase.UP),
        CancelGather: _stays(gather.cancel, Phase.UP),
        GatherExpired: _stays(gather.expire, Phase.UP),
        EnterBridge: _stays(meeting.enter_bridge, Phase.UP),
        EnterConference: _stays(meeting.enter_conference, Phase.UP),
        LeaveMeeting: _stays(meeting.leave, Phase.UP),
    },
    Phase.TRANSFERRING: {
        HangUp: _HANG_UP,
        LegEnded: _LOSE,
        Fail: _FAIL,
        TargetReady: Transition(Machine.join, (Phase.UP, Phase.TRANSFERRING)),
        TargetAnswered: Transition(Machine.choose_target, (Phase.TRANSFERRING,)),
        OtherEnded: Transition(Machine.other_ended_transferring, (Phase.UP, Phase.TRANSFERRING)),
        KeyPressed: _stays(gather.press_key, Phase.TRANSFERRING),
        CancelGather: _stays(gather.cancel, Phase.TRANSFERRING),
        GatherExpired: _stays(gather.expire, Phase.TRANSFERRING),
    },
    Phase.REJECTED: {},
    Phase.ENDED: {},
}
