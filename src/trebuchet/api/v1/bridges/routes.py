"""What can be done with bridges over the API."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response

from trebuchet.api.context import Context
from trebuchet.api.fields import Body, Flag, fault
from trebuchet.api.operation import Creates, Operation, made_at
from trebuchet.api.paging import PageQuery
from trebuchet.api.prompts import AudioBody
from trebuchet.api.responses import empty, json_response
from trebuchet.api.v1.bridges.wire import BridgeResource, bridge_to_wire
from trebuchet.api.v1.calls.wire import CallResource, call_to_wire
from trebuchet.base.ids import BridgeId, CallId
from trebuchet.calls.meeting_commands import BridgeNotFound, CreateBridge, PlayToBridge, UpdateBridge
from trebuchet.model.bridge import Bridge
from trebuchet.store.interface import CallFilter


def _call_ids(value: Any) -> tuple[CallId, ...]:
    """Each call once; a null in the list is nothing."""
    if not isinstance(value, list) or not all(item is None or isinstance(item, str) for item in value):
        raise fault("bad")
    return tuple(dict.fromkeys(CallId(item) for item in value if item is not None))


CallIds = Annotated[
    tuple[CallId, ...],
    BeforeValidator(_call_ids),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "maxItems": 2}),
]


class CreateBridgeBody(Body):
    """A bridge, with up to two calls."""

    resource = "bridge"
    bridge_audio: Flag = Field(True, alias="bridgeAudio")
    call_ids: CallIds = Field((), alias="callIds")


class UpdateBridgeBody(Body):
    """A change of a bridge. `callIds` replaces the whole set."""

    resource = "bridge"
    bridge_audio: Flag | None = Field(None, alias="bridgeAudio")
    call_ids: CallIds | None = Field(None, alias="callIds")


async def list_bridges(context: Context) -> Response:
    """List bridges, newest first."""
    page = context.query(PageQuery).to_page()
    bridges = await context.deps.store.bridges(context.account.id, page)
    return context.listed("/bridges", bridges, page, (), bridge_to_wire)


async def create_bridge(context: Context) -> Response:
    """Make a bridge, empty or with one or two calls."""
    body = await context.body(CreateBridgeBody)
    bridge_id = await context.deps.bridges.create(
        CreateBridge(
            account_id=context.account.id,
            call_ids=body.call_ids,
            has_audio=body.bridge_audio,
            bridge_id=context.deps.ids.bridge(),
        )
    )
    return context.created(f"/bridges/{bridge_id}")


async def read_bridge(context: Context) -> Response:
    """Read a bridge."""
    return json_response(bridge_to_wire(await own_bridge(context), context.user_url))


async def update_bridge(context: Context) -> Response:
    """Change the calls of a bridge, or switch its audio off or on."""
    bridge = await own_bridge(context)
    body = await context.body(UpdateBridgeBody)
    command = UpdateBridge(
        account_id=context.account.id, bridge_id=bridge.id, call_ids=body.call_ids, has_audio=body.bridge_audio
    )
    await context.deps.bridges.update(command)
    return empty()


async def play_to_bridge(context: Context) -> Response:
    """Play a file or a sentence to both parties, or stop what plays."""
    bridge = await own_bridge(context)
    body = await context.body(AudioBody)
    command = PlayToBridge(
        account_id=context.account.id,
        bridge_id=bridge.id,
        prompt=body.wanted_prompt(),
        is_looped=body.loop_enabled,
        tag=body.tag,
    )
    await context.deps.bridges.play(command)
    return empty()


async def list_bridge_calls(context: Context) -> Response:
    """List the calls of a bridge, newest first."""
    bridge = await own_bridge(context)
    user_url = context.user_url
    calls = await context.deps.store.calls(context.account.id, CallFilter(bridge_id=bridge.id), None)
    return json_response([call_to_wire(call, user_url) for call in calls])


async def own_bridge(context: Context) -> Bridge:
    """The path's bridge. Raises `BridgeNotFound`, also for other accounts' bridges."""
    bridge_id = BridgeId(context.path("bridgeId"))
    bridge = await context.deps.store.bridge(bridge_id)
    if bridge is None or bridge.account_id != context.account.id:
        raise BridgeNotFound(bridge_id)
    return bridge


OPERATIONS = (
    Operation(method="GET", path="/bridges", handler=list_bridges, query=PageQuery, result=list[BridgeResource]),
    Operation(
        method="POST",
        path="/bridges",
        handler=create_bridge,
        body=CreateBridgeBody,
        creates=Creates.ALWAYS,
        find_made=made_at("/bridges", lambda ids: ids.bridge(), lambda store, key: store.bridge(key)),
    ),
    Operation(method="GET", path="/bridges/{bridgeId}", handler=read_bridge, result=BridgeResource),
    Operation(method="POST", path="/bridges/{bridgeId}", handler=update_bridge, body=UpdateBridgeBody),
    Operation(method="POST", path="/bridges/{bridgeId}/audio", handler=play_to_bridge, body=AudioBody),
    Operation(method="GET", path="/bridges/{bridgeId}/calls", handler=list_bridge_calls, result=list[CallResource]),
)
