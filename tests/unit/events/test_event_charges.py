"""What a fact costs (resources.md 13): products, started minutes, amounts."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from trebuchet.base.ids import AccountId, CallId, Ids, RecordingId, TranscriptionId
from trebuchet.base.rand import SeededRand
from trebuchet.base.values import replace
from trebuchet.events.charges import FREE, Tariff
from trebuchet.model.call import Call, CallState, Direction
from trebuchet.model.cause import Cause
from trebuchet.model.charge import Product
from trebuchet.model.event import Answered, Ended, TranscriptionFinished
from trebuchet.model.transcription import Transcription, TranscriptionState

AT = datetime(2016, 3, 2, 10, tzinfo=UTC)
PRICES = {Product.CALL_OUT: Decimal("0.01"), Product.TRANSCRIPTION: Decimal("0.05")}


def tariff(*, free: bool = False) -> Tariff:
    return Tariff(FREE if free else PRICES, Ids(SeededRand(1)))


def a_call(seconds: float | None = 61, **more: object) -> Call:
    base = Call(
        id=CallId("c-1"),
        account_id=AccountId("u-1"),
        direction=Direction.OUT,
        from_="+19195550100",
        to="+19195550177",
        state=CallState.ENDED,
        created_at=AT,
        answered_at=None if seconds is None else AT,
        ended_at=AT + timedelta(seconds=seconds or 0),
    )
    return replace(base, **more)


@pytest.mark.parametrize(("seconds", "units"), [(0.5, 1), (60, 1), (60.1, 2), (359, 6)])
def test_started_minutes(seconds: float, units: int) -> None:
    charge = tariff().charge_for(Ended(Cause.HANGUP), a_call(seconds), AT)
    assert charge is not None
    assert (charge.units, charge.amount) == (units, Decimal("0.01") * units)
    assert (charge.number, charge.resource_id, charge.at) == ("+19195550100", "c-1", AT)


@pytest.mark.parametrize(
    ("more", "product", "number"),
    [
        ({}, Product.CALL_OUT, "+19195550100"),
        ({"to": "sip:bob@example.test"}, Product.SIP_CALL_OUT, "+19195550100"),
        ({"direction": Direction.IN}, Product.CALL_IN, "+19195550177"),
        ({"direction": Direction.IN, "from_": "SIP:bob@example.test"}, Product.SIP_CALL_IN, "+19195550177"),
        ({"direction": Direction.IN, "from_": "anonymous"}, Product.CALL_IN, "+19195550177"),
        ({"from_": "sip:desk@example.test"}, Product.CALL_OUT, None),
    ],
)
def test_products(more: dict[str, object], product: Product, number: str | None) -> None:
    charge = tariff(free=True).charge_for(Ended(Cause.HANGUP), a_call(**more), AT)
    assert charge is not None
    assert (charge.product, charge.number, charge.amount, charge.units) == (product, number, 0, 2)


def test_what_was_not_used_costs_nothing() -> None:
    assert tariff().charge_for(Ended(Cause.NO_ANSWER), a_call(None), AT) is None
    assert tariff().charge_for(Answered(), a_call(), AT) is None


@pytest.mark.parametrize(
    ("state", "duration_ms", "units"),
    [(TranscriptionState.COMPLETED, 61_000, 2), (TranscriptionState.ERROR, 61_000, None)],
)
def test_transcriptions(state: TranscriptionState, duration_ms: int, units: int | None) -> None:
    transcription = Transcription(
        id=TranscriptionId("t-1"),
        account_id=AccountId("u-1"),
        call_id=CallId("c-1"),
        recording_id=RecordingId("rec-1"),
        created_at=AT,
        state=state,
        duration_ms=duration_ms,
    )
    charge = tariff().charge_for(TranscriptionFinished(transcription), a_call(), AT)
    assert (None if charge is None else charge.units) == units
    if charge is not None:
        assert (charge.product, charge.amount, charge.resource_id) == (Product.TRANSCRIPTION, Decimal("0.10"), "t-1")
