"""Session descriptions as values (RFC 8866): lenient about order, nothing lost, nothing invented.

Reached by unauthenticated strangers: raises `Malformed` (400) and nothing else, bounded in lines and
media sections. Printing raises `Unprintable` for a value that would break its line.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from trebuchet.base.values import frozen
from trebuchet.sip.errors import Malformed, Unprintable
from trebuchet.sip.grammar import check_printable, decode, encode, parse_decimal
from trebuchet.sip.uri import MAX_PORT

MAX_LINES = 1_024
"""Browsers offer some 150 lines; a body is at most 65,535 bytes anyway."""
MAX_MEDIA = 32
"""Each section of an offer is mirrored in our answer."""

Attributes = tuple[tuple[str, str | None], ...]
"""`a=` lines in order: `(name, None)` for a bare flag."""
Extras = tuple[tuple[str, str], ...]
"""Lines we do not interpret: `(letter, value)` in order."""

_BEFORE_CONNECTION = "iuep"


@frozen
class Origin:
    """`o=`: who made the description, and which version of it this is. Numbers kept as text: they are
    64 bits for some and longer for others."""

    username: str
    session_id: str
    version: str
    address_type: str
    address: str

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.version} IN {self.address_type} {self.address}"


@frozen
class Connection:
    """`c=`: where media goes. `address` without TTL; `suffix` is what followed it (`/127`), if anything."""

    address_type: str
    address: str
    suffix: str = ""

    @classmethod
    def of(cls, address: str) -> "Connection":
        """For a numeric address, IPv4 or IPv6."""
        return cls("IP6" if ":" in address else "IP4", address)

    @property
    def is_unspecified(self) -> bool:
        """Whether this is the old way to say hold (RFC 2543: `0.0.0.0`)."""
        return self.address in ("0.0.0.0", "::")

    def __str__(self) -> str:
        return f"IN {self.address_type} {self.address}{self.suffix}"


@frozen
class MediaSection:
    """One `m=` line with what belongs to it. Port 0 means refused or switched off."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: Connection | None = None
    attributes: Attributes = ()
    extras: Extras = ()
    port_count: int | None = None

    def attribute(self, name: str) -> str | None:
        """The first attribute of that name; `""` for a bare flag, `None` when absent."""
        return _find(self.attributes, name)

    def lines(self) -> list[str]:
        """The section as printed lines."""
        count = "" if self.port_count is None else f"/{self.port_count}"
        head = f"m={self.kind} {self.port}{count} {self.protocol} {' '.join(self.formats)}"
        return [head.rstrip(" "), *_body_lines(self.connection, self.extras, self.attributes)]


@frozen
class SessionDescription:
    """A whole description. `times` are the values of its `t=` lines."""

    origin: Origin
    name: str = "-"
    connection: Connection | None = None
    times: tuple[str, ...] = ("0 0",)
    attributes: Attributes = ()
    media: tuple[MediaSection, ...] = ()
    extras: Extras = ()

    def attribute(self, name: str) -> str | None:
        """The first session-level attribute of that name; `""` for a bare flag, `None` when absent."""
        return _find(self.attributes, name)

    def to_bytes(self) -> bytes:
        """As sent, in the order RFC 8866 prescribes."""
        lines = ["v=0", f"o={self.origin}", f"s={self.name or '-'}"]
        lines += _body_lines(self.connection, self.extras, self.attributes, self.times)
        for section in self.media:
            lines += section.lines()
        for line in lines:
            check_printable(line)
        return encode("\r\n".join(lines) + "\r\n")

    def __str__(self) -> str:
        return decode(self.to_bytes())


def _find(attributes: Attributes, name: str) -> str | None:
    for key, value in attributes:
        if key == name:
            return value or ""
    return None


def _body_lines(
    connection: Connection | None, extras: Extras, attributes: Attributes, times: tuple[str, ...] = ()
) -> list[str]:
    lines = [f"{letter}={value}" for letter, value in extras if letter in _BEFORE_CONNECTION]
    if connection is not None:
        lines.append(f"c={connection}")
    lines += [f"b={value}" for letter, value in extras if letter == "b"]
    lines += [f"t={value}" for value in times]
    lines += [f"{letter}={value}" for letter, value in extras if letter not in _BEFORE_CONNECTION + "b"]
    return lines + [_attribute_line(name, value) for name, value in attributes]


