"""Names that several resources and errors share on the wire, and nothing else: states, and absence."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from trebuchet.model.call import CallState
from trebuchet.model.conference import ConferenceState

CALL_STATES: dict[CallState, str] = {
    CallState.RINGING: "started",
    CallState.ANSWERED: "active",
    CallState.TRANSFERRING: "transferring",
    CallState.REJECTED: "rejected",
    CallState.ENDED: "completed",
}

CONFERENCE_STATES: dict[ConferenceState, str] = {
    ConferenceState.CREATED: "created",
    ConferenceState.ACTIVE: "active",
    ConferenceState.ENDED: "completed",
}

Resource = TypeVar("Resource", bound=Mapping[str, Any])


def without_nulls(resource: Resource) -> Resource:
    """The same resource without properties that have no value: clients' enum readers fail on `null`."""
    return cast(Resource, {key: value for key, value in resource.items() if value is not None})
