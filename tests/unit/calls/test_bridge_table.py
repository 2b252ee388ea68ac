"""The bridge table: every cell walked, the documented transitions, and random histories that must keep its promises."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trebuchet.base.ids import AccountId, BridgeId, CallId
from trebuchet.calls.bridge import (
    COMMANDS,
    TABLE,
    Assign,
    BridgeStatus,
    BridgeStimulus,
    Reserve,
    SwitchAudio,
    Withdraw,
    decide,
    voices_of,
)
from trebuchet.calls.meeting_commands import BridgeEnded, BridgeFull
from trebuchet.calls.stimuli import CallGone, CallUp
from trebuchet.model.bridge import MAX_CALLS, Bridge, BridgeState

AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(seconds=9)
A, B, C, D = (CallId(f"c-{name}") for name in "abcd")
STIMULI: tuple[BridgeStimulus, ...] = (
    Assign((A, B), (A, B), (A, B)),
    Assign((), (), ()),
    SwitchAudio(True),
    SwitchAudio(False),
    Reserve(C),
    Withdraw(A),
    CallUp(A),
    CallGone(A),
    CallGone(A, has_ended=False),
)


def fresh(*, has_audio: bool = True) -> BridgeStatus:
    state = BridgeState.CREATED if has_audio else BridgeState.HELD
    return BridgeStatus(
        Bridge(id=BridgeId("brg-1"), account_id=AccountId("u-1"), state=state, created_at=AT, has_audio=has_audio)
    )


def run(status: BridgeStatus, *stimuli: BridgeStimulus, at: datetime = AT) -> BridgeStatus:
    for stimulus in stimuli:
        status = decide(status, stimulus, at)
    return status


def both_up() -> BridgeStatus:
    return run(fresh(), Assign((A, B), (A, B), (A, B)))


def status_in(state: BridgeState) -> BridgeStatus:
    return {
        BridgeState.CREATED: run(fresh(), Assign((A,), (A,), ())),
        BridgeState.ACTIVE: both_up(),
        BridgeState.HELD: run(both_up(), SwitchAudio(False)),
        BridgeState.ENDED: run(both_up(), CallGone(A), CallGone(B)),
    }[state]


@pytest.mark.parametrize("state", list(BridgeState))
@pytest.mark.parametrize("stimulus", STIMULI, ids=lambda s: type(s).__name__)
def test_every_cell(state: BridgeState, stimulus: BridgeStimulus) -> None:
    before = status_in(state)
    assert before.bridge.state is state
    if type(stimulus) not in TABLE[state]:
        if isinstance(stimulus, COMMANDS):
            with pytest.raises(BridgeEnded):
                decide(before, stimulus, LATER)
        else:
            assert decide(before, stimulus, LATER) == before
        return
    if isinstance(stimulus, Reserve) and len(before.living) == MAX_CALLS:
        with pytest.raises(BridgeFull):
            decide(before, stimulus, LATER)
        return
    check(decide(before, stimulus, LATER))


def check(status: BridgeStatus) -> None:
    """What holds after every step."""
    bridge = status.bridge
    assert set(status.up) <= set(status.living) <= set(bridge.call_ids)
    assert len(bridge.call_ids) <= MAX_CALLS
    assert (bridge.ended_at is not None) is bridge.state.is_final
    assert (bridge.state is BridgeState.HELD) is (not bridge.has_audio and not bridge.state.is_final)
    voices = voices_of(status)
    assert len(voices) in (0, MAX_CALLS)
    if voices:
        assert bridge.state is BridgeState.ACTIVE and bridge.activated_at is not None
    if bridge.state is BridgeState.ENDED:
        assert not status.living


@given(st.lists(st.sampled_from([*STIMULI, CallUp(B), CallGone(B), CallUp(C), CallGone(C)]), max_size=12))
def test_promises_hold_in_every_history(history: list[BridgeStimulus]) -> None:
    status = fresh()
    for stimulus in history:
        try:
            status = decide(status, stimulus, AT)
        except (BridgeEnded, BridgeFull):
            continue
        check(status)


def test_it_becomes_active_when_both_calls_are_answered() -> None:
    status = run(fresh(), Assign((A, B), (A, B), (A,)))
    assert status.bridge.state is BridgeState.CREATED and not voices_of(status)
    status = run(status, CallUp(B), at=LATER)
    assert (status.bridge.state, status.bridge.activated_at) == (BridgeState.ACTIVE, LATER)
    assert set(voices_of(status)) == {A, B}


def test_audio_off_is_hold_and_on_is_active_again_with_the_first_time_kept() -> None:
    held = run(both_up(), SwitchAudio(False))
    assert held.bridge.state is BridgeState.HELD and not voices_of(held)
    again = run(held, SwitchAudio(True), at=LATER)
    assert (again.bridge.state, again.bridge.activated_at) == (BridgeState.ACTIVE, AT)


def test_audio_off_before_anybody_was_there_is_hold_too() -> None:
    held = run(fresh(), SwitchAudio(False))
    assert held.bridge.state is BridgeState.HELD
    joined = run(held, Assign((A, B), (A, B), (A, B)))
    assert joined.bridge.state is BridgeState.HELD and not voices_of(joined)
    assert run(joined, SwitchAudio(True)).bridge.state is BridgeState.ACTIVE


def test_audio_on_with_fewer_calls_leads_back_to_where_it_was() -> None:
    assert run(fresh(), SwitchAudio(False), SwitchAudio(True)).bridge.state is BridgeState.CREATED
    lonely = run(both_up(), SwitchAudio(False), CallGone(A), SwitchAudio(True))
    assert lonely.bridge.state is BridgeState.ACTIVE and not voices_of(lonely)


def test_a_bridge_created_without_audio_is_on_hold() -> None:
    assert fresh(has_audio=False).bridge.state is BridgeState.HELD


def test_one_left_keeps_it_open_and_may_get_a_new_partner() -> None:
    lonely = run(both_up(), CallGone(A))
    assert lonely.bridge.state is BridgeState.ACTIVE and lonely.bridge.call_ids == (A, B)
    swapped = run(lonely, Assign((B, C), (B, C), (B, C)))
    assert set(voices_of(swapped)) == {B, C}


def test_one_that_left_for_somebody_else_is_not_assigned_any_more() -> None:
    assert run(both_up(), CallGone(A, has_ended=False)).bridge.call_ids == (B,)
    assert run(both_up(), CallGone(A), CallGone(B, has_ended=False)).bridge.state is BridgeState.ENDED


def test_calls_are_swapped_as_a_set() -> None:
    swapped = run(both_up(), Assign((C, D), (C, D), (C, D)))
    assert swapped.bridge.call_ids == (C, D) and set(voices_of(swapped)) == {C, D}
    assert run(swapped, CallGone(A)) == swapped, "who was taken out means nothing any more"
    assert run(both_up(), Assign((A,), (A,), (A,))).bridge.state is BridgeState.ACTIVE


@pytest.mark.parametrize("end", [(Assign((), (), ()),), (CallGone(A), CallGone(B))])
def test_it_ends_with_its_last_call_or_when_all_are_taken_out(end: tuple[BridgeStimulus, ...]) -> None:
    ended = run(both_up(), *end, at=LATER)
    assert (ended.bridge.state, ended.bridge.ended_at) == (BridgeState.ENDED, LATER)


def test_one_that_never_had_a_call_stays() -> None:
    assert run(fresh(), Assign((), (), ())).bridge.state is BridgeState.CREATED


def test_calls_that_have_all_ended_already_end_it() -> None:
    assert run(both_up(), CallGone(A), Assign((A,), (), ())).bridge.state is BridgeState.ENDED


def test_three_calls_are_too_many() -> None:
    with pytest.raises(BridgeFull):
        run(fresh(), Assign((A, B, C), (A, B, C), ()))


def test_a_reserved_place_is_taken_until_it_is_given_back() -> None:
    status = run(fresh(), Reserve(A), Reserve(B))
    with pytest.raises(BridgeFull):
        run(status, Reserve(C))
    back = run(status, Withdraw(B), Withdraw(A))
    assert back == fresh(), "as if nothing had been"
    assert set(voices_of(run(status, CallUp(A), CallUp(B)))) == {A, B}


def test_a_new_call_takes_the_place_of_one_that_has_ended() -> None:
    assert run(both_up(), CallGone(A), Reserve(C)).bridge.call_ids == (B, C)
