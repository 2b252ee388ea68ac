"""Phone numbers of an account, each perhaps bound to an application."""

from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, ApplicationId, NumberId
from trebuchet.base.values import frozen_keywords


class NumberState(StrEnum):
    ENABLED = "enabled"
    RELEASED = "released"


@frozen_keywords
class PhoneNumber:
    id: NumberId
    account_id: AccountId
    number: str
    """E.164 with its plus sign."""
    created_at: datetime
    state: NumberState = NumberState.ENABLED
    name: str | None = None
    application_id: ApplicationId | None = None
    fallback_number: str | None = None
    national_number: str | None = None
    city: str | None = None
    region: str | None = None
    """Two-letter code of the state or province, when known."""
    price: str = "0.00"


class NumberKind(StrEnum):
    """What a number is, as far as it matters for what a call to it costs."""

    ORDINARY = "ordinary"
    """Fixed, mobile, toll free, voice mail and the like."""
    PREMIUM_RATE = "premium-rate"
    SHARED_COST = "shared-cost"
    PERSONAL = "personal"
    """Personal numbers, which follow their owner at the caller's cost."""
    SATELLITE = "satellite"
    INTERNATIONAL_NETWORK = "international-network"
    """Country codes of networks instead of countries."""
    PAGER = "pager"
    UNIVERSAL = "universal-access"
    UNASSIGNED = "unassigned"
    """No numbering plan knows it: numbers for tests, or plans younger than the metadata."""


COSTLY_KINDS = (
    NumberKind.PREMIUM_RATE,
    NumberKind.SHARED_COST,
    NumberKind.PERSONAL,
    NumberKind.SATELLITE,
    NumberKind.INTERNATIONAL_NETWORK,
)
"""What fraud earns money with, and hardly anybody calls on purpose: not dialled unless configured otherwise."""
