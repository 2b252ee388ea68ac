"""Deliveries: what became of an event's webhook."""

from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, EventId, OwnerId
from trebuchet.base.values import frozen_keywords


class DeliveryState(StrEnum):
    QUEUED = "queued"
    """Its first round is to come or under way."""
    WAITING = "waiting"
    """No URL acknowledged it; it is tried again at `due_at`."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """No URL acknowledged it, and it is not tried again."""


@frozen_keywords
class DeliveryAttempt:
    """One request to one URL."""

    at: datetime
    url: str
    """Without credentials."""
    verdict: str
    """`acknowledged`, `refused`, `timed-out` or `broken`."""
    status: int | None = None
    """Of the answer, if there was one."""
    duration_ms: int = 0


@frozen_keywords
class Delivery:
    """One for each event with a webhook; stored together with the event, so that no crash loses it."""

    account_id: AccountId
    owner_id: OwnerId
    event_id: EventId
    sequence: int
    """The event's, within its owner's log."""
    event_name: str
    server: str
    """The web server it goes to, as `scheme://host:port`."""
    state: DeliveryState = DeliveryState.QUEUED
    attempts: tuple[DeliveryAttempt, ...] = ()
    """Oldest first; of very many the newest."""
    begun_at: datetime
    """The event's time, or when somebody asked for it to be delivered again: retries count from here."""
    rounds: int = 0
    """Rounds of attempts (one for each URL) since `begun_at`."""
    due_at: datetime | None = None
    """When the next round is to come, while waiting."""
    settled_at: datetime | None = None
    """When it was delivered or given up."""
    is_asked_for: bool = False
    """The next round was asked for by somebody: it comes whatever has become of the call."""
