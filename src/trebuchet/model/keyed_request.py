"""Requests with an idempotency key: what was asked under the key, and what was answered."""

from datetime import datetime, timedelta

from trebuchet.base.values import frozen_keywords

LIFETIME = timedelta(hours=24)
"""How long a key is remembered: API clients retry for minutes, job queues for a day."""
PLACE = "\0"
"""Stands for a secret; neither JSON nor a header holds it."""


@frozen_keywords
class StoredAnswer:
    """A response, complete, so that it can be given once more."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    """UTF-8; every body of a changing request is JSON or empty."""
    left_out: str | None = None
    """Hex SHA-256 of a secret that the answer holds, and that is not stored: `PLACE` stands for it. `None`: none."""


@frozen_keywords
class KeyedRequest:
    """Stored before the request is acted on, and again with its answer."""

    id: str
    """Hex SHA-256 over account, method, path and key, so that keys of any form take the same room."""
    fingerprint: str
    """Hex SHA-256 over query and body (of an upload also what is kept of its headers): a key belongs to one request."""
    reserved: str
    """The random part of the ids of whatever the request makes, so that a later process can find out whether it did."""
    begun_at: datetime
    answer: StoredAnswer | None = None
    """`None`: it is being served, or was cut off."""

    def is_remembered(self, now: datetime) -> bool:
        return now - self.begun_at < LIFETIME
