"""Phone numbers of an account, each perhaps bound to an application."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, ApplicationId, NumberId


class NumberState(StrEnum):
    ENABLED = "enabled"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
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
