"""The key of the installation: whatever secret text is needed again is made from it, and stored nowhere.

It is in a file of the data directory that only its owner may read. Nothing secret is in the database then: a copy of it
signs nothing and opens nothing.
"""

import hashlib
import hmac
import os
from pathlib import Path

from trebuchet.base.disk import sync
from trebuchet.base.errors import LocalError
from trebuchet.base.ids import as_letters
from trebuchet.base.rand import Rand

KEY_FILE = "webhook.key"
"""Named for its first use."""
KEY_BYTES = 32
"""As many as the hash gives; more would add nothing."""
_RESERVED = b"secrets of requests with an idempotency key"
"""Sets this use of the key apart from all others."""


class KeyUnusable(LocalError):
    """The key file cannot be read or does not hold a key."""

    code = "webhook-key-unusable"


def read_key(data: Path, rand: Rand) -> bytes:
    """The key of the data directory, which is made if it has none. Raises `KeyUnusable`."""
    path = data / KEY_FILE
    try:
        if not path.exists():
            _make_key(path, rand)
        key = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
    if len(key) != KEY_BYTES:
        raise KeyUnusable(f"{path} does not hold a key of {KEY_BYTES} bytes")
    return key


class RequestSecrets:
    """The random part of secrets that requests with an idempotency key make. It follows from the key and from what was
    reserved for the request, so that the answer can be given once more although the secret is not kept."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, _RESERVED, hashlib.sha256)

    def of(self, reserved: str) -> str:
        """As long and of the same letters as the random part of an id."""
        return as_letters(hmac.digest(self._key, reserved.encode(), hashlib.sha256))


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
    sync(path.parent)
