"""The call table: every cell walked, and random histories that must keep its promises."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trebuchet.base.ids import AccountId, BridgeId, CallId, ConferenceId, GatherId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.base.values import replace
from trebuchet.calls.commands import CommandError, WrongCallState
from trebuchet.calls.diagram import MEANINGS, page
from trebuchet.calls.effects import CloseMedia, Tell
from trebuchet.calls.machine import COMMANDS, TABLE, Machine, Phase, phase_of
from trebuchet.calls.recording import RecordingRules
from trebuchet.calls.step import Status
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
from trebuchet.model.call import Call, CallState, Direction, TransferRequest
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import Ended, GatherFinished, PlaybackChanged
from trebuchet.model.gather import Gather
from trebuchet.model.playback import Playback, PlaybackKind
from trebuchet.model.prompt import RenderedPrompt
from trebuchet.model.recording import RecordingFormat

AT = datetime(2026, 1, 1, tzinfo=UTC)
TARGET, OTHER = CallId("c-target"), CallId("c-other")
THIRD = CallId("c-third")
BRIDGE, CONFERENCE = BridgeId("brg-1"), ConferenceId("conf-1")
PROMPT = RenderedPrompt("prompt.pcm", 8000)
GATHER = Gather(id=GatherId("gtr-1"), account_id=AccountId("u-1"), call_id=CallId("c-1"), created_at=AT)
STIMULI: tuple[Stimulus, ...] = (
    Answer(),
    Reject(),
    HangUp(),
    StartTransfer(TARGET, TransferRequest(to="+15550177")),
    StartTransfer(TARGET, TransferRequest(to="+15550177"), (THIRD,)),
    TargetAnswered(TARGET, "+15550100", "+15550177"),
    BeginRecording(RecordingFormat.WAV),
    SilenceKeys(),
    LegRang(),
    LegAnswered(),
    LegEnded(Cause.HANGUP, Blame.PEER),
    LegEnded(Cause.DECLINED, Blame.PEER),
    RingExpired(),
    Fail(Cause.INTERNAL, Blame.US),
    TargetReady(TARGET),
    OtherEnded(TARGET),
    OtherEnded(OTHER),
    BeginAudio(PlaybackKind.SPEECH, PROMPT),
    EndAudio(),
    PlaybackEnded(1),
    DialDigits("1", 0.0),
    KeyPressed("1"),
    KeyPressed("#"),
    BeginGather(GATHER),
    BeginGather(GATHER, PROMPT),
    CancelGather(GATHER.id),
    GatherExpired(GATHER.id, 0),
    EnterBridge(BRIDGE),
    EnterConference(CONFERENCE, True),
    LeaveMeeting(BRIDGE),
)


def machine() -> Machine:
    return Machine(RecordingRules(Ids(SeededRand(1)), 3600))


def status_in(phase: Phase) -> Status:
    state = {
        Phase.OFFERED: CallState.RINGING,
        Phase.DIALLING: CallState.RINGING,
        Phase.UP: CallState.ANSWERED,
        Phase.TRANSFERRING: CallState.TRANSFERRING,
        Phase.REJECTED: CallState.REJECTED,
        Phase.ENDED: CallState.ENDED,
    }[phase]
    call = Call(
        id=CallId("c-1"),
        account_id=AccountId("u-1"),
        direction=Direction.OUT if phase is Phase.DIALLING else Direction.IN,
        from_="+15550188",
        to="+15550100",
        state=state,
        created_at=AT,
        playback=Playback(number=1, kind=PlaybackKind.FILE) if phase is Phase.UP else None,
    )
    return Status(call, target=TARGET if phase is Phase.TRANSFERRING else None, other=OTHER)


def test_every_phase_has_a_row() -> None:
    assert set(TABLE) == set(Phase)
    assert {type(stimulus) for stimulus in STIMULI} == {cell for row in TABLE.values() for cell in row}


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("stimulus", STIMULI, ids=lambda s: type(s).__name__)
def test_every_cell(phase: Phase, stimulus: Stimulus) -> None:
    status = status_in(phase)
    if isinstance(stimulus, EnterBridge | EnterConference):
        status = replace(status, other=None)  # whoever is with somebody cannot enter: tested by itself
    transition = TABLE[phase].get(type(stimulus))
    if transition is None and isinstance(stimulus, COMMANDS):
        with pytest.raises(WrongCallState):
            machine().decide(status, stimulus, AT)
        return
    step = machine().decide(status, stimulus, AT)
    if transition is None:
        assert step.status == status and not step.facts and not step.effects
    else:
        assert phase_of(step.status.call) in transition.to


@pytest.mark.parametrize("phase", [Phase.UP, Phase.TRANSFERRING, Phase.OFFERED, Phase.DIALLING])
def test_an_end_closes_everything_and_tells_everybody_tied(phase: Phase) -> None:
    step = machine().decide(status_in(phase), HangUp(), AT)
    tied = [OTHER] + ([TARGET] if phase is Phase.TRANSFERRING else [])
    assert CloseMedia() in step.effects
    assert [e.to for e in step.effects if isinstance(e, Tell)] == tied
    assert isinstance(step.facts[-1], Ended) and step.status.call.ended_at == AT


@given(st.sampled_from([Phase.OFFERED, Phase.DIALLING]), st.lists(st.sampled_from(STIMULI), max_size=20))
def test_any_history_ends_at_most_once_and_final_is_final(start: Phase, history: list[Stimulus]) -> None:
    deciding, status = machine(), status_in(start)
    ends = starts = stops = 0
    for stimulus in history:
        was_final, before = status.call.state.is_final, status
        try:
            step = deciding.decide(status, stimulus, AT)
        except CommandError:
            continue
        status = step.committed()
        ends += sum(isinstance(fact, Ended) for fact in step.facts)
        starts += sum(isinstance(fact, PlaybackChanged) and fact.is_started for fact in step.facts)
        stops += sum(isinstance(fact, PlaybackChanged) and not fact.is_started for fact in step.facts)
        assert len(step.gathers) == sum(isinstance(fact, GatherFinished) for fact in step.facts)
        assert starts - stops in (0, 1) and (starts - stops == 1) <= (status.call.playback is not None)
        assert not was_final or status == before
        assert (status.target is not None) == (status.call.state is CallState.TRANSFERRING)
    assert ends == int(status.call.state.is_final)
    if status.call.state.is_final:
        assert starts == stops and status.call.playback is None and status.call.gather is None
    assert (status.call.ended_at is not None) == status.call.state.is_final


def test_the_page_about_call_states_is_the_table() -> None:
    path = Path(__file__).parents[3] / "docs" / "reference" / "call-states.md"
    assert path.read_text() == "\n".join(page()) + "\n", "run python -m trebuchet.calls.diagram"
    assert set(MEANINGS) == set(Phase)
