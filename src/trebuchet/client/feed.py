"""Reading a stream of server-sent events (HTML Living Standard 9.2), without I/O."""

from collections.abc import Iterator

from trebuchet.client.errors import UnexpectedAnswer

FIRST_WAIT_S = 0.5
"""Before a broken stream is opened again; doubled at each failure that follows."""
LONGEST_WAIT_S = 10.0
SILENCE_LIMIT_S = 45.0
"""The server says something every 15 s; a connection that is silent for so long is dead."""


MAX_LINE_BYTES = 1_000_000
"""Longest line taken: far above the largest event, so that another program at the address cannot fill the memory."""


class FeedReader:
    """Takes bytes as they come; gives the data of each complete event and remembers the last id.

    Lines end with line feeds alone: what other characters count as line ends in texts occurs inside of JSON.
    """

    def __init__(self, last_id: str | None) -> None:
        self.last_id = last_id
        self._id: str | None = None
        self._data: list[bytes] = []
        self._rest = b""
        self._failures = 0

    def take(self, piece: bytes) -> Iterator[bytes]:
        """The data of the events that the piece completes. Raises `UnexpectedAnswer`."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise UnexpectedAnswer("the stream is none of this API")
        for line in lines:
            if line.rstrip(b"\r"):
                self._take_field(line.rstrip(b"\r"))
            elif data := self._end_event():
                yield data

    def resume_headers(self) -> dict[str, str]:
        """What makes the server go on where this reader stopped; also forgets half an event."""
        self._data, self._id, self._rest = [], None, b""
        resume = {} if self.last_id is None else {"last-event-id": self.last_id}
        return {"accept": "text/event-stream", **resume}

    def next_wait_s(self) -> float:
        """How long to wait before the stream is opened once more."""
        self._failures += 1
        return min(FIRST_WAIT_S * 2.0 ** min(self._failures - 1, 10), LONGEST_WAIT_S)

    def _end_event(self) -> bytes:
        """An empty line: the id counts from here on, also of an event that has no data."""
        data, self._data = b"\n".join(self._data), []
        self.last_id = self._id or self.last_id
        if data:
            self._failures = 0
        return data

    def _take_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"id":
            self._id = value.decode("ascii", "replace")
