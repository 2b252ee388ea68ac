"""A clock that moves when told to."""

from datetime import UTC, datetime, timedelta


class VirtualClock:
    """Starts at a fixed moment; `advance` moves both its faces together."""

    def __init__(self, start: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0

    def advance(self, seconds: float) -> None:
        self._elapsed_s += seconds

    def set_wall(self, by: timedelta) -> None:
        """Somebody sets the wall clock; the monotonic one does not notice."""
        self._start += by

    def now(self) -> float:
        return self._elapsed_s

    def utc(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s)
