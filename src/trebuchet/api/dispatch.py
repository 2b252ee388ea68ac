"""The short way from a request to its operation: a look-up by the pieces of the path.

Operations bring their own frame (`operation`) and need none of the layers the framework puts around an endpoint, which
cost more than most handlers do. What is not found here (documentation, health, paths with slashes in a name, unknown
paths, wrong methods) takes the framework's way.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(slots=True)
class _Node:
    """What may follow at one place of a path: fixed pieces, or one variable."""

    fixed: dict[str, "_Node"] = field(default_factory=dict)
    variable: "_Node | None" = None
    endpoints: dict[str, tuple[Endpoint, tuple[str, ...]]] = field(default_factory=dict)
    """By method, for paths that end here, with the names of their variables."""


class Dispatch:
    """Pure ASGI. `app` takes whatever has not been added here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._root = _Node()

    def add(self, method: str, path: str, endpoint: Endpoint) -> None:
        """`path` with variables as `{name}`, each one piece long; one that may be longer (`{name:path}`) is left to
        the framework."""
        if ":" in path:
            return
        node, names = self._root, []
        for piece in path.split("/"):
            if piece.startswith("{"):
                names.append(piece[1:-1])
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.fixed.setdefault(piece, _Node())
        node.endpoints[method] = endpoint, tuple(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        endpoint, scope["path_params"] = found
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[Endpoint, dict[str, str]] | None:
        """A variable holds at least one character, as in the framework."""
        node, values = self._root, []
        for piece in scope["path"].split("/"):
            following = node.fixed.get(piece)
            if following is None:
                following = node.variable
                if following is None or not piece:
                    return None
                values.append(piece)
            node = following
        known = node.endpoints.get(scope["method"])
        return None if known is None else (known[0], dict(zip(known[1], values, strict=True)))
