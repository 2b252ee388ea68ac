"""Numbers for order (resources.md 9) and the names numbers are listed under (resources.md 14)."""

from typing import Any

import pytest

from support.api_world import BASE, START, USER, ApiWorld, make_world
from trebuchet.api.rate_limits import RateLimit, RateLimits
from trebuchet.api.v1.available_numbers.pattern import Pattern, show_match
from trebuchet.base.ids import AccountId, NumberId
from trebuchet.base.values import replace
from trebuchet.model.number import NumberState, PhoneNumber
from trebuchet.model.stock import CallerName, Place, StockNumber, stock_kind
from trebuchet.store.interface import Batch, LibraryChanges

LOCAL, TOLL_FREE = "/v1/availableNumbers/local", "/v1/availableNumbers/tollFree"


def stocked(number: str, **more: Any) -> StockNumber:
    return StockNumber(number=number, kind=stock_kind(number), added_at=START, **more)


CARY = {"city": "Cary", "region": "NC", "zip_code": "27513"}
STOCK = (
    stocked("+19195550100", **CARY, lata="426", rate_center="CARY", price="0.60"),
    stocked("+19195550101", **CARY),
    stocked("+19195554242", **CARY),
    stocked("+12125550100", city="New York", region="NY", zip_code="10001"),
    stocked("+18005550100", price="2.00"),
    stocked("+18885550101"),
)


async def stock(world: ApiWorld) -> None:
    await world.store.write(Batch(library=LibraryChanges(stock=STOCK)))


async def search(world: ApiWorld, path: str = LOCAL, method: str = "GET", **query: Any) -> Any:
    response = await world.client.request(method, path, params=query)
    return response.status_code, response.json()


async def numbers(world: ApiWorld, path: str = LOCAL, **query: Any) -> list[str]:
    status, found = await search(world, path, **query)
    assert status == 200, found
    return [item["number"] for item in found]


async def test_what_a_search_shows(world: ApiWorld) -> None:
    await stock(world)
    status, found = await search(world, state="NC", quantity=1)
    assert status == 200
    assert found == [
        {
            "number": "+19195550100",
            "nationalNumber": "(919) 555-0100",
            "city": "Cary",
            "lata": "426",
            "rateCenter": "CARY",
            "state": "NC",
            "price": "0.60",
        }
    ]
    assert (await search(world, TOLL_FREE, quantity=1))[1] == [
        {"number": "+18005550100", "nationalNumber": "(800) 555-0100", "price": "2.00"}
    ]


@pytest.mark.parametrize(
    ("query", "endings"),
    [
        ({"state": "NC"}, ["0100", "0101", "4242"]),
        ({"state": "nc", "city": "CARY"}, ["0100", "0101", "4242"]),
        ({"zip": "27513"}, ["0100", "0101", "4242"]),
        ({"areaCode": "212"}, ["0100"]),
        ({"areaCode": "919", "localNumber": "555"}, ["0100", "0101", "4242"]),
        ({"areaCode": "919", "localNumber": "5554", "inLocalCallingArea": "true"}, ["4242"]),
        ({"areaCode": "919", "quantity": "2"}, ["0100", "0101"]),
        ({"areaCode": "919", "pattern": "*42"}, ["4242"]),
        ({"state": "TX"}, []),
        ({"areaCode": "303"}, []),
    ],
)
async def test_searches(world: ApiWorld, query: dict[str, str], endings: list[str]) -> None:
    await stock(world)
    assert [number[-4:] for number in await numbers(world, **query)] == endings


