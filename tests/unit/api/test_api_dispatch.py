"""The look-up of operations by the pieces of their paths."""

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from trebuchet.api.dispatch import Dispatch

PATHS = (
    ("GET", "/users/{userId}/calls"),
    ("POST", "/users/{userId}/calls/{callId}"),
    ("GET", "/users/{userId}/calls/{callId}/events/{eventId}"),
    ("GET", "/users/{userId}/media/{name:path}"),
)


async def ask(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The path of the operation that was reached and its variables; `framework` for the other way."""
    reached: list[tuple[str, dict[str, str]]] = []

    async def framework(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(("framework", {}))

    def operation(name: str) -> Any:
        async def serve(request: Request) -> Response:
            reached.append((name, dict(request.path_params)))
            return Response()

        return serve

    async def receive() -> dict[str, Any]:
        raise AssertionError("nothing is read")

    async def send(message: Any) -> None:
        pass

    dispatch = Dispatch(framework)
    for each, pattern in PATHS:
        dispatch.add(each, pattern, operation(f"{each} {pattern}"))
    await dispatch({"type": "http", "method": method, "path": path, "headers": []}, receive, send)
    (found,) = reached
    return found


async def test_operations_are_found_with_their_variables() -> None:
    assert await ask("GET", "/users/u-1/calls") == ("GET /users/{userId}/calls", {"userId": "u-1"})
    assert await ask("POST", "/users/u/calls/c-1") == (
        "POST /users/{userId}/calls/{callId}",
        {"userId": "u", "callId": "c-1"},
    )
    _, variables = await ask("GET", "/users/calls/calls/events/events/x")
    assert variables == {"userId": "calls", "callId": "events", "eventId": "x"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/users/u/calls"),
        ("GET", "/users/u/calls/c"),
        ("GET", "/users//calls"),
        ("GET", "/users/u/calls/"),
        ("GET", "/users/u"),
        ("GET", "/users/u/media/a"),
        ("GET", "/users/u/unknown"),
        ("GET", "users/u/calls"),
        ("GET", ""),
    ],
)
async def test_everything_else_takes_the_other_way(method: str, path: str) -> None:
    assert await ask(method, path) == ("framework", {})
