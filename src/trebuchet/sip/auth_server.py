"""Asking for a digest and checking it (RFC 7616 3.3-3.5), without a table of nonces.

A nonce is its issue time and a keyed hash over it: any process with the key can check it, it expires by
itself, and an attacker who sends a million requests makes us remember nothing. What is not checked here is
whether a nonce count was used before: a caller that needs it keeps `nonce` and `nonce_count` of what
it accepted. Reached by unauthenticated strangers; raises `Malformed` and nothing else.
"""

import base64
import hmac
from enum import StrEnum

from trebuchet.base.values import frozen
from trebuchet.sip.auth import DigestInput, ha1, parse_auth
from trebuchet.sip.errors import Malformed
from trebuchet.sip.grammar import encode, quote

NONCE_LIFETIME_S = 300.0
"""Long enough for a re-registration without a second round trip, short enough to make a stolen one stale."""
_TIME_BYTES = 8
_MAC_BYTES = 16
_NONCE_CHARS = 32
"""24 bytes in base 64."""
MIN_KEY_BYTES = 16

_QOPS = frozenset({"auth", "auth-int"})
_SUPPORTED = frozenset({"MD5", "MD5-SESS", "SHA-256", "SHA-256-SESS"})


class Verdict(StrEnum):
    """What an Authorization header is worth."""

    ACCEPTED = "accepted"
    STALE = "stale"
    """The right secret under an old nonce: challenge again with `is_stale`, the peer need not ask its user."""
    REFUSED = "refused"


@frozen
class Ha1:
    """A stored hash of user, realm and password, in place of the password; made for one algorithm."""

    hexadecimal: str


@frozen
class Authorization:
    """What a peer claims; nothing of it is verified."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str | None = None
    nonce_count: str = ""
    cnonce: str = ""
    opaque: str | None = None

    @property
    def count(self) -> int:
        """The nonce count as a number; 0 when there is none."""
        return int(self.nonce_count, 16) if self.nonce_count else 0


class NonceMaker:
    """Makes and dates nonces under one secret key of at least `MIN_KEY_BYTES`."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < MIN_KEY_BYTES:
            raise ValueError("the nonce key is too short")
        self._key = key

    def make(self, realm: str, now: float) -> str:
        """A nonce for that realm; `now` in monotonic seconds of whoever will check it."""
        stamp = int(now * 1000).to_bytes(_TIME_BYTES, "big", signed=True)
        return base64.b64encode(stamp + self._mac(stamp, realm)).decode("ascii")

    def age_s(self, nonce: str, realm: str, now: float) -> float | None:
        """Seconds since we made it; `None` when we did not."""
        if len(nonce) != _NONCE_CHARS:
            return None
        try:
            raw = base64.b64decode(encode(nonce), validate=True)
        except ValueError:
            return None
        stamp, mac = raw[:_TIME_BYTES], raw[_TIME_BYTES:]
        if not hmac.compare_digest(mac, self._mac(stamp, realm)):
            return None
        return now - int.from_bytes(stamp, "big", signed=True) / 1000

    def _mac(self, stamp: bytes, realm: str) -> bytes:
        return hmac.digest(self._key, stamp + encode(realm), "sha256")[:_MAC_BYTES]


def issue_challenge(
    realm: str,
    nonces: NonceMaker,
    now: float,
    algorithm: str = "MD5",
    qop: tuple[str, ...] = ("auth",),
    is_stale: bool = False,
) -> str:
    """The value of WWW-Authenticate or Proxy-Authenticate. Send the strongest algorithm first (RFC 8760)."""
    parts = [
        f"realm={quote(realm)}",
        f'nonce="{nonces.make(realm, now)}"',
        f"algorithm={algorithm}",
    ]
    if qop:
        parts.append(f'qop="{",".join(qop)}"')
    if is_stale:
        parts.append("stale=true")
    return "Digest " + ", ".join(parts)


def parse_authorization(value: str) -> Authorization | None:
    """An Authorization header: `None` for a scheme we do not know, `Malformed` for a broken Digest."""
    (scheme, params), *rest = parse_auth(value)
    if scheme.lower() != "digest":
        return None
    if rest:
        raise Malformed("several schemes in one authorization")
    try:
        claim = Authorization(
            params["username"],
            params["realm"],
            params["nonce"],
            params["uri"],
            params["response"].lower(),
            params.get("algorithm", "MD5"),
            params["qop"].lower() if "qop" in params else None,
            params.get("nc", ""),
            params.get("cnonce", ""),
            params.get("opaque"),
        )
    except KeyError as missing:
        raise Malformed(f"an authorization without {missing.args[0]}") from None
    _check_claim(claim)
    return claim


def _check_claim(claim: Authorization) -> None:
    count = claim.nonce_count
    is_count = len(count) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in count)
    if claim.qop is not None and (claim.qop not in _QOPS or not is_count or not claim.cnonce):
        raise Malformed("an authorization with a broken qop")
    if claim.qop is None and count:
        raise Malformed("a nonce count without qop")


def verify(
    claim: Authorization,
    method: str,
    secret: str | Ha1,
    realm: str,
    nonces: NonceMaker,
    now: float,
    body: bytes = b"",
    lifetime_s: float = NONCE_LIFETIME_S,
) -> Verdict:
    """Whether the claim proves knowledge of the secret (a password, or its `Ha1`), in constant time.

    The caller compares `claim.uri` with what the request is for: equality of URIs there is looser than of
    text. For an unknown user call it with any unguessable secret, so that the answer takes as long.
    """
    age = nonces.age_s(claim.nonce, realm, now)
    if claim.realm != realm or claim.algorithm.upper() not in _SUPPORTED or age is None:
        return Verdict.REFUSED
    stored = (
        secret.hexadecimal.lower() if isinstance(secret, Ha1) else ha1(claim.algorithm, claim.username, realm, secret)
    )
    given = DigestInput(
        claim.algorithm, claim.nonce, method, claim.uri, claim.qop, claim.nonce_count, claim.cnonce, body
    )
    if not hmac.compare_digest(encode(given.response(stored)), encode(claim.response)):
        return Verdict.REFUSED
    return Verdict.ACCEPTED if 0 <= age <= lifetime_s else Verdict.STALE
