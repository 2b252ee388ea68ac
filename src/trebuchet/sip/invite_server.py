"""INVITE server transaction: RFC 3261 17.2.1 with the corrections of RFC 6026 7.1.

100 goes out at once, before anybody is asked, so that the peer stops repeating. A repeated INVITE gets the last answer
again. A failure is repeated over UDP (timer G, up to T2) until its ACK comes or 64*T1 pass (timer H); further ACKs are
absorbed for T4 (timer I). After a 2xx the transaction only absorbs repeated INVITEs (timer L): the 2xx itself is
repeated by the user until the ACK, which is a transaction of its own.
"""

from typing import ClassVar

from trebuchet.sip.transaction import Action as Do
from trebuchet.sip.transaction import Event, ServerTransaction, State, Table


class InviteServer(ServerTransaction):
    """An INVITE of the peer, the first one of a call or a later one."""

    FIRST = State.PROCEEDING
    START = ()
    TIMERS = ("G", "H", "I", "L")
    TABLE: ClassVar[Table] = {
        (State.PROCEEDING, Event.REPEAT): (State.PROCEEDING, (Do.SEND,)),
        (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, (Do.REPLY,)),
        (State.PROCEEDING, Event.SUCCESS): (State.ACCEPTED, (Do.REPLY, Do.DROP_STORED, Do.ARM_L)),
        (State.PROCEEDING, Event.FAILURE): (State.COMPLETED, (Do.REPLY, Do.ARM_G, Do.ARM_H)),
        (State.PROCEEDING, Event.TRANSPORT_ERROR): (State.TERMINATED, (Do.TELL_TRANSPORT,)),
        (State.COMPLETED, Event.REPEAT): (State.COMPLETED, (Do.SEND,)),
        (State.COMPLETED, Event.TIMER_G): (State.COMPLETED, (Do.SEND, Do.DOUBLE, Do.CAP, Do.ARM_G)),
        (State.COMPLETED, Event.TIMER_H): (State.TERMINATED, ()),
        (State.COMPLETED, Event.ACK): (State.CONFIRMED, (Do.STOP_G, Do.STOP_H, Do.DROP_STORED, Do.ARM_I)),
        (State.COMPLETED, Event.TRANSPORT_ERROR): (State.TERMINATED, ()),
        (State.CONFIRMED, Event.TIMER_I): (State.TERMINATED, ()),
        (State.ACCEPTED, Event.SUCCESS): (State.ACCEPTED, (Do.REPLY, Do.DROP_STORED)),
        (State.ACCEPTED, Event.TIMER_L): (State.TERMINATED, ()),
        (State.ACCEPTED, Event.TRANSPORT_ERROR): (State.ACCEPTED, (Do.TELL_TRANSPORT,)),
    }

    __slots__ = ()
