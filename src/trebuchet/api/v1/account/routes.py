"""What can be done with the account over the API."""

from starlette.responses import Response

from trebuchet.api.context import Context
from trebuchet.api.operation import Operation
from trebuchet.api.responses import json_response
from trebuchet.api.v1.account.wire import AccountResource, account_to_wire


async def read_account(context: Context) -> Response:
    """Read the account."""
    return json_response(account_to_wire(context.account))


OPERATIONS = (Operation(method="GET", path="/account", handler=read_account, result=AccountResource),)
