"""What can be done with a call's gathers over the API."""

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.operation import Creates, Operation
from trebuchet.api.responses import empty, json_response
from trebuchet.api.v1.calls.routes import own_call
from trebuchet.api.v1.gathers.bodies import CreateGatherBody, UpdateGatherBody
from trebuchet.api.v1.gathers.wire import GatherResource, gather_to_wire
from trebuchet.base.ids import GatherId
from trebuchet.calls.commands import StopGather
from trebuchet.model.call import Call
from trebuchet.model.gather import Gather

PATH = "/calls/{callId}/gather"


async def create_gather(context: Context) -> Response:
    """Collect keys that the other party presses."""
    call = await own_call(context)
    body = await context.body(CreateGatherBody)
    command = body.to_command(context.account.id, call.id, context.deps.ids.gather())
    gather_id = await context.deps.calls.start_gather(command)
    return _created(context, call, gather_id)


async def find_made_gather(context: Context) -> Response | None:
    """The answer to a request, cut off earlier, that made a gather."""
    call = await own_call(context)
    gather = await _find_gather(context, call, context.deps.ids.gather())
    return None if gather is None else _created(context, call, gather.id)


async def read_gather(context: Context) -> Response:
    """Read a gather."""
    return json_response(gather_to_wire(await _own_gather(context), context.user_url))


async def update_gather(context: Context) -> Response:
    """Stop a gather."""
    gather = await _own_gather(context)
    (await context.body(UpdateGatherBody)).check()
    command = StopGather(account_id=context.account.id, call_id=gather.call_id, gather_id=gather.id)
    await context.deps.calls.stop_gather(command)
    return empty()


def _created(context: Context, call: Call, gather_id: GatherId) -> Response:
    return context.created(f"/calls/{call.id}/gather/{gather_id}")


async def _own_gather(context: Context) -> Gather:
    """The path's gather. Raises `CallNotFound` and `ApiError`."""
    call = await own_call(context)
    gather_id = GatherId(context.path("gatherId"))
    gather = await _find_gather(context, call, gather_id)
    if gather is None:
        raise errors.GATHER_NOT_FOUND(gather_id, details=(("callId", call.id), ("gatherId", gather_id)))
    return gather


async def _find_gather(context: Context, call: Call, gather_id: GatherId) -> Gather | None:
    if call.gather is not None and call.gather.id == gather_id:
        return call.gather
    gather = await context.deps.store.gather(gather_id)
    return gather if gather is not None and gather.call_id == call.id else None


OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        handler=create_gather,
        body=CreateGatherBody,
        creates=Creates.ALWAYS,
        find_made=find_made_gather,
    ),
    Operation(method="GET", path=f"{PATH}/{{gatherId}}", handler=read_gather, result=GatherResource),
    Operation(method="POST", path=f"{PATH}/{{gatherId}}", handler=update_gather, body=UpdateGatherBody),
)
