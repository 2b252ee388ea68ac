"""Domains, endpoints and tokens: every parameter, limit and error of resources.md 10 and 11."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from support.api_world import BASE, START, USER, ApiWorld
from trebuchet.api.v1.domains.routes import MAX_DOMAINS
from trebuchet.api.v1.endpoints.routes import MAX_TOKENS
from trebuchet.base.ids import AccountId, ApplicationId, DomainId, EndpointId
from trebuchet.model.application import Application
from trebuchet.model.endpoint import Binding, Domain, binding_id, make_secrets
from trebuchet.store.interface import Batch, PhoneChanges

PASSWORD = "sesame-street"
CREDENTIALS = {"password": PASSWORD}
REALM = "office.sip.localhost"


def id_of(response: httpx.Response) -> str:
    assert (response.status_code, response.content) == (201, b""), response.text
    return str(response.headers["location"].rpartition("/")[2])


async def domain(world: ApiWorld, name: str = "office", **body: Any) -> str:
    return id_of(await world.post("/domains", {"name": name, **body}))


async def endpoint(world: ApiWorld, domain_id: str, name: str = "frontdesk", **body: Any) -> str:
    sent = {"name": name, "credentials": CREDENTIALS, **body}
    return id_of(await world.post(f"/domains/{domain_id}/endpoints", sent))


@pytest.fixture
async def office(world: ApiWorld) -> str:
    return await domain(world)


@pytest.fixture
async def desk(world: ApiWorld, office: str) -> str:
    """The path of an endpoint."""
    return f"/domains/{office}/endpoints/{await endpoint(world, office)}"


async def application(world: ApiWorld, account: str = USER) -> str:
    made = Application(id=ApplicationId("a-1"), account_id=AccountId(account), name="x", created_at=START)
    await world.store.write(Batch(applications=(made,)))
    return made.id


def refused(response: httpx.Response) -> tuple[int, str, str]:
    body = response.json()
    return response.status_code, body["category"], body["code"]


# --- domains --------------------------------------------------------------------------------------------------------


async def test_a_domain_shows_both_urls_of_its_endpoints(world: ApiWorld) -> None:
    domain_id = await domain(world, description="The phones of the office")
    assert domain_id.startswith("rd-")
    url = f"{BASE}/v1/users/{USER}/domains/{domain_id}/endpoints"
    shown = {
        "id": domain_id, "name": "office", "description": "The phones of the office",
        "endpoints": url, "endpointsUrl": url,
    }  # fmt: skip
    assert (await world.get(f"/domains/{domain_id}")).json() == shown
    assert (await world.get("/domains")).json() == [shown]


async def test_a_description_changes_and_a_name_does_not(world: ApiWorld, office: str) -> None:
    assert (await world.post(f"/domains/{office}", {"description": "New", "name": "other"})).status_code == 200
    shown = (await world.get(f"/domains/{office}")).json()
    assert (shown["name"], shown["description"]) == ("office", "New")
    await world.post(f"/domains/{office}", {"description": ""})
    assert "description" not in (await world.get(f"/domains/{office}")).json()


async def test_domains_come_in_pages(world: ApiWorld) -> None:
    for name in ("a", "b_b", "c-c"):
        await domain(world, name)
    page = await world.get("/domains?page=0&size=2")
    assert [each["name"] for each in page.json()] == ["c-c", "b_b"]
    assert 'rel="next"' in page.headers["link"]
    assert [each["name"] for each in (await world.get("/domains?size=0")).json()] == ["c-c", "b_b", "a"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing-property"),
        ({"name": None}, "missing-property"),
        ({"name": "  "}, "blank-property"),
        ({"name": "with.dot"}, "validation-error"),
        ({"name": "with space"}, "validation-error"),
        ({"name": "ä"}, "validation-error"),
        ({"name": "x" * 64}, "validation-error"),
        ({"name": 7}, "validation-error"),
    ],
)
async def test_names_that_no_domain_can_have(world: ApiWorld, body: dict[str, Any], code: str) -> None:
    assert refused(await world.post("/domains", body)) == (400, "bad-request", code)


async def test_a_name_is_taken_once_for_all_accounts_whatever_its_case(world: ApiWorld, office: str) -> None:
    assert refused(await world.post("/domains", {"name": "Office"})) == (409, "conflict", "duplicate-domain")
    foreign = Domain(
        id=DomainId("rd-2"), account_id=world.stranger.id, name="yard", realm="yard.sip.localhost", created_at=START
    )
    await world.store.write(Batch(phones=PhoneChanges(domains=(foreign,))))
    assert refused(await world.post("/domains", {"name": "yard"})) == (409, "conflict", "duplicate-domain")
    assert refused(await world.get("/domains/rd-2")) == (404, "not-found", "domain-not-found")


async def test_the_101st_domain_is_refused(world: ApiWorld) -> None:
    assert MAX_DOMAINS == 100
    domains = tuple(
        Domain(id=DomainId(f"rd-{n}"), account_id=world.account.id, name=f"d{n}", realm=f"d{n}.x", created_at=START)
        for n in range(99)
    )
    await world.store.write(Batch(phones=PhoneChanges(domains=domains)))
    hundredth = await domain(world, "hundredth")
    assert refused(await world.post("/domains", {"name": "more"})) == (403, "limit", "domain-limit")
    assert (await world.delete(f"/domains/{hundredth}")).status_code == 200
    await domain(world, "more")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_domain(world: ApiWorld, method: str) -> None:
    path = f"/v1/users/{USER}/domains/rd-none"
    for suffix in ("", "/endpoints") if method != "DELETE" else ("",):
        answer = await world.client.request(method, path + suffix, json={} if method == "POST" else None)
        assert refused(answer) == (404, "not-found", "domain-not-found")


async def test_a_deleted_domain_takes_its_endpoints_along(world: ApiWorld, office: str, desk: str) -> None:
    endpoint_id = EndpointId(desk.rpartition("/")[2])
    assert (await world.delete(f"/domains/{office}")).status_code == 200
    assert refused(await world.get(f"/domains/{office}")) == (404, "not-found", "domain-not-found")
    assert await world.store.endpoint(endpoint_id) is None
    assert await domain(world) != office


# --- endpoints ------------------------------------------------------------------------------------------------------


async def test_the_documented_endpoint(world: ApiWorld, office: str) -> None:
    application_id = await application(world)
    endpoint_id = await endpoint(
        world, office, description="Front desk phone", applicationId=application_id, enabled="true", domainId=office
    )
    shown = {
        "id": endpoint_id,
        "name": "frontdesk",
        "description": "Front desk phone",
        "domainId": office,
        "applicationId": application_id,
        "enabled": True,
        "sipUri": f"sip:frontdesk@{REALM}",
        "credentials": {"realm": REALM, "username": "frontdesk"},
    }
    assert endpoint_id.startswith("re-")
    assert (await world.get(f"/domains/{office}/endpoints/{endpoint_id}")).json() == shown
    assert (await world.get(f"/domains/{office}/endpoints")).json() == [shown]


async def test_the_password_is_kept_as_hashes_alone(world: ApiWorld, desk: str) -> None:
    stored = await world.store.endpoint_by_name("frontdesk", REALM)
    assert stored is not None
    assert stored.secrets == make_secrets("frontdesk", REALM, PASSWORD)
    assert stored.secrets[0].md5 not in repr(stored) and PASSWORD not in repr(stored)


async def test_a_latin_1_password_serves_in_both_encodings(world: ApiWorld, office: str) -> None:
    await endpoint(world, office, credentials={"password": "grüße!"})
    stored = await world.store.endpoint_by_name("frontdesk", REALM)
    assert stored is not None and len(stored.secrets) == 2


async def test_what_is_sent_changes_and_nothing_else(world: ApiWorld, office: str, desk: str) -> None:
    application_id = await application(world)
    before = await world.store.endpoint_by_name("frontdesk", REALM)
    changes = {"description": "d", "applicationId": application_id, "enabled": False, "name": "x"}
    assert (await world.post(desk, changes | {"credentials": {"password": None}})).status_code == 200
    after = await world.store.endpoint_by_name("frontdesk", REALM)
    assert before is not None
    changed = replace(before, description="d", application_id=ApplicationId(application_id), is_enabled=False)
    assert after == changed
    assert (await world.post(desk, {"credentials": None, "applicationId": "", "enabled": None})).status_code == 200
    assert await world.store.endpoint_by_name("frontdesk", REALM) == replace(changed, application_id=None)
    assert (await world.post(desk, {"credentials": {"password": "another"}})).status_code == 200
    latest = await world.store.endpoint_by_name("frontdesk", REALM)
    assert latest is not None and latest.secrets == make_secrets("frontdesk", REALM, "another")


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [({"description": "x"}, True), ({"enabled": False}, False), ({"credentials": {"password": "another"}}, False)],
)
async def test_disabling_and_a_new_password_end_registrations(
    world: ApiWorld, desk: str, change: dict[str, Any], is_kept: bool
) -> None:
    endpoint_id = EndpointId(desk.rpartition("/")[2])
    binding = Binding(
        id=binding_id(endpoint_id, "x"), endpoint_id=endpoint_id, contact="sip:a@h", call_id="c", cseq=1, q=1000,
        expires_at=START + timedelta(hours=1), transport="udp", local=("192.0.2.1", 5060), remote=("192.0.2.9", 5060),
    )  # fmt: skip
    await world.store.write(Batch(phones=PhoneChanges(bindings=(binding,))))
    assert (await world.post(desk, change)).status_code == 200
    assert await world.store.bindings(endpoint_id) == ([binding] if is_kept else [])


@pytest.mark.parametrize("name", ["bob", "bob.smith", "+15550100", "a!b~c*d'(e)", "b%20b", "x" * 128])
async def test_names_an_endpoint_can_have(world: ApiWorld, office: str, name: str) -> None:
    endpoint_id = await endpoint(world, office, name)
    shown = (await world.get(f"/domains/{office}/endpoints/{endpoint_id}")).json()
    assert (shown["name"], shown["sipUri"]) == (name, f"sip:{name}@{REALM}")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": None}, "missing-property"),
        ({"name": " "}, "blank-property"),
        ({"name": "a b"}, "validation-error"),
        ({"name": "a@b"}, "validation-error"),
        ({"name": "a:b"}, "validation-error"),
        ({"name": "a%0d%0ab"}, "validation-error"),
        ({"name": "é"}, "validation-error"),
        ({"name": "x" * 129}, "validation-error"),
        ({"credentials": None}, "missing-property"),
        ({"credentials": {}}, "missing-property"),
        ({"credentials": {"password": None}}, "missing-property"),
        ({"credentials": {"password": "12345"}}, "validation-error"),
        ({"credentials": {"password": 1234567}}, "validation-error"),
        ({"credentials": {"password": "ключключ"}}, "validation-error"),
        ({"credentials": {"password": "with\nbreak"}}, "validation-error"),
        ({"credentials": {"password": "x" * 257}}, "validation-error"),
        ({"enabled": "maybe"}, "validation-error"),
    ],
)
async def test_endpoints_that_cannot_be_made(world: ApiWorld, office: str, body: dict[str, Any], code: str) -> None:
    sent = {"name": "frontdesk", "credentials": CREDENTIALS, **body}
    answer = await world.post(f"/domains/{office}/endpoints", sent)
    assert refused(answer) == (400, "bad-request", code)
    assert "12345" not in answer.text


async def test_a_short_password_is_refused_in_a_change_too(world: ApiWorld, desk: str) -> None:
    answer = await world.post(desk, {"credentials": {"password": "12345"}})
    assert refused(answer) == (400, "bad-request", "validation-error")


async def test_a_name_is_taken_once_in_a_domain(world: ApiWorld, office: str, desk: str) -> None:
    sent = {"name": "frontdesk", "credentials": CREDENTIALS}
    assert refused(await world.post(f"/domains/{office}/endpoints", sent)) == (409, "conflict", "duplicate-endpoint")
    await endpoint(world, office, "Frontdesk")
    await endpoint(world, await domain(world, "yard"))


async def test_applications_of_nobody_and_of_others(world: ApiWorld, office: str) -> None:
    sent = {"name": "frontdesk", "credentials": CREDENTIALS, "applicationId": "a-1"}
    path = f"/domains/{office}/endpoints"
    assert refused(await world.post(path, sent)) == (404, "not-found", "application-not-found")
    await application(world, world.stranger.id)
    assert refused(await world.post(path, sent)) == (403, "forbidden", "application-access-denied")


async def test_a_deleted_application_is_no_longer_bound(world: ApiWorld, office: str) -> None:
    application_id = await application(world)
    endpoint_id = await endpoint(world, office, applicationId=application_id)
    assert (await world.delete(f"/applications/{application_id}")).status_code == 200
    assert "applicationId" not in (await world.get(f"/domains/{office}/endpoints/{endpoint_id}")).json()


async def test_endpoints_come_in_pages(world: ApiWorld, office: str) -> None:
    for name in ("a", "b", "c"):
        await endpoint(world, office, name)
    page = await world.get(f"/domains/{office}/endpoints?size=2")
    assert [each["name"] for each in page.json()] == ["c", "b"]
    assert f"/domains/{office}/endpoints?page=1&size=2" in page.headers["link"]


async def test_a_deleted_endpoint_is_gone(world: ApiWorld, desk: str) -> None:
    assert (await world.delete(desk)).status_code == 200
    endpoint_id = desk.rpartition("/")[2]
    answer = await world.get(desk)
    assert refused(answer) == (404, "not-found", "endpoint-not-found")
    assert answer.json()["message"] == f"The endpoint '{endpoint_id}' could not be found"


async def test_an_endpoint_is_found_in_its_own_domain_only(world: ApiWorld, desk: str) -> None:
    other = await domain(world, "yard")
    path = f"/domains/{other}/endpoints/{desk.rpartition('/')[2]}"
    assert refused(await world.get(path)) == (404, "not-found", "endpoint-not-found")


# --- tokens ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "seconds"),
    [(b"", 3600), (b'""', 3600), (b"{}", 3600), (b'{"expires":null}', 3600), (b'{"expires":86400}', 86_400),
     (b'{"expires":"60"}', 60)],
)  # fmt: skip
async def test_a_token_is_a_second_password_for_a_while(world: ApiWorld, desk: str, body: bytes, seconds: int) -> None:
    answer = await world.client.post(f"/v1/users/{USER}{desk}/tokens", content=body)
    shown = answer.json()
    assert (answer.status_code, sorted(shown), shown["expires"]) == (201, ["expires", "token"], seconds)
    assert answer.headers["location"].endswith(f"{desk}/tokens/{shown['token']}")
    stored = await world.store.endpoint_by_name("frontdesk", REALM)
    assert stored is not None and shown["token"] not in repr(stored)
    secrets = make_secrets("frontdesk", REALM, shown["token"])
    assert set(secrets) <= set(stored.valid_secrets(START + timedelta(seconds=seconds - 1)))
    assert stored.valid_secrets(START + timedelta(seconds=seconds)) == stored.secrets


@pytest.mark.parametrize("expires", [0, -1, 31 * 86_400, "soon"])
async def test_times_no_token_can_have(world: ApiWorld, desk: str, expires: Any) -> None:
    answer = await world.post(f"{desk}/tokens", {"expires": expires})
    assert refused(answer) == (400, "bad-request", "validation-error")


async def test_a_deleted_token_is_gone(world: ApiWorld, desk: str) -> None:
    tokens = [(await world.post(f"{desk}/tokens", {})).json()["token"] for _ in range(2)]
    assert (await world.delete(f"{desk}/tokens/{tokens[0]}")).status_code == 200
    assert refused(await world.delete(f"{desk}/tokens/{tokens[0]}")) == (404, "not-found", "token-not-found")
    stored = await world.store.endpoint_by_name("frontdesk", REALM)
    assert stored is not None
    assert [token.secrets for token in stored.tokens] == [make_secrets("frontdesk", REALM, tokens[1])]


async def test_tokens_are_bounded_and_expired_ones_make_room(world: ApiWorld, desk: str) -> None:
    for _ in range(MAX_TOKENS):
        assert (await world.post(f"{desk}/tokens", {"expires": 60})).status_code == 201
    assert refused(await world.post(f"{desk}/tokens", {})) == (403, "limit", "token-limit")
    world.clock.moment = START + timedelta(seconds=60)
    assert (await world.post(f"{desk}/tokens", {})).status_code == 201