async def test_numbers_that_somebody_has_are_not_available_until_released(world: ApiWorld) -> None:
    await stock(world)
    taken = PhoneNumber(id=NumberId("n-1"), account_id=AccountId("u-other"), number="+12125550100", created_at=START)
    await world.store.write(Batch(numbers=(taken,)))
    assert await numbers(world, areaCode="212") == []
    await world.store.write(Batch(numbers=(replace(taken, state=NumberState.RELEASED),)))
    assert await numbers(world, areaCode="212") == ["+12125550100"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"areaCode": "919", "localNumber": "55555"}, "localNumber must contain a maximum of 4 digits"),
        ({"areaCode": "919", "localNumber": "55"}, "Local Number must contains at least 3 digits."),
        ({"areaCode": "91"}, "An Area Code must be 3 digits."),
        ({"areaCode": "abc"}, "An Area Code must be 3 digits."),
        ({}, "Specify a State ZIP Code or Area Code with your query."),
        ({"localNumber": "555"}, "Specify a State ZIP Code or Area Code with your query."),
        ({"city": "Cary"}, "For searching by City the State is also required."),
        ({"city": "Cary", "zip": "27513"}, "A query cannot combine City with ZIP Code."),
        ({"city": "Cary", "areaCode": "919"}, "A query cannot combine City with Area Code or Local Number."),
        (
            {"zip": "27513", "state": "NC", "areaCode": "919"},
            "A query cannot combine ZIP Code and State with Area Code or Local Number.",
        ),
        ({"zip": "27513", "areaCode": "919"}, "A query cannot combine ZIP Code with Area Code or Local Number."),
        ({"zip": "27513", "state": "NC"}, "A query cannot combine ZIP Code with State."),
        ({"state": "NC", "areaCode": "919"}, "A query cannot combine State with Area Code or Local Number."),
        ({"state": "NC", "quantity": "5001"}, "The maximum quantity of numbers is 5000"),
    ],
)
async def test_the_rules_of_searches(world: ApiWorld, query: dict[str, str], message: str) -> None:
    """errors.md 4, `invalid-available-number-search`: one message a rule."""
    await stock(world)
    for method in ("GET", "POST")[: 1 if "quantity" in query else 2]:
        status, error = await search(world, method=method, **query)
        assert (status, error["code"], error["message"]) == (400, "invalid-available-number-search", message)


@pytest.mark.parametrize("path", [LOCAL, TOLL_FREE])
@pytest.mark.parametrize("quantity", ["0", "-3"])
async def test_quantities_that_are_none(world: ApiWorld, path: str, quantity: str) -> None:
    for method in ("GET", "POST"):
        status, error = await search(world, path, method, state="NC", quantity=quantity)
        assert (status, error["code"]) == (400, "validation-error")
        assert error["message"] == "Quantity must be greater than zero."


@pytest.mark.parametrize(
    "query",
    [
        {"state": "NCX"},
        {"state": "1"},
        {"state": "NC", "quantity": "many"},
        {"state": "NC", "pattern": "9-1"},
        {"state": "NC", "pattern": "*" * 33},
        {"areaCode": "919", "localNumber": "abc"},
        {"areaCode": "919", "localNumber": "555", "inLocalCallingArea": "maybe"},
    ],
)
async def test_values_that_cannot_be_read(world: ApiWorld, query: dict[str, str]) -> None:
    status, error = await search(world, **query)
    assert (status, error["code"], error["message"]) == (400, "validation-error", "Bad parameters")


@pytest.mark.parametrize("zip_code", ["2751", "275133", "abcde", "99999"])
async def test_zip_codes_without_numbers(world: ApiWorld, zip_code: str) -> None:
    await stock(world)
    status, error = await search(world, zip=zip_code)
    assert (status, error["code"]) == (400, "invalid-zip-code")
    assert zip_code in error["message"]


async def test_cities_without_numbers(world: ApiWorld) -> None:
    await stock(world)
    status, error = await search(world, state="NC", city="Nowhere")
    assert (status, error["code"]) == (403, "invalid-rate-center")
    assert error["message"] == "The city 'Nowhere' in the state 'NC' was not found"


