"""A bridge: two calls whose parties hear each other. Immutable; every change makes a new value that is stored."""

from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, BridgeId, CallId
from trebuchet.base.values import frozen_keywords

MAX_CALLS = 2
"""More parties make a conference."""


class BridgeState(StrEnum):
    CREATED = "created"
    """Exists; its parties have never heard each other."""
    ACTIVE = "active"
    """Its parties hear each other, or did and the other one has gone."""
    HELD = "held"
    """The audio between them was switched off."""
    ENDED = "ended"
    """All its calls have ended or were taken out. Final."""

    @property
    def is_final(self) -> bool:
        return self is BridgeState.ENDED


@frozen_keywords
class Bridge:
    id: BridgeId
    account_id: AccountId
    state: BridgeState
    created_at: datetime
    activated_at: datetime | None = None
    """When its parties first heard each other."""
    ended_at: datetime | None = None
    has_audio: bool = True
    """Whether its parties are to hear each other once both calls are answered."""
    call_ids: tuple[CallId, ...] = ()
    """At most `MAX_CALLS`, in the order in which they were assigned. One that has ended stays until another takes its
    place."""
