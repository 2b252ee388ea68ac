"""Requests and responses as values that print themselves (RFC 3261 7).

What a header says is read by the accessor that needs it, once, and forgotten when the headers change.
"""

import re

from trebuchet.sip.errors import Malformed, Unprintable
from trebuchet.sip.grammar import check_printable, encode, is_token, parse_decimal, split_list, split_tokens
from trebuchet.sip.header_list import Headers
from trebuchet.sip.headers import CSeq, NameAddress, Via
from trebuchet.sip.reasons import default_reason
from trebuchet.sip.uri import SipUri, parse_uri

MAX_FORWARDS = 255
"""RFC 3261 20.22."""

VERSION = "SIP/2.0"

_CALL_ID = re.compile(r"[^\x00-\x20\x7f]++")


class Message:
    """What requests and responses share: headers and body.

    The accessors read one header each and raise `Malformed` when it is missing or broken; those that say
    so give `None` or nothing for a header that is not there.
    """

    __slots__ = ("body", "headers")

    def __init__(self, headers: Headers | None = None, body: bytes = b"") -> None:
        self.headers = Headers() if headers is None else headers
        self.body = body

    @property
    def via(self) -> Via:
        """The topmost Via: the hop this message came from, or goes back to."""
        return self.headers.cached("via", _read_via)

    @property
    def vias(self) -> list[Via]:
        """All Vias, nearest hop first."""
        return Via.parse_many(self.headers.get_all("via"))

    @property
    def from_(self) -> NameAddress:
        """The From header."""
        return self.headers.cached("from", _read_from)

    @property
    def to(self) -> NameAddress:
        """The To header."""
        return self.headers.cached("to", _read_to)

    @property
    def call_id(self) -> str:
        """The Call-ID, byte for byte. `Malformed` when it has blanks or control characters."""
        return self.headers.cached("call-id", _read_call_id)

    @property
    def cseq(self) -> CSeq:
        """The CSeq header."""
        return self.headers.cached("cseq", _read_cseq)

    @property
    def contacts(self) -> list[NameAddress]:
        """All Contact addresses in order; empty when there is none."""
        return list(self.headers.cached("contact", _read_contacts))

    @property
    def contact(self) -> NameAddress | None:
        """The first Contact address."""
        contacts = self.headers.cached("contact", _read_contacts)
        return contacts[0] if contacts else None

    @property
    def routes(self) -> list[NameAddress]:
        """The Route set in order."""
        return NameAddress.parse_many(self.headers.get_all("route"))

    @property
    def record_routes(self) -> list[NameAddress]:
        """The Record-Route set in order."""
        return NameAddress.parse_many(self.headers.get_all("record-route"))

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, 0-255; `None` when absent."""
        text = self.headers.get("max-forwards")
        return None if text is None else parse_decimal(text, MAX_FORWARDS)

    @property
    def content_type(self) -> str | None:
        """The media type of the body in lower case, without parameters; `None` when absent."""
        text = self.headers.get("content-type")
        return None if text is None else text.partition(";")[0].strip().lower()

    @property
    def require(self) -> frozenset[str]:
        """Option tags of Require, in lower case."""
        return self._tags("require")

    @property
    def supported(self) -> frozenset[str]:
        """Option tags of Supported, in lower case."""
        return self._tags("supported")

    @property
    def allow(self) -> frozenset[str]:
        """Methods of Allow, as written: methods are case-sensitive."""
        return split_tokens(self.headers.get_all("allow"))

    def _tags(self, name: str) -> frozenset[str]:
        return frozenset(tag.lower() for tag in split_tokens(self.headers.get_all(name)))

    def start_line(self) -> str:
        """The first line, without CRLF."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """The message as sent. Content-Length is always written, last, and always right."""
        head = f"{self.start_line()}\r\n{self.headers.to_text()}Content-Length: {len(self.body)}\r\n\r\n"
        return encode(head) + self.body


class Request(Message):
    """A request. `uri_text` is the Request-URI as on the wire; `uri` parses it.

    Raises `Unprintable` for a method that is no token or a URI that would break the line.
    """

    __slots__ = ("method", "uri_text")

    def __init__(self, method: str, uri_text: str, headers: Headers | None = None, body: bytes = b"") -> None:
        super().__init__(headers, body)
        if not is_token(method) or " " in uri_text or not uri_text:
            raise Unprintable("not a request line")
        self.method = method
        self.uri_text = check_printable(uri_text)

    @property
    def uri(self) -> SipUri:
        """The Request-URI. Raises `Malformed`: 416 for an unknown scheme, 400 for what is no URI."""
        return parse_uri(self.uri_text)

    def start_line(self) -> str:
        return f"{self.method} {self.uri_text} {VERSION}"

    def __repr__(self) -> str:
        return f"<Request {self.method}>"


class Response(Message):
    """A response, 100-699; `reason` may be any text of one line, `None` for the usual phrase."""

    __slots__ = ("reason", "status")

    def __init__(
        self, status: int, reason: str | None = None, headers: Headers | None = None, body: bytes = b""
    ) -> None:
        super().__init__(headers, body)
        if not 100 <= status <= 699:
            raise Unprintable("not a status")
        self.status = status
        self.reason = default_reason(status) if reason is None else check_printable(reason)

    def start_line(self) -> str:
        return f"{VERSION} {self.status} {self.reason}"

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


def _required(headers: Headers, name: str) -> str:
    value = headers.get(name)
    if not value:
        raise Malformed(f"no {name} header")
    return value


def _read_via(headers: Headers) -> Via:
    return Via.parse(split_list(_required(headers, "via"))[0])


def _read_call_id(headers: Headers) -> str:
    value = _required(headers, "call-id")
    if _CALL_ID.fullmatch(value) is None:
        raise Malformed("not a Call-ID")
    return value


def _read_from(headers: Headers) -> NameAddress:
    return NameAddress.parse(_required(headers, "from"))


def _read_to(headers: Headers) -> NameAddress:
    return NameAddress.parse(_required(headers, "to"))


def _read_cseq(headers: Headers) -> CSeq:
    return CSeq.parse(_required(headers, "cseq"))


def _read_contacts(headers: Headers) -> tuple[NameAddress, ...]:
    return tuple(NameAddress.parse_many(headers.get_all("contact")))
