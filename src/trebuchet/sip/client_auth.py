"""Our credentials towards a trunk: RFC 3261 22, RFC 7616.

They are shown to the trunk alone: a challenge counts only when the request it answers was aimed at the trunk itself
(not at where a Contact or Record-Route of the peer led us) and, where the trunk is known by address, when the answer
came from that address. A second challenge to the same request is answered only when it says that the nonce was stale.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address

from trebuchet.base.rand import Rand
from trebuchet.base.values import frozen
from trebuchet.sip.auth import Challenge, Credentials, authorize, parse_challenges, pick_challenge
from trebuchet.sip.errors import Malformed
from trebuchet.sip.message import Request, Response
from trebuchet.sip.outputs import Destination, Flow, HeaderPairs, NextHop

MAX_ATTEMPTS = 3
"""Challenges answered for one request: a proxy's, the server's, and one stale nonce."""

_HEADERS = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


@frozen
class TrunkCredentials:
    """User and password for one trunk. `hosts`: its further names or addresses; `realm` `None`: any realm of it."""

    username: str
    password: str = field(repr=False)
    hosts: frozenset[str] = frozenset()
    realm: str | None = None


@dataclass(slots=True)
class _Known:
    challenge: Challenge
    count: int = 0


class ClientAuth:
    """The digest state of one call towards its trunk."""

    __slots__ = ("_credentials", "_hosts", "_known", "_realm")

    def __init__(self, credentials: TrunkCredentials, trunk_host: str) -> None:
        self._credentials = Credentials(credentials.username, credentials.password)
        self._hosts = frozenset(host.lower() for host in (*credentials.hosts, trunk_host))
        self._realm = credentials.realm
        self._known: dict[str, _Known] = {}

    def take_challenge(self, response: Response, sent: Request, hop: NextHop, flow: Flow, attempts: int) -> bool:
        """Whether `sent`, which got this 401 or 407, may be sent again with credentials."""
        names = _HEADERS.get(response.status)
        if names is None or attempts >= MAX_ATTEMPTS or not self.is_trunk(hop) or not self._is_source(hop, flow):
            return False
        challenge = _strongest(response, names[0])
        if challenge is None or self._realm not in (None, challenge.realm):
            return False
        if attempts > 0 and names[1] in sent.headers and not challenge.is_stale:
            return False
        self._known[names[1]] = _Known(challenge)
        return True

    def headers_for(self, request: Request, hop: NextHop, rand: Rand) -> HeaderPairs:
        """Authorization headers for a request to the trunk; none for a request to anywhere else."""
        if not self._known or not self.is_trunk(hop):
            return ()
        return tuple((name, self._authorize(known, request, rand)) for name, known in self._known.items())

    def _authorize(self, known: _Known, request: Request, rand: Rand) -> str:
        known.count += 1
        cnonce = rand.token(8).hex()
        return authorize(
            known.challenge,
            self._credentials,
            request.method,
            request.uri_text,
            known.count,
            cnonce,
            request.body,
        )

    def is_trunk(self, hop: NextHop) -> bool:
        """Whether what goes there goes to the trunk; nobody else may see an answer to its challenges."""
        return _host(hop).lower() in self._hosts

    def _is_source(self, hop: NextHop, flow: Flow) -> bool:
        return not _is_address(_host(hop)) or flow.remote[0].lower() in self._hosts


def _strongest(response: Response, name: str) -> Challenge | None:
    try:
        return pick_challenge(parse_challenges(response.headers.get_all(name)))
    except Malformed:
        return None


def _host(hop: NextHop) -> str:
    return hop.host if isinstance(hop, Destination) else hop.remote[0]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
