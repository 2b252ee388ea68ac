"""The timer values of RFC 3261 table 4, all scaled from T1, T2 and T4, and a queue of deadlines."""

from heapq import heapify, heappop, heappush

from trebuchet.base.values import frozen

TimerOwner = int | str
"""A leg (int) or a transaction key (str): never an object, so that a pending timer keeps nothing alive."""

COMPACT_SLACK = 256
"""Dead entries the heap may hold beyond the live ones before it is rebuilt: keeps rebuilding rare on a small queue."""


@frozen
class TimerValues:
    """Seconds. The defaults are those of RFC 3261 17.1.1.1; a test may make everything faster by one factor."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    d: float = 32.0
    """How long non-2xx answers to an INVITE are absorbed over UDP (at least 32 s, 17.1.1.2)."""

    def scaled(self, factor: float) -> "TimerValues":
        return TimerValues(self.t1 * factor, self.t2 * factor, self.t4 * factor, self.d * factor)

    @property
    def timeout(self) -> float:
        """64*T1: timers B, F, H, J, L and M, and every wait of the layers above for an answer or an ACK."""
        return 64 * self.t1


class TimerQueue:
    """Named deadlines of many owners. Setting a name again replaces it; cancelling costs one dictionary pop."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, TimerOwner, str]] = []
        self._armed: dict[tuple[TimerOwner, str], int] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._armed)

    def set(self, owner: TimerOwner, name: str, deadline: float) -> None:
        """Arm the timer `name` of `owner` for `deadline` (monotonic seconds), in place of an earlier one."""
        self._serial += 1
        self._armed[owner, name] = self._serial
        heappush(self._heap, (deadline, self._serial, owner, name))
        if len(self._heap) > 2 * len(self._armed) + COMPACT_SLACK:
            self._compact()

    def cancel(self, owner: TimerOwner, name: str) -> None:
        """Disarm; nothing happens when it is not armed."""
        self._armed.pop((owner, name), None)

    def is_armed(self, owner: TimerOwner, name: str) -> bool:
        return (owner, name) in self._armed

    def next_deadline(self) -> float | None:
        """The earliest armed deadline."""
        heap, armed = self._heap, self._armed
        while heap:
            deadline, serial, owner, name = heap[0]
            if armed.get((owner, name)) == serial:
                return deadline
            heappop(heap)
        return None

    def pop_due(self, now: float) -> tuple[TimerOwner, str] | None:
        """Disarm and give the earliest timer whose deadline has come."""
        deadline = self.next_deadline()
        if deadline is None or deadline > now:
            return None
        _, _, owner, name = heappop(self._heap)
        del self._armed[owner, name]
        return owner, name

    def _compact(self) -> None:
        armed = self._armed
        self._heap = [entry for entry in self._heap if armed.get((entry[2], entry[3])) == entry[1]]
        heapify(self._heap)