@pytest.mark.parametrize("query", [{"zip": "27513"}, {"state": "NC", "city": "Cary"}, {"areaCode": "919"}])
async def test_an_empty_stock(world: ApiWorld, query: dict[str, str]) -> None:
    assert await search(world, **query) == (200, [])
    status, error = await search(world, method="POST", **query)
    assert (status, error["code"]) == (404, "order-number-quantity-unavailable")


# --- orders ---------------------------------------------------------------------------------------------------------


async def test_an_order(world: ApiWorld) -> None:
    """All parameters in the query; one SDK sends the JSON string `""` as the body."""
    await stock(world)
    response = await world.client.post(LOCAL, params={"areaCode": "919", "quantity": "2"}, json="")
    assert (response.status_code, response.headers["content-type"]) == (201, "application/json")
    first, second = response.json()
    number_id = first.pop("location").removeprefix(f"{BASE}/v1/users/{USER}/phoneNumbers/")
    assert first == {
        "number": "+19195550100",
        "nationalNumber": "(919) 555-0100",
        "price": "0.60",
        "city": "Cary",
        "state": "NC",
    }
    resource = (await world.get(f"/phoneNumbers/{number_id}")).json()
    assert (resource["number"], resource["city"], resource["state"]) == ("+19195550100", "Cary", "NC")
    assert (resource["price"], second["price"], second["number"]) == ("0.60", "0.00", "+19195550101")
    assert await numbers(world, areaCode="919") == ["+19195554242"]
    charged = (await world.get("/account/transactions")).json()
    assert [(item["productType"], item["units"], item["amount"], item["number"]) for item in charged] == [
        ("local-number-per-month", 1, "0.00000", "+19195550101"),
        ("local-number-per-month", 1, "0.60000", "+19195550100"),
    ]


async def test_a_toll_free_order_is_for_one_number(world: ApiWorld) -> None:
    await stock(world)
    status, ordered = await search(world, TOLL_FREE, "POST")
    assert (status, [item["number"] for item in ordered]) == (201, ["+18005550100"])
    charged = (await world.get("/account/transactions")).json()
    assert [(item["productType"], item["amount"]) for item in charged] == [("toll-free-number-per-month", "2.00000")]


async def test_all_of_an_order_or_nothing(world: ApiWorld) -> None:
    await stock(world)
    status, error = await search(world, method="POST", areaCode="919", quantity=4)
    assert (status, error["code"]) == (404, "order-number-quantity-unavailable")
    assert (await world.get("/phoneNumbers")).json() == []


@pytest.mark.parametrize("path", [LOCAL, TOLL_FREE])
async def test_the_rules_of_orders(world: ApiWorld, path: str) -> None:
    await stock(world)
    place = {"state": "NC"} if path == LOCAL else {}
    status, error = await search(world, path, "POST", **place, quantity=11)
    assert (status, error["code"]) == (400, "invalid-available-number-search-order")
    assert error["message"] == "The maximum quantity of numbers searching and ordering is 10"
    status, error = await search(world, path, "POST", **place, pattern="*9", quantity=1)
    assert (status, error["code"]) == (400, "invalid-available-number-search-order")
    assert error["message"] == "A query and order numbers cannot contain pattern"
    assert (await search(world, path, "POST", **place, pattern="9", quantity=1))[0] == 201


async def test_credentials_are_needed(world: ApiWorld) -> None:
    for path in (LOCAL, TOLL_FREE, "/v1/phoneNumbers/numberInfo/+19195550100"):
        assert (await world.client.get(path, auth=("t-one", "wrong"))).json()["code"] == "access-denied"


# --- patterns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "number", "match"),
    [
        ("*2?9*", "(919) 355-2394", "          2 9 "),
        ("*FLY", "(919) 355-2359", "           FLY"),
        ("9193*", "(919) 355-2359", " 919  3       "),
        ("359", "(919) 355-2359", "           359"),
        ("?19355fly9", "(919) 355-3599", "  19  355 FLY9"),
        ("*", "(919) 355-2359", "              "),
        ("444", "(919) 355-2359", None),
        ("919*0", "(919) 355-2359", None),
        ("1*", "(919) 355-2359", None),
    ],
)
def test_patterns(pattern: str, number: str, match: str | None) -> None:
    """Letters stand for their key; what the pattern does not name is blank."""
    found = Pattern(pattern).find("".join(char for char in number if char.isdigit()))
    assert (None if found is None else show_match(number, found)) == match


