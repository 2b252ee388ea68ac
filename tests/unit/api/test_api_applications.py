"""Applications: every parameter and rule of resources.md 7."""

from dataclasses import replace
from typing import Any

import pytest

from support.api_world import START, USER, ApiWorld
from trebuchet.base.ids import AccountId, ApplicationId, NumberId
from trebuchet.model.application import Application
from trebuchet.model.call import HttpMethod
from trebuchet.model.number import PhoneNumber
from trebuchet.store.interface import Batch

CALL_URL = "http://app.test/voice"
MESSAGE_URL = "http://app.test/sms"


async def create(world: ApiWorld, **body: Any) -> str:
    response = await world.post("/applications", {"name": "Reception", "incomingCallUrl": CALL_URL, **body})
    assert (response.status_code, response.content) == (201, b""), response.text
    return str(response.headers["location"].rpartition("/")[2])


async def read(world: ApiWorld, application_id: str) -> dict[str, Any]:
    response = await world.get(f"/applications/{application_id}")
    assert response.status_code == 200
    shown: dict[str, Any] = response.json()
    return shown


async def update(world: ApiWorld, application_id: str, body: dict[str, Any]) -> None:
    response = await world.post(f"/applications/{application_id}", body)
    assert (response.status_code, response.content) == (200, b""), response.text


async def test_the_documented_example(world: ApiWorld) -> None:
    application_id = await create(world)
    assert await read(world, application_id) == {
        "id": application_id,
        "name": "Reception",
        "incomingCallUrl": CALL_URL,
        "incomingCallUrlCallbackTimeout": 10000,
        "callbackHttpMethod": "post",
        "autoAnswer": True,
    }


async def test_all_parameters(world: ApiWorld) -> None:
    sent = {
        "incomingCallUrlCallbackTimeout": "2000",
        "incomingCallFallbackUrl": "http://spare.test/voice",
        "incomingMessageUrl": MESSAGE_URL,
        "incomingMessageUrlCallbackTimeout": 3000,
        "incomingMessageFallbackUrl": "http://spare.test/sms",
        "callbackHttpMethod": "GET",
        "autoAnswer": "false",
        "messageApiVersion": "v2",
    }
    application_id = await create(world, **sent)
    assert await read(world, application_id) == {
        "id": application_id,
        "name": "Reception",
        "incomingCallUrl": CALL_URL,
        "incomingCallUrlCallbackTimeout": 2000,
        "incomingCallFallbackUrl": "http://spare.test/voice",
        "incomingMessageUrl": MESSAGE_URL,
        "incomingMessageUrlCallbackTimeout": 3000,
        "incomingMessageFallbackUrl": "http://spare.test/sms",
        "incomingSmsUrl": MESSAGE_URL,
        "incomingSmsUrlCallbackTimeout": 3000,
        "incomingSmsFallbackUrl": "http://spare.test/sms",
        "callbackHttpMethod": "get",
        "autoAnswer": False,
        "messageApiVersion": "v2",
    }
    stored = await world.store.application(ApplicationId(application_id))
    assert stored is not None and stored.http_method is HttpMethod.GET and not stored.auto_answer


async def test_the_old_names_of_the_message_keys(world: ApiWorld) -> None:
    body = {
        "name": "SMS",
        "incomingSmsUrl": MESSAGE_URL,
        "incomingSmsUrlCallbackTimeout": 4000,
        "incomingSmsFallbackUrl": "http://spare.test/",
    }
    response = await world.post("/applications", body)
    shown = await read(world, response.headers["location"].rpartition("/")[2])
    assert shown["incomingMessageUrl"] == shown["incomingSmsUrl"] == MESSAGE_URL
    assert shown["incomingMessageUrlCallbackTimeout"] == 4000
    assert shown["incomingMessageFallbackUrl"] == "http://spare.test/"
    assert "incomingCallUrl" not in shown


FALLBACK = "http://spare.test/"
REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"incomingCallUrl": CALL_URL},
        "missing-property",
        "The 'application' resource property 'name' is required but was not specified",
    ),
    (
        {"name": " ", "incomingCallUrl": CALL_URL},
        "blank-property",
        "The 'application' resource property 'name' must contain at least one non-whitespace character",
    ),
    ({"name": "A"}, "validation-error", "Your application must have a least one callback URL."),
    (
        {"name": "A", "incomingCallUrl": ""},
        "validation-error",
        "Your application must have a least one callback URL.",
    ),
    (
        {"name": "A", "incomingCallUrl": CALL_URL, "incomingCallFallbackUrl": ""},
        "validation-error",
        "Your application call fallback URL may not be blank/empty.",
    ),
    (
        {"name": "A", "incomingCallUrl": CALL_URL, "incomingCallFallbackUrl": "  "},
        "validation-error",
        "Your application call fallback URL may not be blank/empty.",
    ),
    (
        {"name": "A", "incomingMessageUrl": MESSAGE_URL, "incomingCallFallbackUrl": FALLBACK},
        "validation-error",
        "Your application must have a call callback URL in order to have a fallback URL.",
    ),
    (
        {"name": "A", "incomingMessageUrl": MESSAGE_URL, "incomingMessageFallbackUrl": ""},
        "validation-error",
        "Your application sms fallback URL may not be blank/empty.",
    ),
    (
        {"name": "A", "incomingCallUrl": CALL_URL, "incomingMessageFallbackUrl": FALLBACK},
        "validation-error",
        "Your application must have a sms callback URL in order to have a fallback URL.",
    ),
    (
        {"name": "A", "incomingCallUrl": CALL_URL, "incomingCallUrlCallbackTimeout": 0},
        "validation-error",
        "Incoming Call callback timeout must be greater than 0",
    ),
    (
        {"name": "A", "incomingCallUrl": CALL_URL, "incomingCallUrlCallbackTimeout": 10001},
        "validation-error",
        "Incoming Call callback timeout must not surpass 10000",
    ),
    (
        {"name": "A", "incomingCallUrl": CALL_URL, "incomingMessageUrlCallbackTimeout": "-1"},
        "validation-error",
        "Incoming SMS callback timeout must be greater than 0",
    ),
    (
        {"name": "A", "incomingCallUrl": CALL_URL, "incomingSmsUrlCallbackTimeout": 10001},
        "validation-error",
        "Incoming SMS callback timeout must not surpass 10000",
    ),
    (
        {"name": "A", "incomingCallUrl": "app.test"},
        "validation-error",
        "Invalid 'app.test' URL. 'app.test' is not a valid URL",
    ),
    (
        {"name": "A", "incomingCallUrl": CALL_URL, "callbackHttpMethod": "PUT"},
        "validation-error",
        "The 'application' resource property 'callbackHttpMethod' must be one of the following values: get, post",
    ),
    ({"name": "A", "incomingCallUrl": CALL_URL, "autoAnswer": "perhaps"}, "validation-error", "Bad parameters"),
    (
        {"name": "A" * 4097, "incomingCallUrl": CALL_URL},
        "validation-error",
        "The 'application' resource property 'name' exceeds the limit of 4096",
    ),
]


