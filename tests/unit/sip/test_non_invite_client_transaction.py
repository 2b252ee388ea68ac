"""RFC 3261 figure 6, every state with every event."""

import pytest
from transaction_bench import Seen, TransactionBench, reach

from trebuchet.sip.transaction import Event, State

TRYING, PROCEEDING, COMPLETED, TERMINATED = State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED

PATHS: dict[State, tuple[Event, ...]] = {
    TRYING: (),
    PROCEEDING: (Event.PROVISIONAL,),
    COMPLETED: (Event.SUCCESS,),
    TERMINATED: (Event.TIMER_F,),
}
IDLE = {TRYING: "EF", PROCEEDING: "EF", COMPLETED: "K", TERMINATED: ""}
EXPECTED: dict[tuple[State, Event], Seen] = {
    (TRYING, Event.TIMER_E): Seen(TRYING, ("BYE",), None, "EF"),
    (TRYING, Event.TIMER_F): Seen(TERMINATED, (), "408", ""),
    (TRYING, Event.TRANSPORT_ERROR): Seen(TERMINATED, (), "503", ""),
    (TRYING, Event.PROVISIONAL): Seen(PROCEEDING, (), "passed", "EF"),
    (TRYING, Event.SUCCESS): Seen(COMPLETED, (), "passed", "K"),
    (TRYING, Event.FAILURE): Seen(COMPLETED, (), "passed", "K"),
    (PROCEEDING, Event.TIMER_E): Seen(PROCEEDING, ("BYE",), None, "EF"),
    (PROCEEDING, Event.TIMER_F): Seen(TERMINATED, (), "408", ""),
    (PROCEEDING, Event.TRANSPORT_ERROR): Seen(TERMINATED, (), "503", ""),
    (PROCEEDING, Event.PROVISIONAL): Seen(PROCEEDING, (), "passed", "EF"),
    (PROCEEDING, Event.SUCCESS): Seen(COMPLETED, (), "passed", "K"),
    (PROCEEDING, Event.FAILURE): Seen(COMPLETED, (), "passed", "K"),
    (COMPLETED, Event.TIMER_K): Seen(TERMINATED, (), None, ""),
}


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("event", Event)
def test_every_cell(state: State, event: Event) -> None:
    bench = reach("BYE", PATHS[state], is_client=True)
    assert bench.transaction.state is state
    timers = IDLE[state].replace(event.value, "") if event.name.startswith("TIMER_") else IDLE[state]
    assert bench.fire(event) == EXPECTED.get((state, event), Seen(state, (), None, timers))
    assert (len(bench.layer) == 0) == (bench.transaction.state is TERMINATED)


def _repeats(path: tuple[Event, ...]) -> list[float]:
    bench = reach("BYE", path, is_client=True)
    moments = []
    while (deadline := bench.timers.next_deadline()) is not None:
        due = bench.timers.pop_due(deadline)
        assert due is not None
        bench.layer.handle_timer(str(due[0]), due[1], deadline)
        if bench.take_sent():
            moments.append(deadline)
    assert len(bench.layer) == 0
    return moments


def test_intervals_double_up_to_t2() -> None:
    assert _repeats(()) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def test_after_a_provisional_answer_every_t2() -> None:
    assert _repeats((Event.PROVISIONAL,)) == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]


def test_reliable_transport_sends_once() -> None:
    bench = TransactionBench("BYE", is_client=True, transport="tcp")
    assert (bench.first_sent, bench.armed()) == (("BYE",), "F")
    bench.fire(Event.SUCCESS)
    assert bench.timers.next_deadline() == 0.0, "timer K is zero"
