"""The application: every route, the outermost layer, and JSON for whatever goes wrong outside a handler."""

from functools import partial

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

import trebuchet
from trebuchet.api import errors, openapi
from trebuchet.api.auth import authenticate
from trebuchet.api.dependencies import ApiDependencies
from trebuchet.api.dispatch import Dispatch, Endpoint
from trebuchet.api.door import MAX_REQUESTS, Door
from trebuchet.api.headers import header
from trebuchet.api.health import healthz, readyz_for
from trebuchet.api.idempotency import KeyedRequests
from trebuchet.api.metrics import metrics_for
from trebuchet.api.operation import BareRoute, Operation, endpoint
from trebuchet.api.refusal import refuse
from trebuchet.api.v1.account import routes as account
from trebuchet.api.v1.applications import routes as applications
from trebuchet.api.v1.available_numbers import routes as available_numbers
from trebuchet.api.v1.bridges import routes as bridges
from trebuchet.api.v1.calls import routes as calls
from trebuchet.api.v1.conferences import routes as conferences
from trebuchet.api.v1.domains import routes as domains
from trebuchet.api.v1.endpoints import routes as endpoints
from trebuchet.api.v1.errors import routes as user_errors
from trebuchet.api.v1.events import routes as events
from trebuchet.api.v1.gathers import routes as gathers
from trebuchet.api.v1.media import routes as media
from trebuchet.api.v1.number_info import routes as number_info
from trebuchet.api.v1.phone_numbers import routes as phone_numbers
from trebuchet.api.v1.recordings import routes as recordings
from trebuchet.api.v1.transcriptions import routes as transcriptions
from trebuchet.api.v1.voice import routes as voice
from trebuchet.api.v1.webhooks import routes as webhooks
from trebuchet.calls.commands import LogUnavailable

OPERATIONS: tuple[Operation, ...] = (
    *sorted(calls.OPERATIONS, key=lambda operation: operation.path != "/calls/{callId}"),
    *webhooks.OPERATIONS,
    *voice.OPERATIONS,
    *gathers.OPERATIONS,
    *bridges.OPERATIONS,
    *conferences.OPERATIONS,
    *recordings.OPERATIONS,
    *media.OPERATIONS,
    *applications.OPERATIONS,
    *phone_numbers.OPERATIONS,
    *transcriptions.OPERATIONS,
    *available_numbers.OPERATIONS,
    *number_info.OPERATIONS,
    *domains.OPERATIONS,
    *endpoints.OPERATIONS,
    *account.OPERATIONS,
    *user_errors.OPERATIONS,
    *events.OPERATIONS,
)
"""Routes are tried in order: the one that runs while a caller waits comes first."""


class Api(FastAPI):
    """The framework's application behind `front`, which every request meets first."""

    front: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.front(scope, receive, send)


def create_app(deps: ApiDependencies, *, max_requests: int = MAX_REQUESTS) -> FastAPI:
    """The API as an ASGI application. Paths are accepted with and without a final slash; nothing redirects."""
    app = Api(
        title="Trebuchet",
        version=trebuchet.__version__,
        description="Programmable voice: real phone calls, controlled over HTTP.",
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.router.route_class = BareRoute
    keyed = KeyedRequests(deps.store, deps.ids, deps.clock, deps.request_secret)
    dispatch = Dispatch(partial(FastAPI.__call__, app))
    for operation in OPERATIONS:
        serve = endpoint(deps, operation, keyed)
        dispatch.add(operation.method, operation.root + operation.path, serve)
        _add(app, operation, serve)
    app.add_api_route("/healthz", healthz, methods=["GET"])
    app.add_api_route("/readyz", readyz_for(deps), methods=["GET"])
    if deps.metrics is not None:
        app.add_api_route("/metrics", metrics_for(deps.metrics), methods=["GET"], response_class=PlainTextResponse)
    openapi.install(app, OPERATIONS)
    app.add_api_route("/docs", openapi.page_for(app), methods=["GET"], include_in_schema=False)
    _handle_leftovers(app, deps)
    app.front = Door(dispatch, max_requests)
    return app


def _add(app: FastAPI, operation: Operation, serve: Endpoint) -> None:
    app.add_api_route(
        operation.root + operation.path,
        serve,
        methods=[operation.method],
        name=operation.handler.__name__,
        operation_id=f"{operation.handler.__name__}_{operation.method.lower()}",
        summary=(operation.handler.__doc__ or "").splitlines()[0],
        response_model=None,
        include_in_schema=not operation.is_hidden,
    )


def _handle_leftovers(app: FastAPI, deps: ApiDependencies) -> None:
    """Paths and methods that do not exist, and exceptions outside handlers: all of them are answered in JSON."""

    async def leftover(request: Request, error: Exception) -> Response:
        try:
            account = await authenticate(header(request.scope, b"authorization"), deps.store)
        except LogUnavailable as failure:
            return await refuse(deps, request.scope, None, failure)
        if account is None and request.scope["path"].startswith("/v1/"):
            return await refuse(deps, request.scope, None, errors.ACCESS_DENIED())
        return await refuse(deps, request.scope, account, _leftover_error(app, request, error))

    app.add_exception_handler(HTTPException, leftover)
    app.add_exception_handler(Exception, leftover)


def _leftover_error(app: FastAPI, request: Request, error: Exception) -> Exception:
    if not isinstance(error, HTTPException):
        return error
    if error.status_code != 405:
        return errors.RESOURCE_NOT_FOUND()
    refusal = errors.METHOD_NOT_ALLOWED(request.method)
    refusal.headers = (("allow", ", ".join(sorted(_methods(app, request)))),)
    return refusal


def _methods(app: FastAPI, request: Request) -> set[str]:
    """What the path supports: its routes are one for each method."""
    routes = [route for route in app.routes if isinstance(route, Route)]
    found = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in found for method in route.methods or ()}
