"""Who is a phone that asks for something: digest authentication of requests from anywhere (RFC 3261 22, RFC 7616).

Sans-IO. Reached by unauthenticated strangers, and built for them: a user we do not have is challenged and refused with
the same words and the same work as one we have, a nonce count is taken once, and a source that guesses is soon no
longer listened to. All tables are bounded.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache

from trebuchet.base.rand import Rand
from trebuchet.base.values import frozen
from trebuchet.sip.auth_server import (
    NONCE_LIFETIME_S,
    Authorization,
    Ha1,
    NonceMaker,
    Verdict,
    issue_challenge,
    parse_authorization,
    verify,
)
from trebuchet.sip.errors import SipError
from trebuchet.sip.message import Request
from trebuchet.sip.outputs import HeaderPairs
from trebuchet.sip.uri import parse_uri

MD5 = ("MD5",)
"""What every phone knows."""
SHA256_FIRST = ("SHA-256", "MD5")
"""The stronger first (RFC 8760 2.4). Phones older than that RFC should pass over it, and some fail instead."""
MAX_AUTHORIZATIONS = 8
"""Authorization headers looked at in one request: phones send one for each realm they met, seldom more than one."""
MAX_USER_FAILURES = 10
"""Wrong answers a source may give at once for one user. A phone with an old password uses them up in a moment (some try
again and again), and must not take the others of its office with it."""
MAX_FAILURES = 100
"""The same for all users together: several such phones, and no trying of one password on many users."""
FAILURE_S = 6.0
"""One of either is forgiven in this time: ten guesses a minute go nowhere."""
MAX_SOURCES = 10_000
"""Sources, and users of sources, whose failures are remembered (2 MB); beyond them the one that failed longest ago is
forgotten."""
MAX_NONCES = 20_000
"""Nonces whose counts are remembered (5 MB): more registrations than one machine takes in a nonce's life. Beyond them
the oldest nonces become stale before their time."""
BARRED_STATUS = 503
_IPV6_SITE_BITS = 64
"""A peer has a whole such network to choose its address from."""


@frozen
class Hashes:
    """The stored secrets of one password, one for each algorithm."""

    md5: Ha1
    sha256: Ha1

    def for_algorithm(self, name: str) -> Ha1:
        return self.sha256 if name.upper().startswith("SHA-256") else self.md5


FindHashes = Callable[[str, str], Sequence[Hashes] | None]
"""The secrets of a user in a realm, `None` for a user that is not there."""


@frozen
class Proven:
    """The peer is this user."""

    username: str


@frozen
class Turned:
    """The peer has not shown who it is: what to answer."""

    status: int
    headers: HeaderPairs


_BARRED = Turned(BARRED_STATUS, (("Retry-After", str(int(MAX_USER_FAILURES * FAILURE_S))),))


class NonceCounts:
    """Which nonce counts have been used (RFC 7616 3.4): each nonce's only rise. Only nonces of accepted requests are
    kept, so that a stranger costs nothing."""

    def __init__(self, limit: int = MAX_NONCES) -> None:
        self._limit = limit
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._floor = float("-inf")
        """Nonces made by then count as used up, because some of them were forgotten."""

    def take(self, nonce: str, made_at: float, count: int, now: float) -> bool:
        """Whether this count of the nonce is new; it is used from now on. Without counts a nonce serves once."""
        if made_at <= self._floor:
            return False
        known = self._counts.get(nonce)
        if known is not None and count <= known[1]:
            return False
        self._counts[nonce] = (made_at, count)
        self._drop_old(now)
        return True

    def _drop_old(self, now: float) -> None:
        """The dictionary is in order of first use, nearly that of age."""
        while self._counts:
            nonce, (made_at, _) = next(iter(self._counts.items()))
            if now - made_at <= NONCE_LIFETIME_S:
                if len(self._counts) <= self._limit:
                    return
                self._floor = max(self._floor, made_at)
            del self._counts[nonce]


class Failures:
    """Wrong answers by source and by user of a source, each a bucket that leaks."""

    def __init__(self, limit: int = MAX_SOURCES) -> None:
        self._limit = limit
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def is_barred(self, host: str, username: str | None, now: float) -> bool:
        """Whether nothing is listened to from there, be it for this user or, with `None`, for anybody."""
        if username is None:
            return self._level(_source(host), now) > MAX_FAILURES - 1
        return self._level(_user_key(host, username), now) > MAX_USER_FAILURES - 1

    def add(self, host: str, username: str, now: float) -> None:
        for key in (_user_key(host, username), _source(host)):
            self._levels[key] = (self._level(key, now) + 1, now)
            self._levels.move_to_end(key)
        while len(self._levels) > self._limit:
            self._levels.popitem(last=False)

    def _level(self, key: str, now: float) -> float:
        level, at = self._levels.get(key, (0.0, now))
        return max(0.0, level - (now - at) / FAILURE_S)


@lru_cache(maxsize=4096)
def _source(host: str) -> str:
    """What counts as one source: an IPv4 address, an IPv6 network of a site."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(ipaddress.ip_network((address, _IPV6_SITE_BITS), strict=False))


