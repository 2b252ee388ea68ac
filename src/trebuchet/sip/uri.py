"""SIP, SIPS and telephone URIs as values (RFC 3261 19.1, RFC 3966).

A `SipUri` holds its parts in wire form (escapes kept), so it prints what it read: `a%3Bb` and `a;b` are
different users and stay so. `user_text` gives the user with the escapes resolved.
"""

import dataclasses
import re
from typing import Any

from trebuchet.base.hosts import bracketed
from trebuchet.base.values import frozen
from trebuchet.sip.errors import Malformed, Unprintable
from trebuchet.sip.grammar import HOST, Params, check_printable, escape, find_param, parse_decimal, unescape

MAX_PORT = 65_535

_UNRESERVED = "-A-Za-z0-9_.!~*'()"
_USER_SAFE = "-_.!~*'()&=+$,;?/"
_USER = re.compile(rf"(?:[{_UNRESERVED}&=+$,;?/]|%[0-9A-Fa-f]{{2}})*+")
_PARAM_SAFE = "-_.!~*'()[]/:&+$"
_PARAM = re.compile(rf"(?:[{_UNRESERVED}\[\]/:&+$]|%[0-9A-Fa-f]{{2}})*+")
_HEADER_SAFE = "-_.!~*'()[]/?:+$"
_HEADER = re.compile(rf"(?:[{_UNRESERVED}\[\]/?:+$]|%[0-9A-Fa-f]{{2}})*+")

_VISIBLE = '[^\x00-\x20\x7f\ud800-\udc7f\udd00-\udfff<>"'
"""The start of a character class: what no URI may contain raw; `]` is added where it is used."""
_SIP = re.compile(
    rf"((?i:sips?)):(?:({_VISIBLE}@]*+)@)?([A-Za-z0-9_.-]++|\[[0-9A-Fa-f:.]++\])"
    rf"(?::([0-9]{{1,5}}))?((?:;{_VISIBLE}?]*+)?)((?:\?{_VISIBLE}]*+)?)"
)
_TEL = re.compile(rf"(?i:tel):({_VISIBLE};]++)((?:;{_VISIBLE}]*+)?)")
_SCHEME = re.compile(rf"([A-Za-z][A-Za-z0-9+.-]*+):{_VISIBLE}]++")


@frozen
class SipUri:
    """One URI. `host` has no brackets for IPv6 and is `""` for `tel`, whose number is the `user`.

    `params` hold `(name, None)` for a bare name; `headers` are the `?name=value` pairs, still escaped.
    """

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None = None
    params: Params = ()
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def user_text(self) -> str:
        """The user with escapes resolved, `""` when there is none. May hold any character."""
        return unescape(self.user) if self.user else ""

    @property
    def is_lr(self) -> bool:
        """Whether this is the address of a loose router (RFC 3261 19.1.1)."""
        return self.has_param("lr")

    @property
    def transport(self) -> str | None:
        """The `transport` parameter in lower case."""
        value = find_param(self.params, "transport")
        return value.lower() if value else None

    def param(self, name: str) -> str | None:
        """A parameter by lower-case name; `""` for a bare name, `None` when absent."""
        return find_param(self.params, name)

    def has_param(self, name: str) -> bool:
        """Whether the parameter is there, with or without a value."""
        return find_param(self.params, name) is not None

    def replace(self, **changes: Any) -> "SipUri":
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def __str__(self) -> str:
        """The URI as text. Raises `Unprintable` for a scheme, host or port that cannot be one."""
        if self.scheme == "tel":
            return f"tel:{escape(self.user or '', _USER, _USER_SAFE)}{_print_params(self.params)}"
        if self.scheme not in ("sip", "sips"):
            raise Unprintable("not a SIP scheme")
        return (
            f"{self.scheme}:{self._print_user()}{print_host(self.host)}{print_port(self.port)}"
            f"{_print_params(self.params)}{self._print_headers()}"
        )

    def _print_user(self) -> str:
        if self.user is None:
            return ""
        user = escape(self.user, _USER, _USER_SAFE)
        if self.password is None:
            return user + "@"
        return f"{user}:{escape(self.password, _USER, _USER_SAFE)}@"

    def _print_headers(self) -> str:
        if not self.headers:
            return ""
        return "?" + "&".join(
            f"{escape(name, _HEADER, _HEADER_SAFE)}={escape(value, _HEADER, _HEADER_SAFE)}"
            for name, value in self.headers
        )


