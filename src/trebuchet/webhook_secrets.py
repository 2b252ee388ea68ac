"""The secrets that webhooks are signed with: one for each account, made from the key of the installation.

An account's secret follows from the key, the account's id and the number of its generation; it is stored nowhere.
Raising the generation makes a new secret; for a day after that both are in use, so that applications can change over.
"""

import base64
import hashlib
import hmac
from datetime import datetime
from pathlib import Path

from trebuchet.base.rand import Rand
from trebuchet.model.account import Account
from trebuchet.secret_key import read_key

PREFIX = "whsec_"
"""How Standard Webhooks marks a symmetric secret."""


class WebhookSecrets:
    """Secrets as text, `whsec_` and base64, as Standard Webhooks writes them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def open(cls, data: Path, rand: Rand) -> "WebhookSecrets":
        """With the key of the data directory, which is made if it has none. Raises `KeyUnusable`."""
        return cls(read_key(data, rand))

    def current(self, account: Account) -> str:
        return self._make(account, account.webhook_generation)

    def valid(self, account: Account, now: datetime) -> tuple[str, ...]:
        """Those that sign now, the current one first."""
        if not account.is_former_webhook_secret_valid(now):
            return (self.current(account),)
        return self.current(account), self._make(account, account.webhook_generation - 1)

    def _make(self, account: Account, generation: int) -> str:
        made = hmac.digest(self._key, f"{account.id}\0{generation}".encode(), hashlib.sha256)
        return PREFIX + base64.b64encode(made).decode()
