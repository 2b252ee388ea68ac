"""Room for calls: the fullest measure decides, and refusing is told of now and then."""

import pytest
from structlog.testing import capture_logs

from trebuchet.calls.admission import LOG_INTERVAL_S, Admission, Signal
from trebuchet.calls.commands import Overloaded
from trebuchet.calls.interfaces import CallPolicy
from trebuchet.testing.clock import VirtualClock
from trebuchet.testing.fakes import FakeMedia


class Level:
    def __init__(self) -> None:
        self.value = 0.0


def admission(level: Level, media: FakeMedia | None = None, clock: VirtualClock | None = None) -> Admission:
    signals = (Signal("quiet", lambda: 0.2), Signal("level", lambda: level.value))
    policy = CallPolicy(max_calls=10, max_load=0.8)
    return Admission(policy, media or FakeMedia(), signals, (clock or VirtualClock()).now)


@pytest.mark.parametrize(("value", "has_room"), [(0.0, True), (0.99, True), (1.0, False), (7.0, False)])
def test_the_fullest_signal_decides(value: float, has_room: bool) -> None:
    level = Level()
    level.value = value
    assert admission(level).has_room(0) is has_room


@pytest.mark.parametrize(
    ("calls", "load", "has_room"), [(9, 0.0, True), (10, 0.0, False), (0, 0.79, True), (0, 0.8, False)]
)
def test_calls_and_media_are_measures_too(calls: int, load: float, has_room: bool) -> None:
    assert admission(Level(), FakeMedia(load=load)).has_room(calls) is has_room


def test_room_comes_back_by_itself() -> None:
    level = Level()
    made = admission(level)
    level.value = 2.0
    with pytest.raises(Overloaded):
        made.check(0)
    level.value = 0.5
    made.check(0)


def test_a_draining_server_has_no_room() -> None:
    made = admission(Level())
    made.is_draining = True
    assert not made.has_room(0)


def test_a_flood_is_told_of_now_and_then() -> None:
    level, clock = Level(), VirtualClock()
    level.value = 1.5
    made = admission(level, clock=clock)
    with capture_logs() as logs:
        for _ in range(1000):
            made.has_room(3)
        clock.advance(LOG_INTERVAL_S)
        made.has_room(3)
    assert [(entry["signal"], entry["refused"]) for entry in logs] == [("level", 1), ("level", 1001)]
    assert made.refused == 1001
