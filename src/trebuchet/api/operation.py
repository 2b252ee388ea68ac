"""Operations: one method of one path, with what its documentation says and the frame every request runs in.

The frame is one flat function: credentials, path user, rate, handler, refusal. Order of checks: credentials, path user,
rate (a request over it is not looked at), existence of the resource, JSON, property rules, ownership, state. Because
existence comes before the body, handlers read bodies themselves instead of having them read for them.
"""

import math
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.auth import authenticate
from trebuchet.api.context import Context
from trebuchet.api.dependencies import ApiDependencies
from trebuchet.api.fields import Body
from trebuchet.api.headers import header
from trebuchet.api.rate_limits import RateLimit
from trebuchet.api.refusal import refuse
from trebuchet.model.account import Account

USER_PATH = "/v1/users/{userId}"

Handler = Callable[[Context], Awaitable[Response]]


class Creates(Enum):
    """Whether a success is 201 with a Location."""

    NEVER = "never"
    SOMETIMES = "sometimes"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`path` is below `USER_PATH`. The first line of the handler's docstring becomes its summary."""

    method: str
    path: str
    handler: Handler
    body: type[Body] | None = None
    query: type[Body] | None = None
    result: Any = None
    """Type of the JSON a success carries; `None`: no JSON."""
    creates: Creates = Creates.NEVER


class BareRoute(APIRoute):
    """A documented route whose endpoint takes the request and nothing else: no dependency solving for each request."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


def endpoint(deps: ApiDependencies, operation: Operation) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """The operation in its frame."""
    handler = operation.handler
    bucket = deps.rate_limits.bucket_of(operation.method, operation.path)

    async def serve(request: Request) -> Response:
        account = None
        scope = request.scope
        try:
            account = await authenticate(header(scope, b"authorization"), deps.store)
            if account is None or scope["path_params"]["userId"] != account.id:
                raise errors.ACCESS_DENIED()
            if "\0" in scope["path"]:  # no id or name holds it, and databases cannot be asked for it
                raise errors.RESOURCE_NOT_FOUND()
            if bucket is not None:
                _check_rate(deps, account, *bucket)
            return await handler(Context(deps, account, request))
        except Exception as error:
            return await refuse(deps, scope, account, error)

    serve.__name__ = operation.handler.__name__
    serve.__doc__ = operation.handler.__doc__
    return serve


def _check_rate(deps: ApiDependencies, account: Account, bucket: str, limit: RateLimit) -> None:
    """Raises the documented 429, which says in milliseconds since the epoch when to come again."""
    wait_s = deps.request_meter.wait_s(account.id, bucket, limit, deps.clock.now())
    if wait_s:
        raise errors.too_many_requests(math.ceil((deps.clock.utc().timestamp() + wait_s) * 1000))
