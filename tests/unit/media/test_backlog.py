"""A tick's share of the commands that wait."""

from trebuchet.media.backlog import COMMANDS_S, Backlog


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_all_at_once_when_they_are_quick() -> None:
    backlog: Backlog[int] = Backlog(Clock())
    backlog.add([1, 2, 3])
    assert list(backlog.turn()) == [1, 2, 3]
    assert list(backlog.turn()) == []


def test_what_takes_too_long_is_spread_over_ticks_in_order() -> None:
    clock = Clock()
    backlog: Backlog[int] = Backlog(clock)
    backlog.add(list(range(7)))
    ticks: list[list[int]] = []
    while backlog:
        backlog.add([7] if not ticks else [])
        ticks.append([])
        for command in backlog.turn():
            clock.now += COMMANDS_S / 3
            ticks[-1].append(command)
    assert ticks == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_one_that_is_slow_is_not_put_off_for_ever() -> None:
    clock = Clock()
    backlog: Backlog[str] = Backlog(clock)
    backlog.add(["slow", "next"])
    for command in backlog.turn():
        assert command == "slow"
        clock.now += 10 * COMMANDS_S
    assert list(backlog.turn()) == ["next"]
