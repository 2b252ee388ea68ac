"""Non-INVITE client transaction: RFC 3261 17.1.2.

The request is repeated over UDP (timer E), with intervals doubling up to T2 until something comes back and of T2 after
a provisional answer, until a final answer or 64*T1 (timer F). Repeated final answers are absorbed for T4 (timer K).
"""

from typing import ClassVar

from trebuchet.sip.transaction import Action as Do
from trebuchet.sip.transaction import ClientTransaction, Event, State, Table

_FINAL = (State.COMPLETED, (Do.STOP_E, Do.STOP_F, Do.ARM_K, Do.PASS))
_TIMEOUT = (State.TERMINATED, (Do.TELL_TIMEOUT,))
_BROKEN = (State.TERMINATED, (Do.TELL_TRANSPORT,))


class NonInviteClient(ClientTransaction):
    """BYE, CANCEL, OPTIONS, PRACK, UPDATE … of ours."""

    FIRST = State.TRYING
    START = (Do.SEND, Do.ARM_E, Do.ARM_F)
    TIMERS = ("E", "F", "K")
    TABLE: ClassVar[Table] = {
        (State.TRYING, Event.TIMER_E): (State.TRYING, (Do.SEND, Do.DOUBLE, Do.CAP, Do.ARM_E)),
        (State.TRYING, Event.TIMER_F): _TIMEOUT,
        (State.TRYING, Event.TRANSPORT_ERROR): _BROKEN,
        (State.TRYING, Event.PROVISIONAL): (State.PROCEEDING, (Do.PASS,)),
        (State.TRYING, Event.SUCCESS): _FINAL,
        (State.TRYING, Event.FAILURE): _FINAL,
        (State.PROCEEDING, Event.TIMER_E): (State.PROCEEDING, (Do.SEND, Do.JUMP_TO_T2, Do.ARM_E)),
        (State.PROCEEDING, Event.TIMER_F): _TIMEOUT,
        (State.PROCEEDING, Event.TRANSPORT_ERROR): _BROKEN,
        (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, (Do.PASS,)),
        (State.PROCEEDING, Event.SUCCESS): _FINAL,
        (State.PROCEEDING, Event.FAILURE): _FINAL,
        (State.COMPLETED, Event.TIMER_K): (State.TERMINATED, ()),
    }

    __slots__ = ()
