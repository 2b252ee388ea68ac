"""Searches for numbers as clients write them, with every rule of theirs, and numbers for order as they read them."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field
from typing_extensions import TypedDict

from trebuchet.api import errors
from trebuchet.api.errors import ApiError
from trebuchet.api.fields import Body, Flag, Text, integer
from trebuchet.api.v1.available_numbers.pattern import Pattern
from trebuchet.api.wire import without_nulls
from trebuchet.model.stock import StockKind, StockNumber
from trebuchet.store.interface import StockFilter

DEFAULT_QUANTITY = 10
MAX_SEARCHED = 5000
MAX_ORDERED = 10
"""API rules."""
ZIP_DIGITS = 5
AREA_CODE_DIGITS = 3
LOCAL_DIGITS = (3, 4)
REGION_LETTERS = 2


class TollFreeSearch(Body):
    """Which toll-free numbers."""

    resource = "availableNumber"
    kind: ClassVar[StockKind] = StockKind.TOLL_FREE
    quantity: integer() = DEFAULT_QUANTITY  # type: ignore[valid-type]  # a type made by a function
    pattern: Text | None = None

    def check_search(self) -> None:
        """Raises `ApiError`."""
        self._check_quantity(MAX_SEARCHED, errors.SEARCH_TOO_MANY)

    def check_order(self) -> None:
        """Raises `ApiError`."""
        if self.pattern is not None and Pattern(self.pattern).has_wildcards:
            raise errors.ORDER_WITH_PATTERN()
        self._check_quantity(MAX_ORDERED, errors.ORDER_TOO_MANY)

    def _check_quantity(self, limit: int, too_many: errors.Kind) -> None:
        if self.quantity < 1:
            raise errors.QUANTITY_TOO_SMALL()
        if self.quantity > limit:
            raise too_many(limit)

    def to_filter(self) -> StockFilter:
        return StockFilter(kind=self.kind)

    def takes(self, number: StockNumber) -> bool:
        """What the filter leaves open."""
        return True

    def check_known(self, stock: list[StockNumber]) -> None:
        """Raises `ApiError` when the place that is asked for is nowhere in the stock."""


class TollFreeOrder(TollFreeSearch):
    """Which toll-free numbers to order; one unless more are asked for."""

    quantity: integer() = 1  # type: ignore[valid-type]  # a type made by a function


class LocalSearch(TollFreeSearch):
    """Which local numbers: those of a state (and a city in it), of a ZIP code, of an area code (and what follows it).
    `inLocalCallingArea` is taken and changes nothing: the stock knows no calling areas."""

    kind: ClassVar[StockKind] = StockKind.LOCAL
    city: Text | None = None
    state: Text | None = None
    zip_code: Text | None = Field(None, alias="zip")
    area_code: Text | None = Field(None, alias="areaCode")
    local_number: Text | None = Field(None, alias="localNumber")
    in_local_calling_area: Flag = Field(False, alias="inLocalCallingArea")

    def check_search(self) -> None:
        self._check_place()
        super().check_search()

    def check_order(self) -> None:
        self._check_place()
        super().check_order()

    def _check_place(self) -> None:
        problem = next(self._problems(), None)
        if problem is not None:
            raise problem

    def _problems(self) -> Iterator[ApiError]:
        """Each rule once, in the order of the documentation."""
        has_code = self.area_code is not None or self.local_number is not None
        yield from self._problems_of_digits()
        if self.zip_code and self.state and has_code:
            yield errors.INVALID_SEARCH("A query cannot combine ZIP Code and State with Area Code or Local Number.")
        if self.city and self.zip_code:
            yield errors.INVALID_SEARCH("A query cannot combine City with ZIP Code.")
        if self.city and has_code:
            yield errors.INVALID_SEARCH("A query cannot combine City with Area Code or Local Number.")
        if self.zip_code and has_code:
            yield errors.INVALID_SEARCH("A query cannot combine ZIP Code with Area Code or Local Number.")
        if self.zip_code and self.state:
            yield errors.INVALID_SEARCH("A query cannot combine ZIP Code with State.")
        if self.state and has_code:
            yield errors.INVALID_SEARCH("A query cannot combine State with Area Code or Local Number.")
        if self.city and not self.state:
            yield errors.INVALID_SEARCH("For searching by City the State is also required.")
        if not (self.state or self.zip_code or self.area_code):
            yield errors.INVALID_SEARCH("Specify a State ZIP Code or Area Code with your query.")
        if self.state is not None and not (len(self.state) == REGION_LETTERS and self.state.isalpha()):
            yield errors.BAD_PARAMETERS()
        if self.zip_code is not None and not _is_digits(self.zip_code, ZIP_DIGITS):
            yield errors.INVALID_ZIP_CODE(self.zip_code)

    def _problems_of_digits(self) -> Iterator[ApiError]:
        least, most = LOCAL_DIGITS
        local = self.local_number
        if local is not None and len(local) > most:
            yield errors.INVALID_SEARCH("localNumber must contain a maximum of 4 digits")
        if local is not None and len(local) < least:
            yield errors.INVALID_SEARCH("Local Number must contains at least 3 digits.")
        if local is not None and not _is_digits(local, len(local)):
            yield errors.BAD_PARAMETERS()
        if self.area_code is not None and not _is_digits(self.area_code, AREA_CODE_DIGITS):
            yield errors.INVALID_SEARCH("An Area Code must be 3 digits.")

    def to_filter(self) -> StockFilter:
        region = None if self.state is None else self.state.upper()
        return StockFilter(kind=self.kind, area_code=self.area_code, region=region, zip_code=self.zip_code)

    def takes(self, number: StockNumber) -> bool:
        is_in_city = self.city is None or (number.city is not None and number.city.casefold() == self.city.casefold())
        return is_in_city and (self.local_number is None or number.number[5:].startswith(self.local_number))

    def check_known(self, stock: list[StockNumber]) -> None:
        if self.zip_code is not None and not stock:
            raise errors.INVALID_ZIP_CODE(self.zip_code)
        if self.city is not None and not any(self.takes(number) for number in stock):
            raise errors.INVALID_RATE_CENTER(self.city, self.state)


def _is_digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdigit()


class AvailableNumberResource(TypedDict):
    """A number for order. `price` is a string, in dollars a month; `patternMatch` is there if a pattern was sent."""

    number: str
    nationalNumber: str | None
    patternMatch: str | None
    city: str | None
    lata: str | None
    rateCenter: str | None
    state: str | None
    price: str


class OrderedNumberResource(TypedDict):
    """A number that was ordered. `location` is the URL of the phone number."""

    number: str
    nationalNumber: str | None
    price: str
    city: str | None
    state: str | None
    location: str


def available_to_wire(
    number: StockNumber, national_number: str | None, pattern_match: str | None, price: str
) -> AvailableNumberResource:
    return without_nulls(
        AvailableNumberResource(
            number=number.number,
            nationalNumber=national_number,
            patternMatch=pattern_match,
            city=number.city,
            lata=number.lata,
            rateCenter=number.rate_center,
            state=number.region,
            price=price,
        )
    )
