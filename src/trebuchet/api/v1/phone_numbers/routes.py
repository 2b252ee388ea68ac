"""What can be done with phone numbers over the API."""

from dataclasses import replace

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.errors import ApiError
from trebuchet.api.operation import Creates, Operation
from trebuchet.api.responses import empty, json_response
from trebuchet.api.v1.applications.routes import application_not_found
from trebuchet.api.v1.phone_numbers.charges import number_charge
from trebuchet.api.v1.phone_numbers.wire import (
    CreateNumberBody,
    ListNumbersQuery,
    PhoneNumberResource,
    UpdateNumberBody,
    national_number,
    number_to_wire,
)
from trebuchet.base.ids import ApplicationId, NumberId
from trebuchet.model.number import NumberState, PhoneNumber
from trebuchet.model.stock import Place, StockKind, stock_kind
from trebuchet.store.interface import Batch, LibraryChanges


async def list_numbers(context: Context) -> Response:
    """List phone numbers."""
    query = context.query(ListNumbersQuery)
    page = query.to_page()
    numbers = await context.deps.store.numbers(context.account.id, query.to_filter(), page)
    return context.listed("/phoneNumbers", numbers, page, query.shown_filters(), number_to_wire)


async def create_number(context: Context) -> Response:
    """Take a number that nobody has."""
    body = await context.body(CreateNumberBody)
    deps = context.deps
    async with deps.changes:
        await _check_free(context, body.number)
        number = await _changed(context, body, await _new_number(context, body.number))
        charge = number_charge(context, number, stock_kind(number.number))
        changes = Batch(numbers=(number,), library=LibraryChanges(charges=(charge,)))
        return await context.commit(changes, context.created(f"/phoneNumbers/{number.id}"))


async def _new_number(context: Context, e164: str) -> PhoneNumber:
    """With what the stock says of it, or else its area code."""
    deps = context.deps
    stocked = await deps.store.stock_number(e164)
    place = await deps.find_place(e164) if stocked is None else Place(stocked.city, stocked.region)
    is_toll_free = stock_kind(e164) is StockKind.TOLL_FREE
    price = deps.toll_free_price if is_toll_free else deps.number_price
    return PhoneNumber(
        id=deps.ids.number(),
        account_id=context.account.id,
        number=e164,
        created_at=deps.clock.utc(),
        national_number=national_number(e164),
        city=None if place is None else place.city,
        region=None if place is None else place.region,
        price=price if stocked is None or stocked.price is None else stocked.price,
    )


async def read_number(context: Context) -> Response:
    """Read a phone number, by its id or by itself."""
    return json_response(number_to_wire(await own_number(context), context.user_url))


async def update_number(context: Context) -> Response:
    """Change a phone number: its name, application or fallback number."""
    await _own_enabled_number(context)
    body = await context.body(UpdateNumberBody)
    async with context.deps.changes:
        changed = await _changed(context, body, await _own_enabled_number(context))
        return await context.commit(Batch(numbers=(changed,)), empty())


async def delete_number(context: Context) -> Response:
    """Release a phone number: it can no longer make or receive calls."""
    async with context.deps.changes:
        number = await own_number(context)
        released = replace(number, state=NumberState.RELEASED)
        return await context.commit(Batch(numbers=(released,)), empty())


async def own_number(context: Context) -> PhoneNumber:
    """The path's number: an id, or E.164 (a plus sign may have become a blank). Raises `ApiError`."""
    key = context.path("numberId")
    store = context.deps.store
    if key.startswith(("+", " ")):
        number = await store.number_by_e164("+" + key[1:])
    else:
        number = await store.number(NumberId(key))
    if number is None or number.account_id != context.account.id:
        raise errors.NUMBER_NOT_FOUND(key, details=(("number", key),))
    return number


async def _own_enabled_number(context: Context) -> PhoneNumber:
    number = await own_number(context)
    if number.state is NumberState.RELEASED:
        raise errors.NUMBER_NOT_FOUND(number.id, details=(("number", number.id),))
    return number


async def _check_free(context: Context, number: str) -> None:
    existing = await context.deps.store.number_by_e164(number)
    if existing is not None:
        shown = existing.id if existing.account_id == context.account.id else number
        raise errors.DUPLICATE_NUMBER(shown, number, details=(("number", number),))


async def _changed(context: Context, body: UpdateNumberBody, number: PhoneNumber) -> PhoneNumber:
    application_id = number.application_id
    if body.application_id is not None:
        application_id = await usable_application(context, body.application_id)
    return replace(
        number,
        application_id=application_id,
        name=number.name if body.name is None else body.name or None,
        fallback_number=number.fallback_number if body.fallback_number is None else body.fallback_number or None,
    )


async def usable_application(context: Context, application_id: str) -> ApplicationId | None:
    """`""` detaches. Raises `ApiError` for applications that do not exist or are another account's."""
    if application_id == "":
        return None
    application = await context.deps.store.application(ApplicationId(application_id))
    if application is None:
        raise application_not_found(application_id)
    if application.account_id != context.account.id:
        raise _application_denied(context, application_id)
    return application.id


def _application_denied(context: Context, application_id: str) -> ApiError:
    user_id = context.account.id
    details = (("userId", user_id), ("applicationId", application_id))
    return errors.APPLICATION_ACCESS_DENIED(user_id, application_id, details=details)


OPERATIONS = (
    Operation(
        method="GET",
        path="/phoneNumbers",
        handler=list_numbers,
        query=ListNumbersQuery,
        result=list[PhoneNumberResource],
    ),
    Operation(
        method="POST",
        path="/phoneNumbers",
        handler=create_number,
        body=CreateNumberBody,
        creates=Creates.ALWAYS,
    ),
    Operation(method="GET", path="/phoneNumbers/{numberId}", handler=read_number, result=PhoneNumberResource),
    Operation(method="POST", path="/phoneNumbers/{numberId}", handler=update_number, body=UpdateNumberBody),
    Operation(method="DELETE", path="/phoneNumbers/{numberId}", handler=delete_number),
)
