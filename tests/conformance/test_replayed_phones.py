"""Numbers, domains, endpoints, the account and its errors as the Ruby, Java and C# clients ask for them."""

from typing import Any

import pytest

from support.replays import Replay
from support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

AREAS = {"ruby": "530", "java": "531", "c#": "541"}
LINES_SINCE = {
    "ruby": {"type": "charge"},
    "java": {"type": "charge", "fromDate": "2016-03-02T10:00:00+0000"},
    "c#": {"type": "Charge", "fromDate": "2016-03-02T10:00:00.0000000Z"},
}
"""Each writes dates, if any, in its own form."""
REGISTERED = "200 OK () ["


async def registers(stage: Stage, address: str, password: str) -> None:
    """A phone that is not ours registers as the endpoint."""
    account = f'<{address};transport=udp>;auth_pass={password};regint=120;outbound="sip:{stage.server.sip_host}"'
    async with stage.phone("desk", 700.0, account=account) as phone:
        await phone.wait_for_log(REGISTERED)


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in found]


async def test_numbers(stage: Stage, replay: Replay) -> None:
    first, second = [
        await replay.new("create an application", {"name": name, "incomingCallUrl": stage.web.url})
        for name in ("first", "second")
    ]
    number = f"+1555015{stage.next_serial():04}"
    number_id = await replay.new("create a number", {"number": number, "name": "desk", "applicationId": first})
    for path in (number_id, number, number.replace("+", "%2B"), number.replace("+", "%20")):
        shown = await replay("get a number", path)
        assert (shown["id"], shown["number"], shown["applicationId"]) == (number_id, number, first)
    assert ids(await replay("list numbers", {"applicationId": first})) == [number_id]
    read = {name: value for name, value in shown.items() if name != "id"}
    await replay("update a number", number_id, read | {"name": "hall", "applicationId": second})
    shown = await replay("get a number", number_id)
    assert (shown["name"], shown["applicationId"], shown["numberState"]) == ("hall", second, "enabled")
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, number)
        event = await stage.web.wait_for("answer", callId=call_id)
        assert event["applicationId"] == second
        await replay("hang up a call", call_id)
        await caller.finish()
    refused = await replay("create a number", {"number": number}, status=409)
    assert refused["code"] == "duplicate-number"
    await replay("delete a number", number_id)
    assert await replay("list numbers", {"applicationId": second}) == []
    assert (await replay("get a number", number_id))["numberState"] == "released"


async def test_available_numbers(stage: Stage, replay: Replay) -> None:
    area = AREAS[replay.name]
    free = f"+1888555{area}1"
    for number in (f"+1{area}5550142", f"+1{area}5550143", free):
        await stage.server.operate("number", "add", number)
    local = await replay("search local numbers", {"areaCode": area, "quantity": 5})
    assert {item["number"] for item in local} == {f"+1{area}5550142", f"+1{area}5550143"}
    assert {item["price"] for item in local} == {"0.00"}
    assert free in [item["number"] for item in await replay("search toll-free numbers", {"quantity": 100})]
    refused = await replay("search local numbers", {"areaCode": area, "state": "CA"}, status=400)
    assert refused["code"] == "invalid-available-number-search"


async def test_csharp_orders_numbers(stage: Stage, csharp: Replay) -> None:
    """Its POST has a query and an empty string as body."""
    for number in ("+15425550142", "+15425550143", "+18885550542"):
        await stage.server.operate("number", "add", number)
    (ordered,) = await csharp("order local numbers", {"areaCode": "542", "quantity": 1})
    assert ordered["number"] == "+15425550142"
    number_id = csharp.rules.id_in(ordered["location"], f"{csharp.base}/phoneNumbers")
    assert (await csharp("get a number", number_id))["number"] == ordered["number"]
    left = await csharp("search local numbers", {"areaCode": "542", "inLocalCallingArea": False})
    assert [item["number"] for item in left] == ["+15425550143"]
    (ordered,) = await csharp("order toll-free numbers", {"quantity": 1})
    assert (await csharp("get a number", ordered["number"]))["numberState"] == "enabled"
    refused = await csharp("order local numbers", {"areaCode": "542", "quantity": 2}, status=404)
    assert refused["code"] == "order-number-quantity-unavailable"


async def test_number_info(stage: Stage, replay: Replay) -> None:
    await stage.server.operate("cnam", "add", "+19195550188", "ACME")
    for path in ("+19195550188", "%2B19195550188"):
        found = await replay("look up a number", path)
        assert (found["name"], found["number"]) == ("ACME", "+19195550188")
    refused = await replay("look up a number", "+19195550189", status=404)
    assert refused["code"] == "cnam-not-found"