def test_no_pattern_takes_long() -> None:
    assert Pattern("*1" * 16).find("1" * 9 + "2") is None


async def test_a_search_with_a_pattern_shows_the_match(world: ApiWorld) -> None:
    await stock(world)
    _, found = await search(world, areaCode="919", pattern="*gAgA")
    assert [(item["number"], item["patternMatch"]) for item in found] == [("+19195554242", "          GAGA")]


# --- places and names -----------------------------------------------------------------------------------------------


async def test_a_number_knows_where_it_is_at_home(tmp_path: Any) -> None:
    async def find_place(number: str) -> Place | None:
        return Place("Durham", "NC") if number.startswith("+1919668") else None

    world = await make_world(tmp_path, find_place=find_place, number_price="0.35", toll_free_price="2.00")
    await stock(world)
    for number, city, state, price in (
        ("+19196680100", "Durham", "NC", "0.35"),
        ("+12125550100", "New York", "NY", "0.35"),
        ("+442079460000", None, None, "0.35"),
        ("+18005550199", None, None, "2.00"),
    ):
        assert (await world.post("/phoneNumbers", {"number": number})).status_code == 201
        found = (await world.get(f"/phoneNumbers/{number}")).json()
        assert (found.get("city"), found.get("state"), found["price"]) == (city, state, price)
    assert [n["number"] for n in (await world.get("/phoneNumbers?state=nc&city=durham")).json()] == ["+19196680100"]
    await world.client.aclose()


async def test_number_info(world: ApiWorld) -> None:
    name = CallerName(number="+19195550100", name="ACME", created_at=START, updated_at=START)
    await world.store.write(Batch(library=LibraryChanges(caller_names=(name,))))
    for shown in ("%2B19195550100", "+19195550100", "%2019195550100"):
        response = await world.client.get(f"/v1/phoneNumbers/numberInfo/{shown}")
        assert response.json() == {
            "name": "ACME",
            "number": "+19195550100",
            "created": "2016-03-02T10:00:00Z",
            "updated": "2016-03-02T10:00:00Z",
        }


@pytest.mark.parametrize(
    ("number", "status", "code", "message"),
    [
        (
            "19195550100",
            403,
            "invalid-cnam-search",
            "Invalid number formatting: '19195550100'. Use E.164 formatted numbers",
        ),
        ("+19195550188", 404, "cnam-not-found", "Couldn't find CNAM for number '+19195550188'"),
    ],
)
async def test_number_info_errors(world: ApiWorld, number: str, status: int, code: str, message: str) -> None:
    response = await world.client.get(f"/v1/phoneNumbers/numberInfo/{number}")
    assert (response.status_code, response.json()["code"], response.json()["message"]) == (status, code, message)


@pytest.mark.parametrize(
    ("method", "path", "bucket"),
    [
        ("GET", "/availableNumbers/local", ("search /availableNumbers", RateLimit(1))),
        ("POST", "/availableNumbers/tollFree", ("order /availableNumbers", RateLimit(2))),
        ("GET", "/phoneNumbers/numberInfo/{number}", ("/numberInfo", RateLimit(3))),
        ("GET", "/phoneNumbers/{numberId}", None),
    ],
)
def test_rates(method: str, path: str, bucket: tuple[str, RateLimit] | None) -> None:
    """errors.md 6: searches and orders have limits of their own; names are a resource like any other."""
    limits = RateLimits(requests=RateLimit(3), number_orders=RateLimit(2), number_searches=RateLimit(1))
    assert limits.bucket_of(method, path) == bucket
