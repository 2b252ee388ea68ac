"""The absolute schedule of ticks."""

import pytest

from trebuchet.media.tick_clock import LATE_S, MAX_CATCH_UP_TICKS, PERIOD_S, TickClock


def test_lateness_does_not_add_up():
    clock = TickClock(0.0)
    for number in range(1, 501):
        assert clock.begin(number * PERIOD_S + 0.004) == 0
    assert clock.wait_s(500 * PERIOD_S) == pytest.approx(PERIOD_S)
    assert (clock.ticks, clock.late_ticks, clock.missed_ticks) == (500, 0, 0)


def test_late_ticks_are_counted_and_caught_up():
    clock = TickClock(0.0)
    assert clock.begin(PERIOD_S + 2.5 * PERIOD_S) == 0
    assert clock.wait_s(3.5 * PERIOD_S) == 0.0
    assert clock.begin(3.5 * PERIOD_S) == 0
    assert clock.begin(3.5 * PERIOD_S) == 0
    assert clock.wait_s(3.5 * PERIOD_S) == pytest.approx(0.5 * PERIOD_S)
    assert clock.late_ticks == 3


def test_far_behind_the_schedule_begins_anew_without_a_burst():
    clock = TickClock(0.0)
    late = (MAX_CATCH_UP_TICKS + 7.5) * PERIOD_S
    missed = clock.begin(PERIOD_S + late)
    assert missed == MAX_CATCH_UP_TICKS + 7
    assert clock.missed_ticks == missed
    assert 0.0 < clock.wait_s(PERIOD_S + late) <= PERIOD_S


def test_the_worst_lateness_is_given_once():
    clock = TickClock(0.0)
    clock.begin(PERIOD_S + 2 * LATE_S)
    assert clock.take_worst_late_s() == pytest.approx(2 * LATE_S)
    assert clock.take_worst_late_s() == 0.0


def test_the_load_is_the_busy_share():
    clock = TickClock(0.0)
    for _ in range(1000):
        clock.end(PERIOD_S / 4)
    assert clock.load == pytest.approx(0.25, rel=0.01)
