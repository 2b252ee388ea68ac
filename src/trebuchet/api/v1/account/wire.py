"""The account resource and its transactions as clients read them, and how they ask for them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from trebuchet.api.fields import QueryAddress, choice, fault, integer
from trebuchet.api.paging import PageQuery
from trebuchet.api.timestamps import wire_time
from trebuchet.api.wire import without_nulls
from trebuchet.model.account import Account
from trebuchet.model.charge import Charge, Product
from trebuchet.store.interface import ChargeFilter

CHARGE = "charge"
TRANSACTION_TYPES = (CHARGE, "payment", "credit", "auto-recharge")
"""What a transaction may be. Here are charges alone: nobody pays through this server."""
PRODUCTS: dict[Product, str] = {
    Product.CALL_IN: "call-in",
    Product.CALL_OUT: "call-out",
    Product.SIP_CALL_IN: "sip-call-in",
    Product.SIP_CALL_OUT: "sip-call-out",
    Product.TRANSCRIPTION: "transcription",
    Product.LOCAL_NUMBER: "local-number-per-month",
    Product.TOLL_FREE_NUMBER: "toll-free-number-per-month",
}

_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+\- ])(\d\d):?(\d\d))?)?", re.ASCII
)


class AccountResource(TypedDict):
    """`balance` is a string, in dollars."""

    balance: str
    accountType: str


def account_to_wire(account: Account) -> AccountResource:
    return AccountResource(balance=account.balance, accountType=account.account_type)


def _read_date(value: Any) -> datetime:
    """`2016-03-02T10:00:00`, with fractions or without, followed by nothing or `Z` (UTC), or `+0100`, `-05:00`. A plus
    sign may have become a blank. A date alone is its first moment."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise fault("bad")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    micros = int((match[7] or "").ljust(6, "0")[:6])
    offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0))
    zone = timezone(-offset if match[8] == "-" else offset) if match[8] else UTC
    try:
        return datetime(year, month, day, hour, minute, second, micros, zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise fault("bad") from error


Date = Annotated[datetime, BeforeValidator(_read_date), WithJsonSchema({"type": "string", "format": "date-time"})]


def _transaction_type(value: Any) -> Any:
    """Any case, and with or without its hyphen."""
    return "auto-recharge" if isinstance(value, str) and value.lower() == "autorecharge" else value


TransactionType: Any = Annotated[choice({word: word for word in TRANSACTION_TYPES}), BeforeValidator(_transaction_type)]


class ListTransactionsQuery(PageQuery):
    """Which transactions to list. `maxItems` bounds the whole result, over all pages; the dates are exclusive."""

    resource = "transaction"
    max_items: integer(1) | None = Field(None, alias="maxItems")  # type: ignore[valid-type]  # a type made by a function
    from_date: Date | None = Field(None, alias="fromDate")
    to_date: Date | None = Field(None, alias="toDate")
    type: TransactionType | None = None
    number: QueryAddress | None = None

    def to_filter(self) -> ChargeFilter:
        return ChargeFilter(after=self.from_date, before=self.to_date, number=self.number)

    def shown_filters(self) -> list[tuple[str, str]]:
        """The filters as the links to neighbouring pages repeat them."""
        shown = [
            ("maxItems", None if self.max_items is None else str(self.max_items)),
            ("fromDate", None if self.from_date is None else _exact(self.from_date)),
            ("toDate", None if self.to_date is None else _exact(self.to_date)),
            ("type", self.type),
            ("number", self.number),
        ]
        return [(name, value) for name, value in shown if value is not None]


def _exact(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class TransactionResource(TypedDict):
    """A line of the account. `amount` is a string, in dollars; `units` are minutes, or months of a number."""

    id: str
    time: str
    amount: str
    type: str
    units: int
    productType: str | None
    number: str | None
    resourceId: str | None


def charge_to_wire(charge: Charge, user_url: str) -> TransactionResource:
    """`user_url` is not shown: transactions hold no URLs."""
    return without_nulls(
        TransactionResource(
            id=charge.id,
            time=wire_time(charge.at),
            amount=f"{charge.amount:.5f}",
            type=CHARGE,
            units=charge.units,
            productType=PRODUCTS[charge.product],
            number=charge.number,
            resourceId=charge.resource_id,
        )
    )
