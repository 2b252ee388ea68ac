"""What a fact costs: the line it adds to the account's transactions, in the quantities the API counts in."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from trebuchet.base.ids import Ids
from trebuchet.model.call import Call, Direction
from trebuchet.model.charge import Charge, PriceList, Product, started_minutes
from trebuchet.model.event import Ended, Fact, TranscriptionFinished
from trebuchet.model.transcription import TranscriptionState

FREE: Mapping[Product, Decimal] = {}


class Tariff:
    """Makes charges of facts. What nobody used (a call that was not answered) makes none."""

    def __init__(self, prices: PriceList, ids: Ids) -> None:
        self._prices, self._ids = prices, ids

    def charge_for(self, fact: Fact, call: Call, at: datetime) -> Charge | None:
        """`call` is the state after the fact."""
        match fact:
            case Ended():
                return self._charge_call(call, at)
            case TranscriptionFinished(transcription) if transcription.state is TranscriptionState.COMPLETED:
                minutes = started_minutes((transcription.duration_ms or 0) / 1000)
                return self._make(call, at, Product.TRANSCRIPTION, minutes, transcription.id)
            case _:
                return None

    def _charge_call(self, call: Call, at: datetime) -> Charge | None:
        if call.answered_at is None or call.ended_at is None:
            return None
        minutes = started_minutes((call.ended_at - call.answered_at).total_seconds())
        return self._make(call, at, product_of(call), minutes, call.id)

    def _make(self, call: Call, at: datetime, product: Product, units: int, resource_id: str) -> Charge | None:
        if units == 0:
            return None
        own = call.from_ if call.direction is Direction.OUT else call.to
        return Charge(
            id=self._ids.charge(),
            account_id=call.account_id,
            at=at,
            product=product,
            units=units,
            amount=self._prices.get(product, Decimal(0)) * units,
            number=own if own.startswith("+") else None,
            resource_id=resource_id,
        )


def product_of(call: Call) -> Product:
    """By direction, and by whether the peer is a number or a SIP address."""
    peer = call.to if call.direction is Direction.OUT else call.from_
    is_sip = peer.lower().startswith("sip:")
    if call.direction is Direction.OUT:
        return Product.SIP_CALL_OUT if is_sip else Product.CALL_OUT
    return Product.SIP_CALL_IN if is_sip else Product.CALL_IN
