"""Keys sent in INFO: `application/dtmf-relay` (Signal= and Duration= lines) and `application/dtmf` (just the key).

No RFC defines either; gateways of several makers send them in place of RFC 4733 events.
"""

import re

RELAY = "application/dtmf-relay"
PLAIN = "application/dtmf"
MAX_DURATION_MS = 60_000
"""Longer presses are nonsense and are told as this."""

_NUMBERED = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
_SIGNAL = re.compile(rb"(?:^|[\r\n])[ \t]*signal[ \t]*=[ \t]*([0-9*#A-D]{1,2})[ \t]*(?:[\r\n]|$)", re.IGNORECASE)
_DURATION = re.compile(rb"(?:^|[\r\n])[ \t]*duration[ \t]*=[ \t]*([0-9]{1,6})[ \t]*(?:[\r\n]|$)", re.IGNORECASE)
_KEY = re.compile(rb"\s{0,8}([0-9*#A-D]{1,2})\s{0,8}", re.IGNORECASE)


def read_info_digit(content_type: str, body: bytes) -> tuple[str, int | None] | None:
    """The key and its length in ms if said; `None` for anything that is not one key."""
    if content_type == RELAY:
        signal, duration = _SIGNAL.search(body), _DURATION.search(body)
    elif content_type == PLAIN:
        signal, duration = _KEY.fullmatch(body), None
    else:
        return None
    if signal is None:
        return None
    text = signal[1].decode("ascii").upper()
    digit = text if len(text) == 1 else _NUMBERED.get(text)
    if digit is None:
        return None
    return digit, min(int(duration[1]), MAX_DURATION_MS) if duration is not None else None
