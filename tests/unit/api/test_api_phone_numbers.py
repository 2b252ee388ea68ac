"""Phone numbers: every parameter and rule of resources.md 8."""

import asyncio
from typing import Any

import pytest

from support.api_world import NUMBER, OTHER_NUMBER, START, USER, ApiWorld, make_world
from trebuchet.base.ids import AccountId, ApplicationId, NumberId
from trebuchet.model.application import Application
from trebuchet.model.number import PhoneNumber
from trebuchet.store.interface import Batch


@pytest.fixture(autouse=True)
async def _applications(world: ApiWorld) -> None:
    own = Application(id=ApplicationId("a-own"), account_id=AccountId(USER), name="Own", created_at=START)
    foreign = Application(id=ApplicationId("a-foreign"), account_id=AccountId("u-other"), name="X", created_at=START)
    await world.store.write(Batch(applications=(own, foreign)))


async def create(world: ApiWorld, number: str = NUMBER, **body: Any) -> str:
    response = await world.post("/phoneNumbers", {"number": number, **body})
    assert (response.status_code, response.content) == (201, b""), response.text
    return str(response.headers["location"].rpartition("/")[2])


async def read(world: ApiWorld, key: str) -> dict[str, Any]:
    response = await world.get(f"/phoneNumbers/{key}")
    assert response.status_code == 200, response.text
    shown: dict[str, Any] = response.json()
    return shown


async def test_a_number(world: ApiWorld) -> None:
    number_id = await create(world, name="Front desk", applicationId="a-own", fallbackNumber=OTHER_NUMBER)
    assert await read(world, number_id) == {
        "id": number_id,
        "number": NUMBER,
        "nationalNumber": "(919) 555-0100",
        "name": "Front desk",
        "applicationId": "a-own",
        "application": f"{world.url}/applications/a-own",
        "fallbackNumber": OTHER_NUMBER,
        "price": "0.00",
        "createdTime": "2016-03-02T10:00:00Z",
        "numberState": "enabled",
    }


async def test_the_price_is_configured(tmp_path: Any) -> None:
    world = await make_world(tmp_path, number_price="0.60")
    assert (await read(world, await create(world)))["price"] == "0.60"
    await world.client.aclose()


@pytest.mark.parametrize("key", ["%2B19195550100", "+19195550100", "%2019195550100"])
async def test_numbers_are_found_by_themselves(world: ApiWorld, key: str) -> None:
    """calls.md 1.6: `%2B`, a literal plus sign, a leading blank."""
    number_id = await create(world)
    assert (await read(world, key))["id"] == number_id
    assert (await world.post(f"/phoneNumbers/{key}", {"name": "New"})).status_code == 200
    assert (await read(world, key))["name"] == "New"
    assert (await world.delete(f"/phoneNumbers/{key}")).status_code == 200
    assert (await world.get(f"/phoneNumbers/{key}")).json()["code"] == "number-not-found"


async def test_imports_never_keep_the_providers_password(world: ApiWorld) -> None:
    """resources.md 8."""
    provider = {
        "providerName": "bandwidth-dashboard",
        "properties": {"accountId": "1", "userName": "u", "password": "hush-hush"},
    }
    number_id = await create(world, provider=provider)
    assert "hush" not in str(await world.store.number(NumberId(number_id)))
    assert (await world.post("/phoneNumbers", {"number": NUMBER, "provider": provider})).status_code == 409
    assert "hush" not in str(world.reported)


REFUSALS: list[tuple[dict[str, Any], int, str, str]] = [
    (
        {},
        400,
        "missing-property",
        "The 'phoneNumber' resource property 'number' is required but was not specified",
    ),
    ({"number": "5550100"}, 400, "validation-error", "Invalid phone number"),
    ({"number": NUMBER + "\r\n"}, 400, "validation-error", "Invalid phone number"),
    ({"number": NUMBER, "fallbackNumber": "5550100"}, 400, "validation-error", "Invalid phone number"),
    (
        {"number": NUMBER, "applicationId": "a-none"},
        404,
        "application-not-found",
        "The application 'a-none' could not be found",
    ),
    (
        {"number": NUMBER, "applicationId": "a-foreign"},
        403,
        "application-access-denied",
        f"User {USER} does not have permission to use application a-foreign",
    ),
]


@pytest.mark.parametrize(("body", "status", "code", "message"), REFUSALS)
async def test_refusals(world: ApiWorld, body: dict[str, Any], status: int, code: str, message: str) -> None:
    response = await world.post("/phoneNumbers", body)
    assert (response.status_code, response.json()["code"], response.json()["message"]) == (status, code, message)
    assert (await world.get("/phoneNumbers")).json() == []


async def test_a_number_belongs_to_one_account(world: ApiWorld) -> None:
    """resources.md 8: 409 `duplicate-number`, whoever has it."""
    number_id = await create(world)
    response = await world.post("/phoneNumbers", {"number": NUMBER})
    assert response.status_code == 409
    assert response.json()["message"] == (
        f"Cannot create another instance of number resource '{number_id}' for number '{NUMBER}'"
    )
    foreign = PhoneNumber(
        id=NumberId("n-hidden"), account_id=AccountId("u-other"), number=OTHER_NUMBER, created_at=START
    )
    await world.store.write(Batch(numbers=(foreign,)))
    response = await world.post("/phoneNumbers", {"number": OTHER_NUMBER})
    assert (response.status_code, response.json()["code"]) == (409, "duplicate-number")
    assert "n-hidden" not in response.text


