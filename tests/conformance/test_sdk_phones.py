"""Domains and endpoints through the official client libraries, unmodified."""

import asyncio
from typing import Any

import bandwidth
import pytest

from support.node_client import VERSIONS, NodeClient, SdkError
from support.server import SECRET, TOKEN, USER
from support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

REGISTERED = "200 OK () ["


async def registers(stage: Stage, address: str, password: str) -> None:
    """A phone that is not ours registers as the endpoint."""
    account = f'<{address};transport=udp>;auth_pass={password};regint=120;outbound="sip:{stage.server.sip_host}"'
    async with stage.phone("desk", 700.0, account=account) as phone:
        await phone.wait_for_log(REGISTERED)


async def test_the_python_library(stage: Stage) -> None:
    client = bandwidth.client("account", USER, TOKEN, SECRET, api_endpoint=stage.server.http, api_version="v1")

    async def do(name: str, *arguments: Any, **options: Any) -> Any:
        def call() -> Any:
            result = getattr(client, name)(*arguments, **options)
            return list(result) if hasattr(result, "__next__") else result

        return await asyncio.to_thread(call)

    domain_id = await do("create_domain", "python", "Phones")
    domain = await do("get_domain", domain_id)
    assert domain["endpoints_url"].endswith(f"/domains/{domain_id}/endpoints")
    other_id = await do("create_domain", "other")
    assert domain in await do("list_domains", size=1)
    assert other_id in [each["id"] for each in await do("list_domains", size=1)]
    endpoint_id = await do("create_domain_endpoint", domain_id, "desk", "secret-horse", description="Desk")
    endpoint = await do("get_domain_endpoint", domain_id, endpoint_id)
    assert (endpoint["sip_uri"], endpoint["enabled"]) == ("sip:desk@python.sip.localhost", True)
    assert endpoint["credentials"] == {"realm": "python.sip.localhost", "username": "desk"}
    await registers(stage, endpoint["sip_uri"], "secret-horse")
    assert await do("list_domain_endpoints", domain_id) == [endpoint]
    application_id = await do("create_application", "for phones", incoming_call_url=stage.web.url)
    hall_id = await do("create_domain_endpoint", domain_id, "hall", "secret-horse", application_id=application_id)
    hall = await do("get_domain_endpoint", domain_id, hall_id)
    assert hall["application_id"] == application_id
    listed = await do("list_domain_endpoints", domain_id, size=1)
    assert sorted(each["id"] for each in listed) == sorted((endpoint_id, hall_id))
    await do("delete_domain_endpoint", domain_id, hall_id)
    await do("update_domain_endpoint", domain_id, endpoint_id, password="other-horse")
    await registers(stage, endpoint["sip_uri"], "other-horse")
    token = await do("create_domain_endpoint_auth_token", domain_id, endpoint_id)
    assert token["token"] and token["expires"] == 3600
    await registers(stage, endpoint["sip_uri"], token["token"])
    await do("update_domain_endpoint", domain_id, endpoint_id, description="Front", enabled=False)
    changed = await do("get_domain_endpoint", domain_id, endpoint_id)
    assert (changed["description"], changed["enabled"]) == ("Front", False)
    await do("delete_domain_endpoint", domain_id, endpoint_id)
    assert await do("list_domain_endpoints", domain_id) == []
    await do("delete_domain", domain_id)
    await do("delete_domain", other_id)
    assert not {domain_id, other_id} & {each["id"] for each in await do("list_domains")}


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_node_library(stage: Stage, version: str) -> None:
    async with NodeClient(stage.server.http, version) as sdk:
        domain_id = (await sdk("Domain.create", {"name": "node", "description": "Phones"}))["id"]
        other_id = (await sdk("Domain.create", {"name": "other"}))["id"]
        assert {domain_id, other_id} <= {each["id"] for each in await sdk("Domain.list", {"size": 1})}
        new = {"name": "desk", "description": "Desk", "credentials": {"password": "secret-horse"}}
        endpoint_id = (await sdk("Endpoint.create", domain_id, new))["id"]
        endpoint = await sdk("Endpoint.get", domain_id, endpoint_id)
        assert (endpoint["sipUri"], endpoint["domainId"]) == ("sip:desk@node.sip.localhost", domain_id)
        second_id = (await sdk("Endpoint.create", domain_id, new | {"name": "hall"}))["id"]
        listed = await sdk("Endpoint.list", domain_id, {"size": 1})
        assert {each["id"] for each in listed} == {endpoint_id, second_id}
        await registers(stage, endpoint["sipUri"], "secret-horse")
        await sdk("Endpoint.update", domain_id, endpoint_id, {"credentials": {"password": "other-horse"}})
        await registers(stage, endpoint["sipUri"], "other-horse")
        token = await sdk("Endpoint.createAuthToken", domain_id, endpoint_id, {"expires": 60})
        assert token["token"] and token["expires"] == 60
        await registers(stage, endpoint["sipUri"], token["token"])
        await sdk("Endpoint.update", domain_id, endpoint_id, {"enabled": False})
        assert (await sdk("Endpoint.get", domain_id, endpoint_id))["enabled"] is False
        with pytest.raises(SdkError) as taken:
            await sdk("Domain.create", {"name": "node"})
        assert taken.value.status == 409
        await sdk("Endpoint.delete", domain_id, endpoint_id)
        assert [each["id"] for each in await sdk("Endpoint.list", domain_id, {})] == [second_id]
        await sdk("Endpoint.delete", domain_id, second_id)
        await sdk("Domain.delete", domain_id)
        await sdk("Domain.delete", other_id)
        assert not {domain_id, other_id} & {each["id"] for each in await sdk("Domain.list", {})}
