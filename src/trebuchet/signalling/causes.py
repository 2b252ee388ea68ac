"""SIP status codes and our words for how a call ended or is refused: one table each way."""

from trebuchet.calls.interfaces import Refusal
from trebuchet.model.cause import Blame, Cause
from trebuchet.signalling.identity import clean
from trebuchet.sip.outputs import Ended, EndReason
from trebuchet.sip.reasons import REASONS

REFUSAL_STATUS = {
    Refusal.DECLINED: 603,
    Refusal.BUSY: 486,
    Refusal.UNAVAILABLE: 480,
    Refusal.NOT_FOUND: 404,
    Refusal.FORBIDDEN: 403,
    Refusal.NOT_ACCEPTABLE: 488,
    Refusal.OVERLOADED: 503,
    Refusal.INTERNAL: 500,
}

_BY_REFUSAL = {
    Refusal.DECLINED: Cause.DECLINED,
    Refusal.BUSY: Cause.BUSY,
    Refusal.UNAVAILABLE: Cause.NO_ANSWER,
    Refusal.NOT_FOUND: Cause.NO_SUCH_NUMBER,
    Refusal.FORBIDDEN: Cause.DECLINED,
    Refusal.NOT_ACCEPTABLE: Cause.UNSPECIFIED,
    Refusal.OVERLOADED: Cause.CONGESTION,
    Refusal.INTERNAL: Cause.INTERNAL,
}

_BY_STATUS = {
    400: (Cause.TEMPORARY_FAILURE, Blame.CARRIER),
    401: (Cause.DECLINED, Blame.CARRIER),
    403: (Cause.DECLINED, Blame.CARRIER),
    404: (Cause.NO_SUCH_NUMBER, Blame.CUSTOMER),
    407: (Cause.DECLINED, Blame.CARRIER),
    408: (Cause.NO_ANSWER, Blame.PEER),
    410: (Cause.NO_SUCH_NUMBER, Blame.CUSTOMER),
    480: (Cause.NO_ANSWER, Blame.PEER),
    481: (Cause.TEMPORARY_FAILURE, Blame.CARRIER),
    484: (Cause.NO_SUCH_NUMBER, Blame.CUSTOMER),
    485: (Cause.NO_SUCH_NUMBER, Blame.CUSTOMER),
    486: (Cause.BUSY, Blame.PEER),
    487: (Cause.CANCELLED, Blame.US),
    503: (Cause.CONGESTION, Blame.CARRIER),
    600: (Cause.BUSY, Blame.PEER),
    603: (Cause.DECLINED, Blame.PEER),
    604: (Cause.NO_SUCH_NUMBER, Blame.CUSTOMER),
}

_BY_REASON = {
    EndReason.PEER_BYE: (Cause.HANGUP, Blame.PEER),
    EndReason.PEER_CANCEL: (Cause.CANCELLED, Blame.PEER),
    EndReason.NO_ACK: (Cause.TEMPORARY_FAILURE, Blame.PEER),
    EndReason.SESSION_EXPIRED: (Cause.TEMPORARY_FAILURE, Blame.PEER),
    EndReason.TIMEOUT: (Cause.TEMPORARY_FAILURE, Blame.CARRIER),
    EndReason.TRANSPORT: (Cause.TEMPORARY_FAILURE, Blame.CARRIER),
    EndReason.PROTOCOL: (Cause.TEMPORARY_FAILURE, Blame.PEER),
}

_TOLD = (EndReason.REFUSED, EndReason.TIMEOUT)
"""Ends that may come with a final answer; a time-out with one is a 408 the peer sent."""

MAX_DETAIL = 200
"""Characters kept of a text the peer chose."""


def cause_of_status(status: int) -> tuple[Cause, Blame]:
    """Cause and blame of a final answer to our INVITE. Total: an unlisted 5xx is a failure, the rest unspecified."""
    found = _BY_STATUS.get(status)
    if found is not None:
        return found
    if 500 <= status < 600:
        return Cause.TEMPORARY_FAILURE, Blame.CARRIER
    return Cause.UNSPECIFIED, Blame.UNKNOWN


def cause_of_end(
    ended: Ended, *, is_outgoing: bool, was_answered: bool, refusal: Refusal | None = None
) -> tuple[Cause, Blame]:
    """Cause and blame of a leg that the user agent reports as over. `refusal`: how we refused it, if we did."""
    if ended.reason is EndReason.LOCAL:
        if refusal is not None:
            return _BY_REFUSAL[refusal], Blame.US
        return (Cause.CANCELLED if is_outgoing and not was_answered else Cause.HANGUP), Blame.US
    if is_outgoing and not was_answered and ended.reason in _TOLD and ended.status is not None:
        return cause_of_status(ended.status)
    if not is_outgoing and not was_answered and ended.reason is EndReason.TIMEOUT:
        return Cause.NO_ANSWER, Blame.US
    return _BY_REASON.get(ended.reason, (Cause.UNSPECIFIED, Blame.UNKNOWN))


def detail_of_end(ended: Ended) -> str | None:
    """What to show beside the cause, e.g. `486 Busy Here` or the peer's Reason header."""
    if ended.status is not None and ended.reason in _TOLD:
        return f"{ended.status} {REASONS.get(ended.status, '')}".strip()
    for name, value in ended.headers:
        if name.lower() == "reason":
            return clean(value, MAX_DETAIL)
    return None if ended.reason in (EndReason.LOCAL, EndReason.PEER_BYE, EndReason.PEER_CANCEL) else ended.reason.value
