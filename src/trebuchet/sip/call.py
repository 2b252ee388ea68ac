"""The record of one call (one INVITE usage) and the phases it can be in. Decisions about it live elsewhere."""

from dataclasses import dataclass
from enum import StrEnum

from trebuchet.base.values import frozen
from trebuchet.sip.client_auth import ClientAuth
from trebuchet.sip.dialog import Dialog
from trebuchet.sip.message import Headers, Request
from trebuchet.sip.outputs import Flow, LegId, NextHop, Send


class Phase(StrEnum):
    """How far a call has come. The transitions are in `call_setup.py`."""

    CALLING = "calling"
    PROCEEDING = "proceeding"
    ABANDONED = "abandoned"
    CANCELLING = "cancelling"
    INVITED = "invited"
    ANSWERED = "answered"
    WAITING_ACK = "waiting-ack"
    ESTABLISHED = "established"
    ENDING = "ending"
    ENDED = "ended"


class CallTimer(StrEnum):
    """Deadlines of a call, as opposed to those of its transactions."""

    REPEAT_200 = "repeat-200"
    NO_ACK = "no-ack"
    REPEAT_RELIABLE = "repeat-reliable"
    NO_PRACK = "no-prack"
    REPEAT_180 = "repeat-180"
    INVITE_EXPIRES = "invite-expires"
    GIVE_UP_CANCEL = "give-up-cancel"
    GLARE = "glare"
    REFRESH = "refresh"
    SESSION_END = "session-end"


@dataclass(slots=True)
class Unacked:
    """A 2xx to an INVITE that the peer has not acknowledged. `awaits_answer`: it carried our offer."""

    cseq: int
    data: bytes
    to: NextHop
    transaction: str
    interval: float
    awaits_answer: bool
    is_initial: bool


@dataclass(slots=True)
class Reliable:
    """A reliable provisional answer (RFC 3262) on its way; `waiting` come after it, `answer` last."""

    rseq: int
    data: bytes
    interval: float
    has_body: bool


@frozen
class PeerOffer:
    """A request of the peer that waits for `accept_offer` or `refuse_offer`."""

    transaction: str
    request: Request
    flow: Flow


@frozen
class OwnOffer:
    """A re-INVITE of ours under way; `is_refresh` when it only keeps the session alive."""

    transaction: str
    body: bytes
    is_refresh: bool


class Call:
    """One leg. Slots only, no reference to anything that refers back to it."""

    __slots__ = (
        "allows_update",
        "auth",
        "cseq",
        "deferred_answer",
        "dialog",
        "early",
        "flow",
        "glare_retries",
        "has_ended",
        "held_ack",
        "holds_ack",
        "invite",
        "invite_cseq",
        "invite_key",
        "is_outgoing",
        "leg",
        "local_body",
        "local_tag",
        "min_se",
        "own_offer",
        "peer_offer",
        "phase",
        "queued_offer",
        "reason_header",
        "reliable",
        "remote_body",
        "reply_headers",
        "rseq",
        "session_interval",
        "unacked",
        "waiting_reliable",
        "we_offered",
        "we_refresh",
    )

    def __init__(self, leg: LegId, is_outgoing: bool, local_tag: str) -> None:
        self.leg = leg
        self.is_outgoing = is_outgoing
        self.local_tag = local_tag
        self.phase = Phase.CALLING if is_outgoing else Phase.INVITED
        self.has_ended = False
        self.reason_header: str | None = None
        # the initial INVITE
        self.invite_key = ""
        self.invite: Request | None = None
        self.reply_headers: Headers | None = None
        self.invite_cseq = 0
        self.flow: Flow | None = None
        self.auth: ClientAuth | None = None
        self.we_offered = is_outgoing
        # dialogs
        self.dialog: Dialog | None = None
        self.early: dict[str, Dialog] = {}
        self.holds_ack = False
        self.held_ack: Send | None = None
        self.cseq = 0
        # the session: last bodies, and who is changing it
        self.local_body = b""
        self.remote_body = b""
        self.unacked: Unacked | None = None
        self.own_offer: OwnOffer | None = None
        self.queued_offer: bytes | None = None
        self.peer_offer: PeerOffer | None = None
        self.glare_retries = 0
        # reliable provisional answers of ours
        self.rseq = 0
        self.reliable: Reliable | None = None
        self.waiting_reliable: list[tuple[int, bytes]] = []
        self.deferred_answer: bytes | None = None
        # session timer
        self.allows_update = False
        self.session_interval = 0
        self.min_se = 0
        self.we_refresh = False

    def next_cseq(self) -> int:
        """The number of our next request, shared by all dialogs of the call (gaps are allowed)."""
        self.cseq += 1
        return self.cseq
