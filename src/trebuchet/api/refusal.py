"""Refusing a request: the error body, its place in the customer's error list, and our own log."""

import structlog
from starlette.responses import Response
from starlette.types import Scope

from trebuchet.api import errors
from trebuchet.api.dependencies import ApiDependencies
from trebuchet.api.errors import ApiError, clip
from trebuchet.api.location import remote_address
from trebuchet.api.responses import json_response
from trebuchet.model.account import Account
from trebuchet.model.user_error import UserError

_UNLISTED = (errors.TOO_MANY_REQUESTS, errors.KEY_IN_USE)
"""Not stored: a flood of requests must not become one of writes."""

HIDDEN = "***"
"""Stands for a secret."""

_log = structlog.get_logger("trebuchet.api")


async def refuse(deps: ApiDependencies, scope: Scope, account: Account | None, error: Exception) -> Response:
    """The answer to a request that failed. Never raises and never shows more than the documented error.

    Failures of known accounts are added to their error list; those of nobody we know are not stored anywhere.
    """
    refusal = errors.to_api_error(error)
    if refusal is None:
        _log.error("request failed", method=scope["method"], pii_path=_shown_path(scope), exc_info=error)
        refusal = errors.INTERNAL()
    details = _details(deps, scope, refusal)
    if account is not None and refusal.kind not in _UNLISTED:
        await deps.report_error(_user_error(deps, account, refusal, details))
    return error_response(refusal, details)


def error_response(refusal: ApiError, details: errors.Details) -> Response:
    """The documented error body."""
    kind = refusal.kind
    body = {
        "category": kind.category,
        "code": kind.code,
        "message": refusal.message,
        "details": [{"name": name, "value": value} for name, value in details],
    }
    headers = list(refusal.headers)
    if kind is errors.ACCESS_DENIED:
        headers.append(("www-authenticate", 'Basic realm="trebuchet"'))
    return json_response(body, kind.status, headers=headers)


def _details(deps: ApiDependencies, scope: Scope, refusal: ApiError) -> errors.Details:
    path = _shown_path(scope).lstrip("/")
    return (
        *refusal.details,
        ("requestMethod", scope["method"]),
        ("remoteAddress", remote_address(deps, scope)),
        ("requestPath", clip(path.removeprefix("v1/"))),
    )


def _shown_path(scope: Scope) -> str:
    """Without the password that is in the path when an endpoint's token is deleted: this is stored."""
    path: str = scope["path"]
    token: str = scope.get("path_params", {}).get("token", "")
    return path.removesuffix(token) + HIDDEN if token else path


def _user_error(deps: ApiDependencies, account: Account, refusal: ApiError, details: errors.Details) -> UserError:
    return UserError(
        id=deps.ids.user_error(),
        account_id=account.id,
        at=deps.clock.utc(),
        category=refusal.kind.category,
        code=refusal.kind.code,
        message=refusal.message,
        details=details,
    )
