"""Charges: what has been used, in which quantity, and what that costs."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trebuchet.base.ids import AccountId, ChargeId
from trebuchet.base.values import frozen_keywords

BILLED_S = 60
"""Calls and transcriptions count in started minutes."""


class Product(StrEnum):
    CALL_IN = "call-in"
    CALL_OUT = "call-out"
    SIP_CALL_IN = "sip-call-in"
    SIP_CALL_OUT = "sip-call-out"
    TRANSCRIPTION = "transcription"
    LOCAL_NUMBER = "local-number"
    TOLL_FREE_NUMBER = "toll-free-number"


@frozen_keywords
class Charge:
    """One line of an account's transactions. Immutable."""

    id: ChargeId
    account_id: AccountId
    at: datetime
    product: Product
    units: int
    """Minutes, or months of a number."""
    amount: Decimal
    """Dollars."""
    number: str | None = None
    """The account's own number, E.164."""
    resource_id: str | None = None
    """Of what was used: a call, a transcription, a number."""


PriceList = Mapping[Product, Decimal]
"""Dollars a unit; what is missing costs nothing."""


def started_minutes(seconds: float) -> int:
    """Of which each is billed whole."""
    return -int(-max(seconds, 0.0) // BILLED_S)
