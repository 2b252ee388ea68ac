"""When failed deliveries are tried again: the rules alone."""

from datetime import UTC, datetime, timedelta

import pytest

from trebuchet.base.ids import AccountId, CallId, ConferenceId, EventId
from trebuchet.base.rand import SeededRand
from trebuchet.base.values import replace
from trebuchet.events.retries import MAX_ATTEMPTS_KEPT, SPREAD, RetryRules, after_round, ask_again, is_wanted
from trebuchet.model.call import Call, CallState, Direction
from trebuchet.model.conference import Conference, ConferenceState
from trebuchet.model.delivery import Delivery, DeliveryAttempt, DeliveryState
from trebuchet.model.event import LoggedEvent, OwnerKind

AT = datetime(2026, 1, 2, tzinfo=UTC)
RULES = RetryRules()
NEW = Delivery(
    account_id=AccountId("u-1"),
    owner_id=CallId("c-1"),
    event_id=EventId("ce-1"),
    sequence=1,
    event_name="hangup",
    server="http://a:80",
    begun_at=AT,
)
REFUSED = DeliveryAttempt(at=AT, url="http://a/", verdict="refused", status=500)
GOOD = DeliveryAttempt(at=AT, url="http://b/", verdict="acknowledged", status=204)
CALL = Call(
    id=CallId("c-1"),
    account_id=AccountId("u-1"),
    direction=Direction.IN,
    from_="+1",
    to="+2",
    state=CallState.ANSWERED,
    created_at=AT,
)


def make_event(name: str, data: str | None = None) -> LoggedEvent:
    return LoggedEvent(
        id=EventId("ce-1"), account_id=AccountId("u-1"), owner_id=CALL.id, sequence=1, at=AT, name=name, data=data
    )


@pytest.mark.parametrize("name", ["hangup", "recording", "timeout", "transcription"])
def test_what_matters_after_the_fact_is_wanted_when_the_call_is_over(name: str) -> None:
    assert is_wanted(NEW, make_event(name), replace(CALL, state=CallState.ENDED))
    assert is_wanted(NEW, make_event(name), None)


@pytest.mark.parametrize("name", ["answer", "dtmf", "gather", "speak", "playback"])
def test_live_events_are_wanted_while_the_call_lives(name: str) -> None:
    assert is_wanted(NEW, make_event(name), CALL)
    assert not is_wanted(NEW, make_event(name), replace(CALL, state=CallState.ENDED))
    assert not is_wanted(NEW, make_event(name), replace(CALL, state=CallState.REJECTED))
    assert not is_wanted(NEW, make_event(name), None)


def test_an_incoming_call_is_wanted_while_it_rings() -> None:
    assert is_wanted(NEW, make_event("incomingcall"), replace(CALL, state=CallState.RINGING))
    assert not is_wanted(NEW, make_event("incomingcall"), CALL)


def test_a_conferences_end_lasts_and_its_beginning_does_not() -> None:
    over = Conference(
        id=ConferenceId("conf-1"), account_id=AccountId("u-1"), from_="+1", state=ConferenceState.ENDED, created_at=AT
    )
    kind = OwnerKind.CONFERENCE
    assert is_wanted(NEW, replace(make_event("conference", "completed"), owner_kind=kind), over)
    assert not is_wanted(NEW, replace(make_event("conference", "created"), owner_kind=kind), over)
    assert not is_wanted(NEW, replace(make_event("conference-member", "completed"), owner_kind=kind), over)
    assert is_wanted(NEW, make_event("conference-member"), replace(over, state=ConferenceState.ACTIVE))


def test_what_was_asked_for_is_wanted_in_any_case() -> None:
    asked = ask_again(NEW, AT)
    assert is_wanted(asked, make_event("answer"), None)
    after = after_round(asked, [REFUSED], AT, RULES, SeededRand(1))
    assert not is_wanted(after, make_event("answer"), None), "asked for once, tried once"


def test_an_acknowledged_round_settles_it() -> None:
    after = after_round(NEW, [REFUSED, GOOD], AT, RULES, SeededRand(1))
    assert (after.state, after.settled_at, after.due_at) == (DeliveryState.DELIVERED, AT, None)
    assert after.attempts == (REFUSED, GOOD)


def test_pauses_double_up_to_the_longest_for_a_day() -> None:
    rand, now, delivery = SeededRand(7), AT, NEW
    pauses = []
    while delivery.state is not DeliveryState.FAILED:
        delivery = after_round(delivery, [REFUSED], now, RULES, rand)
        if delivery.due_at is not None:
            pauses.append((delivery.due_at - now).total_seconds())
            now = delivery.due_at
    nominal = [min(5 * 2.0**n, 3600) for n in range(len(pauses))]
    ratios = [pause / wanted for pause, wanted in zip(pauses, nominal, strict=True)]
    assert all(1 - SPREAD <= ratio <= 1 + SPREAD for ratio in ratios)
    assert max(ratios) - min(ratios) > SPREAD, "chance spreads them"
    assert timedelta(hours=22) < now - AT <= timedelta(hours=24)
    assert 25 < len(pauses) < 45
    assert (delivery.settled_at, delivery.due_at) == (now, None)


def test_a_server_that_is_gone_is_not_asked_again() -> None:
    after = after_round(NEW, [replace(REFUSED, status=410)], AT, RULES, SeededRand(1))
    assert after.state is DeliveryState.FAILED


def test_no_retries_when_there_is_no_time_for_them() -> None:
    assert after_round(NEW, [REFUSED], AT, RetryRules(for_s=0), SeededRand(1)).state is DeliveryState.FAILED


def test_the_newest_attempts_are_kept() -> None:
    delivery = NEW
    for number in range(MAX_ATTEMPTS_KEPT + 5):
        delivery = after_round(delivery, [replace(REFUSED, duration_ms=number)], AT, RULES, SeededRand(1))
    assert [attempt.duration_ms for attempt in delivery.attempts] == list(range(5, MAX_ATTEMPTS_KEPT + 5))
    assert delivery.rounds == MAX_ATTEMPTS_KEPT + 5


def test_asking_again_begins_anew_and_keeps_what_was() -> None:
    later = AT + timedelta(days=3)
    failed = after_round(NEW, [REFUSED], AT, RetryRules(for_s=0), SeededRand(1))
    asked = ask_again(failed, later)
    assert (asked.state, asked.due_at, asked.settled_at) == (DeliveryState.WAITING, later, None)
    again = after_round(asked, [REFUSED], later, RULES, SeededRand(1))
    assert again.state is DeliveryState.WAITING
    assert (again.rounds, len(again.attempts)) == (1, 2)