def _user_key(host: str, username: str) -> str:
    """Users are as long as a stranger likes, so that a hash of them is kept."""
    return f"{_source(host)} {hash(username)}"


class Authenticator:
    """Challenges requests and checks the answers. `find_hashes` says what is known of a user."""

    def __init__(self, rand: Rand, find_hashes: FindHashes, algorithms: tuple[str, ...] = MD5) -> None:
        self._nonces = NonceMaker(rand.token(32))
        self._find = find_hashes
        self._algorithms = algorithms
        self._decoy = (Hashes(Ha1(rand.token(16).hex()), Ha1(rand.token(32).hex())),)
        """Nobody's: what the answers of unknown users are compared with."""
        self._counts = NonceCounts()
        self.failures = Failures()

    def check(self, request: Request, realm: str, host: str, now: float) -> Proven | Turned:
        """Who sends the request from `host`. Raises `SipError` for credentials that cannot be read.

        REGISTER is asked as a server (401), everything else as a proxy (407): phones answer either.
        """
        claim = self._read_claim(request, realm)
        if self.failures.is_barred(host, None, now):
            return _BARRED
        if claim is None:
            return self._challenge(request, realm, now)
        if self.failures.is_barred(host, claim.username, now):
            return _BARRED
        age = self._nonces.age_s(claim.nonce, realm, now)
        if age is None or not 0 <= age <= NONCE_LIFETIME_S:  # of an earlier process, or old: nothing is checked by it
            return self._challenge(request, realm, now, is_stale=True)
        if not self._is_right(claim, request, realm, now):
            self.failures.add(host, claim.username, now)
            return self._challenge(request, realm, now)
        if not self._counts.take(claim.nonce, now - age, claim.count, now):
            return self._challenge(request, realm, now, is_stale=True)
        return Proven(claim.username)

    @staticmethod
    def _read_claim(request: Request, realm: str) -> Authorization | None:
        name = "authorization" if request.method == "REGISTER" else "proxy-authorization"
        for value in request.headers.get_all(name)[:MAX_AUTHORIZATIONS]:
            claim = parse_authorization(value)
            if claim is not None and claim.realm == realm:
                return claim
        return None

    def _is_right(self, claim: Authorization, request: Request, realm: str, now: float) -> bool:
        """Every stored secret is tried, whichever is right, and a decoy for a user we do not have."""
        known = self._find(claim.username, realm)
        matches = [
            verify(claim, request.method, each.for_algorithm(claim.algorithm), realm, self._nonces, now, request.body)
            is Verdict.ACCEPTED
            for each in known or self._decoy
        ]
        return any(matches) and bool(known) and _is_same_target(claim.uri, request.uri_text)

    def _challenge(self, request: Request, realm: str, now: float, *, is_stale: bool = False) -> Turned:
        status, name = (401, "WWW-Authenticate") if request.method == "REGISTER" else (407, "Proxy-Authenticate")
        asked = tuple(
            (name, issue_challenge(realm, self._nonces, now, algorithm, is_stale=is_stale))
            for algorithm in self._algorithms
        )
        return Turned(status, asked)


def _is_same_target(claimed: str, actual: str) -> bool:
    """Whether the digest is for this request: phones spell the URI there with or without its port and parameters."""
    if claimed == actual:
        return True
    try:
        ours, theirs = parse_uri(actual), parse_uri(claimed)
    except SipError:
        return False
    return (ours.user_text, ours.host.lower()) == (theirs.user_text, theirs.host.lower())
