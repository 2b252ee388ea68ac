"""Applications: where the events of incoming calls go."""

from datetime import datetime

from trebuchet.base.ids import AccountId, ApplicationId
from trebuchet.base.values import frozen_keywords
from trebuchet.model.call import HttpMethod, WebhookTarget

DEFAULT_WEBHOOK_TIMEOUT_MS = 10_000
"""Longest wait for an application's web server, and the default (API limit)."""


@frozen_keywords
class Application:
    id: ApplicationId
    account_id: AccountId
    name: str
    created_at: datetime
    incoming_call_url: str | None = None
    incoming_call_timeout_ms: int = DEFAULT_WEBHOOK_TIMEOUT_MS
    incoming_call_fallback_url: str | None = None
    incoming_message_url: str | None = None
    incoming_message_timeout_ms: int = DEFAULT_WEBHOOK_TIMEOUT_MS
    incoming_message_fallback_url: str | None = None
    http_method: HttpMethod = HttpMethod.POST
    auto_answer: bool = True
    message_api_version: str | None = None
    """Stored and echoed for one client library; means nothing here."""

    def webhook_target(self) -> WebhookTarget | None:
        """Where events of an incoming call go; `None` without an incoming call URL."""
        if self.incoming_call_url is None:
            return None
        return WebhookTarget(
            url=self.incoming_call_url,
            method=self.http_method,
            timeout_ms=self.incoming_call_timeout_ms,
            fallback_url=self.incoming_call_fallback_url,
        )
