"""What the API is given by the composition root: everything it touches, and nothing global."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from trebuchet.api.metrics import MetricsPage
from trebuchet.api.rate_limits import RateLimits, RequestMeter
from trebuchet.base.clock import Clock
from trebuchet.base.ids import Ids
from trebuchet.calls.commands import CallCommands
from trebuchet.model.user_error import UserError
from trebuchet.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDependencies:
    store: Store
    calls: CallCommands
    report_error: Callable[[UserError], Awaitable[None]]
    """Adds to the customer's error list; best effort, never raises."""
    ids: Ids
    clock: Clock
    media_directory: Path
    """Holds `{account id}/{media name}`."""
    is_ready: Callable[[], bool]
    """Whether the server can take calls: storage, media and signalling are up."""
    is_draining: Callable[[], bool]
    """Whether the server is being stopped and takes no new calls."""
    public_url: str | None = None
    """Scheme, host and port of every URL we hand out, without a final slash; `None`: as the client addressed us."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Whose `X-Forwarded-*` headers are believed."""
    number_price: str = "0.00"
    """Monthly price shown for phone numbers, in dollars."""
    rate_limits: RateLimits = field(default_factory=RateLimits)
    request_meter: RequestMeter = field(default_factory=RequestMeter)
    metrics: MetricsPage | None = None
    changes: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while an application or a number is read, changed and written, so that no change is lost to another."""
