"""Too many requests, as the vendor's own libraries see it: they wait until the time that the refusal names."""

import asyncio
import json
import time

import bandwidth
import pytest
from bandwidth.account import BandwidthAccountAPIException

from support.node_client import VERSIONS, NodeClient, SdkError
from support.server import SECRET, TOKEN, USER
from support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

BURST = 3
SECONDS_A_REQUEST = 100


@pytest.fixture(scope="module")
def server_environment() -> dict[str, str]:
    return {
        "TREBUCHET_LIMITS_REQUESTS_PER_SECOND": str(1 / SECONDS_A_REQUEST),
        "TREBUCHET_LIMITS_REQUEST_BURST": str(BURST),
    }


@pytest.mark.parametrize(("version", "method"), [(VERSIONS[0], "Application.list"), (VERSIONS[1], "Domain.list")])
async def test_node_is_told_when_to_come_back(stage: Stage, version: str, method: str) -> None:
    """Each version has a resource of its own to use up."""
    async with NodeClient(stage.server.http, version) as sdk:
        for _ in range(BURST):
            assert await sdk(method, {}) == []
        with pytest.raises(SdkError) as refused:
            await sdk(method, {})
        assert (refused.value.name, refused.value.status) == ("RateLimitError", 429)
        assert refused.value.limit_reset is not None
        assert 0 < int(refused.value.limit_reset) / 1000 - time.time() <= SECONDS_A_REQUEST
        assert json.loads(refused.value.message)["category"] == "too-many-requests"
        assert (await sdk("PhoneNumber.list", {})) == [], "another resource"


async def test_python_is_told_so(stage: Stage) -> None:
    client = bandwidth.client("account", USER, TOKEN, SECRET, api_endpoint=stage.server.http, api_version="v1")
    for _ in range(BURST):
        assert await asyncio.to_thread(client.get_account)
    with pytest.raises(BandwidthAccountAPIException) as refused:
        await asyncio.to_thread(client.get_account)
    assert refused.value.status_code == 429
