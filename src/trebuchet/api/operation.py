"""Operations: one method of one path, with what its documentation says and the frame every request runs in.

The frame is one flat function: credentials, path user, rate, handler, refusal. Order of checks: credentials, path user,
rate (a request over it is not looked at), existence of the resource, JSON, property rules, ownership, state. Because
existence comes before the body, handlers read bodies themselves instead of having them read for them.
"""

import math
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.auth import authenticate
from trebuchet.api.context import Context
from trebuchet.api.dependencies import ApiDependencies
from trebuchet.api.fields import Body
from trebuchet.api.headers import header
from trebuchet.api.idempotency import CHANGING_METHODS, HEADER, KeyedRequests, KeyedRun, TakenBody
from trebuchet.api.rate_limits import RateLimit
from trebuchet.api.refusal import refuse
from trebuchet.base.ids import Ids
from trebuchet.model.account import Account
from trebuchet.store.interface import Store

USER_PATH = "/v1/users/{userId}"

ROOT = "/v1"

Handler = Callable[[Context], Awaitable[Response]]

Id = TypeVar("Id", bound=str)


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
    is_body_optional: bool = False
    """Whether nothing, or an empty string, may be sent in place of the body."""
    query: type[Body] | None = None
    result: Any = None
    """Type of the JSON a success carries; `None`: no JSON."""
    result_status: int = 200
    """Status of a success that carries JSON."""
    creates: Creates = Creates.NEVER
    root: str = USER_PATH
    """What is before `path`: the account, or for what belongs to nobody the version alone."""
    take_body: Callable[[Context], AbstractAsyncContextManager[TakenBody]] | None = None
    """For a keyed request whose body is too large for the memory: takes it before anything is known of the key."""
    find_made: Callable[[Context], Awaitable[Response | None]] | None = None
    """For a keyed request whose first run was cut off: the success it would have answered with, if what it makes under
    its reserved id is there. Not needed where the answer is committed together with what is made."""
    produces: str | None = None
    """Content type of a success that carries something else than JSON."""
    consumes: str | None = None
    """Content type of a body that is something else than JSON."""
    is_hidden: bool = False
    """Another path of an operation that is documented elsewhere: served, and left out of the document."""
    is_empty: bool = False
    """There is nothing, by the API's rules: the answer is always the 404 of an unknown path."""


def made_at(
    collection: str, reserved: Callable[[Ids], Id], read: Callable[[Store, Id], Awaitable[object | None]]
) -> Callable[[Context], Awaitable[Response | None]]:
    """`Operation.find_made` of what lives at `{collection}/{id}`: the id it was to have, and how it is read."""

    async def find_made(context: Context) -> Response | None:
        made_id = reserved(context.deps.ids)
        made = await read(context.deps.store, made_id)
        return None if made is None else context.created(f"{collection}/{made_id}")

    return find_made


class BareRoute(APIRoute):
    """A documented route whose endpoint takes the request and nothing else: no dependency solving for each request."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


@dataclass(frozen=True, slots=True)
class _KeyedRuns:
    """One request with an idempotency key, as `KeyedRequests` runs it."""

    deps: ApiDependencies
    operation: Operation
    account: Account

    async def find_made(self, run: KeyedRun, request: Request) -> Response | None:
        find = self.operation.find_made
        return None if find is None else await find(self._context(run, request))

    async def run(self, run: KeyedRun, request: Request) -> Response:
        try:
            return await self.operation.handler(self._context(run, request))
        except Exception as error:
            return await refuse(self.deps, request.scope, self.account, error)

    def _context(self, run: KeyedRun, request: Request) -> Context:
        return Context(replace(self.deps, ids=run.ids), self.account, request, run)


def endpoint(
    deps: ApiDependencies, operation: Operation, keyed: KeyedRequests
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """The operation in its frame."""
    handler = operation.handler
    takes_key = operation.method in CHANGING_METHODS
    bucket = deps.rate_limits.bucket_of(operation.method, operation.path)

    async def serve(request: Request) -> Response:
        account = None
        scope = request.scope
        try:
            account = await authenticate(header(scope, b"authorization"), deps.store)
            if account is None or scope["path_params"].get("userId", account.id) != account.id:
                raise errors.ACCESS_DENIED()
            if "\0" in scope["path"]:  # no id or name holds it, and databases cannot be asked for it
                raise errors.RESOURCE_NOT_FOUND()
            if bucket is not None:
                _check_rate(deps, account, *bucket)
            key = header(scope, HEADER) if takes_key else None
            context = Context(deps, account, request)
            if key is None:
                return await handler(context)
            runs = _KeyedRuns(deps, operation, account)
            if operation.take_body is None:
                return await keyed.serve(account.id, key, request, runs)
            return await keyed.serve_taken(account.id, key, request, operation.take_body(context), runs)
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
