"""How long each stage of a tick takes."""

from collections.abc import Callable, Mapping, Sequence


class StageTimes:
    """A stopwatch with one account a stage. Without a clock it costs a comparison and measures nothing."""

    def __init__(self, names: Sequence[str], clock: Callable[[], float] | None) -> None:
        self._names = names
        self._clock = clock
        self._seconds = [0.0] * len(names)
        self._at = 0.0

    def start(self) -> None:
        if self._clock is not None:
            self._at = self._clock()

    def mark(self, stage: int) -> None:
        """Everything since the last `start` or `mark` was this stage."""
        if self._clock is not None:
            before, self._at = self._at, self._clock()
            self._seconds[stage] += self._at - before

    def take(self) -> Mapping[str, float]:
        """The accounts, which start again at zero."""
        taken = dict(zip(self._names, self._seconds, strict=True))
        self._seconds = [0.0] * len(self._names)
        return taken
