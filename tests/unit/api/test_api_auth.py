"""Credentials and path users (calls.md 1.1, errors.md 3)."""

from typing import Any

import httpx
import pytest

from support.api_world import CALL_ID, USER, ApiWorld

DENIED = "The authenticated user does not have sufficient permissions to access this resource"
ACCOUNT = f"/v1/users/{USER}/account"


async def raw_get(world: ApiWorld, path: str, authorization: str | None) -> httpx.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    request = httpx.Request("GET", f"http://api.example.test{path}", headers=headers)
    return await world.client.send(request, auth=None)


def denied_body(path: str) -> dict[str, Any]:
    return {
        "category": "authorization",
        "code": "access-denied",
        "message": DENIED,
        "details": [
            {"name": "requestMethod", "value": "GET"},
            {"name": "remoteAddress", "value": "192.0.2.7"},
            {"name": "requestPath", "value": path},
        ],
    }


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic dC1vbmU=",  # no colon
        "Basic dC1vbmU6cy13cm9uZw==",  # t-one:s-wrong
        "Basic dC1ub2JvZHk6cy1vbmU=",  # t-nobody:s-one
        "Bearer dC1vbmU6cy1vbmU=",
        "Basic " + "A" * 5000,
        "Basic /////w==",
    ],
)
async def test_bad_credentials_get_the_documented_401(world: ApiWorld, authorization: str | None) -> None:
    response = await raw_get(world, ACCOUNT, authorization)
    assert response.status_code == 401
    assert response.json() == denied_body(f"users/{USER}/account")
    assert response.headers["www-authenticate"].startswith("Basic realm=")
    assert world.reported == []  # nobody to tell


async def test_the_scheme_in_any_case_is_accepted(world: ApiWorld) -> None:
    assert (await raw_get(world, ACCOUNT, "bAsIc dC1vbmU6cy1vbmU=")).status_code == 200


async def test_a_colon_in_the_secret_belongs_to_it(world: ApiWorld) -> None:
    assert (await raw_get(world, ACCOUNT, "Basic dC1vbmU6cy1vbmU6")).status_code == 401  # t-one:s-one:


async def test_the_path_of_another_user_is_401(world: ApiWorld) -> None:
    """errors.md 3: `{userId}` in the path not belonging to the credentials."""
    response = await world.client.get("/v1/users/u-other/account")
    assert response.status_code == 401
    assert response.json() == denied_body("users/u-other/account")
    assert [error.code for error in world.reported] == ["access-denied"]  # the caller is known


async def test_a_user_that_does_not_exist_looks_the_same(world: ApiWorld) -> None:
    response = await world.client.get("/v1/users/u-nobody/account")
    assert response.json() == denied_body("users/u-nobody/account")


async def test_credentials_come_before_everything_else(world: ApiWorld) -> None:
    """errors.md 7, order of checks."""
    request = httpx.Request("POST", f"http://x/v1/users/{USER}/calls/c-nope", content=b"{nonsense")
    assert (await world.client.send(request, auth=None)).status_code == 401


async def test_another_accounts_call_is_not_found(world: ApiWorld) -> None:
    """errors.md 3: 401 is never used for existing but foreign sub-resources."""
    await world.add_call(account_id=world.stranger.id)
    for response in (await world.get(f"/calls/{CALL_ID}"), await world.update({"state": "active"})):
        assert (response.status_code, response.json()["code"]) == (404, "call-not-found")


async def test_unknown_paths_need_credentials_too(world: ApiWorld) -> None:
    assert (await raw_get(world, f"/v1/users/{USER}/nothing", None)).status_code == 401
