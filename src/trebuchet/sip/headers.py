"""Header values: parsed when somebody asks, printed as equivalent text (RFC 3261 20, 3262, 4028, 5806).

Each is a frozen value with `parse` (one header value) and, where a header may hold several,
`parse_many`. Strangers reach all of them; they raise `Malformed` and nothing else.
"""

import dataclasses
import re
from collections.abc import Iterable
from typing import Self

from trebuchet.base.values import frozen
from trebuchet.sip.errors import Malformed, Unprintable
from trebuchet.sip.grammar import (
    BLANK,
    Params,
    find_param,
    is_token,
    parse_decimal,
    parse_params,
    print_params,
    quote,
    split_list,
    unquote,
    with_param,
    without_param,
)
from trebuchet.sip.uri import MAX_PORT, SipUri, parse_uri, print_host, print_port

MAX_CSEQ = 2**31 - 1
"""RFC 3261 8.1.1.5: less than 2**31."""
MAX_SECONDS = 2**32 - 1
"""RFC 3261 20.19: delta-seconds go up to 2**32 - 1."""

_NAME_ADDR = re.compile(r'[ \t]*+("(?:[^"\\]|\\.)*+"|[^"<>]*+)[ \t]*+<([^<>]*+)>(.*+)', re.DOTALL)
_ADDR_SPEC = re.compile(r"([^;,<>\"? \t]++)[ \t]*+(.*+)", re.DOTALL)
_URI_SHAPE = re.compile('[A-Za-z][A-Za-z0-9+.-]*+:[^\x00-\x20\x7f<>"]++')
_VIA = re.compile(
    r"[ \t]*+(?i:sip)[ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+([A-Za-z0-9.!%*_+`'~-]++)[ \t]++"
    r"([A-Za-z0-9_.-]++|\[[0-9A-Fa-f:.]++\])[ \t]*+(?::[ \t]*+([0-9]{1,5}))?[ \t]*+((?:;.*+)?)",
    re.DOTALL,
)
_UNPRINTABLE_URI = re.compile('[\x00-\x20\x7f\ud800-\udc7f\udd00-\udfff<>"]')


