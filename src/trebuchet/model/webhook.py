"""Where events go."""

from enum import StrEnum

from trebuchet.base.values import frozen_keywords


class HttpMethod(StrEnum):
    GET = "get"
    POST = "post"


@frozen_keywords
class WebhookTarget:
    """Where a call's events go, and how."""

    url: str
    method: HttpMethod = HttpMethod.POST
    timeout_ms: int | None = None
    """`None`: the default of 10 s."""
    fallback_url: str | None = None
