"""Deliveries: what became of an event's webhook."""

from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, CallId, EventId
from trebuchet.base.values import frozen_keywords


class DeliveryState(StrEnum):
    QUEUED = "queued"
    """Its first round is to come or under way."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """No URL acknowledged it."""


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
    call_id: CallId
    event_id: EventId
    sequence: int
    """The event's, within its call."""
    event_name: str
    server: str
    """The web server it goes to, as `scheme://host:port`."""
    state: DeliveryState = DeliveryState.QUEUED
    attempts: tuple[DeliveryAttempt, ...] = ()
    """Oldest first."""