@frozen
class NameAddress:
    """`"Name" <uri>;params`: From, To, Contact, Route, Record-Route, P-Asserted-Identity, Refer-To.

    `display_name` is unquoted, `""` when there is none; a NUL in it (legal, and only ever sent to do
    harm) is dropped when parsed, so that every parsed address can be printed. `uri_text` is any URI, also
    of schemes we do not know, or `*` (a Contact that removes registrations); `uri` parses it.
    """

    display_name: str
    uri_text: str
    params: Params = ()

    @classmethod
    def of(cls, uri: SipUri, display_name: str = "", params: Params = ()) -> Self:
        """From a URI value; the arguments most callers have."""
        return cls(display_name, str(uri), params)

    @property
    def uri(self) -> SipUri:
        """The URI as a value. Raises `Malformed` (416 for an unknown scheme)."""
        return parse_uri(self.uri_text)

    @property
    def tag(self) -> str | None:
        """The `tag` parameter; `None` when absent or empty."""
        return find_param(self.params, "tag") or None

    def param(self, name: str) -> str | None:
        """A header parameter by lower-case name, unquoted; `""` for a bare name, `None` when absent."""
        return find_param(self.params, name)

    def with_param(self, name: str, value: str | None) -> "NameAddress":
        """A copy with that header parameter set."""
        return dataclasses.replace(self, params=with_param(self.params, name, value))

    def with_tag(self, tag: str) -> "NameAddress":
        """A copy with that tag."""
        return self.with_param("tag", tag)

    def without_tag(self) -> "NameAddress":
        """A copy without a tag."""
        return dataclasses.replace(self, params=without_param(self.params, "tag"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """One address. Lenient where RFC 4475 shows real mistakes: unquoted names, blanks inside `<>`.

        Without `<>` the parameters belong to the header, and a URI with `?` is refused (RFC 3261 20.10).
        """
        match = _NAME_ADDR.fullmatch(text)
        if match is not None:
            name, uri_text, rest = match.groups()
            name = unquote(name) if name[:1] == '"' else name.strip(BLANK)
            if "\0" in name:
                name = name.replace("\0", "")
            if "\n" in name or "\r" in name:
                raise Malformed("a line break in a name")
            uri_text = uri_text.strip(BLANK)
        else:
            name = ""
            uri_text, rest = _parse_addr_spec(text.strip(BLANK))
        is_star = match is None and uri_text == "*"
        if not is_star and _URI_SHAPE.fullmatch(uri_text) is None:
            raise Malformed("not a URI")
        return cls(name, uri_text, parse_params(rest))

    @classmethod
    def parse_many(cls, lines: Iterable[str]) -> list[Self]:
        """All addresses of several header lines, in order. An empty list item is `Malformed`."""
        return [cls.parse(item) for line in lines for item in split_list(line)]

    def __str__(self) -> str:
        if _UNPRINTABLE_URI.search(self.uri_text) is not None:
            raise Unprintable("not a URI")
        if self.uri_text == "*":
            return "*" + print_params(self.params)
        name = quote(self.display_name) + " " if self.display_name else ""
        return f"{name}<{self.uri_text}>{print_params(self.params)}"


def _parse_addr_spec(text: str) -> tuple[str, str]:
    match = _ADDR_SPEC.fullmatch(text)
    if match is None:
        raise Malformed("not an address")
    return match[1], match[2]


@frozen
class Via:
    """One hop of the way a request came (RFC 3261 20.42). `host` has no brackets for IPv6."""

    transport: str
    host: str
    port: int | None = None
    params: Params = ()

    @property
    def branch(self) -> str | None:
        """The transaction's identity at that hop; `None` for an RFC 2543 element."""
        return find_param(self.params, "branch") or None

    @property
    def received(self) -> str | None:
        """The source address that the next hop saw, when it noted one."""
        return find_param(self.params, "received") or None

    @property
    def rport(self) -> int | None:
        """The source port that the next hop saw (RFC 3581); `None` also when only asked for."""
        value = find_param(self.params, "rport")
        return parse_decimal(value, MAX_PORT) if value else None

    @property
    def wants_rport(self) -> bool:
        """Whether the sender asks for answers to the port it sent from (a bare `rport`)."""
        return find_param(self.params, "rport") is not None

    def with_param(self, name: str, value: str | None) -> "Via":
        """A copy with that parameter set in place or added."""
        return dataclasses.replace(self, params=with_param(self.params, name, value))

    @classmethod
    def parse(cls, text: str) -> Self:
        """One Via value; only `SIP/2.0` is understood."""
        match = _VIA.fullmatch(text)
        if match is None:
            raise Malformed("not a Via")
        transport, host, port, params = match.groups()
        return cls(
            transport,
            host[1:-1] if host[0] == "[" else host,
            parse_decimal(port, MAX_PORT) if port else None,
            parse_params(params),
        )

    @classmethod
    def parse_many(cls, lines: Iterable[str]) -> list[Self]:
        """All hops of several header lines, nearest first."""
        return [cls.parse(item) for line in lines for item in split_list(line)]

    def __str__(self) -> str:
        if not is_token(self.transport):
            raise Unprintable("not a transport")
        where = f"{print_host(self.host)}{print_port(self.port)}"
        return f"SIP/2.0/{self.transport} {where}{print_params(self.params)}"


@frozen
class CSeq:
    """Place of a request within its dialog, and its method (RFC 3261 20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`number method`; the number is below 2**31, leading zeros are accepted."""
        number, method = _fields(text, 2)
        return cls(parse_decimal(number, MAX_CSEQ), _token(method))

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@frozen
class RAck:
    """What a PRACK acknowledges (RFC 3262 7.2): RSeq of the response, CSeq of its request."""

    rseq: int
    cseq: int
    method: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`rseq cseq method`."""
        rseq, cseq, method = _fields(text, 3)
        return cls(parse_decimal(rseq, MAX_SECONDS), parse_decimal(cseq, MAX_CSEQ), _token(method))

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


@frozen
class SessionExpires:
    """Session-Expires (RFC 4028 4): seconds, and who refreshes: `uac`, `uas` or `None` (not said)."""

    seconds: int
    refresher: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Seconds with parameters; an unknown refresher is `Malformed`."""
        seconds, semicolon, rest = text.partition(";")
        refresher = find_param(parse_params(semicolon + rest), "refresher")
        if refresher is not None:
            refresher = refresher.lower()
        if refresher not in ("uac", "uas", None):
            raise Malformed("unknown refresher")
        return cls(parse_decimal(seconds.strip(BLANK), MAX_SECONDS), refresher)

    def __str__(self) -> str:
        return f"{self.seconds};refresher={self.refresher}" if self.refresher else str(self.seconds)


def _fields(text: str, count: int) -> list[str]:
    fields = text.replace("\t", " ").strip(" ").split(" ")
    fields = [field for field in fields if field]
    if len(fields) != count:
        raise Malformed("wrong number of fields")
    return fields


def _token(text: str) -> str:
    if not is_token(text):
        raise Malformed("not a token")
    return text


def parse_seconds(text: str) -> int:
    """Expires, Min-SE, Min-Expires and the number in front of a Retry-After, in seconds."""
    return parse_decimal(text.partition(";")[0].partition("(")[0].strip(BLANK), MAX_SECONDS)