@pytest.mark.parametrize(("body", "code", "message"), REFUSALS)
async def test_refusals(world: ApiWorld, body: dict[str, Any], code: str, message: str) -> None:
    response = await world.post("/applications", body)
    assert (response.status_code, response.json()["code"], response.json()["message"]) == (400, code, message)
    assert (await world.get("/applications")).json() == []


async def test_an_update_changes_only_what_is_sent(world: ApiWorld) -> None:
    application_id = await create(world, incomingMessageUrl=MESSAGE_URL, autoAnswer=False)
    before = await read(world, application_id)
    await update(world, application_id, {"name": "New", "incomingCallUrl": None, "unknown": 1})
    assert await read(world, application_id) == {**before, "name": "New"}
    await update(world, application_id, {})
    assert (await read(world, application_id))["name"] == "New"


async def test_writing_back_everything_that_was_read(world: ApiWorld) -> None:
    """resources.md 7: what one SDK's commit does."""
    application_id = await create(world, incomingMessageUrl=MESSAGE_URL)
    before = await read(world, application_id)
    await update(world, application_id, {key: value for key, value in before.items() if key != "id"})
    assert await read(world, application_id) == before


async def test_an_empty_string_removes_a_url_and_what_hangs_on_it(world: ApiWorld) -> None:
    application_id = await create(world, incomingCallFallbackUrl=FALLBACK, incomingMessageUrl=MESSAGE_URL)
    await update(world, application_id, {"incomingCallUrl": ""})
    shown = await read(world, application_id)
    assert "incomingCallUrl" not in shown and "incomingCallFallbackUrl" not in shown
    assert shown["incomingMessageUrl"] == MESSAGE_URL


async def test_an_empty_string_removes_a_fallback(world: ApiWorld) -> None:
    application_id = await create(world, incomingCallFallbackUrl=FALLBACK)
    await update(world, application_id, {"incomingCallFallbackUrl": ""})
    assert "incomingCallFallbackUrl" not in await read(world, application_id)


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"incomingCallUrl": "x"},
        {"incomingCallUrl": "", "incomingCallFallbackUrl": FALLBACK},
        {"incomingCallFallbackUrl": " "},
        {"incomingCallUrlCallbackTimeout": 0},
        {"incomingMessageFallbackUrl": FALLBACK},
    ],
)
async def test_a_refused_update_changes_nothing(world: ApiWorld, body: dict[str, Any]) -> None:
    application_id = await create(world)
    before = await read(world, application_id)
    response = await world.post(f"/applications/{application_id}", {"autoAnswer": False, **body})
    assert response.status_code == 400
    assert await read(world, application_id) == before


async def test_delete(world: ApiWorld) -> None:
    """Numbers lose the binding."""
    application_id = ApplicationId(await create(world))
    number = PhoneNumber(
        id=NumberId("n-1"),
        account_id=AccountId(USER),
        number="+19195550100",
        created_at=START,
        application_id=application_id,
    )
    await world.store.write(Batch(numbers=(number,)))
    response = await world.delete(f"/applications/{application_id}")
    assert (response.status_code, response.content) == (200, b"")
    assert (await world.get(f"/applications/{application_id}")).json()["code"] == "application-not-found"
    assert await world.store.number(number.id) == replace(number, application_id=None)


async def test_the_list_is_paged(world: ApiWorld) -> None:
    made = [await create(world, name=f"App {number}") for number in range(3)]
    response = await world.get("/applications?size=2")
    assert len(response.json()) == 2
    following = await world.client.get(response.links["next"]["url"])
    assert {item["id"] for item in response.json() + following.json()} == set(made)


@pytest.mark.parametrize("is_foreign", [False, True])
async def test_unknown_and_foreign_applications(world: ApiWorld, is_foreign: bool) -> None:
    if is_foreign:
        foreign = Application(id=ApplicationId("a-x"), account_id=AccountId("u-other"), name="X", created_at=START)
        await world.store.write(Batch(applications=(foreign,)))
    responses = [
        await world.get("/applications/a-x"),
        await world.post("/applications/a-x", {"name": "Mine"}),
        await world.delete("/applications/a-x"),
    ]
    assert [(r.status_code, r.json()["code"]) for r in responses] == [(404, "application-not-found")] * 3
