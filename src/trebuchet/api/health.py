"""For load balancers and supervisors: is the process alive, and can it take calls."""

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from trebuchet.api.dependencies import ApiDependencies
from trebuchet.api.responses import json_response

HealthEndpoint = Callable[[Request], Coroutine[Any, Any, Response]]


async def healthz(request: Request) -> Response:
    """Whether the process is alive."""
    return json_response({"status": "ok"})


def readyz_for(deps: ApiDependencies) -> HealthEndpoint:
    """The readiness endpoint."""

    async def readyz(request: Request) -> Response:
        """Whether new calls are taken: 503 while starting, draining, or unable to store anything."""
        if deps.is_draining():
            return json_response({"status": "draining"}, 503)
        if not deps.is_ready():
            return json_response({"status": "not-ready"}, 503)
        return json_response({"status": "ready"})

    return readyz
