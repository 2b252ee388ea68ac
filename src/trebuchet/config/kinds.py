"""Kinds of values: how a text or a TOML value becomes one, and what to say when it does not.

Readers take the value and the folder that relative paths start from. They raise `ValueError`; its text, when there is
one, replaces the kind's own line of what is allowed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from trebuchet.base.ids import AccountId
from trebuchet.config.values import Credentials, PortRange, SocketAddress
from trebuchet.model.number import NumberKind

T = TypeVar("T", covariant=True)
Raw = object
"""A TOML value, or the text of a flag or variable."""

MAX_PORT = 65_535
MIN_RTP_PORTS = 4
"""Two calls' worth: an RTP and an RTCP port each."""
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_CREDENTIAL = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    allowed: str
    """What a value may be, in words that follow "expected"."""
    read: Callable[[Raw, Path], T]
    is_secret: bool = False
    """The value is never repeated in an error."""


def _text(raw: Raw) -> str:
    if not isinstance(raw, str) or not raw or not raw.isprintable():
        raise ValueError
    return raw


def _list(raw: Raw) -> list[Raw]:
    if isinstance(raw, str):
        return [part.strip() for part in raw.split(",") if part.strip()]
    if not isinstance(raw, list):
        raise ValueError
    return list(raw)


def text() -> Kind[str]:
    return Kind("a text", lambda raw, _: _text(raw))


def optional(kind: Kind[T]) -> Kind[T | None]:
    """A setting that may be unset; there is no text for "unset", one just leaves it out."""
    return Kind(kind.allowed, kind.read, kind.is_secret)


def many(kind: Kind[T], example: str) -> Kind[tuple[T, ...]]:
    """A TOML list, or a text with commas."""
    return Kind(
        f"a list of {kind.allowed}, such as {example}",
        lambda raw, base: tuple(kind.read(item, base) for item in _list(raw)),
    )


def whole(low: int, high: int, unit: str = "") -> Kind[int]:
    def read(raw: Raw, _: Path) -> int:
        number = int(raw) if isinstance(raw, str) else raw
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
            raise ValueError
        return number

    return Kind(f"a whole number{unit and ' of ' + unit}, {low} to {high}", _plain(read))


def number(low: float, high: float, unit: str) -> Kind[float]:
    def read(raw: Raw, _: Path) -> float:
        if isinstance(raw, bool) or not isinstance(raw, int | float | str):
            raise ValueError
        if not low <= float(raw) <= high:  # false for NaN as well
            raise ValueError
        return float(raw)

    return Kind(f"{unit}, {low:g} to {high:g}", _plain(read))


def _plain(read: Callable[[Raw, Path], T]) -> Callable[[Raw, Path], T]:
    """The conversion's own words ("invalid literal for int()…") are not for operators."""

    def quiet(raw: Raw, base: Path) -> T:
        try:
            return read(raw, base)
        except ValueError:
            raise ValueError from None

    return quiet


def _read_flag(raw: Raw, _: Path) -> bool:
    if isinstance(raw, bool):
        return raw
    lower = _text(raw).lower()
    if lower not in _TRUE | _FALSE:
        raise ValueError
    return lower in _TRUE


FLAG: Kind[bool] = Kind("true or false", _read_flag)


def _read_path(raw: Raw, base: Path) -> Path:
    return base / Path(_text(raw)).expanduser()


PATH: Kind[Path] = Kind("a path", _read_path)


