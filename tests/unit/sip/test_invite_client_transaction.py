"""RFC 3261 figure 5 with RFC 6026, every state with every event."""

import pytest
from transaction_bench import Seen, TransactionBench, reach

from trebuchet.sip.message import make_response
from trebuchet.sip.outputs import Send
from trebuchet.sip.timers import TimerValues
from trebuchet.sip.transaction import Event, State

CALLING, PROCEEDING, COMPLETED = State.CALLING, State.PROCEEDING, State.COMPLETED
ACCEPTED, TERMINATED = State.ACCEPTED, State.TERMINATED

PATHS: dict[State, tuple[Event, ...]] = {
    CALLING: (),
    PROCEEDING: (Event.PROVISIONAL,),
    COMPLETED: (Event.FAILURE,),
    ACCEPTED: (Event.SUCCESS,),
    TERMINATED: (Event.TIMER_B,),
}
IDLE = {CALLING: "AB", PROCEEDING: "", COMPLETED: "D", ACCEPTED: "M", TERMINATED: ""}
EXPECTED: dict[tuple[State, Event], Seen] = {
    (CALLING, Event.TIMER_A): Seen(CALLING, ("INVITE",), None, "AB"),
    (CALLING, Event.TIMER_B): Seen(TERMINATED, (), "408", ""),
    (CALLING, Event.TRANSPORT_ERROR): Seen(TERMINATED, (), "503", ""),
    (CALLING, Event.PROVISIONAL): Seen(PROCEEDING, (), "passed", ""),
    (CALLING, Event.SUCCESS): Seen(ACCEPTED, (), "passed", "M"),
    (CALLING, Event.FAILURE): Seen(COMPLETED, ("ACK",), "passed", "D"),
    (PROCEEDING, Event.PROVISIONAL): Seen(PROCEEDING, (), "passed", ""),
    (PROCEEDING, Event.SUCCESS): Seen(ACCEPTED, (), "passed", "M"),
    (PROCEEDING, Event.FAILURE): Seen(COMPLETED, ("ACK",), "passed", "D"),
    (PROCEEDING, Event.TIMER_B): Seen(TERMINATED, (), "408", ""),
    (PROCEEDING, Event.TRANSPORT_ERROR): Seen(TERMINATED, (), "503", ""),
    (COMPLETED, Event.FAILURE): Seen(COMPLETED, ("ACK",), None, "D"),
    (COMPLETED, Event.TIMER_D): Seen(TERMINATED, (), None, ""),
    (COMPLETED, Event.TRANSPORT_ERROR): Seen(TERMINATED, (), None, ""),
    (ACCEPTED, Event.SUCCESS): Seen(ACCEPTED, (), "passed", "M"),
    (ACCEPTED, Event.TIMER_M): Seen(TERMINATED, (), None, ""),
}


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("event", Event)
def test_every_cell(state: State, event: Event) -> None:
    bench = reach("INVITE", PATHS[state], is_client=True)
    assert bench.transaction.state is state
    timers = IDLE[state].replace(event.value, "") if event.name.startswith("TIMER_") else IDLE[state]
    assert bench.fire(event) == EXPECTED.get((state, event), Seen(state, (), None, timers))
    assert (len(bench.layer) == 0) == (bench.transaction.state is TERMINATED)


def test_first_sends_and_arms() -> None:
    bench = TransactionBench("INVITE", is_client=True)
    assert bench.first_sent == ("INVITE",)
    assert bench.armed() == "AB"


def test_intervals_double_until_64_t1() -> None:
    """17.1.1.2: 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s, and a time-out at 32 s."""
    bench = TransactionBench("INVITE", is_client=True)
    moments = []
    while (deadline := bench.timers.next_deadline()) is not None:
        due = bench.timers.pop_due(deadline)
        assert due is not None
        bench.now = deadline
        bench.layer.handle_timer(str(due[0]), due[1], deadline)
        if bench.take_sent():
            moments.append(deadline)
    assert moments == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.now == 32.0


def test_reliable_transport_repeats_nothing_and_absorbs_nothing() -> None:
    bench = TransactionBench("INVITE", is_client=True, transport="tcp")
    assert bench.armed() == "B"
    bench.fire(Event.FAILURE)
    assert bench.timers.next_deadline() == 0.0, "timer D is zero"


def test_ack_of_a_failure_repeats_what_17_1_1_3_asks() -> None:
    bench = TransactionBench("INVITE", is_client=True)
    bench.request.headers.add("Route", "<sip:proxy.example;lr>")
    bench.transaction.data = bench.request.to_bytes()
    bench.layer.handle_response(make_response(bench.request, 486, None, "to"), 0.0)
    output = bench.outbox.pop()
    assert isinstance(output, Send)
    text = output.data.decode()
    assert text.startswith("ACK sip:b@192.0.2.2 SIP/2.0\r\n")
    for line in (
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtest",
        "Route: <sip:proxy.example;lr>",
        "From: <sip:a@192.0.2.1>;tag=from",
        "To: <sip:b@192.0.2.2>;tag=to",
        "Call-ID: call-1",
        "CSeq: 1 ACK",
    ):
        assert f"\r\n{line}\r\n" in text


def test_timers_scale_together() -> None:
    values = TimerValues().scaled(0.1)
    assert (values.t1, values.t2, values.t4) == (0.05, 0.4, 0.5)
    assert values.timeout == pytest.approx(3.2)


def test_its_user_may_limit_the_wait_after_a_provisional_answer() -> None:
    bench = reach("INVITE", (Event.PROVISIONAL,), is_client=True)
    bench.layer.limit(bench.transaction.key, 9.0)
    bench.layer.limit(bench.transaction.key, 99.0, is_new=False)
    assert bench.timers.next_deadline() == 9.0, "the first limit stays"
    bench.layer.limit(bench.transaction.key, 5.0)
    assert bench.timers.next_deadline() == 5.0
    assert bench.fire(Event.SUCCESS).timers == "M", "an answer lifts it"
