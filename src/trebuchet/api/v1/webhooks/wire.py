"""Deliveries and the signing secret as clients read them."""

from datetime import datetime
from typing import NotRequired

from typing_extensions import TypedDict

from trebuchet.api.timestamps import wire_time
from trebuchet.model.delivery import Delivery, DeliveryAttempt, DeliveryState


class AttemptResource(TypedDict):
    """One request to one URL. `result` is `acknowledged`, `refused`, `timed-out` or `broken`."""

    time: str
    url: str
    result: str
    statusCode: NotRequired[int]
    duration: int
    """Milliseconds."""


class DeliveryResource(TypedDict):
    """What has become of one event's webhook. `state` is `queued`, `waiting`, `delivered` or `failed`."""

    eventId: str
    eventType: str
    sequence: int
    state: str
    attempts: list[AttemptResource]
    nextAttemptTime: NotRequired[str]
    """While it is waiting."""
    completedTime: NotRequired[str]
    """When it was delivered or given up."""


class WebhookSecretResource(TypedDict):
    """What the account's webhooks are signed with."""

    secret: str
    changedTime: NotRequired[str]
    previousValidUntil: NotRequired[str]
    """Until then webhooks carry a signature with the secret before this one too."""


STATES = {
    DeliveryState.QUEUED: "queued",
    DeliveryState.WAITING: "waiting",
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.FAILED: "failed",
}


def delivery_to_wire(delivery: Delivery) -> DeliveryResource:
    shown = DeliveryResource(
        eventId=delivery.event_id,
        eventType=delivery.event_name,
        sequence=delivery.sequence,
        state=STATES[delivery.state],
        attempts=[_attempt_to_wire(attempt) for attempt in delivery.attempts],
    )
    if delivery.due_at is not None:
        shown["nextAttemptTime"] = wire_time(delivery.due_at)
    if delivery.settled_at is not None:
        shown["completedTime"] = wire_time(delivery.settled_at)
    return shown


def _attempt_to_wire(attempt: DeliveryAttempt) -> AttemptResource:
    shown = AttemptResource(
        time=wire_time(attempt.at), url=attempt.url, result=attempt.verdict, duration=attempt.duration_ms
    )
    if attempt.status is not None:
        shown["statusCode"] = attempt.status
    return shown


def secret_to_wire(secret: str, changed_at: datetime | None, valid_until: datetime | None) -> WebhookSecretResource:
    """`valid_until`: of the secret before; `None`: it is not valid any more."""
    shown = WebhookSecretResource(secret=secret)
    if changed_at is not None:
        shown["changedTime"] = wire_time(changed_at)
    if valid_until is not None:
        shown["previousValidUntil"] = wire_time(valid_until)
    return shown
