"""The call table: every cell walked, and random histories that must keep its promises."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trebuchet.base.ids import AccountId, CallId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.calls.commands import WrongCallState
from trebuchet.calls.diagram import MEANINGS, page
from trebuchet.calls.machine import COMMANDS, TABLE, Machine, Phase, phase_of
from trebuchet.calls.recording import RecordingRules
from trebuchet.calls.stimuli import (
    Answer,
    CloseMedia,
    Fail,
    HangUp,
    LegAnswered,
    LegEnded,
    OtherEnded,
    Reject,
    RingExpired,
    StartTransfer,
    Status,
    Stimulus,
    TargetReady,
    Tell,
)
from trebuchet.model.call import Call, CallState, Direction, TransferRequest
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import Ended

AT = datetime(2026, 1, 1, tzinfo=UTC)
TARGET, OTHER = CallId("c-target"), CallId("c-other")
STIMULI: tuple[Stimulus, ...] = (
    Answer(),
    Reject(),
    HangUp(),
    StartTransfer(TARGET, TransferRequest(to="+15550177")),
    LegAnswered(),
    LegEnded(Cause.HANGUP, Blame.PEER),
    LegEnded(Cause.DECLINED, Blame.PEER),
    RingExpired(),
    Fail(Cause.INTERNAL, Blame.US),
    TargetReady(TARGET),
    OtherEnded(TARGET),
    OtherEnded(OTHER),
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
    )
    return Status(call, target=TARGET if phase is Phase.TRANSFERRING else None, other=OTHER)


def test_every_phase_has_a_row() -> None:
    assert set(TABLE) == set(Phase)
    assert {type(stimulus) for stimulus in STIMULI} == {cell for row in TABLE.values() for cell in row}


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("stimulus", STIMULI, ids=lambda s: type(s).__name__)
def test_every_cell(phase: Phase, stimulus: Stimulus) -> None:
    status = status_in(phase)
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
    deciding, status, ends = machine(), status_in(start), 0
    for stimulus in history:
        was_final, before = status.call.state.is_final, status
        try:
            step = deciding.decide(status, stimulus, AT)
        except WrongCallState:
            continue
        status = step.committed()
        ends += sum(isinstance(fact, Ended) for fact in step.facts)
        assert not was_final or status == before
        assert (status.target is not None) == (status.call.state is CallState.TRANSFERRING)
    assert ends == int(status.call.state.is_final)
    assert (status.call.ended_at is not None) == status.call.state.is_final


def test_the_page_about_call_states_is_the_table() -> None:
    path = Path(__file__).parents[3] / "docs" / "reference" / "call-states.md"
    assert path.read_text() == "\n".join(page()) + "\n", "run python -m trebuchet.calls.diagram"
    assert set(MEANINGS) == set(Phase)
