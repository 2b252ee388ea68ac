"""The table of call phases: every cell looked at, and what holds along every way through it."""

import pytest

from trebuchet.sip.call import Phase
from trebuchet.sip.call_phases import TABLE, CallDo, CallEvent

START = {Phase.CALLING, Phase.INVITED}
OVER_FOR_THE_USER = {Phase.ABANDONED, Phase.CANCELLING, Phase.WAITING_ACK, Phase.ENDING, Phase.ENDED}
TELLING = {CallDo.TELL_PROGRESS, CallDo.TELL_ACKED, CallDo.CONFIRM}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("event", CallEvent)
def test_every_cell(phase: Phase, event: CallEvent) -> None:
    cell = TABLE.get((phase, event))
    if cell is None:
        return
    after, actions = cell
    assert phase is not Phase.ENDED, "nothing happens after the end"
    assert (CallDo.RELEASE in actions) == (after is Phase.ENDED), "an ended call is released, and no other"
    is_end = phase not in OVER_FOR_THE_USER and after in OVER_FOR_THE_USER
    assert (CallDo.TELL_END in actions) == is_end, "the end is told exactly when it comes"
    if phase in OVER_FOR_THE_USER:
        assert TELLING.isdisjoint(actions), "nothing is told after the end"
    if CallDo.BYE in actions:
        assert after is Phase.ENDING
        assert phase not in (Phase.CALLING, Phase.PROCEEDING, Phase.INVITED), "BYE needs a confirmed dialog"
    if CallDo.CANCEL in actions:
        assert event in (CallEvent.PROVISIONAL, CallEvent.HANG_UP, CallEvent.PEER_BYE)
        assert phase is not Phase.CALLING, "no CANCEL before a provisional answer"


def test_every_phase_is_reached_and_comes_to_an_end() -> None:
    ways: dict[Phase, set[Phase]] = {}
    for (phase, _), (after, _) in TABLE.items():
        ways.setdefault(phase, set()).add(after)
    assert _reach(START, ways) == set(Phase)
    for phase in Phase:
        assert Phase.ENDED in _reach({phase}, ways)


def _reach(start: set[Phase], ways: dict[Phase, set[Phase]]) -> set[Phase]:
    found, open_ = set(start), list(start)
    while open_:
        for after in ways.get(open_.pop(), ()):
            if after not in found:
                found.add(after)
                open_.append(after)
    return found
