"""The account and its error list (resources.md 12 and 13), and the OpenAPI document."""

from dataclasses import replace

import httpx

from support.api_world import START, USER, ApiWorld
from trebuchet.base.ids import AccountId, UserErrorId
from trebuchet.model.user_error import UserError
from trebuchet.store.interface import Batch

ERROR = UserError(
    id=UserErrorId("ue-1"),
    account_id=AccountId(USER),
    at=START,
    category="unavailable",
    code="callback-server-timeout",
    message="The callback server took too long to respond",
    details=(("callId", "c-1"), ("callbackTimeout", "10000")),
)


async def test_the_account(world: ApiWorld) -> None:
    assert (await world.get("/account")).json() == {"balance": "0.00000", "accountType": "pre-pay"}


async def test_an_error(world: ApiWorld) -> None:
    """resources.md 12: details with ids, the same at every reading."""
    await world.store.write(Batch(user_errors=(ERROR,)))
    shown = (await world.get("/errors/ue-1")).json()
    ids = [detail.pop("id") for detail in shown["details"]]
    assert shown == {
        "id": "ue-1",
        "time": "2016-03-02T10:00:00Z",
        "category": "unavailable",
        "code": "callback-server-timeout",
        "message": "The callback server took too long to respond",
        "details": [{"name": "callId", "value": "c-1"}, {"name": "callbackTimeout", "value": "10000"}],
    }
    assert len(set(ids)) == 2 and all(name.startswith("ued-") and len(name) == 27 for name in ids)
    again = (await world.get("/errors/ue-1")).json()
    assert [detail["id"] for detail in again["details"]] == ids


async def test_the_list_is_paged_newest_first(world: ApiWorld) -> None:
    for number in range(3):
        error = replace(ERROR, id=UserErrorId(f"ue-{number}"))
        await world.store.write(Batch(user_errors=(error,)))
    response = await world.get("/errors?size=2")
    assert [error["id"] for error in response.json()] == ["ue-2", "ue-1"]
    following = await world.client.get(response.links["next"]["url"])
    assert [error["id"] for error in following.json()] == ["ue-0"]


async def test_unknown_and_foreign_errors(world: ApiWorld) -> None:
    await world.store.write(Batch(user_errors=(replace(ERROR, account_id=AccountId("u-other")),)))
    for error_id in ("ue-1", "ue-x"):
        response = await world.get(f"/errors/{error_id}")
        assert (response.status_code, response.json()["code"]) == (404, "user-error-not-found")


async def test_the_openapi_document_names_everything(world: ApiWorld) -> None:
    response = await world.client.send(httpx.Request("GET", "http://x/openapi.json"), auth=None)
    document = response.json()
    assert document["openapi"].startswith("3.1")
    update = document["paths"]["/v1/users/{userId}/calls/{callId}"]["post"]
    schema = update["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/UpdateCallBody"}
    properties = document["components"]["schemas"]["UpdateCallBody"]["properties"]
    assert set(properties) == {
        "state",
        "recordingEnabled",
        "recordingFileFormat",
        "recordingMaxDuration",
        "transferTo",
        "transferCallerId",
        "whisperAudio",
        "callbackUrl",
        "tag",
        "diversionTreatment",
        "diversionReason",
    }
    assert {"200", "201", "default"} <= set(update["responses"])
    created = document["components"]["schemas"]["CreateCallBody"]
    assert created["required"] == ["from", "to"]
    queries = {item["name"] for item in document["paths"]["/v1/users/{userId}/calls"]["get"]["parameters"]}
    assert queries == {"userId", "bridgeId", "conferenceId", "from", "to", "page", "size", "sortOrder"}


async def test_what_is_shown_agrees_with_the_document(world: ApiWorld) -> None:
    document = world.app.openapi()
    schema = document["components"]["schemas"]["CallResource"]
    await world.add_call()
    (call,) = (await world.get("/calls")).json()
    assert set(schema["required"]) <= set(call) <= set(schema["properties"])


async def test_every_reference_in_the_document_leads_somewhere(world: ApiWorld) -> None:
    document = world.app.openapi()
    text = str(document)
    names = {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])
    assert "$defs" not in text
