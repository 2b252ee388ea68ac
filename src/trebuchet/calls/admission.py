"""Whether there is room for one more call: refuse early, before a call costs anything."""

from trebuchet.calls.commands import Overloaded
from trebuchet.calls.interfaces import CallPolicy, MediaPlane

RETRY_AFTER_S = 5
"""What a refused peer is told to wait: long enough for calls to end, short enough that nobody gives up."""


class Admission:
    """Counts nothing itself: it looks at the number of live calls and at the media plane's measured load."""

    def __init__(self, policy: CallPolicy, media: MediaPlane) -> None:
        self._policy = policy
        self._media = media
        self.is_draining = False

    def check(self, live_calls: int) -> None:
        """Raises `Overloaded` when the server drains, is full, or its media tick is nearly used up."""
        if self.is_draining or live_calls >= self._policy.max_calls or self._media.load >= self._policy.max_load:
            raise Overloaded(RETRY_AFTER_S)
