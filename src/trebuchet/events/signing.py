"""What tells an application that a webhook is ours, which one it is, and where it belongs: headers of every delivery.

Signed as Standard Webhooks say (id, time and content, HMAC-SHA256, one signature for each valid secret). The content is
the body, byte for byte; in the GET form, which has none, it is the query as it is sent.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache

from standardwebhooks import Webhook

from trebuchet.base.clock import Clock
from trebuchet.base.ids import AccountId
from trebuchet.model.event import LoggedEvent

SEQUENCE_HEADER = "Trebuchet-Sequence"
"""The event's number in its call's log."""
MAX_SIGNERS = 4096
"""Secrets kept decoded: 200 bytes each."""

Sign = Callable[[LoggedEvent, bytes], Awaitable[Mapping[str, str]]]
"""Headers for a delivery with this content."""
SecretsOf = Callable[[AccountId], Awaitable[Sequence[str]]]
"""The secrets that are valid now, the current one first; none for an account that is gone."""


@lru_cache(maxsize=MAX_SIGNERS)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)


class Signer:
    def __init__(self, secrets_of: SecretsOf, clock: Clock) -> None:
        self._secrets_of = secrets_of
        self._clock = clock

    async def sign(self, event: LoggedEvent, content: bytes) -> Mapping[str, str]:
        """See `Sign`. The id stays the same however often an event is delivered; the time is that of the attempt."""
        now = self._clock.utc()
        text = content.decode()
        signatures = [_signer(secret).sign(event.id, now, text) for secret in await self._secrets_of(event.account_id)]
        return {
            "webhook-id": event.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
            SEQUENCE_HEADER: str(event.sequence),
        }


async def leave_unsigned(event: LoggedEvent, content: bytes) -> Mapping[str, str]:
    """For a relay that stands alone."""
    return {}
