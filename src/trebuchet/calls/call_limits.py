"""How much one account may dial: new calls a second (on average over `WINDOW_S`) and outgoing calls at once.

The average is exact: a call counts for as long as the window is long, a refused one never does.
"""

from collections import OrderedDict, deque

from trebuchet.base.ids import AccountId
from trebuchet.base.values import frozen_keywords
from trebuchet.calls.commands import TooManyCalls, TooManyCallsAtOnce

WINDOW_S = 10.0
"""The averaging time the API documents."""
MAX_RATE = 1000.0
"""Highest rate that can be configured: it bounds a window to ten thousand times of 32 bytes."""
MAX_KEYS = 10_000
"""Accounts and numbers remembered at once; the one that dialled longest ago is forgotten first, and has most probably
an empty window."""


@frozen_keywords
class CallLimits:
    """Calls a second for each account and for each number they are made from, and outgoing calls of an account at
    once; `None`: no limit."""

    account_rate: float | None = None
    number_rate: float | None = None
    at_once: int | None = None


class CallMeter:
    """Counts what is dialled. Time is an argument (monotonic seconds)."""

    def __init__(self, limits: CallLimits) -> None:
        self._limits = limits
        self._dialled: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def admit(self, account_id: AccountId, from_: str | None, live: int, now: float) -> None:
        """Count one more call, or raise `TooManyCalls` or `TooManyCallsAtOnce` and count nothing.

        `from_` is the number of a new call, `None` for a transfer; `live` the account's outgoing calls now.
        """
        limits = self._limits
        if limits.at_once is not None and live >= limits.at_once:
            raise TooManyCallsAtOnce(limits.at_once)
        windows = []
        if limits.account_rate is not None:
            windows.append(self._window(("account", account_id), limits.account_rate, now))
        if limits.number_rate is not None and from_ is not None:
            windows.append(self._window(("number", from_), limits.number_rate, now))
        for window in windows:
            window.append(now)

    def _window(self, key: tuple[str, str], rate: float, now: float) -> deque[float]:
        """The times still in the key's window, which has room for one more. Raises `TooManyCalls`."""
        window = self._dialled.setdefault(key, deque())
        self._dialled.move_to_end(key)
        while window and window[0] <= now - WINDOW_S:
            window.popleft()
        if len(window) + 1 > rate * WINDOW_S:
            raise TooManyCalls(rate, WINDOW_S, (len(window) + 1) / WINDOW_S)
        if len(self._dialled) > MAX_KEYS:
            self._dialled.popitem(last=False)
        return window
