"""Socket pairs bound ahead of need, out of the worker's share of the port range.

A number goes round: free → ready (bound) → in use → resting → free. Numbers are taken in turn and rest after use, so
that late packets of an ended call do not reach the next one. A number that cannot be bound is tried again soon: after
a crash it belongs to the old worker for a moment more, and the whole range may be in its hands.
"""

from collections import deque

from trebuchet.media.sockets import SocketPair, bind_pair

READY_IPV4 = 128
"""The server hands ready ports out without asking: a burst of so many calls finds its ports bound."""
READY_IPV6 = 32
BUSY_REST_S = 0.25
"""How long a number that somebody else holds is left alone."""
BINDS_PER_TICK = 32
"""Binding costs about 20 µs a pair, so this is half a millisecond of the tick; 1,600 calls a second."""


class PortStock:
    """The numbers of one address family."""

    def __init__(self, family: int, host: str, low: int, high: int, quarantine_s: float) -> None:
        self.family = family
        self._host = host
        self._quarantine_s = quarantine_s
        first = low + low % 2
        self._free: deque[int] = deque(range(first, high, 2))
        self._resting: deque[tuple[float, int]] = deque()
        self._busy: deque[tuple[float, int]] = deque()
        self._ready: dict[int, SocketPair] = {}
        self._target = READY_IPV6 if family == 6 else READY_IPV4

    def fill(self, now: float, limit: int = BINDS_PER_TICK) -> tuple[int, ...]:
        """Bind what is missing, at most `limit` pairs; returns the newly ready numbers."""
        for waiting in (self._resting, self._busy):
            while waiting and waiting[0][0] <= now:
                self._free.append(waiting.popleft()[1])
        added = []
        for _ in range(min(self._target - len(self._ready), len(self._free), limit)):
            port = self._free.popleft()
            pair = self._try_bind(port)
            if pair is None:
                self._busy.append((now + BUSY_REST_S, port))
            else:
                self._ready[port] = pair
                added.append(port)
        return tuple(added)

    def _try_bind(self, port: int) -> SocketPair | None:
        try:
            return bind_pair(self.family, self._host, port)
        except OSError:
            return None

    def take(self, port: int) -> SocketPair | None:
        """A ready pair goes into use; `None` if the number is not ready."""
        return self._ready.pop(port, None)

    def rest(self, port: int, now: float) -> None:
        """The number was used; its sockets are closed."""
        self._resting.append((now + self._quarantine_s, port))

    def close(self) -> None:
        for pair in self._ready.values():
            pair.close()
        self._ready.clear()
