"""POST /calls: every parameter of calls.md 5."""

from typing import Any

import pytest

from support.api_world import NUMBER, OTHER_NUMBER, USER, ApiWorld
from trebuchet.base.ids import AccountId
from trebuchet.calls.commands import CreateCall, Overloaded
from trebuchet.calls.meeting_commands import BridgeNotFound, ConferenceMismatch
from trebuchet.model.call import HttpMethod, WebhookTarget
from trebuchet.model.recording import RecordingFormat, RecordingSettings


async def create(world: ApiWorld, **more: Any) -> CreateCall:
    response = await world.post("/calls", {"from": NUMBER, "to": OTHER_NUMBER, **more})
    assert response.status_code == 201, response.text
    assert response.content == b""
    assert response.headers["location"] == f"{world.url}/calls/{world.calls.new_call_id}"
    return world.calls.created[-1]


async def refused(world: ApiWorld, body: Any, status: int, code: str, message: str | None = None) -> None:
    response = await world.post("/calls", body)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert message is None or response.json()["message"] == message
    assert world.calls.created == []


async def test_the_least_that_makes_a_call(world: ApiWorld) -> None:
    command = await create(world)
    assert command == CreateCall(account_id=AccountId(USER), from_=NUMBER, to=OTHER_NUMBER)
    assert command.ring_timeout_s == 60


async def test_all_parameters(world: ApiWorld) -> None:
    command = await create(
        world,
        to="sip:bob@example.test",
        callTimeout="30",
        callbackUrl="http://app.test/voice",
        callbackTimeout="2000",
        callbackHttpMethod="GET",
        fallbackUrl="http://spare.test/voice",
        recordingEnabled="true",
        recordingMaxDuration=120,
        recordingFileFormat="mp3",
        transcriptionEnabled=True,
        tag="x",
        sipHeaders={"X-Trace": "abc"},
    )
    assert command == CreateCall(
        account_id=AccountId(USER),
        from_=NUMBER,
        to="sip:bob@example.test",
        ring_timeout_s=30,
        webhook=WebhookTarget(
            url="http://app.test/voice",
            method=HttpMethod.GET,
            timeout_ms=2000,
            fallback_url="http://spare.test/voice",
        ),
        recording=RecordingSettings(is_enabled=True, format=RecordingFormat.MP3, max_duration_s=120),
        is_transcribed=True,
        tag="x",
        sip_headers={"X-Trace": "abc"},
    )


async def test_what_the_java_sdk_sends(world: ApiWorld) -> None:
    """calls.md 5: `none` means no callback."""
    command = await create(world, callbackUrl="none", tag=None)
    assert (command.webhook, command.tag) == (None, None)


async def test_what_the_python_sdk_sends(world: ApiWorld) -> None:
    """clients.md 4: every key, null where unset."""
    keys = [
        "callTimeout",
        "callbackUrl",
        "callbackTimeout",
        "callbackHttpMethod",
        "fallbackUrl",
        "bridgeId",
        "conferenceId",
        "recordingFileFormat",
        "recordingMaxDuration",
        "tag",
        "sipHeaders",
    ]
    command = await create(world, **dict.fromkeys(keys), recordingEnabled=False, transcriptionEnabled=False)
    assert command == CreateCall(account_id=AccountId(USER), from_=NUMBER, to=OTHER_NUMBER)


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("value", [None, "absent"])
async def test_from_and_to_are_mandatory(world: ApiWorld, name: str, value: str | None) -> None:
    body: dict[str, Any] = {"from": NUMBER, "to": OTHER_NUMBER}
    del body[name]
    if value is None:
        body[name] = None
    message = f"The 'call' resource property '{name}' is required but was not specified"
    await refused(world, body, 400, "missing-property", message)


@pytest.mark.parametrize("name", ["from", "to"])
async def test_from_and_to_may_not_be_blank(world: ApiWorld, name: str) -> None:
    message = f"The 'call' resource property '{name}' must contain at least one non-whitespace character"
    await refused(world, {"from": NUMBER, "to": NUMBER, name: "  "}, 400, "blank-property", message)


