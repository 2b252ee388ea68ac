"""Domains and endpoints through the official client libraries, unmodified."""

import asyncio
from typing import Any

import bandwidth
import pytest

from support.node_client import NodeClient, SdkError
from support.server import SECRET, TOKEN, USER
from support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
    assert domain in await do("list_domains")
    endpoint_id = await do("create_domain_endpoint", domain_id, "desk", "secret-horse", description="Desk")
    endpoint = await do("get_domain_endpoint", domain_id, endpoint_id)
    assert (endpoint["sip_uri"], endpoint["enabled"]) == ("sip:desk@python.sip.localhost", True)
    assert endpoint["credentials"] == {"realm": "python.sip.localhost", "username": "desk"}
    assert await do("list_domain_endpoints", domain_id) == [endpoint]
    await do("update_domain_endpoint", domain_id, endpoint_id, description="Front", enabled=False)
    changed = await do("get_domain_endpoint", domain_id, endpoint_id)
    assert (changed["description"], changed["enabled"]) == ("Front", False)
    token = await do("create_domain_endpoint_auth_token", domain_id, endpoint_id)
    assert token["token"] and token["expires"] == 3600
    await do("delete_domain_endpoint", domain_id, endpoint_id)
    assert await do("list_domain_endpoints", domain_id) == []
    await do("delete_domain", domain_id)
    assert domain_id not in [each["id"] for each in await do("list_domains")]


async def test_the_node_library(stage: Stage) -> None:
    async with NodeClient(stage.server.http) as sdk:
        domain_id = (await sdk("Domain.create", {"name": "node", "description": "Phones"}))["id"]
        assert domain_id in [each["id"] for each in await sdk("Domain.list", {})]
        new = {"name": "desk", "description": "Desk", "credentials": {"password": "secret-horse"}}
        endpoint_id = (await sdk("Endpoint.create", domain_id, new))["id"]
        endpoint = await sdk("Endpoint.get", domain_id, endpoint_id)
        assert (endpoint["sipUri"], endpoint["domainId"]) == ("sip:desk@node.sip.localhost", domain_id)
        assert [each["id"] for each in await sdk("Endpoint.list", domain_id, {})] == [endpoint_id]
        await sdk("Endpoint.update", domain_id, endpoint_id, {"enabled": False})
        assert (await sdk("Endpoint.get", domain_id, endpoint_id))["enabled"] is False
        token = await sdk("Endpoint.createAuthToken", domain_id, endpoint_id, {"expires": 60})
        assert token["token"] and token["expires"] == 60
        with pytest.raises(SdkError) as taken:
            await sdk("Domain.create", {"name": "node"})
        assert taken.value.status == 409
        await sdk("Endpoint.delete", domain_id, endpoint_id)
        await sdk("Domain.delete", domain_id)
