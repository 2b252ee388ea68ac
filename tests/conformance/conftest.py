"""The stage is shared by the tests of a module. Clients that are replayed on it: `replay` is each of the three,
`either` is Ruby or C#, which have more methods in common."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from client_rows import ROWS

from support.replays import Replay, replayed
from support.stage import Stage, server_arguments, server_environment, stage

__all__ = ["server_arguments", "server_environment", "stage"]


@pytest_asyncio.fixture(loop_scope="module", params=list(ROWS))
async def replay(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[Replay]:
    async with replayed(stage, request.param, ROWS[request.param]) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module", params=["ruby", "c#"])
async def either(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[Replay]:
    async with replayed(stage, request.param, ROWS[request.param]) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def ruby(stage: Stage) -> AsyncIterator[Replay]:
    async with replayed(stage, "ruby", ROWS["ruby"]) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def java(stage: Stage) -> AsyncIterator[Replay]:
    async with replayed(stage, "java", ROWS["java"]) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def csharp(stage: Stage) -> AsyncIterator[Replay]:
    async with replayed(stage, "c#", ROWS["c#"]) as client:
        yield client