async def test_two_at_once_cannot_take_one_number(world: ApiWorld) -> None:
    responses = await asyncio.gather(*(world.post("/phoneNumbers", {"number": NUMBER}) for _ in range(5)))
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409, 409]


async def test_an_update_changes_only_what_is_sent(world: ApiWorld) -> None:
    number_id = await create(world, name="A", applicationId="a-own", fallbackNumber=OTHER_NUMBER)
    before = await read(world, number_id)
    response = await world.post(f"/phoneNumbers/{number_id}", {"name": "B", "applicationId": None})
    assert (response.status_code, response.content) == (200, b"")
    assert await read(world, number_id) == {**before, "name": "B"}


async def test_empty_strings_remove(world: ApiWorld) -> None:
    number_id = await create(world, name="A", applicationId="a-own", fallbackNumber=OTHER_NUMBER)
    await world.post(f"/phoneNumbers/{number_id}", {"name": "", "applicationId": "", "fallbackNumber": ""})
    shown = await read(world, number_id)
    assert not {"name", "applicationId", "application", "fallbackNumber"} & set(shown)


async def test_a_refused_update_changes_nothing(world: ApiWorld) -> None:
    number_id = await create(world, name="A")
    response = await world.post(f"/phoneNumbers/{number_id}", {"name": "B", "applicationId": "a-foreign"})
    assert (response.status_code, response.json()["code"]) == (403, "application-access-denied")
    assert (await read(world, number_id))["name"] == "A"


async def test_a_binding_holds_at_once(world: ApiWorld) -> None:
    await create(world)
    await world.post(f"/phoneNumbers/{NUMBER}", {"applicationId": "a-own"})
    route = await world.store.find_number(NUMBER)
    assert route is not None and route.application is not None and route.application.id == "a-own"


async def test_released_numbers(world: ApiWorld) -> None:
    """resources.md 8, ambiguities.md C11."""
    number_id = await create(world)
    assert (await world.delete(f"/phoneNumbers/{number_id}")).status_code == 200
    assert (await read(world, number_id))["numberState"] == "released"
    assert (await world.get("/phoneNumbers")).json() == []
    assert [item["id"] for item in (await world.get("/phoneNumbers?numberState=Released")).json()] == [number_id]
    assert (await world.post(f"/phoneNumbers/{number_id}", {"name": "B"})).json()["code"] == "number-not-found"
    assert await world.store.find_number(NUMBER) is None
    again = await create(world)
    assert again != number_id


async def test_filters(world: ApiWorld) -> None:
    """resources.md 8: exact, in any case for name, city and state."""
    numbers = (
        PhoneNumber(
            id=NumberId("n-1"),
            account_id=AccountId(USER),
            number=NUMBER,
            created_at=START,
            name="Desk",
            city="CARY",
            region="NC",
            application_id=ApplicationId("a-own"),
        ),
        PhoneNumber(id=NumberId("n-2"), account_id=AccountId(USER), number=OTHER_NUMBER, created_at=START, name="Lab"),
    )
    await world.store.write(Batch(numbers=numbers))
    for query in ("applicationId=a-own", "state=nc", "name=desk", "city=Cary", "state=NC&city=cary"):
        assert [item["id"] for item in (await world.get(f"/phoneNumbers?{query}")).json()] == ["n-1"], query
    (found,) = (await world.get("/phoneNumbers?city=cary&state=nc&applicationId=a-own")).json()
    assert (found["city"], found["state"]) == ("CARY", "NC"), "as they are known, not as they were asked for"
    for query in ("applicationId=a-none", "state=n", "name=des", "state=NC&name=lab"):
        assert (await world.get(f"/phoneNumbers?{query}")).json() == [], query
    assert (await world.get("/phoneNumbers?numberState=sold")).json()["code"] == "validation-error"


async def test_links_repeat_the_filters(world: ApiWorld) -> None:
    for place in range(3):
        number_id = await create(world, number=f"+1919555010{place}", name="A, B")
        await world.delete(f"/phoneNumbers/{number_id}")
    response = await world.get("/phoneNumbers?name=a,%20b&numberState=released&size=2")
    assert len(response.json()) == 2
    following = await world.client.get(response.links["next"]["url"])
    assert len(following.json()) == 1


async def test_foreign_numbers(world: ApiWorld) -> None:
    foreign = PhoneNumber(id=NumberId("n-x"), account_id=AccountId("u-other"), number=NUMBER, created_at=START)
    await world.store.write(Batch(numbers=(foreign,)))
    responses = [
        await world.get("/phoneNumbers/n-x"),
        await world.get(f"/phoneNumbers/{NUMBER}"),
        await world.post("/phoneNumbers/n-x", {"name": "Mine"}),
        await world.delete(f"/phoneNumbers/{NUMBER}"),
    ]
    assert [(r.status_code, r.json()["code"]) for r in responses] == [(404, "number-not-found")] * 4
