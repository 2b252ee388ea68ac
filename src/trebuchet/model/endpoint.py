"""Phones: the domains they are grouped in, the endpoints they register as, and where each can be reached now.

A password is never kept: what is stored are the hashes that digest authentication compares (RFC 7616 3.4.2, "HA1"),
one for each algorithm. They are made for one user and realm, which therefore never change.
"""

import hashlib
from dataclasses import field
from datetime import datetime
from urllib.parse import unquote

from trebuchet.base.ids import AccountId, ApplicationId, DomainId, EndpointId
from trebuchet.base.values import frozen, frozen_keywords


@frozen_keywords
class Domain:
    """A group of endpoints with a host name of its own."""

    id: DomainId
    account_id: AccountId
    name: str
    realm: str
    """The host name, fixed when the domain was made; endpoints authenticate for exactly this text."""
    created_at: datetime
    description: str | None = None


@frozen
class Secret:
    """What proves that a peer knows the password, in hexadecimal. Worth as much as the password for its realm."""

    md5: str = field(repr=False)
    sha256: str = field(repr=False)


def make_secrets(username: str, realm: str, password: str) -> tuple[Secret, ...]:
    """The secrets of a password. With characters beyond ASCII there are two: phones write them in UTF-8 or Latin-1."""
    texts = dict.fromkeys(f"{username}:{realm}:{password}".encode(coding) for coding in ("utf-8", "latin-1"))
    return tuple(
        Secret(hashlib.md5(text, usedforsecurity=False).hexdigest(), hashlib.sha256(text).hexdigest()) for text in texts
    )


def token_fingerprint(token: str) -> str:
    """What is kept of a token to know it again; tokens are too long to be guessed from it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@frozen_keywords
class EndpointToken:
    """A second password that ends by itself."""

    fingerprint: str
    secrets: tuple[Secret, ...] = field(repr=False)
    expires_at: datetime


@frozen_keywords
class Endpoint:
    """A SIP account. `name` is its user part and digest user, `realm` its host and digest realm."""

    id: EndpointId
    account_id: AccountId
    domain_id: DomainId
    name: str
    realm: str
    secrets: tuple[Secret, ...] = field(repr=False)
    created_at: datetime
    description: str | None = None
    application_id: ApplicationId | None = None
    """Who is told of the calls it places; `None`: it cannot place any."""
    is_enabled: bool = True
    tokens: tuple[EndpointToken, ...] = field(default=(), repr=False)

    @property
    def address(self) -> str:
        """What it is called by, and what its calls come from."""
        return f"sip:{self.name}@{self.realm}"

    def valid_secrets(self, at: datetime) -> tuple[Secret, ...]:
        """Of the password and of the tokens that have not expired."""
        alive = (secret for token in self.tokens if token.expires_at > at for secret in token.secrets)
        return (*self.secrets, *alive)


EndpointKey = tuple[str, str]


def endpoint_key(user: str, host: str) -> EndpointKey:
    """How an endpoint is found: user parts are compared exactly (escapes resolved), hosts without regard to case."""
    return unquote(user), host.lower().rstrip(".")


@frozen_keywords
class Binding:
    """One phone registered as an endpoint (RFC 3261 10): where it is reached, and until when."""

    id: str
    endpoint_id: EndpointId
    contact: str
    """The phone's URI, which goes into the Request-URI."""
    call_id: str
    cseq: int
    q: int
    """Preference in thousandths, 0-1000."""
    expires_at: datetime
    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]
    """Where the registration came from, and where calls go: the way back through a NAT."""
    connection_id: int | None = None
    """Of a stream transport; means something only in the process that wrote it."""


def binding_id(endpoint_id: EndpointId, contact_key: str) -> str:
    """One phone of one endpoint, whatever length its URI has."""
    return f"{endpoint_id} {hashlib.sha256(contact_key.encode('utf-8', 'replace')).hexdigest()[:32]}"
