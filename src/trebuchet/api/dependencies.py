"""What the API is given by the composition root: everything it touches, and nothing global."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from trebuchet.api.live import LiveFeed
from trebuchet.api.metrics import MetricsPage
from trebuchet.api.rate_limits import RateLimits, RequestMeter
from trebuchet.base.clock import Clock
from trebuchet.base.ids import Ids
from trebuchet.calls.commands import CallCommands, TranscriptionCommands
from trebuchet.calls.meeting_commands import BridgeCommands, ConferenceCommands
from trebuchet.model.account import Account
from trebuchet.model.delivery import Delivery
from trebuchet.model.stock import Place
from trebuchet.model.user_error import UserError
from trebuchet.store.interface import Store


async def find_no_place(number: str) -> Place | None:
    """Nothing is known of any number."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDependencies:
    store: Store
    calls: CallCommands
    bridges: BridgeCommands
    conferences: ConferenceCommands
    transcriptions: TranscriptionCommands
    report_error: Callable[[UserError], Awaitable[None]]
    """Adds to the customer's error list; best effort, never raises."""
    ids: Ids
    clock: Clock
    media_directory: Path
    """Holds `{account id}/{media name}`."""
    is_ready: Callable[[], bool]
    """Whether the server can take calls: storage, media and signalling are up."""
    feed: LiveFeed
    is_draining: Callable[[], bool]
    """Whether the server is being stopped and takes no new calls."""
    deliver_again: Callable[[Delivery], Awaitable[None]]
    """Delivers an event once more, at once. Raises `LogUnavailable`."""
    webhook_secret: Callable[[Account], str]
    """What the account's webhooks are signed with."""
    request_secret: Callable[[str], str]
    """The random part of a secret, from the random part that is reserved for a request with an idempotency key."""
    public_url: str | None = None
    """Scheme, host and port of every URL we hand out, without a final slash; `None`: as the client addressed us."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Whose `X-Forwarded-*` headers are believed."""
    phone_domain: str = "sip.localhost"
    """Host name below which SIP domains get theirs."""
    number_price: str = "0.00"
    """Monthly price shown for phone numbers, in dollars."""
    toll_free_price: str = "0.00"
    """The same for toll-free ones."""
    find_place: Callable[[str], Awaitable[Place | None]] = find_no_place
    """Where a number is at home, as far as it is known."""
    rate_limits: RateLimits = field(default_factory=RateLimits)
    request_meter: RequestMeter = field(default_factory=RequestMeter)
    metrics: MetricsPage | None = None
    changes: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while an application or a number is read, changed and written, so that no change is lost to another."""
