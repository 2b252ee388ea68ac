"""How much an account may dial: averages, calls at once, and the memory that counting takes."""

import pytest

from trebuchet.base.ids import AccountId
from trebuchet.calls import call_limits
from trebuchet.calls.call_limits import WINDOW_S, CallLimits, CallMeter
from trebuchet.calls.commands import TooManyCalls, TooManyCallsAtOnce

ME, YOU = AccountId("u-me"), AccountId("u-you")
A, B = "+15550100", "+15550101"


def test_without_limits_nothing_is_refused_and_nothing_kept() -> None:
    meter = CallMeter(CallLimits())
    for _ in range(1000):
        meter.admit(ME, A, 10_000, 0.0)
    assert not meter._dialled


def test_one_call_a_second_on_average_over_ten() -> None:
    meter = CallMeter(CallLimits(account_rate=1.0))
    for _ in range(10):
        meter.admit(ME, A, 0, 5.0)
    with pytest.raises(TooManyCalls) as refused:
        meter.admit(ME, A, 0, 5.0)
    assert (refused.value.limit, refused.value.window_s, refused.value.rate) == (1.0, 10.0, 1.1)
    meter.admit(YOU, A, 0, 5.0)
    with pytest.raises(TooManyCalls):
        meter.admit(ME, A, 0, 5.0 + WINDOW_S - 0.001)
    meter.admit(ME, A, 0, 5.0 + WINDOW_S)


def test_a_steady_caller_at_the_limit_is_never_refused() -> None:
    meter = CallMeter(CallLimits(account_rate=2.0, number_rate=2.0))
    for step in range(200):
        meter.admit(ME, A, 0, step * 0.5)


def test_each_number_has_a_rate_of_its_own_and_transfers_have_none() -> None:
    meter = CallMeter(CallLimits(number_rate=0.1))
    meter.admit(ME, A, 0, 0.0)
    meter.admit(ME, B, 0, 0.0)
    with pytest.raises(TooManyCalls):
        meter.admit(ME, A, 0, 1.0)
    meter.admit(ME, None, 0, 1.0)


def test_a_call_that_the_number_may_not_place_does_not_count_for_the_account() -> None:
    meter = CallMeter(CallLimits(account_rate=0.2, number_rate=0.1))
    meter.admit(ME, A, 0, 0.0)
    for _ in range(5):
        with pytest.raises(TooManyCalls):
            meter.admit(ME, A, 0, 1.0)
    meter.admit(ME, B, 0, 1.0)


def test_calls_at_once() -> None:
    meter = CallMeter(CallLimits(at_once=2))
    meter.admit(ME, A, 1, 0.0)
    with pytest.raises(TooManyCallsAtOnce) as refused:
        meter.admit(ME, A, 2, 0.0)
    assert refused.value.limit == 2


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_limits, "MAX_KEYS", 5)
    meter = CallMeter(CallLimits(number_rate=1.0))
    for number in range(50):
        meter.admit(ME, f"+1555{number:04}", 0, 0.0)
        assert len(meter._dialled) <= 5
