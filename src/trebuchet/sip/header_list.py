"""The headers of one message: an ordered list of names and values, interpreted only when asked.

Kept as three parallel lists of strings (name as written, lower-case long name, value): few containers,
no cycles, nothing for the garbage collector to walk when thousands of messages are alive.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, TypeVar

from trebuchet.sip.errors import Malformed, Unprintable
from trebuchet.sip.grammar import BLANK, check_printable, is_token, split_list

MAX_HEADER_LINES = 256
"""A call through dozens of proxies has some 60 lines; more is an attempt to make us work."""
MAX_LINE = 8_192
"""Characters of one header, folded lines joined: RFC 4475's longest is a tenth of it."""

COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""One-letter names (RFC 3261 7.3.3 and the IANA registry)."""

_COMMON = """Accept Allow Allow-Events Authorization CSeq Call-ID Contact Content-Disposition Content-Length
Content-Type Date Diversion Event Expires From Max-Forwards Min-SE P-Asserted-Identity P-Preferred-Identity
Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck RSeq Reason Record-Route Refer-To
Referred-By Remote-Party-ID Replaces Require Retry-After Route Server Session-Expires Subject Supported
Timestamp To Unsupported User-Agent Via WWW-Authenticate Warning"""

_KEYS = {
    spelling: sys.intern(COMPACT.get(name.lower(), name.lower()))
    for name in (*_COMMON.split(), *COMPACT, *COMPACT.values())
    for spelling in (name, name.lower(), name.upper(), name.title())
}
"""Usual spellings to their key, so that the common case is one look-up. Never grows."""

_FOLD = re.compile(r"[ \t]*+\r\n[ \t]++")

T = TypeVar("T")


def header_key(name: str) -> str:
    """The lower-case long name of a header: `v` and `VIA` give `via`. Unknown text is only lowered."""
    key = _KEYS.get(name)
    if key is None:
        lowered = name.lower()
        key = COMPACT.get(lowered, lowered)
    return key


class Headers:
    """Ordered, case-insensitive, aware of compact names. Values are single lines (folding resolved).

    Values that came from a peer are kept whatever they contain (any character but CR and LF); values we
    `add`, `set` or `insert_first` are refused with `Unprintable` when they could break out of their line.
    """

    __slots__ = ("_cache", "_keys", "_names", "_values")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._names: list[str] = []
        self._keys: list[str] = []
        self._values: list[str] = []
        self._cache: dict[str, Any] | None = None
        for name, value in pairs:
            self.add(name, value)

    def get(self, name: str) -> str | None:
        """The value of the first line of that name."""
        key = _KEYS.get(name) or header_key(name)
        return self._values[self._keys.index(key)] if key in self._keys else None

    def get_all(self, name: str) -> list[str]:
        """The values of all lines of that name, one item a line."""
        key = _KEYS.get(name) or header_key(name)
        if key not in self._keys:
            return []
        return [value for at, value in zip(self._keys, self._values, strict=True) if at == key]

    def values(self, name: str) -> list[str]:
        """All items of a list header over all its lines: split at commas outside quotes and `<>`."""
        return [item for line in self.get_all(name) for item in split_list(line)]

    def count(self, name: str) -> int:
        """How many lines have that name."""
        return self._keys.count(_KEYS.get(name) or header_key(name))

    def first_repeated(self, keys: Set[str]) -> str | None:
        """The first of these lower-case long names that has more than one line."""
        seen: set[str] = set()
        for key in self._keys:
            if key in keys:
                if key in seen:
                    return key
                seen.add(key)
        return None

    def add(self, name: str, value: str) -> None:
        """Appends a line. Raises `Unprintable` for CR, LF or NUL in the value or a name that is none."""
        _check(name, value)
        self._append(name, _KEYS.get(name) or header_key(name), value)

    def insert_first(self, name: str, value: str) -> None:
        """Puts a line in front of the others of its name, or in front of everything (a new Via)."""
        key = header_key(name)
        self._insert(self._keys.index(key) if key in self._keys else 0, name, value)

    def set(self, name: str, value: str) -> None:
        """Replaces all lines of that name by one, in the place of the first, or appends it."""
        key = header_key(name)
        at = self._keys.index(key) if key in self._keys else len(self._keys)
        _check(name, value)
        self.remove(name)
        self._insert(at, name, value)

    def remove(self, name: str) -> None:
        """Removes all lines of that name; nothing happens when there is none."""
        key = header_key(name)
        if key not in self._keys:
            return
        kept = [index for index, at in enumerate(self._keys) if at != key]
        self._names = [self._names[index] for index in kept]
        self._values = [self._values[index] for index in kept]
        self._keys = [self._keys[index] for index in kept]
        self._cache = None

    def take(self, other: "Headers", name: str, suffix: str = "") -> None:
        """Appends all lines of that name from `other` exactly as they are, also with raw control bytes.

        Both sides hold single lines only, so nothing can break out; `suffix`, which is ours, is checked.
        """
        if suffix:
            check_printable(suffix)
        key, keys = _KEYS.get(name) or header_key(name), other._keys
        index = -1
        for _ in range(keys.count(key)):
            index = keys.index(key, index + 1)
            self._append(other._names[index], key, other._values[index] + suffix)

    def copy(self) -> "Headers":
        """An independent copy."""
        new = Headers()
        new._names, new._keys, new._values = self._names[:], self._keys[:], self._values[:]
        return new

    def cached(self, slot: str, read: Callable[["Headers"], T]) -> T:
        """`read(self)`, remembered under `slot` until a header changes."""
        cache = self._cache
        if cache is None:
            cache = self._cache = {}
        elif slot in cache:
            known: T = cache[slot]
            return known
        value = read(self)
        cache[slot] = value
        return value

    def to_text(self) -> str:
        """All lines but Content-Length, each ended by CRLF."""
        return "".join(
            [
                f"{name}: {value}\r\n"
                for name, key, value in zip(self._names, self._keys, self._values, strict=True)
                if key != "content-length"
            ]
        )

    def _insert(self, at: int, name: str, value: str) -> None:
        _check(name, value)
        self._names.insert(at, name)
        self._keys.insert(at, header_key(name))
        self._values.insert(at, value)
        self._cache = None

    def _append(self, name: str, key: str, value: str) -> None:
        self._names.append(name)
        self._keys.append(key)
        self._values.append(value)
        self._cache = None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and header_key(name) in self._keys

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(list(zip(self._names, self._values, strict=True)))

    def __len__(self) -> int:
        return len(self._keys)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._keys == other._keys and self._values == other._values

    def __repr__(self) -> str:
        return f"Headers({list(self)!r})"


def _check(name: str, value: str) -> None:
    if name not in _KEYS and not is_token(name):
        raise Unprintable("not a header name")
    check_printable(value)


def parse_header_lines(text: str) -> tuple[Headers, Malformed | None]:
    """Headers from the text between start line and empty line, and the first thing wrong with it.

    Broken lines are left out and the rest is still read, so that a broken request can be answered.
    Cheap by design: one split, then one partition and one look-up a line.
    """
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    headers = Headers()
    names, keys, values = headers._names, headers._keys, headers._values
    lines = text.split("\r\n")
    problem: Malformed | None = None
    if len(lines) > MAX_HEADER_LINES:
        problem = Malformed("too many headers", 400)
        del lines[MAX_HEADER_LINES:]
    known = _KEYS
    for line in lines:
        name, colon, value = line.partition(":")
        key = known.get(name)
        if key is None:
            name = name.rstrip(BLANK)
            key = header_key(name)
            if not is_token(name):
                problem = problem or Malformed("not a header line")
                continue
        if not colon or len(line) > MAX_LINE or "\r" in line or "\n" in line:
            problem = problem or Malformed("not a header line")
            continue
        names.append(name)
        keys.append(key)
        values.append(value.strip(BLANK))
    return headers, problem
