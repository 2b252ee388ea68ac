"""Finding the SDP in a message: alone, or as one part of a multipart body as SIP-I trunks send it (RFC 5621)."""

import re

from trebuchet.sip.errors import SipError
from trebuchet.sip.message import Request, Response

SDP = "application/sdp"
MULTIPART = "multipart/mixed"
MAX_PARTS = 8
"""Parts looked at: SDP with ISUP and a location or two is four."""

_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)


def session_body(message: Request | Response) -> bytes:
    """The SDP of a message, empty when it has none. Raises `SipError` 415 for a body that cannot hold any."""
    body = message.body
    if not body:
        return b""
    encoding = message.headers.get("content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        raise SipError("an encoded body", 415)
    content_type = message.content_type
    if content_type == SDP:
        return body
    if content_type == MULTIPART:
        return _sdp_part(message.headers.get("content-type") or "", body)
    raise SipError("a body that is no SDP", 415)


def readable_body(message: Request | Response) -> bytes:
    """The SDP of an answer or ACK, which cannot be refused: a body we do not understand counts as none."""
    try:
        return session_body(message)
    except SipError:
        return b""


def _sdp_part(content_type: str, body: bytes) -> bytes:
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise SipError("a multipart body without boundary")
    delimiter = b"\r\n--" + (match[1] or match[2]).encode("utf-8", "surrogateescape")
    for part in (b"\r\n" + body).split(delimiter, MAX_PARTS)[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        if re.search(rb"\r\ncontent-type\s*:\s*application/sdp", head, re.IGNORECASE):
            return content
    raise SipError("no SDP part", 415)