def print_host(host: str) -> str:
    """A host as written in a URI or Via: IPv6 in brackets. Raises `Unprintable` for anything else."""
    text = bracketed(host)
    if HOST.fullmatch(text) is None:
        raise Unprintable("not a host")
    return text


def print_port(port: int | None) -> str:
    """`:port`, or nothing for `None`. Raises `Unprintable` outside 0-65,535."""
    if port is None:
        return ""
    if not 0 <= port <= MAX_PORT:
        raise Unprintable("not a port")
    return f":{port}"


def _print_params(params: Params) -> str:
    return "".join(
        f";{escape(name, _PARAM, _PARAM_SAFE)}"
        if value is None
        else f";{escape(name, _PARAM, _PARAM_SAFE)}={escape(value, _PARAM, _PARAM_SAFE)}"
        for name, value in params
    )


def parse_uri(text: str) -> SipUri:
    """Reads a `sip:`, `sips:` or `tel:` URI.

    Raises `Malformed` with status 416 for a well-formed URI of another scheme and 400 for anything else.
    Lenient where real peers are: any host name characters, raw non-ASCII text (escaped on the way in).
    """
    match = _SIP.fullmatch(text)
    if match is not None:
        return _from_match(match)
    match = _TEL.fullmatch(text)
    if match is not None:
        number, params = match.groups()
        return SipUri("tel", escape(number, _USER, _USER_SAFE), None, "", None, _parse_params(params))
    match = _SCHEME.fullmatch(text)
    if match is not None and match[1].lower() not in ("sip", "sips", "tel"):
        raise Malformed("unknown URI scheme", 416)
    raise Malformed("not a URI")


def _from_match(match: re.Match[str]) -> SipUri:
    scheme, userinfo, host, port, params, headers = match.groups()
    user: str | None = None
    password: str | None = None
    if userinfo is not None:
        user, colon, rest = userinfo.partition(":")
        user = escape(user, _USER, _USER_SAFE)
        password = escape(rest, _USER, _USER_SAFE) if colon else None
    return SipUri(
        scheme.lower(),
        user,
        password,
        host[1:-1] if host[0] == "[" else host,
        parse_decimal(port, MAX_PORT) if port else None,
        _parse_params(params) if params else (),
        _parse_headers(headers) if headers else (),
    )


def _parse_params(text: str) -> Params:
    return tuple(_parse_param(item) for item in text.split(";")[1:]) if text else ()


def _parse_param(item: str) -> tuple[str, str | None]:
    name, equals, value = item.partition("=")
    if not name:
        raise Malformed("empty URI parameter")
    name = escape(name, _PARAM, _PARAM_SAFE)
    return name, escape(value, _PARAM, _PARAM_SAFE) if equals else None


def _parse_headers(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(_parse_header(item) for item in text[1:].split("&"))


def _parse_header(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=")
    if not name:
        raise Malformed("empty URI header")
    return escape(name, _HEADER, _HEADER_SAFE), escape(value, _HEADER, _HEADER_SAFE)


def escape_user(text: str) -> str:
    """A user part for any text, with the percent sign itself escaped too: `user_text` gives `text` back.

    Raises `Unprintable` for CR, LF or NUL: no user has these, so they are an attack or a mistake.
    """
    return escape(check_printable(text).replace("%", "%25"), _USER, _USER_SAFE)
