"""What goes wrong for a client: the server refused, could not be reached, or said something that makes no sense."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


class ClientError(Exception):
    """The root: catch it to catch everything this package raises on purpose."""


class Unreachable(ClientError):
    """No answer: the server is not there, the connection broke, or time ran out. Whether the request was carried out is
    not known; with an idempotency key it can be sent again."""


class UnexpectedAnswer(ClientError):
    """An answer that is not one of this API: another program, or a proxy, listens at that address."""


class ApiError(ClientError):
    """The server refused the request and nothing of it was done.

    `code` is stable and documented (`call-not-found`); `status` is HTTP's; `category` groups codes; `message` is for
    people; `details` holds what the error is about, in the server's order.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        category: str = "",
        details: tuple[tuple[str, str], ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{message} ({status} {code})")
        self.status = status
        self.code = code
        self.message = message
        self.category = category
        self.details = details
        self.retry_after_s = retry_after_s
        """When the server says to come again; `None`: it did not."""

    def detail(self, name: str) -> str | None:
        """The value of the first detail of this name."""
        return next((value for key, value in self.details if key == name), None)


class BadRequest(ApiError):
    """400, 405, 408, 413, 415, 416: what was sent cannot be right."""


class Unauthorized(ApiError):
    """401: wrong credentials, or a number that belongs to somebody else."""


class Forbidden(ApiError):
    """403: understood, and not allowed in this state or for this account."""


class NotFound(ApiError):
    """404: no such thing, or not yours."""


class Conflict(ApiError):
    """409: it contradicts what is there."""


class RateLimited(ApiError):
    """429: too many requests; `reset_at` says when to come again."""

    reset_at: datetime | None = None


class ServerError(ApiError):
    """5xx: the server cannot do it now."""


_KINDS: dict[int, type[ApiError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 429: RateLimited}


def make_error(status: int, headers: Mapping[str, str], body: Any) -> ClientError:
    """The exception for an answer that is no success. `body`: its parsed JSON, or `None`."""
    if not isinstance(body, dict) or not isinstance(body.get("message"), str):
        return UnexpectedAnswer(f"status {status} without the error body of this API")
    kind = _KINDS.get(status, ServerError if status >= 500 else BadRequest)
    error = kind(
        status,
        str(body.get("code", "")),
        body["message"],
        category=str(body.get("category", "")),
        details=tuple((str(item["name"]), str(item["value"])) for item in body.get("details", ())),
        retry_after_s=_number(headers.get("retry-after")),
    )
    reset_ms = _number(headers.get("x-ratelimit-reset"))
    if isinstance(error, RateLimited) and reset_ms is not None:
        error.reset_at = datetime.fromtimestamp(reset_ms / 1000, UTC)
    return error


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
