"""How late the event loop runs: the one figure that grows with everything the process has to do.

A timer asks to be called every `PERIOD_S` and notes how late it was. One long callback makes one sample late, which is
no overload; when work stands in line, every sample is late. So the figure is the least lateness of the last samples:
the idea by which CoDel tells a standing queue from a burst (RFC 8289 3.1).
"""

import asyncio
from collections import deque

PERIOD_S = 0.01
SAMPLES = 6
"""A burst shorter than six periods is not seen."""


class LoopLag:
    """Started and stopped on the loop it measures."""

    def __init__(self) -> None:
        self._late: deque[float] = deque([0.0] * SAMPLES, SAMPLES)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def standing_s(self) -> float:
        """Seconds by which the loop has been late for the last `SAMPLES` periods, at the least."""
        return min(self._late)

    def _arm(self) -> None:
        self._due = self._loop.time() + PERIOD_S
        self._timer = self._loop.call_at(self._due, self._note)

    def _note(self) -> None:
        self._late.append(max(0.0, self._loop.time() - self._due))
        self._arm()
