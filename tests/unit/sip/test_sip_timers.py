"""The queue of deadlines."""

from trebuchet.sip.timers import COMPACT_SLACK, TimerQueue


def _due(queue: TimerQueue, now: float) -> list[tuple[int | str, str]]:
    found = []
    while (due := queue.pop_due(now)) is not None:
        found.append(due)
    return found


def test_deadlines_come_in_order_and_once() -> None:
    queue = TimerQueue()
    queue.set("b", "X", 2.0)
    queue.set("a", "X", 1.0)
    queue.set("a", "Y", 1.0)
    assert queue.next_deadline() == 1.0
    assert _due(queue, 0.9) == []
    assert _due(queue, 2.0) == [("a", "X"), ("a", "Y"), ("b", "X")]
    assert queue.next_deadline() is None
    assert len(queue) == 0


def test_setting_again_replaces_and_cancelling_removes() -> None:
    queue = TimerQueue()
    queue.set(1, "X", 1.0)
    queue.set(1, "X", 5.0)
    queue.set(2, "X", 2.0)
    queue.cancel(2, "X")
    queue.cancel(3, "never set")
    assert queue.next_deadline() == 5.0
    assert _due(queue, 4.9) == []
    assert _due(queue, 5.0) == [(1, "X")]


def test_dead_entries_do_not_pile_up() -> None:
    queue = TimerQueue()
    for number in range(100_000):
        queue.set(number % 10, "X", 1000.0 + number)
    assert len(queue) == 10
    assert len(queue._heap) <= 2 * len(queue) + COMPACT_SLACK + 1
    assert len(_due(queue, 1e9)) == 10
