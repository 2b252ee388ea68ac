"""Accounts: whose calls these are, and the credentials that prove it."""

from datetime import datetime

from trebuchet.base.ids import AccountId
from trebuchet.base.values import frozen_keywords


@frozen_keywords
class Account:
    """A customer of this server. The secret itself is never kept: only its SHA-256."""

    id: AccountId
    token: str
    secret_sha256: str
    """Hex SHA-256 of the API secret; secrets carry 115 random bits, so a fast hash is safe."""
    created_at: datetime
    balance: str = "0.00000"
    account_type: str = "pre-pay"
