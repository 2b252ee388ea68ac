"""Accounts: whose calls these are, and the credentials that prove it."""

from datetime import datetime, timedelta

from trebuchet.base.ids import AccountId
from trebuchet.base.values import frozen_keywords

WEBHOOK_SECRET_GRACE = timedelta(hours=24)
"""How long the signing secret before the last change goes on signing: time to change every application over."""


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
    webhook_generation: int = 1
    """Counts the secrets its webhooks were signed with; the secrets themselves are nowhere."""
    webhook_secret_changed_at: datetime | None = None
    """When the present one took the place of another."""

    def is_former_webhook_secret_valid(self, now: datetime) -> bool:
        """Whether the secret before the present one still signs."""
        changed_at = self.webhook_secret_changed_at
        return changed_at is not None and now - changed_at < WEBHOOK_SECRET_GRACE
