"""Queues of deliveries, one for each web server, and the rule that shares out what may be in flight.

A lane keeps its next events in memory up to a bound. Beyond that it only remembers that it is behind; the rest waits
in the log, where it is anyway, and is read from there in pieces.
"""

from collections import deque
from dataclasses import dataclass, field

from trebuchet.base.ids import EventId
from trebuchet.base.values import frozen_keywords
from trebuchet.model.event import LoggedEvent

MAX_QUEUED = 256
"""Events a lane keeps in memory: some 400 kB."""
PIECE = 128
"""Events read from the log at once."""


@frozen_keywords
class RelayLimits:
    max_in_flight: int = 1024
    """Deliveries at once, over all web servers. Each may hold a connection for up to 10 s."""
    max_per_lane: int = 256
    """Deliveries at once to one web server: handlers that sleep for two seconds then get 128 events a second."""
    min_per_lane: int = 2
    """What a web server may always have in flight, while anything is free at all."""
    order_wait_s: float = 2.0
    """Longest that an event waits for the request of its call's previous one to leave (a server that accepts no
    connections must not add up its delays over a call's events)."""

    def share(self, in_flight: int) -> int:
        """How many one lane may have in flight when there are `in_flight` in all.

        A quarter of what is free: however many slow servers there are, each takes less the more there are, and room
        is left for the next one, which is never delayed by them."""
        free = self.max_in_flight - in_flight
        return max(self.min_per_lane, min(self.max_per_lane, free // 4))


@dataclass(slots=True, eq=False)
class Lane:
    """Events for one web server, in the order of the log."""

    key: str
    waiting: deque[LoggedEvent] = field(default_factory=deque)
    in_flight: int = 0
    last: LoggedEvent | None = None
    """Newest event that was ever queued here: the log is read from behind it."""
    is_behind: bool = False
    """Newer events are in the log only."""
    is_reading: bool = False
    _skipped: int = 0
    _read: set[EventId] = field(default_factory=set)
    _read_before: set[EventId] = field(default_factory=set)

    @property
    def is_idle(self) -> bool:
        return not (self.waiting or self.in_flight or self.is_behind or self.is_reading)

    @property
    def has_read(self) -> bool:
        """Something was read from the log not long ago."""
        return bool(self._read or self._read_before)

    @property
    def wants_reading(self) -> bool:
        return self.is_behind and not self.is_reading and len(self.waiting) < PIECE

    def add(self, event: LoggedEvent) -> None:
        """A newly stored event. One that was read from the log a moment before its arrival is not taken twice."""
        if event.id in self._read or event.id in self._read_before:
            return
        if self.is_behind or len(self.waiting) >= MAX_QUEUED:
            self.is_behind = True
            self._skipped += 1
            return
        self._queue(event)

    def begin_reading(self) -> int:
        """The mark to give back to `add_read`."""
        self.is_reading = True
        return self._skipped

    def add_read(self, mark: int, events: list[LoggedEvent]) -> None:
        """What the log had behind `last`, at most `PIECE`. If it is fewer and nothing came meanwhile, the lane has
        caught up."""
        self.is_reading = False
        self._read_before, self._read = self._read, {event.id for event in events}
        for event in events:
            self._queue(event)
        if len(events) < PIECE and self._skipped == mark:
            self.is_behind = False

    def _queue(self, event: LoggedEvent) -> None:
        self.waiting.append(event)
        self.last = event
