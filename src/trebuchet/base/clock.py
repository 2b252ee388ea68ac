"""Time as a dependency: a monotonic number for deadlines, an aware UTC datetime for records."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time in a shell; cores receive `now` as an argument instead."""

    def now(self) -> float:
        """Monotonic seconds, for deadlines and durations; unaffected by changes of the wall clock."""
        ...

    def utc(self) -> datetime:
        """The wall clock as an aware UTC datetime, for what is stored or shown."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.monotonic()

    def utc(self) -> datetime:
        return datetime.now(UTC)
