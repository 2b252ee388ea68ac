"""Accounts, applications and numbers: few, changed seldom, asked about on every call; so they live in memory.

A store applies a change here after it is durable, on the event loop's thread, and answers from here.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from trebuchet.base.ids import AccountId, ApplicationId, NumberId
from trebuchet.calls.interfaces import NumberRoute
from trebuchet.model.account import Account
from trebuchet.model.application import Application
from trebuchet.model.number import NumberState, PhoneNumber
from trebuchet.store.errors import RowConflict
from trebuchet.store.interface import Batch, NumberFilter, Page

T = TypeVar("T")


def slice_page(rows: Sequence[T], page: Page) -> list[T]:
    """One row more than the page holds, when there are more."""
    start = page.page * page.size
    return list(rows[start : start + page.size + 1])


class Registry:
    """Mappings keep the order of creation: replacing a value does not move it."""

    def __init__(self) -> None:
        self._accounts: dict[AccountId, Account] = {}
        self._by_token: dict[str, Account] = {}
        self._applications: dict[ApplicationId, Application] = {}
        self._numbers: dict[NumberId, PhoneNumber] = {}
        self._enabled: dict[str, PhoneNumber] = {}
        self._owned: dict[AccountId, dict[str, NumberId]] = {}

    # --- changes ---

    def check(self, batch: Batch) -> None:
        """Raises `RowConflict` when the batch contradicts what is here or itself."""
        _check_unique(
            ((account.token, account.id) for account in batch.accounts),
            {token: account.id for token, account in self._by_token.items()} if batch.accounts else {},
        )
        released = {n.number for n in batch.numbers if n.state is not NumberState.ENABLED}
        held = {n.number: self._enabled[n.number].id for n in batch.numbers if n.number in self._enabled}
        _check_unique(
            ((n.number, n.id) for n in batch.numbers if n.state is NumberState.ENABLED),
            {number: owner for number, owner in held.items() if number not in released},
        )

    def apply(self, batch: Batch) -> None:
        for account in batch.accounts:
            self._put_account(account)
        for application in batch.applications:
            self._applications[application.id] = application
        for number in batch.numbers:
            self._put_number(number)

    def _put_account(self, account: Account) -> None:
        old = self._accounts.get(account.id)
        if old is not None:
            del self._by_token[old.token]
        self._accounts[account.id] = self._by_token[account.token] = account

    def _put_number(self, number: PhoneNumber) -> None:
        old = self._numbers.get(number.id)
        if old is not None and old.state is NumberState.ENABLED:
            self._withdraw(old)
        self._numbers[number.id] = number
        if number.state is NumberState.ENABLED:
            self._enabled[number.number] = number
            self._owned.setdefault(number.account_id, {})[number.number] = number.id

    def _withdraw(self, number: PhoneNumber) -> None:
        """Another row of the same batch may have taken the number over already."""
        if self._enabled.get(number.number) is number:
            del self._enabled[number.number]
        owned = self._owned[number.account_id]
        if owned.get(number.number) == number.id:
            del owned[number.number]

    def remove_application(self, application_id: ApplicationId) -> None:
        self._applications.pop(application_id, None)

    # --- answers ---

    def account(self, account_id: AccountId) -> Account | None:
        return self._accounts.get(account_id)

    def account_by_token(self, token: str) -> Account | None:
        return self._by_token.get(token)

    def accounts(self) -> list[Account]:
        return list(self._accounts.values())

    def application(self, application_id: ApplicationId) -> Application | None:
        return self._applications.get(application_id)

    def applications(self, account_id: AccountId, page: Page) -> list[Application]:
        owned = [item for item in reversed(self._applications.values()) if item.account_id == account_id]
        return slice_page(owned, page)

    def numbers_of_application(self, application_id: ApplicationId) -> list[PhoneNumber]:
        return [number for number in self._numbers.values() if number.application_id == application_id]

    def number(self, number_id: NumberId) -> PhoneNumber | None:
        return self._numbers.get(number_id)

    def number_by_e164(self, number: str) -> PhoneNumber | None:
        return self._enabled.get(number)

    def numbers(self, account_id: AccountId, where: NumberFilter, page: Page) -> list[PhoneNumber]:
        """Newest first."""
        found = [
            number
            for number in reversed(self._numbers.values())
            if number.account_id == account_id and _matches(number, where)
        ]
        return slice_page(found, page)

    def find_number(self, number: str) -> NumberRoute | None:
        found = self._enabled.get(number)
        if found is None:
            return None
        application = self._applications.get(found.application_id) if found.application_id is not None else None
        return NumberRoute(found, application)

    def owns_number(self, account_id: AccountId, number: str) -> bool:
        return number in self._owned.get(account_id, {})

    def has_numbers(self, account_id: AccountId) -> bool:
        return bool(self._owned.get(account_id))


def _check_unique(claims: Iterable[tuple[str, str]], held: dict[str, str]) -> None:
    """Every key has one owner."""
    owners = dict(held)
    for key, owner in claims:
        if owners.setdefault(key, owner) != owner:
            raise RowConflict("a number or token is taken")


def _matches(number: PhoneNumber, where: NumberFilter) -> bool:
    return (
        number.state is where.state
        and (where.application_id is None or number.application_id == where.application_id)
        and _is_same_text(where.region, number.region)
        and _is_same_text(where.name, number.name)
        and _is_same_text(where.city, number.city)
    )


def _is_same_text(wanted: str | None, actual: str | None) -> bool:
    return wanted is None or (actual is not None and wanted.casefold() == actual.casefold())


class RegistryReads:
    """The methods of `Store` that a registry answers; both engines inherit them."""

    def __init__(self) -> None:
        super().__init__()
        self._registry = Registry()
        self._application = self._registry.application

    async def find_number(self, number: str) -> NumberRoute | None:
        return self._registry.find_number(number)

    async def owns_number(self, account_id: AccountId, number: str) -> bool:
        return self._registry.owns_number(account_id, number)

    async def has_numbers(self, account_id: AccountId) -> bool:
        return self._registry.has_numbers(account_id)

    async def account(self, account_id: AccountId) -> Account | None:
        return self._registry.account(account_id)

    async def account_by_token(self, token: str) -> Account | None:
        return self._registry.account_by_token(token)

    async def accounts(self) -> list[Account]:
        return self._registry.accounts()

    async def application(self, application_id: ApplicationId) -> Application | None:
        return self._registry.application(application_id)

    async def applications(self, account_id: AccountId, page: Page) -> list[Application]:
        return self._registry.applications(account_id, page)

    async def number(self, number_id: NumberId) -> PhoneNumber | None:
        return self._registry.number(number_id)

    async def number_by_e164(self, number: str) -> PhoneNumber | None:
        return self._registry.number_by_e164(number)

    async def numbers(self, account_id: AccountId, where: NumberFilter, page: Page) -> list[PhoneNumber]:
        return self._registry.numbers(account_id, where, page)
