"""The bridge resource as clients read it."""

from typing_extensions import TypedDict

from trebuchet.api.timestamps import wire_time
from trebuchet.api.wire import without_nulls
from trebuchet.model.bridge import Bridge, BridgeState

BRIDGE_STATES: dict[BridgeState, str] = {
    BridgeState.CREATED: "created",
    BridgeState.ACTIVE: "active",
    BridgeState.HELD: "hold",
    BridgeState.ENDED: "completed",
}


class BridgeResource(TypedDict):
    """A bridge. `activatedTime` and `completedTime` are left out until they are known."""

    id: str
    state: str
    bridgeAudio: bool
    callIds: list[str]
    calls: str
    createdTime: str
    activatedTime: str | None
    completedTime: str | None


def bridge_to_wire(bridge: Bridge, user_url: str) -> BridgeResource:
    """`user_url`: the absolute URL of the account."""
    return without_nulls(
        BridgeResource(
            id=bridge.id,
            state=BRIDGE_STATES[bridge.state],
            bridgeAudio=bridge.has_audio,
            callIds=list(bridge.call_ids),
            calls=f"{user_url}/bridges/{bridge.id}/calls",
            createdTime=wire_time(bridge.created_at),
            activatedTime=None if bridge.activated_at is None else wire_time(bridge.activated_at),
            completedTime=None if bridge.ended_at is None else wire_time(bridge.ended_at),
        )
    )
