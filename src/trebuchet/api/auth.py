"""HTTP Basic: whose request it is. An unauthenticated peer reaches this, the routing and the health paths, no more."""

import hashlib
import hmac
from base64 import b64decode

from trebuchet.model.account import Account
from trebuchet.store.interface import Store

MAX_CREDENTIALS_CHARS = 1024
"""Longest Authorization header looked at; ours have below 100 characters."""

_NOBODY = "0" * 64
"""Compared with when the token is unknown, so that known and unknown tokens take equally long."""


async def authenticate(authorization: str | None, store: Store) -> Account | None:
    """The account of the credentials (token and secret), or `None`. The secret is compared in constant time."""
    credentials = _read(authorization)
    if credentials is None:
        return None
    token, secret = credentials
    account = await store.account_by_token(token)
    expected = account.secret_sha256 if account is not None else _NOBODY
    is_right = hmac.compare_digest(hashlib.sha256(secret).hexdigest(), expected.lower())
    return account if is_right else None


def _read(authorization: str | None) -> tuple[str, bytes] | None:
    if authorization is None or len(authorization) > MAX_CREDENTIALS_CHARS:
        return None
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        token, separator, secret = b64decode(encoded.strip(), validate=True).partition(b":")
    except ValueError:
        return None
    return (token.decode("latin-1"), secret) if separator else None
