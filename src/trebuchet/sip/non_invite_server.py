"""Non-INVITE server transaction: RFC 3261 17.2.2.

A repeated request gets the last answer again, or nothing while there is none. The final answer is kept for 64*T1
(timer J) over UDP, so that its loss costs the peer one repetition and never a second execution. The same time bounds
the wait for our answer, after which the peer has given up anyway (RFC 4320 4.1).
"""

from typing import ClassVar

from trebuchet.sip.transaction import Action as Do
from trebuchet.sip.transaction import Event, ServerTransaction, State, Table

_FINAL = (State.COMPLETED, (Do.REPLY, Do.ARM_J_AFTER))
_BROKEN = (State.TERMINATED, ())


class NonInviteServer(ServerTransaction):
    """BYE, CANCEL, INFO, PRACK, UPDATE … of the peer."""

    FIRST = State.TRYING
    START = (Do.ARM_J,)
    TIMERS = ("J",)
    TABLE: ClassVar[Table] = {
        (State.TRYING, Event.PROVISIONAL): (State.PROCEEDING, (Do.REPLY,)),
        (State.TRYING, Event.SUCCESS): _FINAL,
        (State.TRYING, Event.FAILURE): _FINAL,
        (State.TRYING, Event.TIMER_J): _BROKEN,
        (State.TRYING, Event.TRANSPORT_ERROR): _BROKEN,
        (State.PROCEEDING, Event.REPEAT): (State.PROCEEDING, (Do.SEND,)),
        (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, (Do.REPLY,)),
        (State.PROCEEDING, Event.SUCCESS): _FINAL,
        (State.PROCEEDING, Event.FAILURE): _FINAL,
        (State.PROCEEDING, Event.TIMER_J): _BROKEN,
        (State.PROCEEDING, Event.TRANSPORT_ERROR): _BROKEN,
        (State.COMPLETED, Event.REPEAT): (State.COMPLETED, (Do.SEND,)),
        (State.COMPLETED, Event.TIMER_J): (State.TERMINATED, ()),
        (State.COMPLETED, Event.TRANSPORT_ERROR): _BROKEN,
    }

    __slots__ = ()
