"""The rules of sending keys: they go out one after the other, and only so many may wait."""

from datetime import datetime

from trebuchet.base.values import replace
from trebuchet.calls.commands import DigitsNotSent
from trebuchet.calls.effects import SendKeys
from trebuchet.calls.step import Status, Step
from trebuchet.calls.stimuli import DialDigits

KEY_S = 0.24
"""A key on its way: 100 ms, the end of its event, and 100 ms between two."""
PAUSES_S = {",": 0.5, "w": 0.5, "W": 1.0}
MAX_WAIT_S = 60.0
"""Keys are refused while others take longer than this: a client that sends faster than a line can dial is told so,
instead of filling memory."""


def duration_s(digits: str) -> float:
    """How long it takes to send them."""
    return sum(PAUSES_S.get(digit, KEY_S) for digit in digits)


def dial(status: Status, wanted: DialDigits, at: datetime) -> Step:
    """Raises `DigitsNotSent`."""
    begin = max(status.dialling_until, wanted.now)
    if begin - wanted.now > MAX_WAIT_S:
        raise DigitsNotSent(status.call.id, wanted.digits)
    until = begin + duration_s(wanted.digits)
    return Step(replace(status, dialling_until=until), effects=(SendKeys(wanted.digits),))
