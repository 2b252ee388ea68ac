"""RFC 3261 figure 7 with RFC 6026, every state with every event."""

import pytest
from transaction_bench import Seen, TransactionBench, reach

from trebuchet.sip.transaction import Event, State

PROCEEDING, COMPLETED, CONFIRMED = State.PROCEEDING, State.COMPLETED, State.CONFIRMED
ACCEPTED, TERMINATED = State.ACCEPTED, State.TERMINATED

PATHS: dict[State, tuple[Event, ...]] = {
    PROCEEDING: (Event.PROVISIONAL,),
    COMPLETED: (Event.FAILURE,),
    CONFIRMED: (Event.FAILURE, Event.ACK),
    ACCEPTED: (Event.SUCCESS,),
    TERMINATED: (Event.FAILURE, Event.TIMER_H),
}
IDLE = {PROCEEDING: "", COMPLETED: "GH", CONFIRMED: "I", ACCEPTED: "L", TERMINATED: ""}
EXPECTED: dict[tuple[State, Event], Seen] = {
    (PROCEEDING, Event.REPEAT): Seen(PROCEEDING, ("180",), None, ""),
    (PROCEEDING, Event.PROVISIONAL): Seen(PROCEEDING, ("180",), None, ""),
    (PROCEEDING, Event.SUCCESS): Seen(ACCEPTED, ("200",), None, "L"),
    (PROCEEDING, Event.FAILURE): Seen(COMPLETED, ("486",), None, "GH"),
    (PROCEEDING, Event.TRANSPORT_ERROR): Seen(TERMINATED, (), "503", ""),
    (COMPLETED, Event.REPEAT): Seen(COMPLETED, ("486",), None, "GH"),
    (COMPLETED, Event.TIMER_G): Seen(COMPLETED, ("486",), None, "GH"),
    (COMPLETED, Event.TIMER_H): Seen(TERMINATED, (), None, ""),
    (COMPLETED, Event.ACK): Seen(CONFIRMED, (), None, "I"),
    (COMPLETED, Event.TRANSPORT_ERROR): Seen(TERMINATED, (), None, ""),
    (CONFIRMED, Event.TIMER_I): Seen(TERMINATED, (), None, ""),
    (ACCEPTED, Event.SUCCESS): Seen(ACCEPTED, ("200",), None, "L"),
    (ACCEPTED, Event.TIMER_L): Seen(TERMINATED, (), None, ""),
    (ACCEPTED, Event.TRANSPORT_ERROR): Seen(ACCEPTED, (), "503", "L"),
}


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("event", Event)
def test_every_cell(state: State, event: Event) -> None:
    bench = reach("INVITE", PATHS[state], is_client=False)
    assert bench.transaction.state is state
    timers = IDLE[state].replace(event.value, "") if event.name.startswith("TIMER_") else IDLE[state]
    assert bench.fire(event) == EXPECTED.get((state, event), Seen(state, (), None, timers))
    assert (len(bench.layer) == 0) == (bench.transaction.state is TERMINATED)


def test_a_failure_is_repeated_up_to_t2_until_64_t1() -> None:
    bench = reach("INVITE", (Event.FAILURE,), is_client=False)
    moments = []
    while (deadline := bench.timers.next_deadline()) is not None:
        due = bench.timers.pop_due(deadline)
        assert due is not None
        bench.layer.handle_timer(str(due[0]), due[1], deadline)
        if bench.take_sent():
            moments.append(deadline)
    assert moments == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert len(bench.layer) == 0


def test_reliable_transport_repeats_no_failure() -> None:
    bench = TransactionBench("INVITE", is_client=False, transport="tcp")
    bench.fire(Event.FAILURE)
    assert bench.armed() == "H"
    bench.fire(Event.ACK)
    assert bench.timers.next_deadline() == 0.0, "timer I is zero"


def test_a_repeated_invite_before_any_answer_gets_nothing() -> None:
    bench = TransactionBench("INVITE", is_client=False)
    assert bench.fire(Event.REPEAT).sent == ()
