"""A live event as clients read it: one server-sent event (HTML Living Standard 9.2)."""

from typing import Any

import msgspec
from typing_extensions import TypedDict

from trebuchet.api.timestamps import wire_time
from trebuchet.api.wire import without_nulls
from trebuchet.model.event import LoggedEvent

RETRY_MS = 1000
"""What browsers are told to wait before they open a broken stream again."""
HEARTBEAT = b":\n\n"
"""A comment: keeps proxies from closing a stream on which nothing happens, and shows clients that it is alive."""

_encode = msgspec.json.Encoder().encode


class LiveEventResource(TypedDict):
    """`id`, `time`, `name` and `data` as in the call's event list; `position`: the place in the log, which is also the
    id of the server-sent event; `event`: the webhook's object, if it has one."""

    position: int
    id: str
    time: str
    name: str
    data: str | None
    callId: str | None
    conferenceId: str | None
    event: Any


def greeting(position: int) -> bytes:
    """The first piece: a place to come back to, before anything has happened."""
    return b"retry: %d\nid: %d\n\n" % (RETRY_MS, position)


def live_event_to_wire(position: int, event: LoggedEvent) -> bytes:
    """`id` is the place in the log, which a client sends back as `Last-Event-ID`."""
    resource = without_nulls(
        LiveEventResource(
            {
                "position": position,
                "id": event.id,
                "time": wire_time(event.at),
                "name": event.name,
                "data": event.data or None,
                "callId": event.owner_id if event.owner_kind == "call" else None,
                "conferenceId": event.owner_id if event.owner_kind == "conference" else None,
                "event": None if event.payload is None else msgspec.Raw(event.payload),
            }
        )
    )
    return b"id: %d\ndata: %b\n\n" % (position, _encode(resource))