def split_address(value: str, default_port: int | None = None) -> SocketAddress:
    """`HOST:PORT` or `[IPv6]:PORT`; the port may be left out when there is a default. Raises `ValueError`."""
    host, port_text = value, ""
    if value.startswith("["):
        host, bracket, rest = value[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError
        port_text = rest[1:]
    elif value.count(":") == 1:
        host, _, port_text = value.partition(":")
    if not _HOST.fullmatch(host) or not (port_text.isdecimal() or (not port_text and default_port is not None)):
        raise ValueError
    port = int(port_text) if port_text else default_port
    if port is None or port > MAX_PORT:
        raise ValueError
    return SocketAddress(host, port)


ADDRESS: Kind[SocketAddress] = Kind(
    "HOST:PORT, IPv6 in brackets ([::1]:5060)", lambda raw, _: split_address(_text(raw))
)


def _read_host(raw: Raw, _: Path) -> str:
    host = _text(raw).removeprefix("[").removesuffix("]")
    if not _HOST.fullmatch(host):
        raise ValueError
    return host


HOST: Kind[str] = Kind("host names or addresses", _read_host)


def _read_prefix(raw: Raw, _: Path) -> str:
    if not re.fullmatch(r"\+[0-9]{0,15}", _text(raw)):
        raise ValueError
    return str(raw)


PREFIX: Kind[str] = Kind("prefixes of numbers (+ and digits; + alone is every number)", _read_prefix)


def _read_number_kind(raw: Raw, _: Path) -> NumberKind:
    return NumberKind(_text(raw))


NUMBER_KIND: Kind[NumberKind] = Kind("kinds of " + ", ".join(NumberKind), _plain(_read_number_kind))


def _read_ports(raw: Raw, _: Path) -> PortRange:
    match = re.fullmatch(r"(\d{1,5})\s*-\s*(\d{1,5})", _text(raw))
    if match is None:
        raise ValueError
    ports = PortRange(int(match[1]), int(match[2]))
    if not 1 <= ports.low <= ports.high <= MAX_PORT or ports.high - ports.low + 1 < MIN_RTP_PORTS:
        raise ValueError
    return ports


PORT_RANGE: Kind[PortRange] = Kind(f"LOW-HIGH, at least {MIN_RTP_PORTS} ports within 1-{MAX_PORT}", _read_ports)


def _read_network(raw: Raw, _: Path) -> str:
    return str(ip_network(_text(raw)))


NETWORK: Kind[str] = Kind("networks or addresses", _plain(_read_network))


def _read_url(raw: Raw, _: Path) -> str:
    value = _text(raw).rstrip("/")
    parts = urlsplit(value)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.username
        or parts.port == 0
    ):
        raise ValueError
    return value


BASE_URL: Kind[str] = Kind("an http or https URL without query or credentials", _plain(_read_url))


def _read_credentials(raw: Raw, _: Path) -> Credentials:
    parts = _text(raw).split(":")
    if len(parts) != 3 or not all(map(_CREDENTIAL.fullmatch, parts)):
        raise ValueError
    return Credentials(AccountId(parts[0]), parts[1], parts[2])


CREDENTIALS: Kind[Credentials] = Kind(
    "USERID:TOKEN:SECRET, each of letters, digits and . _ ~ -", _read_credentials, is_secret=True
)


def _pairs(raw: Raw) -> list[tuple[str, Raw]]:
    """A TOML table (one level of nesting joins with a slash), or a text `name=value,name=value`."""
    if isinstance(raw, str):
        return [(name.strip(), value.strip()) for name, _, value in (item.partition("=") for item in raw.split(","))]
    if not isinstance(raw, dict):
        raise ValueError
    return [
        (f"{name}/{inner}" if inner else name, item)
        for name, value in raw.items()
        for inner, item in (value.items() if isinstance(value, dict) else [("", value)])
    ]


def _read_models(raw: Raw, base: Path) -> Mapping[str, Path]:
    models = {name: _read_path(value, base) for name, value in _pairs(raw)}
    if not all(re.fullmatch(r"[a-z]{2}_[A-Z]{2}(/[a-z]+)?", name) for name in models):
        raise ValueError
    return MappingProxyType(models)


MODELS: Kind[Mapping[str, Path]] = Kind(
    "a table of locale (en_US) or locale/voice (en_US/susan) to model path", _read_models
)


def _read_options(raw: Raw, _: Path) -> Mapping[str, object]:
    if isinstance(raw, dict):
        return MappingProxyType(dict(raw))
    return MappingProxyType(dict(_pairs(raw)))


OPTIONS: Kind[Mapping[str, object]] = Kind("a table", _read_options)
