"""The outermost layer: a bound on requests at once, and paths without their final slash."""

from starlette.types import ASGIApp, Receive, Scope, Send

from trebuchet.api import errors
from trebuchet.api.refusal import error_response

MAX_REQUESTS = 1000
"""Requests at once. Each may hold a body of up to 1 MB while it is read, so this bounds memory too; above it the
server would only queue."""
RETRY_AFTER_S = 1
"""Requests last milliseconds: after a second there is room again or the overload goes on."""


class Door:
    """Pure ASGI; what an unauthenticated peer meets first."""

    def __init__(self, app: ASGIApp, max_requests: int = MAX_REQUESTS) -> None:
        self._app = app
        self._max_requests = max_requests
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._running >= self._max_requests:
            await error_response(errors.UNAVAILABLE(retry_after_s=RETRY_AFTER_S), ())(scope, receive, send)
            return
        path: str = scope["path"]
        if path.endswith("/"):
            scope["path"] = path.rstrip("/") or "/"
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1
