"""SIP messages: bytes in, values out, and back (RFC 3261 7, 8.1, 8.2). The door to the message layer.

Parsing splits the head into lines once and stops there; a header is interpreted when somebody asks. A
message printed again has the headers it was read with, in their order and spelling; only Content-Length
is ours.

`parse_message` and `validate_request` are reached by unauthenticated strangers. They raise `SipError` (of
which `Malformed` is one) and nothing else; sizes are bounded before any work.
"""

from trebuchet.sip.header_list import MAX_HEADER_LINES, MAX_LINE, Headers
from trebuchet.sip.message_values import MAX_FORWARDS, VERSION, Message, Request, Response
from trebuchet.sip.parse import MAX_MESSAGE_BYTES, parse_message
from trebuchet.sip.reply import make_response
from trebuchet.sip.validate import validate_request, validate_response

__all__ = [
    "MAX_FORWARDS",
    "MAX_HEADER_LINES",
    "MAX_LINE",
    "MAX_MESSAGE_BYTES",
    "VERSION",
    "Headers",
    "Message",
    "Request",
    "Response",
    "make_response",
    "parse_message",
    "validate_request",
    "validate_response",
]
