"""INVITE client transaction: RFC 3261 17.1.1 with the corrections of RFC 6026 7.2.

The INVITE is repeated over UDP with doubling intervals (timer A) until anything comes back; nothing at all within
64*T1 (timer B) is a time-out. Any provisional answer stops both: from then on only the user of the transaction limits
the wait, by arming timer B again (`Transactions.limit`).

A failure is acknowledged here, hop by hop, and its repetitions are acknowledged again for as long as they may come
(timer D). A 2xx is acknowledged by the user, end to end; the transaction stays in Accepted for 64*T1 (timer M) so that
every further 2xx, of this branch or of another fork, still finds its user.
"""

from typing import ClassVar

from trebuchet.sip.outputs import Destination, LegId, NextHop
from trebuchet.sip.transaction import Action as Do
from trebuchet.sip.transaction import ClientTransaction, Event, Purpose, State, Table

MAX_FORKS = 8
"""Branches of one INVITE that we acknowledge or keep as early dialogs: real forking rings a few phones; an endless
row of invented tags must not grow us."""


class InviteClient(ClientTransaction):
    """`acks` holds the ACK sent for each accepted branch (by To tag), to be repeated with a repeated 2xx."""

    FIRST = State.CALLING
    START = (Do.SEND, Do.ARM_A, Do.ARM_B)
    TIMERS = ("A", "B", "D", "M")
    TABLE: ClassVar[Table] = {
        (State.CALLING, Event.TIMER_A): (State.CALLING, (Do.SEND, Do.DOUBLE, Do.ARM_A)),
        (State.CALLING, Event.TIMER_B): (State.TERMINATED, (Do.TELL_TIMEOUT,)),
        (State.CALLING, Event.TRANSPORT_ERROR): (State.TERMINATED, (Do.TELL_TRANSPORT,)),
        (State.CALLING, Event.PROVISIONAL): (State.PROCEEDING, (Do.STOP_A, Do.STOP_B, Do.PASS)),
        (State.CALLING, Event.SUCCESS): (State.ACCEPTED, (Do.STOP_A, Do.STOP_B, Do.ARM_M, Do.PASS)),
        (State.CALLING, Event.FAILURE): (State.COMPLETED, (Do.STOP_A, Do.STOP_B, Do.ACK, Do.ARM_D, Do.PASS)),
        (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, (Do.PASS,)),
        (State.PROCEEDING, Event.SUCCESS): (State.ACCEPTED, (Do.STOP_B, Do.ARM_M, Do.PASS)),
        (State.PROCEEDING, Event.FAILURE): (State.COMPLETED, (Do.STOP_B, Do.ACK, Do.ARM_D, Do.PASS)),
        (State.PROCEEDING, Event.TIMER_B): (State.TERMINATED, (Do.TELL_TIMEOUT,)),
        (State.PROCEEDING, Event.TRANSPORT_ERROR): (State.TERMINATED, (Do.TELL_TRANSPORT,)),
        (State.COMPLETED, Event.FAILURE): (State.COMPLETED, (Do.ACK,)),
        (State.COMPLETED, Event.TIMER_D): (State.TERMINATED, ()),
        (State.COMPLETED, Event.TRANSPORT_ERROR): (State.TERMINATED, ()),
        (State.ACCEPTED, Event.SUCCESS): (State.ACCEPTED, (Do.PASS,)),
        (State.ACCEPTED, Event.TIMER_M): (State.TERMINATED, ()),
    }

    __slots__ = ("acks",)

    def __init__(
        self, key: str, data: bytes, to: NextHop, leg: LegId | None, purpose: Purpose, fallback: Destination | None
    ) -> None:
        super().__init__(key, data, to, leg, purpose, fallback)
        self.acks: dict[str, tuple[bytes, NextHop]] = {}
