"""The response to a request: which headers it takes over (RFC 3261 8.2.6, 12.1.1)."""

from trebuchet.sip.errors import Malformed
from trebuchet.sip.header_list import Headers
from trebuchet.sip.message_values import Request, Response

DIALOG_METHODS = frozenset({"INVITE", "SUBSCRIBE", "REFER"})
"""Methods whose 101-299 responses make a dialog and so carry the Record-Route set back."""


def make_response(request: Request, status: int, reason: str | None = None, to_tag: str | None = None) -> Response:
    """A response with the Via, From, To, Call-ID and CSeq of the request, copied byte for byte.

    `to_tag` is put on a To that has none. Dialog-forming responses carry Record-Route, a 100 carries
    Timestamp. Works for a request that is only partly readable (`Malformed.request`): what is missing
    there is missing here. Raises `Unprintable` for a bad `reason` or `to_tag`.
    """
    headers = Headers()
    source = request.headers
    headers.take(source, "via")
    if request.method in DIALOG_METHODS and 100 < status < 300:
        headers.take(source, "record-route")
    headers.take(source, "from")
    _take_to(headers, source, request, to_tag)
    headers.take(source, "call-id")
    headers.take(source, "cseq")
    if status == 100:
        headers.take(source, "timestamp")
    return Response(status, reason, headers)


def _take_to(headers: Headers, source: Headers, request: Request, to_tag: str | None) -> None:
    needs_tag = to_tag is not None and not _has_tag(request)
    headers.take(source, "to", f";tag={to_tag}" if needs_tag else "")


def _has_tag(request: Request) -> bool:
    """Whether To has a tag; an unreadable To is left alone, so it counts as having one."""
    try:
        return request.to.tag is not None
    except Malformed:
        return True
