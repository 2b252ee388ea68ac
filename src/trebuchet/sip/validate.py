"""Is this request good enough to act on? (RFC 3261 8.1.1, 8.2, 16.3; verdicts of RFC 4475.)

Only what every element must understand is looked at. Options, content types, methods and dialogs are
judged by those who know them.
"""

from trebuchet.sip.errors import Malformed, SipError
from trebuchet.sip.headers import parse_seconds
from trebuchet.sip.message_values import Message, Request, Response

_AT_MOST_ONCE = frozenset(
    {"from", "to", "call-id", "cseq", "max-forwards", "content-type", "expires"}
    | {"session-expires", "rack", "replaces", "refer-to"}
)

MAGIC_COOKIE = "z9hG4bK"
"""How the branch of an RFC 3261 element begins (8.1.1.7)."""


def validate_request(request: Request) -> None:
    """Raises `SipError` with the status a broken request is answered with; returns when it is sound.

    400: a mandatory header missing, repeated or unreadable, a method that differs from CSeq, a Contact that
    cannot be dialled back, a Request-URI with headers, a branch that is the magic cookie alone.
    416: a Request-URI of an unknown scheme.
    """
    _check_common(request)
    if request.cseq.method != request.method:
        raise SipError("the method differs from CSeq")
    if request.via.branch == MAGIC_COOKIE:
        raise SipError("the branch identifies nothing")
    expires = request.headers.get("expires")
    if expires is not None:
        parse_seconds(expires)
    _ = request.max_forwards, request.contact
    if request.uri.headers:
        raise SipError("a Request-URI with headers")


def validate_response(response: Response) -> None:
    """Raises `SipError` when a response cannot be matched to anything: it is then dropped."""
    _check_common(response)


def _check_common(message: Message) -> None:
    repeated = message.headers.first_repeated(_AT_MOST_ONCE)
    if repeated is not None:
        raise Malformed(f"more than one {repeated} header")
    _ = message.via, message.from_, message.to, message.cseq, message.call_id
