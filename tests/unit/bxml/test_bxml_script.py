"""The rules of a script: every cell of its table, and the stories they are for."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trebuchet.bxml import script as rules
from trebuchet.bxml.orders import (
    Arrival,
    AskForDocument,
    CallOver,
    Complain,
    Dial,
    DocumentBad,
    DocumentCame,
    EndCall,
    GatherOver,
    KeyCame,
    NothingCame,
    Order,
    PlaybackOver,
    RecordingOver,
    Refused,
    RequestFailed,
    Say,
    StartGather,
    StartRecording,
    StartTransfer,
    StopRecording,
    TakenOver,
    TellGather,
    TimerOver,
    TransferFailed,
    TransferJoined,
    Wait,
)
from trebuchet.bxml.script import (
    LINGER_S,
    MAX_REDIRECTS,
    MAX_VERBS,
    TABLE,
    Collecting,
    Connecting,
    Joined,
    Lingering,
    Over,
    Pausing,
    Playing,
    Reading,
    Recording,
    Script,
    Waiting,
    decide,
)
from trebuchet.bxml.verbs import (
    Callback,
    Collect,
    Connect,
    HangUp,
    Pause,
    Play,
    Record,
    Redirect,
    SendDigits,
    Verb,
)
from trebuchet.model.gather import GatherReason
from trebuchet.model.prompt import Sentence

HI, BYE = Sentence(text="Hi"), Sentence(text="Bye")
SAY_HI, SAY_BYE = Play(prompt=HI), Play(prompt=BYE)
NEXT = Callback(url="https://app.example/next")
GATHER = Collect(callback=NEXT, tag="main")
RECORD = Record(terminator="#")
CONNECT = Connect(to=("+19195550144",), recording=Record())
ENTERED = GatherOver("gtr-1", "47", GatherReason.TERMINATING_DIGIT, "#")
NOTHING = GatherOver("gtr-1", "", GatherReason.TIMEOUT)

STATES: dict[type[Waiting], Waiting] = {
    Reading: Reading(is_urgent=True),
    Playing: Playing(SAY_HI, 0),
    Collecting: Collecting(GATHER),
    Pausing: Pausing(),
    Recording: Recording(RECORD),
    Connecting: Connecting(CONNECT),
    Joined: Joined(),
    Lingering: Lingering(),
    Over: Over(),
}
ARRIVALS: tuple[Arrival, ...] = (
    DocumentCame((SAY_HI,)),
    DocumentCame(()),
    NothingCame(),
    DocumentBad("line 1"),
    RequestFailed(),
    PlaybackOver(),
    ENTERED,
    NOTHING,
    GatherOver("gtr-1", "4", GatherReason.CALL_ENDED),
    KeyCame("#"),
    KeyCame("5"),
    RecordingOver(),
    TransferJoined(),
    TransferFailed(),
    TimerOver(0),
    TimerOver(-1),
    Refused("prompt-unreachable"),
    TakenOver(),
    CallOver(),
)
VERBS: tuple[Verb, ...] = (
    SAY_HI, Play(prompt=HI, times=3), GATHER, Collect(), HangUp(), Pause(seconds=2), RECORD, Redirect(callback=NEXT),
    SendDigits(digits="1w"), CONNECT, Connect(to=("nobody",)),
)  # fmt: skip


def run(*verbs: Verb) -> tuple[Script, tuple[Order, ...]]:
    return decide(Script(), DocumentCame(verbs))


def follow(script: Script, *arrivals: Arrival) -> tuple[Script, list[Order]]:
    orders: list[Order] = []
    for arrival in arrivals:
        script, more = decide(script, arrival)
        orders += more
    return script, orders


def test_the_table_has_a_row_for_everything_a_script_waits_for() -> None:
    assert set(TABLE) == set(STATES)
    assert {type(arrival) for arrival in ARRIVALS} == {cell for row in TABLE.values() for cell in row}


@pytest.mark.parametrize("state", list(STATES), ids=lambda state: state.__name__)
@pytest.mark.parametrize("arrival", ARRIVALS, ids=lambda arrival: type(arrival).__name__)
def test_every_cell(state: type[Waiting], arrival: Arrival) -> None:
    before = Script(STATES[state], left=(SAY_BYE,))
    after, orders = decide(before, arrival)
    if type(arrival) not in TABLE[state]:
        assert (after, orders) == (before, ())
    if isinstance(arrival, CallOver | TakenOver):
        assert isinstance(after.waits, Over) and not orders
    if EndCall() in orders:
        assert isinstance(after.waits, Over) and orders[-1] == EndCall()


def test_verbs_run_one_after_the_other() -> None:
    script, orders = run(SAY_HI, Pause(seconds=2), SendDigits(digits="1w"), SAY_BYE, HangUp())
    assert orders == (Say(HI),)
    script, orders = decide(script, PlaybackOver())
    assert orders == (Wait(1, 2.0),)
    script, orders = decide(script, TimerOver(1))
    assert orders == (Dial("1w"), Wait(2, 0.75))
    script, orders = decide(script, TimerOver(1))
    assert orders == (), "a timer that was replaced"
    script, orders = decide(script, TimerOver(2))
    assert orders == (Say(BYE),)
    script, orders = decide(script, PlaybackOver())
    assert orders == (EndCall(),) and isinstance(script.waits, Over)


def test_a_file_is_repeated() -> None:
    script, orders = run(Play(prompt=HI, times=3), HangUp())
    assert orders == (Say(HI),)
    _, more = follow(script, PlaybackOver(), PlaybackOver(), PlaybackOver())
    assert more == [Say(HI), Say(HI), EndCall()]


@pytest.mark.parametrize("verbs", [(), (SAY_HI,)])
def test_out_of_verbs_the_call_ends_after_a_while(verbs: tuple[Verb, ...]) -> None:
    script, _ = run(*verbs)
    script, _ = follow(script, *[PlaybackOver()] * len(verbs))
    assert script.waits == Lingering()
    assert follow(script, TimerOver(script.timer))[1] == [EndCall()]
    assert run()[1] == (Wait(1, LINGER_S),)


def test_digits_of_the_last_verb_wait_for_a_document() -> None:
    script, orders = run(GATHER)
    assert orders == (StartGather(GATHER),)
    script, orders = decide(script, ENTERED)
    assert orders == (TellGather(NEXT, ENTERED, "main", True), Wait(1, LINGER_S))
    assert follow(script, DocumentCame((SAY_BYE,)))[1] == [Say(BYE)]
    assert follow(script, RequestFailed())[1] == [EndCall()]
    assert follow(script, TimerOver(1))[1] == [EndCall()]
    silent, _ = follow(script, NothingCame())
    assert follow(silent, TimerOver(1))[1] == [EndCall()]


def test_digits_of_another_verb_wait_for_nothing() -> None:
    script, _ = run(GATHER, SAY_BYE)
    _, orders = decide(script, ENTERED)
    assert orders == (TellGather(NEXT, ENTERED, "main", False), Say(BYE))


@pytest.mark.parametrize("verb", [GATHER, Collect()])
def test_without_digits_the_next_verb_runs(verb: Collect) -> None:
    script, _ = run(verb, SAY_BYE)
    assert decide(script, NOTHING)[1] == (Say(BYE),)
    assert decide(run(Collect(), SAY_BYE)[0], ENTERED)[1] == (Say(BYE),), "nobody is told without a URL"


def test_digits_before_a_hang_up_are_told() -> None:
    hung_up = GatherOver("gtr-1", "4", GatherReason.CALL_ENDED)
    script, orders = decide(run(GATHER)[0], hung_up)
    assert orders == (TellGather(NEXT, hung_up, "main", False),) and isinstance(script.waits, Over)


def test_a_key_ends_a_recording() -> None:
    script, orders = run(RECORD, SAY_BYE)
    assert orders == (StartRecording(RECORD, True),)
    assert follow(script, KeyCame("5"))[1] == []
    assert follow(script, KeyCame("#"), RecordingOver())[1] == [StopRecording(), Say(BYE)]


def test_a_transfer() -> None:
    script, orders = run(CONNECT, SAY_BYE)
    assert orders == (StartTransfer(CONNECT),)
    assert follow(script, TransferFailed())[1] == [Say(BYE)]
    joined, orders_then = follow(script, TransferJoined())
    assert joined.waits == Joined() and orders_then == [StartRecording(Record(), False)]
    assert isinstance(follow(joined, Refused("media-error"))[1][0], Complain)
    refused, complaint = follow(script, Refused("cannot-call"))
    assert isinstance(refused.waits, Over) and complaint[-1] == EndCall()


@pytest.mark.parametrize("to", ["nobody", "+0123", "sip:nobody", "tel:+19195550144", "sip:a@b c"])
def test_destinations_that_are_none(to: str) -> None:
    script, orders = run(Connect(to=("+19195550144", to)))
    assert isinstance(orders[0], Complain) and orders[0].code == "bxml-bad-destination" and orders[1] == EndCall()
    assert isinstance(script.waits, Over)


def test_nothing_after_a_redirect_is_executed() -> None:
    script, orders = run(Redirect(callback=NEXT), SAY_HI)
    assert orders == (AskForDocument(NEXT),) and script.left == ()
    assert follow(script, DocumentCame((SAY_BYE,)))[1] == [Say(BYE)]
    assert follow(script, RequestFailed())[1] == [EndCall()]
    _, orders_then = follow(script, DocumentBad("line 3"))
    assert orders_then == [Complain("bxml-invalid", "line 3"), EndCall()]


def test_a_prompt_that_cannot_be_played_is_left_out() -> None:
    script, _ = run(SAY_HI, SAY_BYE)
    _, orders = follow(script, Refused("prompt-unreachable"))
    assert isinstance(orders[0], Complain) and "prompt-unreachable" in orders[0].text and orders[1] == Say(BYE)


def test_the_timer_of_keys_that_were_refused_means_nothing() -> None:
    script, _ = run(SendDigits(digits="1"), Redirect(callback=NEXT))
    script, orders = follow(script, Refused("digits-not-sent"), TimerOver(1))
    assert orders[-1] == AskForDocument(NEXT) and isinstance(script.waits, Reading)


@pytest.mark.parametrize("first", [NothingCame(), RequestFailed()])
def test_without_a_first_document_the_call_stays_for_a_while(first: Arrival) -> None:
    script, orders = decide(Script(), first)
    assert script.waits == Lingering(has_document=False) and orders == (Wait(1, LINGER_S),)
    assert follow(script, TakenOver())[0].waits == Over()


def test_redirects_in_a_row_are_bounded() -> None:
    script, asked = Script(), 0
    for _ in range(MAX_REDIRECTS + 1):
        script, orders = decide(script, DocumentCame((Redirect(callback=NEXT),)))
        asked += isinstance(orders[0], AskForDocument)
    assert asked == MAX_REDIRECTS and isinstance(orders[0], Complain) and orders[-1] == EndCall()


def test_another_verb_between_makes_redirects_count_anew() -> None:
    script = Script()
    for _ in range(2 * MAX_REDIRECTS):
        script, orders = follow(script, DocumentCame((SAY_HI, Redirect(callback=NEXT))), PlaybackOver())
        assert orders[-1] == AskForDocument(NEXT)


def test_the_verbs_of_a_call_are_bounded() -> None:
    script, _ = run(*[Pause(seconds=0)] * (MAX_VERBS + 1))
    for _ in range(MAX_VERBS - 1):
        script, orders = decide(script, TimerOver(script.timer))
        assert isinstance(orders[0], Wait)
    _, orders = decide(script, TimerOver(script.timer))
    assert isinstance(orders[0], Complain) and orders[0].code == "bxml-too-many-verbs"


@given(st.integers())
def test_any_history_ends_the_call_at_most_once(seed: int) -> None:
    rand = random.Random(seed)
    script, ends = Script(), 0
    for _ in range(60):
        arrival = rand.choice([*ARRIVALS, DocumentCame(tuple(rand.choices(VERBS, k=4))), TimerOver(script.timer)])
        script, orders = decide(script, arrival)
        ends += orders.count(EndCall())
        assert len(orders) <= 4
    assert ends <= 1, f"seed {seed}"
    assert isinstance(decide(script, CallOver())[0].waits, Over) and rules.TABLE[Over] == {}
