"""The name behind a number, from the operator's table."""

from starlette.responses import Response
from typing_extensions import TypedDict

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.fields import is_e164
from trebuchet.api.operation import ROOT, Operation
from trebuchet.api.responses import json_response
from trebuchet.api.timestamps import wire_time


class NumberInfoResource(TypedDict):
    """The name a number is listed under."""

    name: str
    number: str
    created: str
    updated: str


async def read_number_info(context: Context) -> Response:
    """Read the name a number is listed under."""
    asked = context.path("number")
    number = "+" + asked[1:] if asked.startswith(" ") else asked  # a plus sign may have become a blank
    details = (("number", number),)
    if not is_e164(number):
        raise errors.INVALID_CNAM_SEARCH(number, details=details)
    found = await context.deps.store.caller_name(number)
    if found is None:
        raise errors.CNAM_NOT_FOUND(number, details=details)
    return json_response(
        NumberInfoResource(
            name=found.name,
            number=found.number,
            created=wire_time(found.created_at),
            updated=wire_time(found.updated_at),
        )
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/phoneNumbers/numberInfo/{number}",
        handler=read_number_info,
        root=ROOT,
        result=NumberInfoResource,
    ),
)
