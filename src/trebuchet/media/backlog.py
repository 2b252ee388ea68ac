"""Commands wait for their tick, and a tick carries out only as many as leave it on time.

Two thousand calls that end in one moment are two thousand closed ports, a tenth of a second of work: done at once it
would be heard by everybody else.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

COMMANDS_S = 0.005
"""A quarter of the tick: some hundred commands."""

C = TypeVar("C")


class Backlog(Generic[C]):
    """First in, first out. `clock`: any monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: deque[C] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, commands: Sequence[C]) -> None:
        self._waiting.extend(commands)

    def turn(self) -> Iterator[C]:
        """Those whose turn it is now: one at least, and no more after `COMMANDS_S`. The others stay."""
        end = self._clock() + COMMANDS_S
        while self._waiting:
            yield self._waiting.popleft()
            if self._clock() >= end:
                return
