"""The gather resource as clients read it."""

from typing_extensions import TypedDict

from trebuchet.api.timestamps import wire_time
from trebuchet.api.wire import without_nulls
from trebuchet.model.gather import Gather, GatherReason

COMPLETED = "completed"
REASONS: dict[GatherReason, str] = {
    GatherReason.MAX_DIGITS: "max-digits",
    GatherReason.TERMINATING_DIGIT: "terminating-digit",
    GatherReason.TIMEOUT: "inter-digit-timeout",
    GatherReason.CALL_ENDED: "hung-up",
    GatherReason.CANCELLED: "cancelled",
}


class GatherResource(TypedDict):
    """A gather. `reason` and `completedTime` are left out while it runs; `digits` is what was pressed so far."""

    id: str
    state: str
    reason: str | None
    digits: str
    call: str
    createdTime: str
    completedTime: str | None


def gather_to_wire(gather: Gather, user_url: str) -> GatherResource:
    """`user_url`: the absolute URL of the account."""
    return without_nulls(
        GatherResource(
            id=gather.id,
            state="started" if gather.reason is None else COMPLETED,
            reason=None if gather.reason is None else REASONS[gather.reason],
            digits=gather.digits,
            call=f"{user_url}/calls/{gather.call_id}",
            createdTime=wire_time(gather.created_at),
            completedTime=None if gather.completed_at is None else wire_time(gather.completed_at),
        )
    )
