"""Account transactions (resources.md 13)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from support.api_world import USER, ApiWorld
from trebuchet.base.ids import AccountId, ChargeId
from trebuchet.base.values import replace
from trebuchet.model.charge import Charge, Product
from trebuchet.store.interface import Batch, LibraryChanges

AT = datetime(2016, 3, 2, 10, 0, 0, tzinfo=UTC)


def a_charge(place: int = 1, **more: Any) -> Charge:
    base = Charge(
        id=ChargeId(f"tx-{place}"),
        account_id=AccountId(USER),
        at=AT + timedelta(hours=place),
        product=Product.CALL_OUT,
        units=6,
        amount=Decimal("0.06"),
        number="+19195550100",
        resource_id="c-1",
    )
    return replace(base, **more)


async def store(world: ApiWorld, *charges: Charge) -> None:
    await world.store.write(Batch(library=LibraryChanges(charges=charges)))


async def ids(world: ApiWorld, **query: str) -> list[str]:
    response = await world.get("/account/transactions", params=query)
    assert response.status_code == 200, response.json()
    return [item["id"] for item in response.json()]


async def test_a_transaction(world: ApiWorld) -> None:
    await store(world, a_charge())
    assert (await world.get("/account/transactions")).json() == [
        {
            "id": "tx-1",
            "time": "2016-03-02T11:00:00Z",
            "amount": "0.06000",
            "type": "charge",
            "units": 6,
            "productType": "call-out",
            "number": "+19195550100",
            "resourceId": "c-1",
        }
    ]


@pytest.mark.parametrize(
    ("product", "shown"),
    [
        (Product.CALL_IN, "call-in"),
        (Product.CALL_OUT, "call-out"),
        (Product.SIP_CALL_IN, "sip-call-in"),
        (Product.SIP_CALL_OUT, "sip-call-out"),
        (Product.TRANSCRIPTION, "transcription"),
        (Product.LOCAL_NUMBER, "local-number-per-month"),
        (Product.TOLL_FREE_NUMBER, "toll-free-number-per-month"),
    ],
)
async def test_products(world: ApiWorld, product: Product, shown: str) -> None:
    await store(world, a_charge(product=product, number=None, resource_id=None))
    (item,) = (await world.get("/account/transactions")).json()
    assert item["productType"] == shown and not {"number", "resourceId"} & set(item)


async def test_pages_and_max_items(world: ApiWorld) -> None:
    await store(world, *(a_charge(number) for number in range(30)))
    first = await world.get("/account/transactions")
    second = await world.client.get(first.links["next"]["url"])
    assert [item["id"] for item in first.json() + second.json()] == [f"tx-{number}" for number in range(29, -1, -1)]
    assert await ids(world, maxItems="3") == ["tx-29", "tx-28", "tx-27"]
    first = await world.get("/account/transactions?maxItems=7&size=5")
    second = await world.client.get(first.links["next"]["url"])
    assert (len(first.json()), len(second.json())) == (5, 2)
    assert "next" not in second.links


@pytest.mark.parametrize(
    "text",
    [
        "2016-03-02T12:00:00Z",
        "2016-03-02T12:00:00",
        "2016-03-02T12:00:00+0000",
        "2016-03-02T13:00:00+01:00",
        "2016-03-02T07:00:00-0500",
        "2016-03-02T12:00:00.0000000Z",
        "2016-03-02 12:00:00",
    ],
)
async def test_dates(world: ApiWorld, text: str) -> None:
    """Exclusive, in every form that clients write."""
    await store(world, *(a_charge(number) for number in (1, 2, 3)))
    assert await ids(world, fromDate=text) == ["tx-3"]
    assert await ids(world, toDate=text) == ["tx-1"]


async def test_a_plus_sign_that_became_a_blank(world: ApiWorld) -> None:
    await store(world, *(a_charge(number) for number in (1, 2, 3)))
    response = await world.get("/account/transactions?fromDate=2016-03-02T13:00:00+0100")
    assert [item["id"] for item in response.json()] == ["tx-3"]


@pytest.mark.parametrize(
    ("word", "count"),
    [("charge", 1), ("Charge", 1), ("Payment", 0), ("credit", 0), ("AutoRecharge", 0), ("auto-recharge", 0)],
)
async def test_types(world: ApiWorld, word: str, count: int) -> None:
    await store(world, a_charge())
    assert len(await ids(world, type=word)) == count


async def test_numbers(world: ApiWorld) -> None:
    await store(world, a_charge(1), a_charge(2, number="+19195550177"))
    assert await ids(world, number="+19195550177") == ["tx-2"]
    assert await ids(world, number=" 19195550100") == ["tx-1"]


async def test_another_accounts_transactions_are_not_shown(world: ApiWorld) -> None:
    await store(world, a_charge(account_id=AccountId("u-other")))
    assert await ids(world) == []


@pytest.mark.parametrize(
    "query",
    [
        {"fromDate": "yesterday"},
        {"toDate": "2016-13-02T10:00:00Z"},
        {"toDate": "2016-03-02T10:00:00+9900"},
        {"maxItems": "0"},
        {"maxItems": "x"},
        {"type": "theft"},
        {"size": "1001"},
    ],
)
async def test_values_that_cannot_be_read(world: ApiWorld, query: dict[str, str]) -> None:
    response = await world.get("/account/transactions", params=query)
    assert (response.status_code, response.json()["code"]) == (400, "validation-error")
