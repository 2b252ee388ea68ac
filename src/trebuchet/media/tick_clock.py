"""The beat of a worker: 20 ms steps on an absolute schedule, so that no lateness adds up. Time is an argument."""

from trebuchet.base.units import FRAME_MS

PERIOD_S = FRAME_MS / 1000.0
LATE_S = 0.005
"""A tick that begins later than this after its time counts as late: it begins to show in the delay of the audio."""
MAX_CATCH_UP_TICKS = 3
"""So many missed steps are made up for by ticks in quick succession (60 ms, what a jitter buffer bears); beyond it the
schedule begins anew, since a burst of old audio helps nobody."""
LOAD_SMOOTHING = 0.01
"""Weight of the newest tick in the load: an average over about two seconds."""


class TickClock:
    """When the next tick is due, how late ticks are, and how much of the period they need."""

    def __init__(self, now: float) -> None:
        self._due = now + PERIOD_S
        self.ticks = 0
        self.late_ticks = 0
        self.missed_ticks = 0
        self.load = 0.0
        self._worst_late_s = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until the next tick; 0 when it is due."""
        return max(0.0, self._due - now)

    def begin(self, now: float) -> int:
        """A tick begins. Returns how many steps were left out just before it (normally 0)."""
        late_s = now - self._due
        self.ticks += 1
        self.late_ticks += late_s > LATE_S
        self._worst_late_s = max(self._worst_late_s, late_s)
        missed = 0
        if late_s > MAX_CATCH_UP_TICKS * PERIOD_S:
            missed = int(late_s / PERIOD_S)
            self.missed_ticks += missed
        self._due += (1 + missed) * PERIOD_S
        return missed

    def end(self, busy_s: float) -> None:
        """The tick is done and took `busy_s`."""
        self.load += LOAD_SMOOTHING * (busy_s / PERIOD_S - self.load)

    def take_worst_late_s(self) -> float:
        """The worst lateness since the last call."""
        worst, self._worst_late_s = self._worst_late_s, 0.0
        return worst
