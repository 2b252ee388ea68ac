"""What can be done with the account over the API."""

from starlette.responses import Response

from trebuchet.api.context import Context
from trebuchet.api.operation import Operation
from trebuchet.api.responses import json_response
from trebuchet.api.v1.account.wire import (
    CHARGE,
    AccountResource,
    ListTransactionsQuery,
    TransactionResource,
    account_to_wire,
    charge_to_wire,
)
from trebuchet.model.charge import Charge


async def read_account(context: Context) -> Response:
    """Read the account."""
    return json_response(account_to_wire(context.account))


async def list_transactions(context: Context) -> Response:
    """List what the account was charged for, newest first."""
    query = context.query(ListTransactionsQuery)
    page = query.to_page()
    charges: list[Charge] = []
    if query.type in (None, CHARGE):
        charges = await context.deps.store.charges(context.account.id, query.to_filter(), page)
    if query.max_items is not None:
        charges = charges[: max(0, query.max_items - page.page * page.size)]
    return context.listed("/account/transactions", charges, page, query.shown_filters(), charge_to_wire)


OPERATIONS = (
    Operation(method="GET", path="/account", handler=read_account, result=AccountResource),
    Operation(
        method="GET",
        path="/account/transactions",
        handler=list_transactions,
        query=ListTransactionsQuery,
        result=list[TransactionResource],
    ),
)
