"""RFC 3261 figure 8, every state with every event."""

import pytest
from transaction_bench import Seen, TransactionBench, reach

from trebuchet.sip.transaction import Event, State

TRYING, PROCEEDING, COMPLETED, TERMINATED = State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED

PATHS: dict[State, tuple[Event, ...]] = {
    TRYING: (),
    PROCEEDING: (Event.PROVISIONAL,),
    COMPLETED: (Event.SUCCESS,),
    TERMINATED: (Event.TIMER_J,),
}
IDLE = {TRYING: "J", PROCEEDING: "J", COMPLETED: "J", TERMINATED: ""}
EXPECTED: dict[tuple[State, Event], Seen] = {
    (TRYING, Event.PROVISIONAL): Seen(PROCEEDING, ("180",), None, "J"),
    (TRYING, Event.SUCCESS): Seen(COMPLETED, ("200",), None, "J"),
    (TRYING, Event.FAILURE): Seen(COMPLETED, ("486",), None, "J"),
    (TRYING, Event.TIMER_J): Seen(TERMINATED, (), None, ""),
    (TRYING, Event.TRANSPORT_ERROR): Seen(TERMINATED, (), None, ""),
    (PROCEEDING, Event.REPEAT): Seen(PROCEEDING, ("180",), None, "J"),
    (PROCEEDING, Event.PROVISIONAL): Seen(PROCEEDING, ("180",), None, "J"),
    (PROCEEDING, Event.SUCCESS): Seen(COMPLETED, ("200",), None, "J"),
    (PROCEEDING, Event.FAILURE): Seen(COMPLETED, ("486",), None, "J"),
    (PROCEEDING, Event.TIMER_J): Seen(TERMINATED, (), None, ""),
    (PROCEEDING, Event.TRANSPORT_ERROR): Seen(TERMINATED, (), None, ""),
    (COMPLETED, Event.REPEAT): Seen(COMPLETED, ("200",), None, "J"),
    (COMPLETED, Event.TIMER_J): Seen(TERMINATED, (), None, ""),
    (COMPLETED, Event.TRANSPORT_ERROR): Seen(TERMINATED, (), None, ""),
}


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("event", Event)
def test_every_cell(state: State, event: Event) -> None:
    bench = reach("BYE", PATHS[state], is_client=False)
    assert bench.transaction.state is state
    timers = IDLE[state].replace(event.value, "") if event.name.startswith("TIMER_") else IDLE[state]
    assert bench.fire(event) == EXPECTED.get((state, event), Seen(state, (), None, timers))
    assert (len(bench.layer) == 0) == (bench.transaction.state is TERMINATED)


def test_answers_are_kept_for_64_t1_over_udp_only() -> None:
    assert reach("BYE", (Event.SUCCESS,), is_client=False).timers.next_deadline() == 32.0
    bench = TransactionBench("BYE", is_client=False, transport="tcp")
    bench.fire(Event.SUCCESS)
    assert bench.timers.next_deadline() == 0.0


def test_a_merged_request_is_recognised_until_its_transaction_has_gone() -> None:
    bench = TransactionBench("BYE", is_client=False)
    assert bench.layer.is_merged(bench.request)
    bench.fire(Event.SUCCESS)
    bench.fire(Event.TIMER_J)
    assert not bench.layer.is_merged(bench.request)