def _attribute_line(name: str, value: str | None) -> str:
    if not name or ":" in name:
        raise Unprintable("not an attribute name")
    return f"a={name}" if value is None else f"a={name}:{value}"


@dataclass(slots=True)
class _Level:
    """What one level (the session, or one media section) has gathered so far."""

    connection: Connection | None = None
    attributes: list[tuple[str, str | None]] = field(default_factory=list)
    extras: list[tuple[str, str]] = field(default_factory=list)

    def take(self, letter: str, value: str) -> None:
        if letter == "a":
            name, colon, rest = value.partition(":")
            if not name:
                raise Malformed("an attribute without a name")
            self.attributes.append((name, rest if colon else None))
        elif letter == "c":
            self.connection = self.connection or _parse_connection(value)
        else:
            self.extras.append((letter, value))


def parse_sdp(body: bytes) -> SessionDescription:
    """Reads a description. LF alone ends a line too; the order of lines within a level is free.

    Raises `Malformed` (400): no `v=0`, a line that is not `letter=value`, unreadable `o=`, `c=` or `m=`.
    A missing `o=`, `s=` or `t=` is forgiven: some devices leave them out.
    """
    lines = _split_lines(body)
    first_media = next((index for index, line in enumerate(lines) if line[0] == "m"), len(lines))
    head, level = dict[str, str](), _Level()
    times: list[str] = []
    for letter, value in lines[:first_media]:
        if letter == "t":
            times.append(value)
        elif letter in "vos":
            head.setdefault(letter, value)
        else:
            level.take(letter, value)
    if head.get("v", "").strip(" ") != "0":
        raise Malformed("not a session description")
    return SessionDescription(
        origin=_parse_origin(head.get("o", "- 0 0 IN IP4 0.0.0.0")),
        name=head.get("s", "-"),
        connection=level.connection,
        times=tuple(times) or ("0 0",),
        attributes=tuple(level.attributes),
        media=_parse_sections(lines[first_media:]),
        extras=tuple(level.extras),
    )


def _split_lines(body: bytes) -> list[tuple[str, str]]:
    texts = decode(body).replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(texts) > MAX_LINES:
        raise Malformed("too many lines in a session description")
    return [_split_line(text) for text in texts]


def _split_line(text: str) -> tuple[str, str]:
    letter, value = text[:1], text[2:].rstrip(" ")
    if text[1:2] != "=" or not ("a" <= letter <= "z") or "\r" in value or "\0" in value:
        raise Malformed("not a line of a session description")
    return letter, value


def _parse_sections(lines: list[tuple[str, str]]) -> tuple[MediaSection, ...]:
    starts = [index for index, line in enumerate(lines) if line[0] == "m"]
    if len(starts) > MAX_MEDIA:
        raise Malformed("too many media sections")
    return tuple(_parse_section(lines[start:end]) for start, end in pairwise([*starts, len(lines)]))


def _parse_section(lines: list[tuple[str, str]]) -> MediaSection:
    fields = lines[0][1].split()
    if len(fields) < 3:
        raise Malformed("not a media line")
    port, slash, count = fields[1].partition("/")
    level = _Level()
    for letter, value in lines[1:]:
        level.take(letter, value)
    return MediaSection(
        kind=fields[0],
        port=parse_decimal(port, MAX_PORT),
        protocol=fields[2],
        formats=tuple(fields[3:]),
        connection=level.connection,
        attributes=tuple(level.attributes),
        extras=tuple(level.extras),
        port_count=parse_decimal(count, MAX_PORT) if slash else None,
    )


def _parse_origin(text: str) -> Origin:
    fields = text.split()
    if len(fields) < 6 or fields[-3] != "IN":
        raise Malformed("not an origin line")
    username = " ".join(fields[:-5])
    return Origin(username, fields[-5], fields[-4], fields[-2], fields[-1])


def _parse_connection(text: str) -> Connection:
    fields = text.split()
    if len(fields) != 3 or fields[0] != "IN":
        raise Malformed("not a connection line")
    address, slash, suffix = fields[2].partition("/")
    return Connection(fields[1], address, slash + suffix)
