"""What can be done with calls over the API."""

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.errors import ApiError
from trebuchet.api.operation import Creates, Operation, made_at
from trebuchet.api.responses import empty, json_response
from trebuchet.api.v1.calls.bodies import CreateCallBody, ListCallsQuery, UpdateCallBody
from trebuchet.api.v1.calls.wire import CallEventResource, CallResource, call_to_wire, event_to_wire
from trebuchet.api.v1.recordings.wire import RecordingResource, recording_to_wire
from trebuchet.base.ids import CallId, EventId
from trebuchet.base.values import replace
from trebuchet.calls.commands import CallNotFound, Overloaded, UpdateCall
from trebuchet.model.call import Call

DRAIN_RETRY_S = 10
"""When to try again after a server that is being stopped: restarts take seconds."""


async def list_calls(context: Context) -> Response:
    """List calls, newest first."""
    query = context.query(ListCallsQuery)
    store, account_id = context.deps.store, context.account.id
    if query.is_whole:
        user_url = context.user_url
        calls = await store.calls(account_id, query.to_filter(), None)
        return json_response([call_to_wire(call, user_url) for call in calls])
    page = query.to_page()
    calls = await store.calls(account_id, query.to_filter(), page)
    return context.listed("/calls", calls, page, query.shown_filters(), call_to_wire)


async def create_call(context: Context) -> Response:
    """Place a call."""
    command = (await context.body(CreateCallBody)).to_command(context.account.id)
    if context.keyed is not None:
        command = replace(command, call_id=context.reserved_call_id)
    if context.deps.is_draining():
        raise errors.CALL_CREATION_FAILURE(command.from_, command.to, retry_after_s=DRAIN_RETRY_S)
    try:
        call_id = await context.deps.calls.create(command)
    except Overloaded as error:
        raise errors.CALL_CREATION_FAILURE(command.from_, command.to, retry_after_s=error.retry_after_s) from error
    return context.created(f"/calls/{call_id}")


async def read_call(context: Context) -> Response:
    """Read a call."""
    return json_response(call_to_wire(await own_call(context), context.user_url))


async def update_call(context: Context) -> Response:
    """Answer, reject, hang up, record or transfer a call."""
    command = await _read_update(context)
    try:
        new_call_id = await context.deps.calls.update(command)
    except Overloaded as error:
        raise _overload(command, error) from error
    return empty() if new_call_id is None else context.created(f"/calls/{new_call_id}")


async def list_call_events(context: Context) -> Response:
    """List the entries of a call's log, oldest first."""
    call = await own_call(context)
    return json_response([event_to_wire(event) for event in await context.deps.store.events(call.id)])


async def read_call_event(context: Context) -> Response:
    """Read an entry of a call's log."""
    call = await own_call(context)
    event_id = EventId(context.path("eventId"))
    event = await context.deps.store.event(call.id, event_id)
    if event is None:
        raise errors.CALL_EVENT_NOT_FOUND(event_id, details=(("callId", call.id), ("eventId", event_id)))
    return json_response(event_to_wire(event))


async def list_call_recordings(context: Context) -> Response:
    """List a call's recordings, oldest first."""
    call = await own_call(context)
    user_url = context.user_url
    recordings = await context.deps.store.recordings_of_call(call.id)
    return json_response([recording_to_wire(recording, user_url) for recording in recordings])


async def own_call(context: Context) -> Call:
    """The path's call. Raises `CallNotFound`, also for other accounts' calls."""
    call_id = CallId(context.path("callId"))
    call = await context.deps.store.call(call_id)
    if call is None or call.account_id != context.account.id:
        raise CallNotFound(call_id)
    return call


async def _read_update(context: Context) -> UpdateCall:
    """The body as a command. That the call exists is checked first only when the body is wrong; else call control
    finds out, which saves a read on the way that matters."""
    try:
        body = await context.body(UpdateCallBody)
        command = body.to_command(context.account.id, CallId(context.path("callId")))
    except ApiError:
        await own_call(context)
        raise
    if command.transfer is None or context.keyed is None:
        return command
    return replace(command, transfer=replace(command.transfer, new_call_id=context.reserved_call_id))


def _overload(command: UpdateCall, error: Overloaded) -> ApiError:
    if command.transfer is None:
        return errors.UNAVAILABLE(retry_after_s=error.retry_after_s)
    return errors.CALL_TRANSFER_ERROR(
        command.call_id,
        command.transfer.to,
        details=(("callId", command.call_id),),
        retry_after_s=error.retry_after_s,
    )


find_made_call = made_at("/calls", lambda ids: ids.call(), lambda store, key: store.call(key))

OPERATIONS = (
    Operation(method="GET", path="/calls", handler=list_calls, query=ListCallsQuery, result=list[CallResource]),
    Operation(
        method="POST",
        path="/calls",
        handler=create_call,
        body=CreateCallBody,
        creates=Creates.ALWAYS,
        find_made=find_made_call,
    ),
    Operation(method="GET", path="/calls/{callId}", handler=read_call, result=CallResource),
    Operation(
        method="POST",
        path="/calls/{callId}",
        handler=update_call,
        body=UpdateCallBody,
        creates=Creates.SOMETIMES,
        find_made=find_made_call,
    ),
    Operation(method="GET", path="/calls/{callId}/events", handler=list_call_events, result=list[CallEventResource]),
    Operation(method="GET", path="/calls/{callId}/events/{eventId}", handler=read_call_event, result=CallEventResource),
    Operation(
        method="GET",
        path="/calls/{callId}/recordings",
        handler=list_call_recordings,
        result=list[RecordingResource],
    ),
)
