"""The small pieces every header shares: tokens, quoted strings, lists, parameters, escapes (RFC 3261 25.1).

All text here is `str` made from bytes by UTF-8 with `surrogateescape`, so bytes that are not UTF-8 survive a
round trip. Everything a stranger sends passes through these functions: each is linear in its input (the
regular expressions are possessive, so they cannot backtrack) and raises `Malformed` and nothing else.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote_from_bytes, unquote_to_bytes

from trebuchet.sip.errors import Malformed, Unprintable

Params = tuple[tuple[str, str | None], ...]
"""Parameters in their order: `(name, None)` for a bare name, values as written (quotes kept)."""

BLANK = " \t"
"""The only characters SIP calls white space inside an unfolded line; `str.strip()` would take more."""

TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]++")
HOST = re.compile(r"[A-Za-z0-9_.-]++|\[[0-9A-Fa-f:.]++\]")
"""Names (also such as `my_host`, which real configurations contain), IPv4 and bracketed IPv6."""

_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_COMMA_ITEM = re.compile(rf'(?:[^,"<]++|{_QUOTED}|<[^>]*+>)*+', re.DOTALL)
_SEMICOLON_ITEM = re.compile(rf'(?:[^;"]++|{_QUOTED})*+', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_PARAM_VALUE = re.compile(r'"(?:[^"\\\r\n\0]|\\[^\r\n\0])*+"|[^\s",;<>\x00-\x1f\x7f]*+')
_UNSAFE = re.compile("[\r\n\0\ud800-\udc7f\udd00-\udfff]")
"""Characters that would end a header, or (lone surrogates that stand for no byte) cannot be encoded."""


def is_token(text: str) -> bool:
    """Whether `text` is an RFC 3261 token: a method, a header name, a parameter name."""
    return TOKEN.fullmatch(text) is not None


def check_printable(text: str) -> str:
    """`text` itself, or `Unprintable` when it could break out of the line it is put into."""
    if _UNSAFE.search(text) is not None:
        raise Unprintable("a value with CR, LF, NUL or a lone surrogate cannot be sent")
    return text


def encode(text: str) -> bytes:
    """Text as it goes on the wire; the inverse of `decode`. `Unprintable` for other lone surrogates."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise Unprintable("a lone surrogate cannot be sent") from None


def decode(data: bytes) -> str:
    """Bytes of a header as text; bytes that are not UTF-8 become lone surrogates and survive `encode`."""
    return data.decode("utf-8", "surrogateescape")


def _split(text: str, item: re.Pattern[str], separator: str) -> list[str]:
    items: list[str] = []
    position, end = 0, len(text)
    while True:
        match = item.match(text, position)
        stop = match.end() if match is not None else position
        items.append(text[position:stop].strip(BLANK))
        if stop == end:
            return items
        if text[stop] != separator:
            raise Malformed("a quoted string or angle bracket is not closed")
        position = stop + 1


def split_list(text: str) -> list[str]:
    """The items of a comma-separated header value; commas inside quotes or `<>` do not count.

    Empty items are kept as `""`, so that the caller decides whether they are an error.
    """
    if "," not in text:
        return [text.strip(BLANK)]
    return _split(text, _COMMA_ITEM, ",")


def split_tokens(lines: Iterable[str]) -> frozenset[str]:
    """The words of a token list such as Supported or Require, over all its lines, as written."""
    return frozenset(item for line in lines for item in split_list(line) if item)


def parse_params(text: str) -> Params:
    """Parameters from text that is empty or begins with `;`. An empty parameter (`;;`) is `Malformed`."""
    text = text.strip(BLANK)
    if not text:
        return ()
    if text[0] != ";":
        raise Malformed("text after the value of a header")
    items = _split(text, _SEMICOLON_ITEM, ";") if '"' in text else text.split(";")
    return tuple(map(_parse_param, items[1:]))


def _parse_param(item: str) -> tuple[str, str | None]:
    name, equals, value = item.partition("=")
    name, value = name.strip(BLANK), value.strip(BLANK)
    if TOKEN.fullmatch(name) is None or _PARAM_VALUE.fullmatch(value) is None:
        raise Malformed("a parameter is not name or name=value")
    return name, value if equals else None


def print_params(params: Params) -> str:
    """Parameters with their leading semicolons. Raises `Unprintable` for what would not read back."""
    return "".join([_print_param(name, value) for name, value in params]) if params else ""


def _print_param(name: str, value: str | None) -> str:
    if TOKEN.fullmatch(name) is None:
        raise Unprintable("a parameter name is not a token")
    if value is None:
        return ";" + name
    if _PARAM_VALUE.fullmatch(value) is None:
        raise Unprintable("a parameter value needs quoting")
    return f";{name}={check_printable(value)}"


def find_param(params: Params, name: str) -> str | None:
    """The first parameter of that name (case-insensitive), unquoted; `""` when it has no value."""
    for key, value in params:
        if key == name or key.lower() == name:
            return "" if value is None else unquote(value)
    return None


def with_param(params: Params, name: str, value: str | None) -> Params:
    """`params` with that parameter set in place, or added at the end."""
    if find_param(params, name) is None:
        return (*params, (name, value))
    return tuple((key, value) if key.lower() == name else (key, old) for key, old in params)


def without_param(params: Params, name: str) -> Params:
    """`params` without that parameter."""
    return tuple(pair for pair in params if pair[0].lower() != name)


def quote(text: str) -> str:
    """`text` as a quoted string. Raises `Unprintable` for CR, LF, NUL."""
    return '"' + check_printable(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def param_value(text: str) -> str:
    """`text` as the value of a parameter: as it is where that is possible, quoted otherwise."""
    return text if text and TOKEN.fullmatch(text) is not None else quote(text)


def unquote(text: str) -> str:
    """The content of a quoted string; other text is returned as it is."""
    if len(text) < 2 or text[0] != '"':
        return text
    return _QUOTED_PAIR.sub(r"\1", text[1:-1]) if "\\" in text else text[1:-1]


def refuse_controls(text: str) -> None:
    """`Malformed` for text from a peer that we could not send on (`check_printable`)."""
    if _UNSAFE.search(text) is not None:
        raise Malformed("a control character where none may be")


def parse_decimal(text: str, limit: int) -> int:
    """A decimal number in `0 <= n <= limit`, ASCII digits only; `Malformed` otherwise.

    The length is bounded before conversion: a number of a million digits costs nothing.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise Malformed("not a number")
    number = int(text)
    if number > limit:
        raise Malformed("number out of range")
    return number


def escape(text: str, allowed: re.Pattern[str], safe: str) -> str:
    """`text` with every character outside `safe` written as `%HH`; `%HH` already there is kept.

    `allowed` is the full match of text that needs no change: the usual case costs one match.
    """
    if allowed.fullmatch(text) is not None:
        return text
    parts = re.split(r"(%[0-9A-Fa-f]{2})", text)
    return "".join(
        part if index % 2 == 1 else quote_from_bytes(encode(part), safe=safe) for index, part in enumerate(parts)
    )


def unescape(text: str) -> str:
    """Text with `%HH` replaced by the characters they stand for; a `%` that escapes nothing stays."""
    return decode(unquote_to_bytes(encode(text))) if "%" in text else text
