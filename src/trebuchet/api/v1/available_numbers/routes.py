"""Searching the operator's stock of numbers, and ordering from it."""

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.operation import ROOT, Operation
from trebuchet.api.responses import json_response
from trebuchet.api.v1.available_numbers.pattern import Pattern, show_match
from trebuchet.api.v1.available_numbers.wire import (
    AvailableNumberResource,
    LocalSearch,
    OrderedNumberResource,
    TollFreeOrder,
    TollFreeSearch,
    available_to_wire,
)
from trebuchet.api.v1.phone_numbers.charges import number_charge
from trebuchet.api.v1.phone_numbers.wire import national_number
from trebuchet.api.wire import without_nulls
from trebuchet.model.number import PhoneNumber
from trebuchet.model.stock import StockKind, StockNumber
from trebuchet.store.interface import Batch, LibraryChanges, StockFilter


async def search_local(context: Context) -> Response:
    """Search local numbers for order."""
    return await _search(context, context.query(LocalSearch))


async def search_toll_free(context: Context) -> Response:
    """Search toll-free numbers for order."""
    return await _search(context, context.query(TollFreeSearch))


async def order_local(context: Context) -> Response:
    """Search local numbers and order what is found."""
    return await _order(context, context.query(LocalSearch))


async def order_toll_free(context: Context) -> Response:
    """Search toll-free numbers and order what is found."""
    return await _order(context, context.query(TollFreeOrder))


async def _search(context: Context, search: TollFreeSearch) -> Response:
    search.check_search()
    pattern = None if search.pattern is None else Pattern(search.pattern)
    items: list[AvailableNumberResource] = []
    for number in await _free_numbers(context, search):
        national = national_number(number.number)
        found = None if pattern is None else pattern.find(number.number.removeprefix("+1"))
        if pattern is not None and found is None:
            continue
        shown = show_match(national or number.number, found) if found is not None else None
        items.append(available_to_wire(number, national, shown, price_of(context, number)))
        if len(items) == search.quantity:
            break
    return json_response(items)


async def _order(context: Context, search: TollFreeSearch) -> Response:
    """All of the quantity or none of it."""
    search.check_order()
    deps = context.deps
    async with deps.changes:
        chosen = (await _free_numbers(context, search))[: search.quantity]
        if len(chosen) < search.quantity:
            raise errors.ORDER_UNAVAILABLE()
        ordered = tuple(_ordered(context, number) for number in chosen)
        charges = tuple(
            number_charge(context, number, stocked.kind) for number, stocked in zip(ordered, chosen, strict=True)
        )
        user_url = context.user_url
        answer = json_response([_ordered_to_wire(number, user_url) for number in ordered], 201)
        return await context.commit(Batch(numbers=ordered, library=LibraryChanges(charges=charges)), answer)


async def _free_numbers(context: Context, search: TollFreeSearch) -> list[StockNumber]:
    """Numbers that fit and that nobody has. Raises `ApiError` for a place that a stock with anything in it has not."""
    store = context.deps.store
    stock = await store.stock(search.to_filter())
    found = [number for number in stock if search.takes(number)]
    if not found and await store.stock(StockFilter(kind=search.kind)):
        search.check_known(stock)
    return [number for number in found if await store.number_by_e164(number.number) is None]


def price_of(context: Context, number: StockNumber) -> str:
    """Dollars a month."""
    if number.price is not None:
        return number.price
    return context.deps.toll_free_price if number.kind is StockKind.TOLL_FREE else context.deps.number_price


def _ordered(context: Context, number: StockNumber) -> PhoneNumber:
    return PhoneNumber(
        id=context.deps.ids.number(),
        account_id=context.account.id,
        number=number.number,
        created_at=context.deps.clock.utc(),
        national_number=national_number(number.number),
        city=number.city,
        region=number.region,
        price=price_of(context, number),
    )


def _ordered_to_wire(number: PhoneNumber, user_url: str) -> OrderedNumberResource:
    return without_nulls(
        OrderedNumberResource(
            number=number.number,
            nationalNumber=number.national_number,
            price=number.price,
            city=number.city,
            state=number.region,
            location=f"{user_url}/phoneNumbers/{number.id}",
        )
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/availableNumbers/local",
        handler=search_local,
        root=ROOT,
        query=LocalSearch,
        result=list[AvailableNumberResource],
    ),
    Operation(
        method="POST",
        path="/availableNumbers/local",
        handler=order_local,
        root=ROOT,
        query=LocalSearch,
        result=list[OrderedNumberResource],
        result_status=201,
    ),
    Operation(
        method="GET",
        path="/availableNumbers/tollFree",
        handler=search_toll_free,
        root=ROOT,
        query=TollFreeSearch,
        result=list[AvailableNumberResource],
    ),
    Operation(
        method="POST",
        path="/availableNumbers/tollFree",
        handler=order_toll_free,
        root=ROOT,
        query=TollFreeOrder,
        result=list[OrderedNumberResource],
        result_status=201,
    ),
)
