"""Whatever is pressed, a gather ends as a plain reading of its rules says, exactly once, and every key is told."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from trebuchet.base.ids import AccountId, CallId, GatherId
from trebuchet.calls import gather as rules
from trebuchet.calls.effects import StartGatherTimer
from trebuchet.calls.step import Status, Step
from trebuchet.calls.stimuli import BeginGather, GatherExpired, KeyPressed
from trebuchet.model.call import Call, CallState, Direction
from trebuchet.model.event import DigitPressed, GatherFinished
from trebuchet.model.gather import MAX_DIGITS, Gather, GatherReason

AT = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = "0123456789*#ABCD"
key = st.sampled_from(KEYS)


def start(gather: Gather) -> Status:
    call = Call(
        id=gather.call_id,
        account_id=gather.account_id,
        direction=Direction.IN,
        from_="+15550188",
        to="+15550100",
        state=CallState.ANSWERED,
        created_at=AT,
    )
    return rules.begin_gather(Status(call), BeginGather(gather), AT).status


def expected(keys: str, max_digits: int, terminators: str) -> tuple[str, GatherReason]:
    """The end: of the keys, and if they do not end it, of the wait after them."""
    digits = ""
    for pressed in keys:
        if pressed in terminators:
            return digits, GatherReason.TERMINATING_DIGIT
        digits += pressed
        if len(digits) == max_digits:
            return digits, GatherReason.MAX_DIGITS
    return digits, GatherReason.TIMEOUT


@given(
    st.text(key, max_size=40),
    st.integers(1, MAX_DIGITS),
    st.text(key, min_size=1, max_size=4),
    st.booleans(),
)
def test_a_gather_ends_as_its_rules_say(keys: str, max_digits: int, terminators: str, suppresses: bool) -> None:
    gather = Gather(
        id=GatherId("gtr-1"),
        account_id=AccountId("u-1"),
        call_id=CallId("c-1"),
        created_at=AT,
        max_digits=max_digits,
        terminators=terminators,
        suppresses_digits=suppresses,
    )
    whole = Step(start(gather))
    waits: list[StartGatherTimer] = [StartGatherTimer(gather.id, 0, gather.inter_digit_s)]
    for pressed in keys:
        step = rules.press_key(whole.status, KeyPressed(pressed), AT)
        waits += [effect for effect in step.effects if isinstance(effect, StartGatherTimer)]
        whole = whole.then(step)
    for wait in waits:  # every timer that was ever started fires late, in order; only the last one counts
        whole = whole.then(rules.expire(whole.status, GatherExpired(wait.gather_id, wait.digits), AT))
    digits, reason = expected(keys, max_digits, terminators)
    (over,) = whole.gathers
    assert (over.digits, over.reason, whole.status.call.gather) == (digits, reason, None)
    (told,) = (fact for fact in whole.facts if isinstance(fact, GatherFinished))
    assert (told.digits, told.reason) == (digits, reason)
    used = len(digits) + (reason is GatherReason.TERMINATING_DIGIT)
    shown = "".join(fact.digit for fact in whole.facts if isinstance(fact, DigitPressed))
    assert shown == (keys[used:] if suppresses else keys)
