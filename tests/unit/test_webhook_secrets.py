"""Signing secrets: made from one key, different for every account and generation, nowhere stored."""

import stat
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trebuchet.base.ids import AccountId
from trebuchet.base.rand import SeededRand, SystemRand
from trebuchet.base.values import replace
from trebuchet.model.account import WEBHOOK_SECRET_GRACE, Account
from trebuchet.secret_key import KEY_BYTES, KEY_FILE, KeyUnusable
from trebuchet.webhook_secrets import WebhookSecrets

AT = datetime(2026, 1, 2, tzinfo=UTC)
ACCOUNT = Account(id=AccountId("u-1"), token="t-1", secret_sha256="", created_at=AT)
CHANGED = replace(ACCOUNT, webhook_generation=2, webhook_secret_changed_at=AT)


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = WebhookSecrets.open(tmp_path, SystemRand()).current(ACCOUNT)
    again = WebhookSecrets.open(tmp_path, SystemRand()).current(ACCOUNT)
    assert first == again
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_secrets_differ_by_key_account_and_generation() -> None:
    key, other = WebhookSecrets(b"a" * KEY_BYTES), WebhookSecrets(b"b" * KEY_BYTES)
    stranger = replace(ACCOUNT, id=AccountId("u-2"))
    made = [key.current(ACCOUNT), key.current(stranger), key.current(CHANGED), other.current(ACCOUNT)]
    assert len(set(made)) == 4
    assert all(secret.startswith("whsec_") and len(b64decode(secret[6:])) == 32 for secret in made)


def test_the_former_secret_is_valid_for_a_while() -> None:
    secrets = WebhookSecrets(b"a" * KEY_BYTES)
    former, present = secrets.current(ACCOUNT), secrets.current(CHANGED)
    assert secrets.valid(ACCOUNT, AT) == (former,)
    assert secrets.valid(CHANGED, AT + WEBHOOK_SECRET_GRACE - timedelta(seconds=1)) == (present, former)
    assert secrets.valid(CHANGED, AT + WEBHOOK_SECRET_GRACE) == (present,)


def test_a_key_that_is_none(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(KeyUnusable, match="32 bytes"):
        WebhookSecrets.open(tmp_path, SeededRand(1))
    with pytest.raises(KeyUnusable):
        WebhookSecrets.open(tmp_path / "nowhere", SeededRand(1))
