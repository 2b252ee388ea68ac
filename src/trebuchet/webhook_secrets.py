"""The secrets that webhooks are signed with: one for each account, made from one key of the installation.

Nothing secret is in the database: a copy of it signs nothing. The key is in a file of the data directory that only its
owner may read; an account's secret follows from the key, the account's id and the number of its generation. Raising the
generation makes a new secret; for a day after that both are in use, so that applications can change over.
"""

import base64
import hashlib
import hmac
import os
from datetime import datetime
from pathlib import Path

from trebuchet.base.errors import LocalError
from trebuchet.base.rand import Rand
from trebuchet.model.account import Account

KEY_FILE = "webhook.key"
KEY_BYTES = 32
"""As many as the hash gives; more would add nothing."""
PREFIX = "whsec_"
"""How Standard Webhooks marks a symmetric secret."""


class KeyUnusable(LocalError):
    """The key file cannot be read or does not hold a key."""

    code = "webhook-key-unusable"


class WebhookSecrets:
    """Secrets as text, `whsec_` and base64, as Standard Webhooks writes them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def open(cls, data: Path, rand: Rand) -> "WebhookSecrets":
        """With the key of the data directory, which is made if it has none. Raises `KeyUnusable`."""
        path = data / KEY_FILE
        try:
            if not path.exists():
                _make_key(path, rand)
            key = path.read_bytes()
        except OSError as error:
            raise KeyUnusable(f"{path}: {error.strerror}") from error
        if len(key) != KEY_BYTES:
            raise KeyUnusable(f"{path} does not hold a key of {KEY_BYTES} bytes")
        return cls(key)

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


def _make_key(path: Path, rand: Rand) -> None:
    """Complete or not at all: written beside it, synced, and then given its name, unless somebody was faster."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(rand.token(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    except FileExistsError:
        return
    finally:
        beside.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
