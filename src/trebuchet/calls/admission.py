"""Whether there is room for one more call: refuse early, before a call costs anything.

What is asked are *signals*: measures of how much of what the server can do is used up, each from 0 to 1 and beyond. The
fullest decides. Some are counts (calls of those allowed), some are measured where work stands in line when there is too
much of it (the event loop, the socket, the log, the media tick), so that the limit is what this machine can do now and
not what somebody once configured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from trebuchet.calls.commands import Overloaded
from trebuchet.calls.interfaces import CallPolicy, MediaPlane

RETRY_AFTER_S = 5
"""What a refused peer is told to wait: long enough for calls to end, short enough that nobody gives up."""

LOG_INTERVAL_S = 10.0
"""Overload comes and goes many times a second; the log tells of it this often at most."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Signal:
    """One measure. `read` returns at once; from 1 on there is no room."""

    name: str
    read: Callable[[], float]


class Admission:
    """Keeps no state but a count. `now` is any monotonic clock (seconds)."""

    def __init__(
        self, policy: CallPolicy, media: MediaPlane, signals: Sequence[Signal] = (), now: Callable[[], float] = float
    ) -> None:
        self._policy = policy
        self._signals = (Signal("media", lambda: media.load / policy.max_load), *signals)
        self._now = now
        self._log_at = 0.0
        self.refused = 0
        """Calls there was no room for since the start."""
        self.is_draining = False

    def check(self, live_calls: int) -> None:
        """Raises `Overloaded` when the server drains, or when any measure says that it is full."""
        if not self.has_room(live_calls):
            raise Overloaded(RETRY_AFTER_S)

    def has_room(self, live_calls: int) -> bool:
        """Whether a new call would be taken now. Cheap: asked for every INVITE before it is read."""
        if self.is_draining:
            return False
        full = "calls" if live_calls >= self._policy.max_calls else self._fullest()
        if full is None:
            return True
        self.refused += 1
        if self._now() >= self._log_at:
            self._log_at = self._now() + LOG_INTERVAL_S
            logger.warning("no room for calls", signal=full, calls=live_calls, refused=self.refused)
        return False

    def _fullest(self) -> str | None:
        for signal in self._signals:
            if signal.read() >= 1.0:
                return signal.name
        return None
