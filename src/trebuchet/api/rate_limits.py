"""How often an account may use each resource path; off unless configured.

A bucket for each account and path holds a burst and fills at the path's rate; a request takes one. It is kept as one
number, the time at which the bucket will be full again, so memory is bounded by the number of buckets. Placing a call
is not limited here: call control does that, by account and by number.
"""

from collections import OrderedDict
from dataclasses import dataclass

from trebuchet.base.ids import AccountId

MAX_BUCKETS = 20_000
"""Buckets kept at once, about 4 MB: a thousand accounts using every path. The longest unused goes first; it is full
again unless rates are set to less than one request an hour."""
EXACT_S = 1e-6
"""Sums of intervals are not exact; a client that waits as long as it was told must get through."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`rate` requests a second on average (above 0), `burst` at once (at least 1)."""

    rate: float
    burst: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """`None`: no limit. Numbers have limits of their own, as the API documents them."""

    requests: RateLimit | None = None
    """For each resource path."""
    number_orders: RateLimit | None = None
    number_reads: RateLimit | None = None
    number_searches: RateLimit | None = None

    def bucket_of(self, method: str, path: str) -> tuple[str, RateLimit] | None:
        """The bucket an operation takes from, by its path template, and that bucket's limit; `None`: no limit."""
        if path == "/calls" and method == "POST":
            return None
        name, limit = "/" + path.split("/")[1], self.requests
        if path == "/phoneNumbers" and method == "POST":
            name, limit = "order /phoneNumbers", self.number_orders
        elif name == "/availableNumbers":
            kind, limit = ("order", self.number_orders) if method == "POST" else ("search", self.number_searches)
            name = f"{kind} {name}"
        elif path.startswith("/phoneNumbers/numberInfo"):
            name = "/numberInfo"
        elif name == "/phoneNumbers" and method == "GET":
            name, limit = "read /phoneNumbers", self.number_reads
        return None if limit is None else (name, limit)


class RequestMeter:
    """Counts requests. Time is an argument (monotonic seconds)."""

    def __init__(self) -> None:
        self._full_at: OrderedDict[tuple[AccountId, str], float] = OrderedDict()

    def wait_s(self, account_id: AccountId, bucket: str, limit: RateLimit, now: float) -> float:
        """0 when the request may go on; else it counts for nothing, and one is let through after so many seconds."""
        key, interval = (account_id, bucket), 1 / limit.rate
        full_at = max(self._full_at.get(key, now), now)
        wait = full_at - now - (limit.burst - 1) * interval
        if wait > EXACT_S:
            return wait
        self._full_at[key] = full_at + interval
        self._full_at.move_to_end(key)
        if len(self._full_at) > MAX_BUCKETS:
            self._full_at.popitem(last=False)
        return 0.0