@pytest.mark.parametrize(
    "body",
    [
        {"from": "5550100", "to": OTHER_NUMBER},
        {"from": "sip:me@host", "to": OTHER_NUMBER},
        {"from": NUMBER, "to": "5550100"},
        {"from": NUMBER, "to": "sips:bob@host"},
        {"from": NUMBER + "\r\nX: 1", "to": OTHER_NUMBER},
        {"from": NUMBER, "to": "sip:bob@host\r\nX: 1"},
    ],
)
async def test_malformed_numbers(world: ApiWorld, body: dict[str, str]) -> None:
    await refused(world, body, 400, "validation-error", "Invalid phone number")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"callTimeout": 0}, "The 'call' resource property 'callTimeout' must be greater than 0"),
        ({"callTimeout": 301}, "The 'call' resource property 'callTimeout' exceeds the limit of 300"),
        ({"callbackTimeout": 0}, "The 'call' resource property 'callbackTimeout' must be greater than 0"),
        ({"callbackTimeout": 10001}, "The 'call' resource property 'callbackTimeout' exceeds the limit of 10000"),
        (
            {"callbackHttpMethod": "PUT"},
            "The 'call' resource property 'callbackHttpMethod' must be one of the following values: get, post",
        ),
        ({"recordingMaxDuration": 0}, "The 'call' resource property 'recordingMaxDuration' must be greater than 0"),
        (
            {"recordingFileFormat": "ogg"},
            "The 'call' resource property 'recordingFileFormat' must be one of the following values: wav, mp3",
        ),
        ({"tag": "x" * 4097}, "The 'call' resource property 'tag' exceeds the limit of 4096"),
        ({"transcriptionEnabled": "x"}, "Bad parameters"),
    ],
)
async def test_values_out_of_range(world: ApiWorld, extra: dict[str, Any], message: str) -> None:
    """calls.md 5, errors.md 7."""
    await refused(world, {"from": NUMBER, "to": OTHER_NUMBER, **extra}, 400, "validation-error", message)


@pytest.mark.parametrize("name", ["callbackUrl", "fallbackUrl"])
async def test_bad_urls(world: ApiWorld, name: str) -> None:
    message = "The URL 'app.test' is not a valid callbackUrl/fallbackUrl"
    await refused(world, {"from": NUMBER, "to": OTHER_NUMBER, name: "app.test"}, 400, "callback-invalid-url", message)


@pytest.mark.parametrize(
    ("sent", "read"),
    [("text", "text"), (12, "12"), ({"a": [1, None]}, '{"a":[1,null]}'), (True, "true"), ("x" * 4096, "x" * 4096)],
)
async def test_tags_that_are_not_strings_become_their_json_text(world: ApiWorld, sent: Any, read: str) -> None:
    """errors.md 7."""
    assert (await create(world, tag=sent)).tag == read


@pytest.mark.parametrize(
    "headers", [{"X-A": "1"}, {"x-lower": "é, ü"}, {f"X-{n}": "v" for n in range(5)}, {"X-A": "v" * 256}, {}]
)
async def test_sip_headers(world: ApiWorld, headers: dict[str, str]) -> None:
    """errors.md 7: names keep their case."""
    assert (await create(world, sipHeaders=headers)).sip_headers == headers


@pytest.mark.parametrize(
    "headers",
    [
        {"A": "1"},
        {"Via": "1"},
        {"X": "1"},
        {"X-": "1"},
        {"X-A B": "1"},
        {"X-A:": "1"},
        {"X-A\r\nVia": "1"},
        {"X-A": "1\r\nVia: x"},
        {"X-A": "1\n"},
        {"X-A": "\0"},
        {"X-A": "1\u2028"},
        {"X-A": 1},
        {"X-A": ["1"]},
        {f"X-{n}": "v" for n in range(6)},
        {"X-A": "v" * 257},
        {"X-" + "A" * 255: "v"},
        "X-A: 1",
        ["X-A"],
    ],
)
async def test_bad_sip_headers(world: ApiWorld, headers: Any) -> None:
    await refused(world, {"from": NUMBER, "to": OTHER_NUMBER, "sipHeaders": headers}, 400, "validation-error")


async def test_an_unknown_bridge(world: ApiWorld) -> None:
    """calls.md 5: 404 `bridge-not-found`."""
    world.calls.refusal = BridgeNotFound("brg-x")
    await refused(world, {"from": NUMBER, "to": OTHER_NUMBER, "bridgeId": "brg-x"}, 404, "bridge-not-found")


async def test_an_unknown_conference(world: ApiWorld) -> None:
    """calls.md 5: 403 `invalid-call-conference-id`."""
    world.calls.refusal = ConferenceMismatch("conf-x")
    body = {"from": NUMBER, "to": OTHER_NUMBER, "conferenceId": "conf-x"}
    await refused(world, body, 403, "invalid-call-conference-id")


async def test_bridge_and_conference_reach_call_control(world: ApiWorld) -> None:
    body = {"from": NUMBER, "to": OTHER_NUMBER, "bridgeId": "brg-1", "conferenceId": "conf-1"}
    assert (await world.post("/calls", body)).status_code == 201
    assert (world.calls.created[0].bridge_id, world.calls.created[0].conference_id) == ("brg-1", "conf-1")


async def test_overload_and_draining_say_when_to_retry(world: ApiWorld) -> None:
    body = {"from": NUMBER, "to": OTHER_NUMBER}
    world.calls.refusal = Overloaded(9)
    response = await world.post("/calls", body)
    assert (response.status_code, response.json()["code"]) == (503, "call-creation-failure")
    assert response.headers["retry-after"] == "9"
    world.calls.refusal = None
    world.flags["draining"] = True
    response = await world.post("/calls", body)
    assert (response.status_code, response.json()["code"]) == (503, "call-creation-failure")
    assert int(response.headers["retry-after"]) > 0
    assert world.calls.created == []
