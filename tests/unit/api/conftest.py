from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.api_world import ApiWorld, make_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    made = await make_world(tmp_path)
    yield made
    await made.client.aclose()
