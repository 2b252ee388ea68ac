"""What can be done with user errors over the API."""

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.operation import Operation
from trebuchet.api.paging import PageQuery
from trebuchet.api.responses import json_response
from trebuchet.api.v1.errors.wire import UserErrorResource, user_error_to_wire
from trebuchet.base.ids import UserErrorId


async def list_errors(context: Context) -> Response:
    """List what went wrong, newest first."""
    page = context.query(PageQuery).to_page()
    found = await context.deps.store.user_errors(context.account.id, page)
    return context.listed("/errors", found, page, (), user_error_to_wire)


async def read_error(context: Context) -> Response:
    """Read one error."""
    error_id = UserErrorId(context.path("errorId"))
    error = await context.deps.store.user_error(error_id)
    if error is None or error.account_id != context.account.id:
        raise errors.USER_ERROR_NOT_FOUND(error_id, details=(("userErrorId", error_id),))
    return json_response(user_error_to_wire(error, context.user_url))


OPERATIONS = (
    Operation(method="GET", path="/errors", handler=list_errors, query=PageQuery, result=list[UserErrorResource]),
    Operation(method="GET", path="/errors/{errorId}", handler=read_error, result=UserErrorResource),
)
