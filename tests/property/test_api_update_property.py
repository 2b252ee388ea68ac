"""Whatever JSON a client sends to update a call: no 500, and a refused request changes nothing (calls.md 7.2)."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.api_world import CALL_ID, USER, ApiWorld, make_world

KEYS = (
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
)
LIKELY = (
    "active",
    "transferring",
    "Completed",
    "true",
    "wav",
    "60",
    "+19195550177",
    "sip:bob@host",
    "sip:bob@host\r\nX: 1",
    "http://app.test/x",
    "private",
    "stack",
    "away",
    "\0",
)
WHISPER_KEYS = ("fileUrl", "sentence", "gender", "locale", "voice", "volume", "loopEnabled", "tag")

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
) | st.sampled_from(LIKELY)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
whispers = st.dictionaries(st.sampled_from(WHISPER_KEYS), values | st.sampled_from(["susan", "en", "Hi"]), max_size=5)
bodies = st.dictionaries(st.sampled_from(KEYS) | texts, values | whispers, max_size=6)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def world(runner: asyncio.Runner) -> Iterator[ApiWorld]:
    with tempfile.TemporaryDirectory() as folder:
        made = runner.run(make_world(Path(folder)))
        runner.run(made.add_call())
        yield made
        runner.run(made.client.aclose())


SIP_FIELDS = ("to", "caller_id", "diversion_treatment", "diversion_reason")


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=bodies)
def test_any_object_is_taken_whole_or_refused_whole(
    runner: asyncio.Runner, world: ApiWorld, body: dict[str, Any]
) -> None:
    world.calls.updated.clear()
    before = runner.run(world.get(f"/calls/{CALL_ID}")).json()
    response = runner.run(world.update(body))
    assert response.status_code in (200, 201, 400, 403), response.text
    if response.status_code >= 400:
        assert world.calls.updated == []
        assert set(response.json()) == {"category", "code", "message", "details"}
        assert runner.run(world.get(f"/calls/{CALL_ID}")).json() == before
        return
    (command,) = world.calls.updated
    assert (response.status_code == 201) == (command.transfer is not None)
    for name in SIP_FIELDS if command.transfer is not None else ():
        text = getattr(command.transfer, name) or ""
        assert not set(text) & set("\r\n\0"), (name, text)


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=200) | texts.map(str.encode))
def test_any_bytes_are_refused_or_mean_an_object(runner: asyncio.Runner, world: ApiWorld, raw: bytes) -> None:
    world.calls.updated.clear()
    path = f"/v1/users/{USER}/calls/{CALL_ID}"
    response: httpx.Response = runner.run(world.client.post(path, content=raw))
    assert response.status_code in (200, 400), response.text
    assert (response.status_code == 200) == (len(world.calls.updated) == 1)
