"""Digest authentication, both sides (RFC 7616, RFC 8760 for SIP, RFC 2617 for old peers).

Client: `parse_challenges`, `pick_challenge`, `authorize`. Server: `auth_server`. No clock and no randomness
here: the client nonce is an argument. Challenges come from peers; parsing them raises `Malformed`
and nothing else, and what we print is quoted so that no value can break out.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from trebuchet.base.values import frozen
from trebuchet.sip.errors import Malformed
from trebuchet.sip.grammar import encode, quote, refuse_controls, unquote

MAX_SCHEMES = 16
"""Challenges in one header line: servers send one to three."""
MAX_NONCE_COUNT = 0xFFFF_FFFF
"""`nc` has eight hexadecimal digits."""

_SCHEME = re.compile(r"[ \t,]*+([A-Za-z0-9.!%*_+`'~-]++)(?:[ \t]++(?!=)|(?=,|\Z))")
_PARAM = re.compile(r"[ \t,]*+([A-Za-z0-9.!%*_+`'~-]++)[ \t]*+=[ \t]*+(\"(?:[^\"\\]|\\.)*+\"|[^\s,;\"]*+)")
_SPACE = re.compile(r"[ \t,]*+")


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": _md5,
    "MD5-SESS": _md5,
    "SHA-256": _sha256,
    "SHA-256-SESS": _sha256,
}
_STRENGTH = ("MD5", "MD5-SESS", "SHA-256", "SHA-256-SESS")
"""Algorithms by upper-case name, weakest first."""


@frozen
class Challenge:
    """What a peer asks for. `algorithm` as it wrote it; `qop` lower case, empty for RFC 2069 peers."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    is_stale: bool = False
    scheme: str = "Digest"

    @property
    def is_supported(self) -> bool:
        """Whether `authorize` can answer it."""
        known_qop = not self.qop or "auth" in self.qop or "auth-int" in self.qop
        return self.scheme.lower() == "digest" and self.algorithm.upper() in _HASHES and known_qop


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """A user name and its password; never printed."""

    username: str
    password: str


def parse_auth(text: str) -> list[tuple[str, dict[str, str]]]:
    """The schemes of a WWW-Authenticate or Authorization value with their parameters, unquoted.

    Parameter names are lower case. A parameter given twice is `Malformed`: which one counts would differ
    between implementations.
    """
    refuse_controls(text)
    found: list[tuple[str, dict[str, str]]] = []
    position, end = 0, len(text)
    while (position := _after_space(text, position)) < end:
        match = _PARAM.match(text, position)
        if match is None or not found:
            match = _SCHEME.match(text, position)
            if match is None or len(found) == MAX_SCHEMES:
                raise Malformed("not an authentication header")
            found.append((match[1], {}))
        else:
            _put(found[-1][1], match[1].lower(), unquote(match[2]))
        position = match.end()
    if not found:
        raise Malformed("an empty authentication header")
    return found


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match is not None else position


def _put(params: dict[str, str], name: str, value: str) -> None:
    if name in params:
        raise Malformed("an authentication parameter given twice")
    params[name] = value


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """The challenges of all WWW-Authenticate or Proxy-Authenticate lines of a response, in order.

    Schemes other than Digest are kept, unsupported. A Digest without realm or nonce is `Malformed`.
    """
    return [_challenge(scheme, params) for value in values for scheme, params in parse_auth(value)]


def _challenge(scheme: str, params: dict[str, str]) -> Challenge:
    if scheme.lower() == "digest" and not ("realm" in params and "nonce" in params):
        raise Malformed("a challenge without realm or nonce")
    qop = (item.strip().lower() for item in params.get("qop", "").split(","))
    return Challenge(
        realm=params.get("realm", ""),
        nonce=params.get("nonce", ""),
        algorithm=params.get("algorithm", "MD5"),
        qop=tuple(item for item in qop if item),
        opaque=params.get("opaque"),
        is_stale=params.get("stale", "").lower() == "true",
        scheme=scheme,
    )


def pick_challenge(challenges: Iterable[Challenge]) -> Challenge | None:
    """The strongest challenge we can answer, the first of equals; `None` when there is none."""
    supported = [challenge for challenge in challenges if challenge.is_supported]
    return max(supported, key=lambda challenge: _STRENGTH.index(challenge.algorithm.upper()), default=None)


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """The hash that stands for a password: what a server stores (without `-sess`: RFC 7616 3.4.2)."""
    return _HASHES[algorithm.upper()](encode(f"{username}:{realm}:{password}"))


@frozen
class DigestInput:
    """All that goes into a digest response besides the secret."""

    algorithm: str
    nonce: str
    method: str
    uri: str
    qop: str | None
    nonce_count: str
    cnonce: str
    body: bytes = b""

    def response(self, stored_ha1: str) -> str:
        """The response in hexadecimal (RFC 7616 3.4.1; without qop as in RFC 2069)."""
        digest = _HASHES[self.algorithm.upper()]
        first = stored_ha1
        if self.algorithm.upper().endswith("-SESS"):
            first = digest(encode(f"{stored_ha1}:{self.nonce}:{self.cnonce}"))
        second = f"{self.method}:{self.uri}"
        if self.qop == "auth-int":
            second += ":" + digest(self.body)
        middle = self.nonce
        if self.qop is not None:
            middle = f"{self.nonce}:{self.nonce_count}:{self.cnonce}:{self.qop}"
        return digest(encode(f"{first}:{middle}:{digest(encode(second))}"))


def authorize(
    challenge: Challenge,
    credentials: Credentials,
    method: str,
    uri: str,
    nonce_count: int,
    cnonce: str,
    body: bytes = b"",
) -> str:
    """The value of Authorization or Proxy-Authorization that answers a supported challenge.

    `nonce_count` starts at 1 for each nonce and grows with each request that uses it; `cnonce` is fresh and
    unpredictable. Chooses `auth`, else `auth-int`, else no qop at all. Raises `Malformed` for a challenge
    that is not supported, `Unprintable` for credentials that cannot be sent.
    """
    if not challenge.is_supported:
        raise Malformed("a challenge we cannot answer")
    qop = next((item for item in ("auth", "auth-int") if item in challenge.qop), None)
    count = f"{min(nonce_count, MAX_NONCE_COUNT):08x}"
    given = DigestInput(challenge.algorithm, challenge.nonce, method, uri, qop, count, cnonce, body)
    response = given.response(ha1(challenge.algorithm, credentials.username, challenge.realm, credentials.password))
    return _print_authorization(challenge, credentials.username, given, response)


def _print_authorization(challenge: Challenge, username: str, given: DigestInput, response: str) -> str:
    parts = [
        f"username={quote(username)}",
        f"realm={quote(challenge.realm)}",
        f"nonce={quote(challenge.nonce)}",
        f"uri={quote(given.uri)}",
        f'response="{response}"',
        f"algorithm={challenge.algorithm}",
    ]
    if challenge.opaque is not None:
        parts.append(f"opaque={quote(challenge.opaque)}")
    is_session = challenge.algorithm.upper().endswith("-SESS")
    if given.qop is not None:
        parts += [f"qop={given.qop}", f"nc={given.nonce_count}"]
    if given.qop is not None or is_session:
        parts.append(f"cnonce={quote(given.cnonce)}")
    return "Digest " + ", ".join(parts)
