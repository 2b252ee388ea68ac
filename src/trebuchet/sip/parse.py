"""From bytes to a request or a response (RFC 3261 7).

Reached by unauthenticated strangers with any bytes: raises `Malformed` and nothing else, bounds sizes
before any work, and is linear in its input. The head is split into lines once; headers are not
interpreted here, except Content-Length.
"""

from trebuchet.sip.errors import Malformed
from trebuchet.sip.grammar import TOKEN, decode, parse_decimal
from trebuchet.sip.header_list import MAX_LINE, Headers, parse_header_lines
from trebuchet.sip.message_values import VERSION, Request, Response

MAX_MESSAGE_BYTES = 65_535
"""The largest UDP datagram; the same bound holds on TCP, so that the transport does not matter."""


def parse_message(data: bytes) -> Request | Response:
    """One whole datagram, or one framed message of a stream, as a request or a response.

    Raises `Malformed`; its `request` is set when the message was a request of which enough could be read
    to answer it with `status`. Bytes after the body that Content-Length announces are ignored.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise Malformed("message too large", 513)
    data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    head = decode(data[:end] if end >= 0 else data)
    start, _, lines = head.partition("\r\n")
    headers, problem = parse_header_lines(lines)
    if end < 0:
        problem = problem or Malformed("no end of the headers")
    body = data[end + 4 :] if end >= 0 else b""
    try:
        body = _cut_body(headers, body)
    except Malformed as error:
        problem = problem or error
    if start[:4].upper() == "SIP/":
        return _response(start, headers, body, problem)
    return _request(start, headers, body, problem)


def _cut_body(headers: Headers, body: bytes) -> bytes:
    lengths = set(headers.get_all("content-length"))
    if not lengths:
        return body
    if len(lengths) > 1:
        raise Malformed("several Content-Length headers")
    length = parse_decimal(lengths.pop(), MAX_MESSAGE_BYTES)
    if length > len(body):
        raise Malformed("body shorter than its Content-Length")
    return body[:length]


def _response(start: str, headers: Headers, body: bytes, problem: Malformed | None) -> Response:
    version, _, rest = start.partition(" ")
    status, _, reason = rest.partition(" ")
    if problem is not None:
        raise problem
    if version.upper() != VERSION or len(status) != 3:
        raise Malformed("not a status line")
    response = Response(_parse_status(status), "", headers, body)
    if "\r" in reason or "\n" in reason or len(reason) > MAX_LINE:
        raise Malformed("not a status line")
    response.reason = reason
    return response


def _parse_status(text: str) -> int:
    status = parse_decimal(text, 699)
    if status < 100:
        raise Malformed("not a status")
    return status


def _request(start: str, headers: Headers, body: bytes, problem: Malformed | None) -> Request:
    method, _, rest = start.partition(" ")
    uri_text, _, version = rest.rpartition(" ")
    if TOKEN.fullmatch(method) is None or not uri_text:
        raise Malformed("neither a request nor a response")
    request = Request.__new__(Request)
    request.method, request.uri_text = method, uri_text
    request.headers, request.body = headers, body
    problem = _check_request_line(uri_text, version) or problem
    if problem is not None:
        problem.request = request
        raise problem
    return request


def _check_request_line(uri_text: str, version: str) -> Malformed | None:
    if version.upper() != VERSION:
        wrong_version = version[:4].upper() == "SIP/"
        return Malformed("unknown SIP version", 505) if wrong_version else Malformed("not a request line")
    if len(uri_text) > MAX_LINE:
        return Malformed("Request-URI too long", 414)
    if " " in uri_text or "\t" in uri_text or "\r" in uri_text or "\n" in uri_text:
        return Malformed("white space in the Request-URI")
    return None
