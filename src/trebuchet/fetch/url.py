"""Customers' URLs: read once, strictly, into the parts a request needs.

The host that comes out is the host that is resolved, checked, connected to and named in `Host` and TLS: no second
parser looks at the text again. Addresses themselves are judged in `addresses`.
"""

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NoReturn
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit

from trebuchet.base.hosts import bracketed
from trebuchet.fetch.errors import UrlForbidden

MAX_URL_CHARS = 2048
"""Longer ones are cut by common servers and proxies anyway."""
MAX_HOST_CHARS = 253
"""RFC 1035 2.3.4, without the final dot."""
CACHED_URLS = 4096
"""Parsed URLs remembered: every webhook of an application has the same one. About 1 kB each."""

DEFAULT_PORTS = {"http": 80, "https": 443}
FORBIDDEN_PORTS = frozenset({1719, 1720, 2049, 3659, 4045, 5060, 5061, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669})
"""Above 1023, yet never the web: SIP, file and window servers, chat, stores that take text lines for commands."""

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
_NUMBER_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_TARGET_SAFE = "!$&'()*+,;=:@/?%-._~[]|^`{}\"<>"


@dataclass(frozen=True, slots=True)
class Url:
    """An http(s) URL taken apart. Credentials are kept apart from everything that is sent or shown."""

    scheme: str
    host: str
    """Lower-case ASCII name, or an IP literal in canonical form without brackets."""
    port: int
    target: str
    """Path and query as sent in the request line."""
    authorization: str | None = None
    """Value of the Authorization header for credentials in the URL."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """What connections are kept for."""
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        """Host and, unless it is the scheme's own, port: the Host header (RFC 9110 7.2)."""
        host = bracketed(self.host)
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The URL without its credentials, fit for a log or an error list."""
        return f"{self.scheme}://{self.authority}{self.target}"


def _refuse(reason: str) -> NoReturn:
    raise UrlForbidden(reason)


@lru_cache(maxsize=CACHED_URLS)
def parse_url(text: str) -> Url:
    """Read an absolute http(s) URL. The fragment is dropped. Raises `UrlForbidden`; sends and resolves nothing."""
    if not text or len(text) > MAX_URL_CHARS:
        _refuse(f"a URL has 1 to {MAX_URL_CHARS} characters")
    if _UNSAFE.search(text):
        _refuse("a URL holds no spaces, backslashes or control characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        _refuse("not a URL")
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        _refuse("only http and https are followed")
    return Url(
        scheme=scheme,
        host=_read_host(parts),
        port=_check_port(DEFAULT_PORTS[scheme] if port is None else port),
        target=_read_target(parts),
        authorization=_read_credentials(parts),
    )


def _check_port(port: int) -> int:
    if port not in (80, 443) and (port < 1024 or port in FORBIDDEN_PORTS):
        _refuse(f"port {port} is not a web port")
    return port


def _read_host(parts: SplitResult) -> str:
    bare = parts.netloc.rpartition("@")[2]
    if bare.startswith("["):
        return _read_ipv6(bare[1:].partition("]")[0])
    host = (parts.hostname or "").removesuffix(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower().removesuffix(".")
        except UnicodeError:
            _refuse("the host is not a name")
    if len(host) > MAX_HOST_CHARS or not _HOST.fullmatch(host):
        _refuse("the host is missing or not a name")
    if _NUMBER_LABEL.fullmatch(host.rpartition(".")[2]):
        return _read_ipv4(host)
    return host


def _read_ipv6(literal: str) -> str:
    if "%" in literal:
        _refuse("an address with a zone cannot be reached from here")
    try:
        return str(IPv6Address(literal))
    except ValueError:
        _refuse("not an IPv6 address")


def _read_ipv4(host: str) -> str:
    """Only four decimal numbers: `127.1`, `0x7f.1`, `017700000001` and `2130706433` mean 127.0.0.1 to the system's
    resolver, and nobody writes them in good faith."""
    try:
        return str(IPv4Address(host))
    except ValueError:
        _refuse("an IPv4 address is written as four decimal numbers")


def _read_target(parts: SplitResult) -> str:
    target = parts.path or "/"
    if parts.query:
        target = f"{target}?{parts.query}"
    return target if target.isascii() else quote(target, safe=_TARGET_SAFE)


def _read_credentials(parts: SplitResult) -> str | None:
    userinfo, separator, _ = parts.netloc.rpartition("@")
    if not separator:
        return None
    user, _, password = userinfo.partition(":")
    plain = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return "Basic " + b64encode(plain).decode("ascii")


def strip_credentials(text: str) -> str:
    """The URL fit for an error list or a log, also when it is not a URL we would follow."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*@", r"\1//", text)
