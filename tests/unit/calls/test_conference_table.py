"""The conference table: every cell walked, who may speak and hear, every key, and random histories."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trebuchet.base.ids import AccountId, CallId, ConferenceId, MemberId
from trebuchet.base.values import replace
from trebuchet.calls.conference import (
    COMMANDS,
    GATE_DBOV,
    MAX_STEPS,
    TABLE,
    AddMember,
    AllEnded,
    BeginAll,
    Chime,
    ConferenceStatus,
    ConferenceStep,
    ConferenceStimulus,
    EndAll,
    HangUpCall,
    LetGo,
    PlayAll,
    StopAll,
    decide,
    voices_of,
)
from trebuchet.calls.interfaces import Tone
from trebuchet.calls.meeting_commands import ConferenceNotUsable, UpdateConference, UpdateMember
from trebuchet.calls.stimuli import CallGone, KeyFor
from trebuchet.model.call import HttpMethod
from trebuchet.model.conference import Conference, ConferenceState, Member
from trebuchet.model.event import ConferenceEnded, ConferencePlaybackChanged, MemberChanged
from trebuchet.model.prompt import RenderedPrompt

AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(seconds=9)
ME, CONFERENCE = AccountId("u-1"), ConferenceId("conf-1")
PROMPT = RenderedPrompt("prompt.pcm", 8000)


def member(n: int, **flags: Any) -> Member:
    return Member(
        id=MemberId(f"member-{n}"), account_id=ME, conference_id=CONFERENCE, call_id=CallId(f"c-{n}"), added_at=AT,
        **flags,
    )  # fmt: skip


def about(n: int, **changes: Any) -> UpdateMember:
    return UpdateMember(account_id=ME, conference_id=CONFERENCE, member_id=MemberId(f"member-{n}"), **changes)


def update(**changes: Any) -> UpdateConference:
    return UpdateConference(account_id=ME, conference_id=CONFERENCE, **changes)


STIMULI: tuple[ConferenceStimulus, ...] = (
    AddMember(member(9, has_join_tone=True)),
    about(1, is_muted=True),
    about(1, is_removed=True),
    update(is_held=True),
    update(is_terminated=True),
    BeginAll(PROMPT, is_speech=True, tag="t"),
    EndAll(),
    AllEnded(1),
    CallGone(CallId("c-1")),
    *(KeyFor(CallId("c-1"), digit) for digit in "0123456789*#A"),
)


def fresh() -> ConferenceStatus:
    conference = Conference(
        id=CONFERENCE, account_id=ME, from_="+15550100", state=ConferenceState.CREATED, created_at=AT
    )
    return ConferenceStatus(conference=conference)


def run(status: ConferenceStatus, *stimuli: ConferenceStimulus) -> ConferenceStep:
    step = ConferenceStep(status)
    for stimulus in stimuli:
        step = step.then(decide(step.status, stimulus, LATER))
    return step


def with_members(*members: Member) -> ConferenceStatus:
    return run(fresh(), *(AddMember(m) for m in members)).status


def status_in(state: ConferenceState) -> ConferenceStatus:
    return {
        ConferenceState.CREATED: fresh(),
        ConferenceState.ACTIVE: run(with_members(member(1), member(2)), BeginAll(PROMPT, False)).status,
        ConferenceState.ENDED: run(with_members(member(1)), CallGone(CallId("c-1"))).status,
    }[state]


@pytest.mark.parametrize("state", list(ConferenceState))
@pytest.mark.parametrize("stimulus", STIMULI, ids=lambda s: type(s).__name__)
def test_every_cell(state: ConferenceState, stimulus: ConferenceStimulus) -> None:
    before = status_in(state)
    assert before.conference.state is state
    if type(stimulus) in TABLE[state]:
        check(decide(before, stimulus, LATER))
    elif isinstance(stimulus, COMMANDS):
        with pytest.raises(ConferenceNotUsable):
            decide(before, stimulus, LATER)
    else:
        assert decide(before, stimulus, LATER) == ConferenceStep(before)


def check(step: ConferenceStep) -> None:
    """What holds after every step."""
    status, conference = step.status, step.status.conference
    assert conference.active_members == len(status.members)
    assert (conference.state is ConferenceState.ACTIVE) is bool(status.members)
    assert (conference.ended_at is not None) is conference.state.is_final
    assert set(voices_of(status)) == {m.call_id for m in status.members}
    assert set(status.knobs) <= {m.call_id for m in status.members}
    assert all(m.is_active for m in status.members)
    if conference.state.is_final:
        assert status.playback is None


@given(st.lists(st.sampled_from([*STIMULI, AddMember(member(1)), AddMember(member(2))]), max_size=14))
def test_promises_hold_in_every_history(history: list[ConferenceStimulus]) -> None:
    status, facts = fresh(), []
    for stimulus in history:
        inside = {m.id for m in status.members}
        if isinstance(stimulus, AddMember) and stimulus.member.id in inside:
            continue
        try:
            step = decide(status, stimulus, LATER)
        except ConferenceNotUsable:
            continue
        check(step)
        status, facts = step.status, facts + list(step.facts)
    playbacks = [fact.is_started for fact in facts if isinstance(fact, ConferencePlaybackChanged)]
    assert playbacks == [n % 2 == 0 for n in range(len(playbacks))], "each beginning has one end before the next"
    ends = [n for n, fact in enumerate(facts) if isinstance(fact, ConferenceEnded)]
    assert ends in ([], [len(facts) - 1]), "nothing comes after the end"


# --- members --------------------------------------------------------------------------------------------------------


def test_the_first_member_makes_it_active_and_each_is_a_fact_with_the_count() -> None:
    step = run(fresh(), AddMember(member(1)), AddMember(member(2, is_muted=True)))
    assert step.status.conference.state is ConferenceState.ACTIVE
    assert step.facts == (MemberChanged(member(1), 1), MemberChanged(member(2, is_muted=True), 2))
    assert step.members == (member(1), member(2, is_muted=True))


def test_tones_at_joining_and_leaving() -> None:
    joined = run(fresh(), AddMember(member(1)), AddMember(member(2, has_join_tone=True, has_leave_tone=True)))
    assert [e for e in joined.effects if isinstance(e, Chime)] == [Chime(Tone.JOINED)]
    left = run(joined.status, about(2, is_removed=True))
    assert left.effects == (LetGo(CallId("c-2")), Chime(Tone.LEFT))
    later = run(joined.status, about(2, has_leave_tone=False), about(2, is_removed=True))
    assert Chime(Tone.LEFT) not in later.effects


def test_the_last_one_to_leave_ends_it() -> None:
    step = run(with_members(member(1), member(2)), CallGone(CallId("c-1")), about(2, is_removed=True))
    gone = [replace(member(n), removed_at=LATER) for n in (1, 2)]
    assert step.facts == (MemberChanged(gone[0], 1), MemberChanged(gone[1], 0), ConferenceEnded())
    assert (step.status.conference.state, step.status.conference.ended_at) == (ConferenceState.ENDED, LATER)
    assert not any(isinstance(e, HangUpCall) for e in step.effects), "who leaves goes on as a call of its own"


def test_mute_and_hold_are_told_tones_are_not() -> None:
    status = with_members(member(1), member(2))
    step = run(status, about(1, is_muted=True), about(1, is_held=True), about(1, has_leave_tone=True))
    first = member(1, is_muted=True)
    second = replace(first, is_held=True)
    assert step.facts == (MemberChanged(first, 2), MemberChanged(second, 2))
    assert step.members[-1] == replace(second, has_leave_tone=True)
    assert not run(status, about(1, is_muted=False)).facts, "nothing has changed"


def test_a_member_that_has_left_cannot_be_changed() -> None:
    status = run(with_members(member(1), member(2)), about(1, is_removed=True)).status
    with pytest.raises(ConferenceNotUsable):
        decide(status, about(1, is_muted=True), LATER)


def test_removed_and_changed_at_once() -> None:
    step = run(with_members(member(1), member(2)), about(1, is_removed=True, is_muted=True))
    assert step.change().members == (replace(member(1), is_muted=True, removed_at=LATER),)


def test_terminating_removes_everybody_and_hangs_up() -> None:
    step = run(with_members(member(1), member(2)), BeginAll(PROMPT, True), update(is_terminated=True))
    kinds = [type(fact) for fact in step.facts]
    assert kinds[-4:] == [MemberChanged, MemberChanged, ConferencePlaybackChanged, ConferenceEnded]
    assert [e.call_id for e in step.effects if isinstance(e, HangUpCall)] == ["c-1", "c-2"]


def test_terminating_one_that_nobody_entered() -> None:
    step = run(fresh(), update(is_terminated=True))
    assert step.facts == (ConferenceEnded(),) and not step.effects


def test_webhook_and_tag_are_replaced() -> None:
    changes: dict[str, Any] = {
        "webhook_url": "http://a/", "webhook_method": HttpMethod.GET, "webhook_timeout_ms": 5,
        "fallback_url": "http://b/", "tag": "t",
    }  # fmt: skip
    conference = run(fresh(), update(**changes)).status.conference
    assert {name: getattr(conference, name) for name in changes} == changes
    assert run(ConferenceStatus(conference=conference), update()).status.conference == conference


# --- who speaks and hears -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "whole", "speaks", "hears"),
    [
        ({}, {}, True, True),
        ({"is_muted": True}, {}, False, True),
        ({"is_held": True}, {}, False, False),
        ({}, {"is_muted": True}, False, True),
        ({}, {"is_held": True}, False, True),
        ({"is_held": True}, {"is_held": True}, False, False),
        ({"is_muted": True}, {"is_held": False, "is_muted": False}, False, True),
        ({"is_held": True}, {"is_held": False}, False, False),
    ],
)
def test_voices(flags: dict[str, bool], whole: dict[str, bool], speaks: bool, hears: bool) -> None:
    status = run(with_members(member(1, **flags), member(2)), update(**whole)).status
    voice = voices_of(status)[CallId("c-1")]
    assert (voice.can_speak, voice.can_hear) == (speaks, hears)
    assert status.members[0] == member(1, **flags), "the conference's switches are not the members'"


# --- playbacks ------------------------------------------------------------------------------------------------------


def test_a_playback_has_one_beginning_and_one_end() -> None:
    step = run(with_members(member(1)), BeginAll(PROMPT, True, True, "t"), AllEnded(1), AllEnded(1))
    assert step.facts[-2:] == (
        ConferencePlaybackChanged(True, True, "t"),
        ConferencePlaybackChanged(True, False, "t"),
    )
    assert PlayAll(1, PROMPT, True) in step.effects


def test_a_new_playback_ends_the_old_one() -> None:
    step = run(with_members(member(1)), BeginAll(PROMPT, True, tag="a"), BeginAll(PROMPT, False, tag="b"), AllEnded(1))
    told = [(f.is_speech, f.is_started, f.tag) for f in step.facts if isinstance(f, ConferencePlaybackChanged)]
    assert told == [(True, True, "a"), (True, False, "a"), (False, True, "b")]


def test_stopping() -> None:
    step = run(with_members(member(1)), BeginAll(PROMPT, True), EndAll())
    assert step.effects[-1] == StopAll() and step.status.playback is None
    assert run(with_members(member(1)), EndAll()).effects == (), "nothing plays: nothing happens"


# --- keys -----------------------------------------------------------------------------------------------------------


def press(digits: str) -> ConferenceStep:
    return run(with_members(member(1), member(2)), *(KeyFor(CallId("c-1"), digit) for digit in digits))


@pytest.mark.parametrize(
    ("digits", "mic", "ear", "gate"),
    [
        ("1", -3, 0, 0),
        ("3", 3, 0, 0),
        ("33", 6, 0, 0),
        ("332", 0, 0, 0),
        ("4", 0, -3, 0),
        ("6", 0, 3, 0),
        ("665", 0, 0, 0),
        ("7", 0, 0, -6),
        ("9", 0, 0, 6),
        ("998", 0, 0, 0),
        ("3" * 9, 3 * MAX_STEPS, 0, 0),
        ("1" * 9 + "3", -3 * (MAX_STEPS - 1), 0, 0),
        ("ABCD", 0, 0, 0),
    ],
)
def test_knobs(digits: str, mic: float, ear: float, gate: float) -> None:
    step = press(digits)
    voices = voices_of(step.status)
    mine = voices[CallId("c-1")]
    assert (mine.mic_db, mine.ear_db, mine.gate_dbov) == (mic, ear, GATE_DBOV + gate)
    other = voices[CallId("c-2")]
    assert (other.mic_db, other.ear_db, other.gate_dbov) == (0, 0, GATE_DBOV)
    assert not step.facts


def test_zero_switches_the_own_voice() -> None:
    step = press("0")
    assert step.facts == (MemberChanged(member(1, is_muted=True), 2),)
    assert press("00").status.members[0] == member(1)


def test_star_blocks_both_ways_in_one_step() -> None:
    step = press("*")
    voice = voices_of(step.status)[CallId("c-1")]
    assert (voice.can_speak, voice.can_hear) == (False, False)
    assert step.facts == (MemberChanged(member(1, is_held=True), 2),)
    assert press("**").status.members[0] == member(1)


def test_hash_leaves() -> None:
    step = press("#")
    assert step.effects == (LetGo(CallId("c-1")),)
    assert step.facts == (MemberChanged(replace(member(1), removed_at=LATER), 1),)


def test_keys_of_strangers_mean_nothing() -> None:
    status = with_members(member(1))
    assert run(status, KeyFor(CallId("c-x"), "#")) == ConferenceStep(status)