async def test_domains_and_endpoints(stage: Stage, replay: Replay) -> None:
    domain = f"phones-{replay.name.replace('#', 'sharp')}"
    domain_id = await replay.new("create a domain", {"name": domain, "description": "Phones"})
    assert domain_id in ids(await replay("list domains"))
    refused = await replay("create a domain", {"name": domain}, status=409)
    assert refused["code"] == "duplicate-domain"
    new = {"name": "desk", "description": "Desk", "enabled": True, "credentials": {"password": "secret-horse"}}
    endpoint_id = await replay.new("create an endpoint", domain_id, new)
    endpoint = await replay("get an endpoint", domain_id, endpoint_id)
    assert (endpoint["enabled"], endpoint["sipUri"]) == (True, f"sip:desk@{domain}.sip.localhost")
    assert endpoint["credentials"] == {"realm": f"{domain}.sip.localhost", "username": "desk"}
    await registers(stage, endpoint["sipUri"], "secret-horse")
    others = [await replay.new("create an endpoint", domain_id, new | {"name": f"hall{n}"}) for n in range(21)]
    listed = ids(await replay("list endpoints", domain_id))
    assert set(listed) == {endpoint_id, *others}
    token = await replay("create a token", domain_id, endpoint_id)
    assert token["expires"] == (86400 if replay.name == "ruby" else 3600)
    await registers(stage, endpoint["sipUri"], token["token"])
    await replay("delete an endpoint", domain_id, endpoint_id)
    refused = await replay("get an endpoint", domain_id, endpoint_id, status=404)
    assert refused["code"] == "endpoint-not-found"
    await replay("delete a domain", domain_id)
    assert domain_id not in ids(await replay("list domains"))


async def test_endpoints_are_changed(stage: Stage, java: Replay, csharp: Replay) -> None:
    domain_id = await java.new("create a domain", {"name": "changing"})
    await java("update a domain", domain_id, {"description": "of Java"})
    assert (await java("get a domain", domain_id))["description"] == "of Java"
    endpoint_id = await java.new(
        "create an endpoint", domain_id, {"name": "desk", "credentials": {"password": "secret-horse"}}
    )
    address = (await java("get an endpoint", domain_id, endpoint_id))["sipUri"]
    await csharp("update an endpoint", domain_id, endpoint_id, {"credentials": {"password": "other-horse"}})
    await registers(stage, address, "other-horse")
    await csharp("update an endpoint", domain_id, endpoint_id, {"description": "of C#", "enabled": False})
    shown = await csharp("get an endpoint", domain_id, endpoint_id)
    assert (shown["description"], shown["enabled"]) == ("of C#", True), "it cannot say that something is off"
    shown = await java("update an endpoint", domain_id, endpoint_id, {"enabled": False})
    assert shown["enabled"] is False


async def test_tokens_of_java_and_ruby(stage: Stage, ruby: Replay, java: Replay) -> None:
    """Java sends a number, an empty string, or nothing."""
    domain_id = await ruby.new("create a domain", {"name": "tokens"})
    new = {"name": "desk", "credentials": {"password": "secret-horse"}}
    endpoint_id = (await ruby("create an endpoint", domain_id, new))["id"]
    made = [
        await java("create a token", domain_id, endpoint_id, {"expires": 60}),
        await java("create a token", domain_id, endpoint_id, json=None, content=b'""'),
        await java("create a token", domain_id, endpoint_id, json=None, content=b""),
    ]
    assert [token["expires"] for token in made] == [60, 3600, 3600]
    await java("delete a token", domain_id, endpoint_id, made[0]["token"])
    await ruby("delete a token", domain_id, endpoint_id, made[1]["token"])
    refused = await java("delete a token", domain_id, endpoint_id, made[1]["token"], status=404)
    assert refused["code"] == "token-not-found"


async def test_account_and_transactions(stage: Stage, replay: Replay) -> None:
    account = await replay("get the account")
    assert account["accountType"] == "pre-pay" and float(account["balance"]) >= 0
    numbers = [f"+1{AREAS[replay.name]}555018{place}" for place in range(3)]
    for number in numbers:
        await replay.new("create a number", {"number": number})
    lines = await replay("list transactions", {"number": numbers[0]} | LINES_SINCE[replay.name])
    assert [(line["units"], line["productType"]) for line in lines] == [(1, "local-number-per-month")]
    newest = [line["number"] for line in await replay("list transactions", {"size": 1})]
    assert newest[:3] == (numbers[::-1][:1] if replay.name == "ruby" else numbers[::-1]), "it turns no pages"
    assert await replay("list transactions", {"number": numbers[0], "type": "AutoRecharge"}) == []


async def test_errors(stage: Stage, replay: Replay) -> None:
    refused = await replay("get a call", "c-nope", status=404)
    assert (refused["code"], refused["message"]) == ("call-not-found", "The call 'c-nope' could not be found")
    newest, *_ = await replay("list errors", {"size": 5})
    assert (newest["code"], newest["category"]) == ("call-not-found", "not-found")
    assert await replay("get an error", newest["id"]) == newest
    refused = await replay("get an error", "ue-nope", status=404)
    assert refused["code"] == "user-error-not-found"


async def test_ruby_parses_every_error(stage: Stage, ruby: Replay) -> None:
    for method, path, status in (
        ("POST", "/calls/c-nope", 404), ("GET", "/nothing", 404), ("PUT", "/calls", 405),
        ("GET", "/calls?size=-1", 400), ("POST", "/messages", 404),
    ):  # fmt: skip
        response = await ruby.http.request(method, ruby.base + path, json={} if method != "GET" else None)
        assert response.status_code == status
        assert set(ruby.rules.read(response)) == {"category", "code", "message", "details"}


async def test_wrong_credentials(stage: Stage, replay: Replay) -> None:
    """Java asks for the account first, to learn whether it may."""
    replay.http.auth = ("t-test", "wrong")
    refused = await replay("get the account", status=401)
    assert (refused["category"], refused["code"]) == ("authorization", "access-denied")
