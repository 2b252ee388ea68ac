"""A gather: keys of the other party collected into one string. Immutable; every key makes a new value."""

from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, CallId, GatherId
from trebuchet.base.values import frozen_keywords

MAX_DIGITS = 30
"""Most keys one gather collects (API rule)."""
MAX_INTER_DIGIT_S = 30.0
"""Longest wait for the next key (API rule)."""
DEFAULT_INTER_DIGIT_S = 5.0
DEFAULT_TERMINATORS = "#"


class GatherReason(StrEnum):
    """Why a gather ended."""

    MAX_DIGITS = "max-digits"
    TERMINATING_DIGIT = "terminating-digit"
    TIMEOUT = "timeout"
    """No key, or no further one, in time."""
    CALL_ENDED = "call-ended"
    CANCELLED = "cancelled"
    """The customer stopped it."""


@frozen_keywords
class Gather:
    """While it runs it is part of its call; afterwards it is a resource of its own that never changes."""

    id: GatherId
    account_id: AccountId
    call_id: CallId
    created_at: datetime
    max_digits: int = MAX_DIGITS
    """1 … `MAX_DIGITS`; the terminating key does not count."""
    inter_digit_s: float = DEFAULT_INTER_DIGIT_S
    """Above 0, at most `MAX_INTER_DIGIT_S`."""
    terminators: str = DEFAULT_TERMINATORS
    """Keys of which any one ends the gather; at least one."""
    suppresses_digits: bool = False
    """Whether the single keys are kept from the application meanwhile."""
    is_silent: bool = False
    """Whether its end goes to the log alone, not to the application."""
    tag: str | None = None
    digits: str = ""
    """What was pressed so far, without the terminator."""
    reason: GatherReason | None = None
    """`None`: it runs."""
    completed_at: datetime | None = None
