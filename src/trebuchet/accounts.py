"""Accounts made by the operator: at the first start, by `trebuchet init`, by `trebuchet account add`."""

import hashlib
from dataclasses import dataclass

from trebuchet.base.clock import Clock
from trebuchet.base.errors import LocalError
from trebuchet.base.ids import Ids
from trebuchet.config.values import Credentials
from trebuchet.model.account import Account
from trebuchet.store.interface import Batch, Store


class AccountExists(LocalError):
    """The id or the token is taken, with other credentials."""

    code = "account-exists"


@dataclass(frozen=True, slots=True)
class EnsuredAccount:
    account: Account
    fresh: Credentials | None
    """The credentials of an account that was made just now, to be shown once: the secret is not kept."""


def make_credentials(ids: Ids) -> Credentials:
    return Credentials(ids.account(), ids.token(), ids.secret())


async def add_account(store: Store, credentials: Credentials, clock: Clock) -> Account:
    """Create the account, or find it as it is. Raises `AccountExists` when its id or token belongs to other
    credentials, `LogUnavailable`."""
    account = Account(
        id=credentials.account_id,
        token=credentials.token,
        secret_sha256=hashlib.sha256(credentials.secret.encode()).hexdigest(),
        created_at=clock.utc(),
    )
    existing = await store.account(account.id)
    if existing is not None:
        if (existing.token, existing.secret_sha256) != (account.token, account.secret_sha256):
            raise AccountExists(f"account {account.id} exists with other credentials")
        return existing
    if await store.account_by_token(account.token) is not None:
        raise AccountExists(f"the token of account {account.id} belongs to another account")
    await store.write(Batch(accounts=(account,)))
    return account


async def ensure_account(store: Store, wanted: Credentials | None, ids: Ids, clock: Clock) -> EnsuredAccount:
    """The account to start with: the wanted one, else the oldest there is, else a new one.
    Raises as `add_account`."""
    if wanted is not None:
        return EnsuredAccount(await add_account(store, wanted, clock), None)
    existing = await store.accounts()
    if existing:
        return EnsuredAccount(min(existing, key=lambda account: account.created_at), None)
    fresh = make_credentials(ids)
    return EnsuredAccount(await add_account(store, fresh, clock), fresh)
