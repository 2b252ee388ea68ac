"""The account resource as clients read it."""

from typing_extensions import TypedDict

from trebuchet.model.account import Account


class AccountResource(TypedDict):
    """`balance` is a string, in dollars."""

    balance: str
    accountType: str


def account_to_wire(account: Account) -> AccountResource:
    return AccountResource(balance=account.balance, accountType=account.account_type)
