"""The life of a call as a table: RFC 3261 9, 13, 15 seen from one leg.

Outgoing: an INVITE may not be cancelled before a provisional answer (9.1), so giving up early waits in ABANDONED; once
CANCEL is out, CANCELLING waits for the final answer, and a 2xx that crossed it is acknowledged and ended by BYE (9.1,
15). Nothing within 64*T1 of the CANCEL means nothing will come.

Incoming: after our 2xx, BYE may not be sent before the ACK came or is overdue (15), so giving up waits in WAITING_ACK.

`Ended` is told once, at the moment the outcome is certain for the user: a local hang-up ends the leg for him at once,
while ABANDONED, CANCELLING, WAITING_ACK and ENDING finish what the peer is still owed.
"""

from enum import StrEnum

from trebuchet.sip.call import Phase


class CallEvent(StrEnum):
    """What happens to a call. LOST: the peer no longer knows the dialog. GIVE_UP: the last wait is over.

    REFUSE ends an unanswered incoming call with a failure, whoever asked for it. RETRY: the INVITE starts over after
    a challenge.
    """

    PROVISIONAL = "provisional"
    SUCCESS = "success"
    FAILURE = "failure"
    RETRY = "retry"
    ANSWER = "answer"
    REFUSE = "refuse"
    ACK = "ack"
    NO_ACK = "no-ack"
    HANG_UP = "hang-up"
    PEER_BYE = "peer-bye"
    LOST = "lost"
    GIVE_UP = "give-up"


class CallDo(StrEnum):
    """What has to be done, in this order."""

    TELL_PROGRESS = "tell-progress"
    CONFIRM = "confirm"
    """ACK the 2xx, keep its dialog, tell Answered."""
    ACK = "ack"
    """ACK the 2xx and keep its dialog, only to end it."""
    ANSWER = "answer"
    REFUSE = "refuse"
    TELL_ACKED = "tell-acked"
    TELL_END = "tell-end"
    CANCEL = "cancel"
    BYE = "bye"
    ABANDON = "abandon"
    RELEASE = "release"


_P, _E, _D = Phase, CallEvent, CallDo

TABLE: dict[tuple[Phase, CallEvent], tuple[Phase, tuple[CallDo, ...]]] = {
    (_P.CALLING, _E.PROVISIONAL): (_P.PROCEEDING, (_D.TELL_PROGRESS,)),
    (_P.CALLING, _E.SUCCESS): (_P.ESTABLISHED, (_D.CONFIRM,)),
    (_P.CALLING, _E.FAILURE): (_P.ENDED, (_D.TELL_END, _D.RELEASE)),
    (_P.CALLING, _E.RETRY): (_P.CALLING, ()),
    (_P.CALLING, _E.HANG_UP): (_P.ABANDONED, (_D.TELL_END,)),
    (_P.PROCEEDING, _E.PROVISIONAL): (_P.PROCEEDING, (_D.TELL_PROGRESS,)),
    (_P.PROCEEDING, _E.SUCCESS): (_P.ESTABLISHED, (_D.CONFIRM,)),
    (_P.PROCEEDING, _E.FAILURE): (_P.ENDED, (_D.TELL_END, _D.RELEASE)),
    (_P.PROCEEDING, _E.RETRY): (_P.CALLING, ()),
    (_P.PROCEEDING, _E.HANG_UP): (_P.CANCELLING, (_D.TELL_END, _D.CANCEL)),
    (_P.PROCEEDING, _E.PEER_BYE): (_P.CANCELLING, (_D.TELL_END, _D.CANCEL)),
    (_P.ABANDONED, _E.PROVISIONAL): (_P.CANCELLING, (_D.CANCEL,)),
    (_P.ABANDONED, _E.SUCCESS): (_P.ENDING, (_D.ACK, _D.BYE)),
    (_P.ABANDONED, _E.FAILURE): (_P.ENDED, (_D.RELEASE,)),
    (_P.CANCELLING, _E.SUCCESS): (_P.ENDING, (_D.ACK, _D.BYE)),
    (_P.CANCELLING, _E.FAILURE): (_P.ENDED, (_D.RELEASE,)),
    (_P.CANCELLING, _E.GIVE_UP): (_P.ENDED, (_D.ABANDON, _D.RELEASE)),
    (_P.INVITED, _E.ANSWER): (_P.ANSWERED, (_D.ANSWER,)),
    (_P.INVITED, _E.REFUSE): (_P.ENDED, (_D.REFUSE, _D.TELL_END, _D.RELEASE)),
    (_P.INVITED, _E.LOST): (_P.ENDED, (_D.TELL_END, _D.RELEASE)),
    (_P.ANSWERED, _E.ACK): (_P.ESTABLISHED, (_D.TELL_ACKED,)),
    (_P.ANSWERED, _E.NO_ACK): (_P.ENDING, (_D.TELL_END, _D.BYE)),
    (_P.ANSWERED, _E.HANG_UP): (_P.WAITING_ACK, (_D.TELL_END,)),
    (_P.ANSWERED, _E.PEER_BYE): (_P.ENDED, (_D.TELL_END, _D.RELEASE)),
    (_P.WAITING_ACK, _E.ACK): (_P.ENDING, (_D.BYE,)),
    (_P.WAITING_ACK, _E.NO_ACK): (_P.ENDING, (_D.BYE,)),
    (_P.WAITING_ACK, _E.PEER_BYE): (_P.ENDED, (_D.RELEASE,)),
    (_P.ESTABLISHED, _E.ACK): (_P.ESTABLISHED, (_D.TELL_ACKED,)),
    (_P.ESTABLISHED, _E.NO_ACK): (_P.ENDING, (_D.TELL_END, _D.BYE)),
    (_P.ESTABLISHED, _E.HANG_UP): (_P.ENDING, (_D.TELL_END, _D.BYE)),
    (_P.ESTABLISHED, _E.PEER_BYE): (_P.ENDED, (_D.TELL_END, _D.RELEASE)),
    (_P.ESTABLISHED, _E.LOST): (_P.ENDED, (_D.TELL_END, _D.RELEASE)),
    (_P.ENDING, _E.PEER_BYE): (_P.ENDED, (_D.RELEASE,)),
    (_P.ENDING, _E.GIVE_UP): (_P.ENDED, (_D.RELEASE,)),
}
"""A missing cell: nothing happens."""
