"""What the four transaction machines share: the words of their tables and the record of one transaction.

A machine is a table from (state, event) to (next state, actions); it decides and does nothing else. `transactions.py`
carries the actions out. A cell that is missing means: nothing happens.
"""

from enum import StrEnum
from typing import ClassVar

from trebuchet.sip.outputs import Destination, LegId, NextHop


class State(StrEnum):
    """The states of RFC 3261 figures 5 to 8 with the Accepted state of RFC 6026."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class Event(StrEnum):
    """What can happen to a transaction.

    For a client the three answers arrive; for a server the transaction user gives them.
    """

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    REPEAT = "request repeated"
    ACK = "ACK"
    TIMER_A = "A"
    TIMER_B = "B"
    TIMER_D = "D"
    TIMER_E = "E"
    TIMER_F = "F"
    TIMER_G = "G"
    TIMER_H = "H"
    TIMER_I = "I"
    TIMER_J = "J"
    TIMER_K = "K"
    TIMER_L = "L"
    TIMER_M = "M"
    TRANSPORT_ERROR = "transport error"


class Action(StrEnum):
    """What a machine asks to have done, in order.

    `SEND` (again) the stored request or answer; `REPLY` store the new answer and send it; `PASS` the message to the
    transaction user; `ACK` the failure; `TELL_*` the user that it failed; `ARM_*` and `STOP_*` a timer, where A, E and
    G are armed with their present interval and doubled by `DOUBLE` first (`CAP` bounds it by T2).
    """

    SEND = "send"
    REPLY = "reply"
    PASS = "pass"
    ACK = "ack"
    DROP_STORED = "drop stored"
    DOUBLE = "double"
    CAP = "cap"
    JUMP_TO_T2 = "interval is T2"
    TELL_TIMEOUT = "tell timeout"
    TELL_TRANSPORT = "tell transport error"
    ARM_A = "arm A"
    ARM_B = "arm B"
    ARM_D = "arm D"
    ARM_E = "arm E"
    ARM_F = "arm F"
    ARM_G = "arm G"
    ARM_H = "arm H"
    ARM_I = "arm I"
    ARM_J = "arm J for the wait"
    ARM_J_AFTER = "arm J"
    ARM_K = "arm K"
    ARM_L = "arm L"
    ARM_M = "arm M"
    STOP_A = "stop A"
    STOP_B = "stop B"
    STOP_E = "stop E"
    STOP_F = "stop F"
    STOP_G = "stop G"
    STOP_H = "stop H"


Step = tuple[State, tuple[Action, ...]]
Table = dict[tuple[State, Event], Step]


class Purpose(StrEnum):
    """Why the user agent sent a request: tells its answer where to go."""

    INVITE = "invite"
    CANCEL = "cancel"
    REINVITE = "reinvite"
    REFRESH_INVITE = "refresh-invite"
    UPDATE = "update"
    PRACK = "prack"
    BYE = "bye"
    STRAY_BYE = "stray-bye"
    OPTIONS = "options"


class Transaction:
    """One running transaction: bytes and small values only, so that thousands cost the collector little.

    `data` is the request (client) or the last answer (server) as it goes over the wire.
    """

    TABLE: ClassVar[Table]
    FIRST: ClassVar[State]
    START: ClassVar[tuple[Action, ...]]
    TIMERS: ClassVar[tuple[str, ...]]
    """Disarmed when the transaction terminates."""

    __slots__ = ("data", "interval", "is_reliable", "key", "state", "to")

    def __init__(self, key: str, data: bytes, to: NextHop) -> None:
        self.key = key
        self.data = data
        self.to: NextHop = to
        self.is_reliable = to.is_reliable
        self.state = self.FIRST
        self.interval = 0.0


class ClientTransaction(Transaction):
    """A request of ours. `leg` and `purpose` name its user; `fallback` is tried once when `to` cannot be reached.

    `attempts` counts the challenges answered before this repetition of the request.
    """

    __slots__ = ("attempts", "fallback", "leg", "purpose")

    def __init__(
        self, key: str, data: bytes, to: NextHop, leg: LegId | None, purpose: Purpose, fallback: Destination | None
    ) -> None:
        super().__init__(key, data, to)
        self.leg = leg
        self.purpose = purpose
        self.fallback = fallback
        self.attempts = 0


class ServerTransaction(Transaction):
    """A request of the peer. `merge_key` finds the same request arriving by another path (RFC 3261 8.2.2.2).

    `leg` is the call whose answer it waits for.
    """

    __slots__ = ("leg", "merge_key")

    def __init__(self, key: str, to: NextHop, merge_key: str | None) -> None:
        super().__init__(key, b"", to)
        self.merge_key = merge_key
        self.leg: LegId | None = None
