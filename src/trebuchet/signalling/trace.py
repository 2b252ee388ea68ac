"""Keeping SIP messages for debugging: the latest in memory, all in a file. Off unless asked for.

They hold numbers, addresses and keys; nothing of them goes to the log.
"""

from collections import deque
from datetime import datetime
from typing import TextIO

from trebuchet.base.clock import Clock
from trebuchet.base.values import frozen
from trebuchet.signalling.settings import TraceSettings

MAX_FILE_CHARACTERS = 268_435_456
"""The file is not written beyond this: a forgotten trace must not fill the disk."""


@frozen
class Traced:
    """One message as it crossed the wire."""

    at: datetime
    is_sent: bool
    transport: str
    remote: tuple[str, int]
    data: bytes

    def __str__(self) -> str:
        arrow = "->" if self.is_sent else "<-"
        text = self.data.decode("utf-8", "backslashreplace")
        return f"--- {self.at.isoformat()} {arrow} {self.transport} {self.remote[0]} {self.remote[1]}\n{text}\n"


class Trace:
    """A ring of the latest messages, and the file if one is named. Raises `OSError` when that cannot be opened."""

    def __init__(self, settings: TraceSettings, clock: Clock) -> None:
        self._clock = clock
        self._ring: deque[Traced] = deque(maxlen=settings.messages)
        self._file: TextIO | None = settings.path.open("a", encoding="utf-8") if settings.path is not None else None
        self._left = MAX_FILE_CHARACTERS
        self.is_on = settings.messages > 0 or self._file is not None

    def note(self, data: bytes, transport: str, remote: tuple[str, int], *, is_sent: bool) -> None:
        """Keep one message; call it only when `is_on`."""
        traced = Traced(self._clock.utc(), is_sent, transport, remote, data)
        self._ring.append(traced)
        if self._file is not None and self._left > 0:
            try:
                self._left -= self._file.write(str(traced))
                self._file.flush()
            except OSError:
                self.close()

    def messages(self) -> list[Traced]:
        """The latest messages, oldest first."""
        return list(self._ring)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
