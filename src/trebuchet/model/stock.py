"""What the operator has in stock: numbers that customers may order, and names that belong to numbers."""

from datetime import datetime
from enum import StrEnum

from trebuchet.base.values import frozen, frozen_keywords

NORTH_AMERICA = "+1"
"""Country code of the plan that the API's searches (area code, state, ZIP) know."""
AREA_CODE_DIGITS = 3
TOLL_FREE_AREAS = frozenset({"800", "822", "833", "844", "855", "866", "877", "880", "881", "882", "883", "888"})
"""Area codes whose calls the called party pays (those in use, and those set aside by the plan)."""


@frozen
class Place:
    """Where a number is at home."""

    city: str | None
    region: str | None
    """Two-letter code of the state or province."""


class StockKind(StrEnum):
    LOCAL = "local"
    TOLL_FREE = "toll-free"


def stock_kind(number: str) -> StockKind:
    """By its area code."""
    return StockKind.TOLL_FREE if area_code(number) in TOLL_FREE_AREAS else StockKind.LOCAL


def area_code(number: str) -> str | None:
    """The area code of an E.164 number of North America, `None` for others."""
    return number[2:5] if number.startswith(NORTH_AMERICA) and len(number) == len("+19195550100") else None


@frozen_keywords
class StockNumber:
    """A number that customers may order while nobody has it."""

    number: str
    """E.164."""
    kind: StockKind
    added_at: datetime
    city: str | None = None
    region: str | None = None
    """Two-letter code of the state or province, upper case."""
    zip_code: str | None = None
    lata: str | None = None
    rate_center: str | None = None
    price: str | None = None
    """A month, in dollars; `None`: the configured one."""

    @property
    def area_code(self) -> str | None:
        return area_code(self.number)


@frozen_keywords
class CallerName:
    """The name a number is listed under (CNAM)."""

    number: str
    name: str
    created_at: datetime
    updated_at: datetime
