"""What holds for every resource: responses, errors, bounds, addresses (calls.md 1, errors.md 1, 2, 7)."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest

from support.api_world import BASE, CALL_ID, USER, ApiWorld, make_world
from trebuchet.api import errors
from trebuchet.api.body import MAX_BODY_BYTES
from trebuchet.api.errors import MAX_ECHO_CHARS, known_errors, to_api_error
from trebuchet.base.ids import AccountId, CallId
from trebuchet.calls import commands
from trebuchet.calls.commands import CommandError, PromptError
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.model.call import CallState

CALL = f"/v1/users/{USER}/calls/{CALL_ID}"


async def test_json_responses_have_their_type_and_are_not_cached(world: ApiWorld) -> None:
    """calls.md 1.4."""
    response = await world.get("/account")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-cache"


async def test_empty_bodies_have_length_zero_and_no_type(world: ApiWorld) -> None:
    """calls.md 1.4: one SDK parses whatever is called JSON."""
    await world.add_call()
    response = await world.update({})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "0"
    assert "content-type" not in response.headers


@pytest.mark.parametrize(
    "path", ["/account/", "/calls/", "/recordings/", "/applications/", "/phoneNumbers/", "/errors/"]
)
async def test_a_trailing_slash_is_accepted(world: ApiWorld, path: str) -> None:
    """calls.md 1.1."""
    assert (await world.get(path)).status_code == 200


async def test_paths_are_case_sensitive(world: ApiWorld) -> None:
    """calls.md 1.1."""
    assert (await world.get("/phonenumbers")).status_code == 404


async def test_an_unknown_path_is_a_json_404(world: ApiWorld) -> None:
    """errors.md 1, 4: `resource-not-found`."""
    response = await world.get("/nothing")
    assert response.status_code == 404
    assert response.json() == {
        "category": "not-found",
        "code": "resource-not-found",
        "message": "The requested resource could not be found.",
        "details": [
            {"name": "requestMethod", "value": "GET"},
            {"name": "remoteAddress", "value": "192.0.2.7"},
            {"name": "requestPath", "value": f"users/{USER}/nothing"},
        ],
    }
    assert [error.code for error in world.reported] == ["resource-not-found"]


@pytest.mark.parametrize(("method", "path"), [("DELETE", CALL), ("PUT", CALL), ("PATCH", f"/v1/users/{USER}/calls")])
async def test_an_unsupported_method_is_a_json_405(world: ApiWorld, method: str, path: str) -> None:
    """errors.md 7."""
    response = await world.client.request(method, path)
    assert (response.status_code, response.json()["category"]) == (405, "bad-request")
    assert response.headers["allow"] == "GET, POST"


async def test_details_begin_with_the_ids_and_end_with_the_request(world: ApiWorld) -> None:
    """errors.md 1, the example."""
    response = await world.get("/calls/c-nope")
    assert response.json() == {
        "category": "not-found",
        "code": "call-not-found",
        "message": "The call 'c-nope' could not be found",
        "details": [
            {"name": "callId", "value": "c-nope"},
            {"name": "requestMethod", "value": "GET"},
            {"name": "remoteAddress", "value": "192.0.2.7"},
            {"name": "requestPath", "value": f"users/{USER}/calls/c-nope"},
        ],
    }


BAD_BODIES = [
    b"",
    b"{",
    b'{"state": active}',
    b"[]",
    b'"active"',
    b"null",
    b"\xff\xfe",
    b'{"tag": "\\ud800"}',
    b'{"a":' * 50_000,
    b"[" * 100_000,
    b'{"a": 1e999}',
    b"NaN",
]


@pytest.mark.parametrize("body", BAD_BODIES)
async def test_bodies_that_are_no_json_object_are_bad_parameters(world: ApiWorld, body: bytes) -> None:
    """errors.md 7: body not JSON / not an object."""
    await world.add_call()
    response = await world.client.post(CALL, content=body)
    assert (response.status_code, response.json()["code"]) == (400, "validation-error")
    assert response.json()["message"] == "Bad parameters"
    assert world.calls.updated == []


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
async def test_json_content_types(world: ApiWorld, content_type: str | None) -> None:
    """calls.md 1.1: with or without charset, or absent."""
    await world.add_call()
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = await world.client.post(CALL, content=b' {\n "state" : "active" } ', headers=headers)
    assert response.status_code == 200
    assert world.command.state is CallState.ANSWERED


async def test_another_content_type_is_a_json_415(world: ApiWorld) -> None:
    await world.add_call()
    response = await world.client.post(CALL, data={"state": "active"})
    assert (response.status_code, response.json()["category"]) == (415, "bad-request")


async def test_a_body_over_the_limit_is_a_json_413(world: ApiWorld) -> None:
    """errors.md 7: body > 1 MB, announced or not."""
    await world.add_call()
    announced = await world.client.post(CALL, content=b" " * (MAX_BODY_BYTES + 1))

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 100_000 + 1):
            yield b" " * 100_000

    streamed = await world.client.post(CALL, content=pieces())
    for response in (announced, streamed):
        assert (response.status_code, response.json()["code"]) == (413, "request-too-large")
    assert world.calls.updated == []


async def test_the_resource_is_looked_for_before_the_body_is_judged(world: ApiWorld) -> None:
    """errors.md 7, order of checks."""
    response = await world.client.post(CALL, content=b"{nonsense")
    assert (response.status_code, response.json()["code"]) == (404, "call-not-found")


async def test_an_unexpected_exception_is_a_json_500_without_its_text(world: ApiWorld) -> None:
    """errors.md 4, 500: no stack trace."""
    await world.add_call()
    world.calls.refusal = RuntimeError("secret inner life")
    response = await world.update({"state": "active"})
    assert response.status_code == 500
    assert (response.json()["category"], response.json()["code"]) == ("backend", "internal-error")
    assert "secret" not in response.text and "Traceback" not in response.text


async def test_a_failing_log_is_503_with_retry_after(world: ApiWorld) -> None:
    await world.add_call()
    world.calls.refusal = LogUnavailable("disk full")
    response = await world.update({"state": "active"})
    assert (response.status_code, response.json()["category"]) == (503, "unavailable")
    assert int(response.headers["retry-after"]) > 0


async def test_failed_requests_are_logged_as_user_errors(world: ApiWorld) -> None:
    """errors.md 5: same category, code, message and details as the response."""
    body = (await world.get("/calls/c-nope")).json()
    (logged,) = (await world.get("/errors")).json()
    assert {key: logged[key] for key in ("category", "code", "message")} == {
        key: body[key] for key in ("category", "code", "message")
    }
    assert [(item["name"], item["value"]) for item in logged["details"]] == [
        (item["name"], item["value"]) for item in body["details"]
    ]


async def test_long_input_is_not_repeated_whole(world: ApiWorld) -> None:
    await world.add_call()
    response = await world.update({"callbackUrl": "http://" + "x" * 100_000 + ".test/"})
    assert response.status_code == 400
    assert len(response.json()["message"]) < MAX_ECHO_CHARS + 200
    assert len((await world.get("/calls/" + "c" * 20_000)).content) < 3000


async def test_nul_in_a_path_finds_nothing(world: ApiWorld) -> None:
    assert (await world.get("/calls/c-%00")).status_code == 404


async def test_too_many_requests_at_once_are_refused_early(tmp_path: Path) -> None:
    world = await make_world(tmp_path, max_requests=1)
    await world.add_call()
    gate, entered = asyncio.Event(), asyncio.Event()

    async def slow_update(command: commands.UpdateCall) -> None:
        entered.set()
        await gate.wait()

    world.calls.update = slow_update  # type: ignore[method-assign,assignment]  # the fake is ours to bend
    first = asyncio.create_task(world.update({"state": "active"}))
    await entered.wait()
    refused = await world.update({"state": "active"})
    gate.set()
    assert (await first).status_code == 200
    assert (refused.status_code, refused.json()["category"]) == (503, "unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert (await world.get("/account")).status_code == 200
    await world.client.aclose()


# --- addresses ------------------------------------------------------------------------------------------------------


async def test_location_echoes_how_the_client_addressed_us(world: ApiWorld) -> None:
    """calls.md 1.4."""
    response = await world.post("/applications", {"name": "A", "incomingCallUrl": "http://a.test/"})
    assert response.status_code == 201
    assert response.content == b""
    application_id = response.headers["location"].rpartition("/")[2]
    assert response.headers["location"] == f"{BASE}/v1/users/{USER}/applications/{application_id}"


@pytest.mark.parametrize("host", ["", "a b", "evil.test/path", "x,y;z", "a" * 300, "[::1", "é"])
async def test_a_host_header_that_is_none_is_not_repeated(world: ApiWorld, host: str) -> None:
    await world.add_call()
    response = await world.get(f"/calls/{CALL_ID}", headers={"Host": host.encode()})
    assert response.json()["events"].startswith("http://api.example.test:8080/v1/")


async def test_ipv6_hosts_are_repeated(world: ApiWorld) -> None:
    await world.add_call()
    response = await world.get(f"/calls/{CALL_ID}", headers={"Host": "[::1]:8080"})
    assert response.json()["events"].startswith("http://[::1]:8080/v1/")


FORWARDED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "voice.example.test",
    "X-Forwarded-For": "203.0.113.9, 198.51.100.4, 192.0.2.8",
}


async def test_forwarded_headers_of_strangers_are_ignored(world: ApiWorld) -> None:
    response = await world.get("/calls/c-nope", headers=FORWARDED)
    assert {"name": "remoteAddress", "value": "192.0.2.7"} in response.json()["details"]
    await world.add_call()
    assert (await world.get(f"/calls/{CALL_ID}", headers=FORWARDED)).json()["events"].startswith(BASE)


async def test_forwarded_headers_of_trusted_proxies_count(tmp_path: Path) -> None:
    """calls.md 1.4: `X-Forwarded-*` if trusted."""
    world = await make_world(tmp_path, trusted_proxies=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
    await world.add_call()
    response = await world.get(f"/calls/{CALL_ID}", headers=FORWARDED)
    assert response.json()["events"].startswith("https://voice.example.test/v1/")
    details = (await world.get("/calls/c-nope", headers=FORWARDED)).json()["details"]
    assert {"name": "remoteAddress", "value": "198.51.100.4"} in details
    forged = {**FORWARDED, "X-Forwarded-Host": "a/b", "X-Forwarded-Proto": "javascript", "X-Forwarded-For": "<x>"}
    response = await world.get("/calls/c-nope", headers=forged)
    assert {"name": "remoteAddress", "value": "192.0.2.7"} in response.json()["details"]
    await world.client.aclose()


async def test_a_public_url_is_used_everywhere(tmp_path: Path) -> None:
    world = await make_world(tmp_path, public_url="https://voice.example.test")
    await world.add_call()
    call = (await world.get(f"/calls/{CALL_ID}")).json()
    assert call["recordings"] == f"https://voice.example.test/v1/users/{USER}/calls/{CALL_ID}/recordings"
    await world.client.aclose()


# --- the table of errors --------------------------------------------------------------------------------------------


def subclasses(cls: type[Exception]) -> set[type[Exception]]:
    return {cls} | {deep for direct in cls.__subclasses__() for deep in subclasses(direct)}


def test_every_error_of_a_command_has_a_form_on_the_wire() -> None:
    concrete = (subclasses(CommandError) - {CommandError}) | (subclasses(PromptError) - {PromptError})
    assert {commands.Overloaded, LogUnavailable} | concrete <= known_errors()


def wrong_state(state: CallState) -> commands.WrongCallState:
    return commands.WrongCallState(CallId("c-1"), state)


USER_1 = AccountId("u-1")
COMMAND_ERRORS = [
    (commands.CallNotFound("c-1"), 404, "call-not-found", "The call 'c-1' could not be found"),
    (
        wrong_state(CallState.RINGING),
        403,
        "call-invalid-state",
        "Unable to update call 'c-1'. Invalid call state 'started'",
    ),
    (
        wrong_state(CallState.TRANSFERRING),
        403,
        "call-invalid-state",
        "Unable to update call 'c-1'. Invalid call state 'transferring'",
    ),
    (
        wrong_state(CallState.ENDED),
        403,
        "call-invalid-state",
        "Unable to update call 'c-1'. You can't update the call's state after being set to 'completed'.",
    ),
    (
        wrong_state(CallState.REJECTED),
        403,
        "call-invalid-state",
        "Unable to update call 'c-1'. You can't update the call's state after being set to 'rejected'.",
    ),
    (
        commands.AlreadyRecording(),
        409,
        "conflicted-recording-values-request",
        "Call recording is been executed already!",
    ),
    (
        commands.RecordingLimitLocked(),
        409,
        "conflicted-recording-values-request",
        "Call recoding maximum duration time cannot be changed while recording is been executed!",
    ),
    (
        commands.RecordingLimitTooLong(3600),
        403,
        "maximum-recording-value-request",
        "Recording call maximum duration cannot exceed 3600 seconds.",
    ),
    (
        commands.CallerIdNotAllowed("+1"),
        400,
        "validation-error",
        "The callerId '+1' is not allowed. It must be 'private' or a phone number owned by user",
    ),
    (
        commands.NumberNotOwned(USER_1, "+12"),
        401,
        "number-access-denied",
        "User u-1 does not have permission to use number +12",
    ),
    (commands.NoNumbers(USER_1), 401, "no-allocated-number", "User u-1 does not have allocated numbers"),
    (commands.CannotCall("+12"), 403, "invalid-call-to-number", "Cannot make a call to number '+12'"),
    (
        commands.CallFailed("+12", "+13"),
        503,
        "call-creation-failure",
        "A call from '+12' to '+13' could not be created",
    ),
    (
        commands.TransferFailed(CallId("c-1"), "+13"),
        503,
        "call-transfer-error",
        "Call 'c-1' could not be transferred to '+13'",
    ),
    (
        commands.CallNotReady(CallId("c-1")),
        503,
        "call-unavailable",
        "The call 'c-1' is being initialized and cannot be modified now retry your operation later",
    ),
    (commands.PromptUrlInvalid("http://x"), 403, "media-invalid-url", "The media URL 'http://x' is invalid."),
    (commands.PromptUnreachable("http://x"), 503, "media-unavailable", "Failed to access media 'http://x'"),
    (commands.PromptUnsupported("http://x"), 403, "media-not-supported", "Media type not supported 'http://x'"),
    (commands.SpeechFailed("Hello"), 503, "speak-error", "The sentence could not be spoken"),
]


@pytest.mark.parametrize(("error", "status", "code", "message"), COMMAND_ERRORS)
async def test_what_call_control_refuses_is_told_as_documented(
    world: ApiWorld, error: Exception, status: int, code: str, message: str
) -> None:
    """errors.md 3 and 4."""
    await world.add_call()
    world.calls.refusal = error
    response = await world.update({"state": "active"})
    body = response.json()
    assert (response.status_code, body["code"], body["message"]) == (status, code, message)


async def test_number_access_denied_begins_with_user_and_number(world: ApiWorld) -> None:
    """errors.md 3."""
    world.calls.refusal = commands.NumberNotOwned(AccountId(USER), "+19195550199")
    response = await world.post("/calls", {"from": "+19195550199", "to": "+19195550177"})
    assert response.json()["details"][:2] == [
        {"name": "userId", "value": USER},
        {"name": "number", "value": "+19195550199"},
    ]


def test_errors_that_are_not_ours_are_unknown() -> None:
    assert to_api_error(ValueError("x")) is None
    assert to_api_error(errors.BAD_PARAMETERS()) is not None


async def test_braces_in_input_do_not_disturb_messages(world: ApiWorld) -> None:
    response = await world.get("/calls/{0}{x}")
    assert response.json()["message"] == "The call '{0}{x}' could not be found"


async def test_health(world: ApiWorld) -> None:
    request = httpx.Request("GET", "http://x/healthz")
    assert (await world.client.send(request, auth=None)).status_code == 200
    ready = httpx.Request("GET", "http://x/readyz")
    assert (await world.client.send(ready, auth=None)).status_code == 200
    world.flags["ready"] = False
    assert (await world.client.send(ready, auth=None)).status_code == 503
    world.flags |= {"ready": True, "draining": True}
    response = await world.client.send(ready, auth=None)
    assert (response.status_code, response.json()) == (503, {"status": "draining"})


async def test_paths_outside_the_api_are_json_404s_for_everybody(world: ApiWorld) -> None:
    for path in ("/", "/nothing", "/v2/users"):
        response = await world.client.send(httpx.Request("GET", f"http://x{path}"), auth=None)
        assert (response.status_code, response.json()["code"]) == (404, "resource-not-found")


async def test_a_store_that_cannot_serve_is_503_everywhere(world: ApiWorld) -> None:
    await world.add_call()
    world.store.fail_with = LogUnavailable("disk gone")
    for response in (await world.get(f"/calls/{CALL_ID}"), await world.get("/calls"), await world.get("/recordings")):
        assert (response.status_code, response.json()["category"]) == (503, "unavailable")
        assert int(response.headers["retry-after"]) > 0
