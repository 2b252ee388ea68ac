"""The rows: which are taken, what was negotiated for each, and which payload number means what.

Low rows are used first, so that stages work on the slice `[:high_water]` and a half-empty worker costs half.
"""

import numpy as np

from trebuchet.media.engine.values import NoFreePort, PortMisuse, PortSettings, RemoteMedia

PAYLOAD_TYPES = 128
"""RTP payload numbers (RFC 3550 5.1: seven bits)."""
MAX_CNAME_BYTES = 64
"""Keeps an RTCP report well inside one datagram; our names are shorter."""

KIND_PCMU, KIND_PCMA, KIND_DIGITS, KIND_NOISE, KIND_UNKNOWN = 0, 1, 2, 3, 255
"""What a payload number means for a row; the first two equal the values of `Law`."""
COMFORT_NOISE_TYPE = 13
"""RFC 3389: a sign of life during silence; we play silence for it."""
NO_PAYLOAD = -1


class Ports:
    """Columns of what a port is. `kinds` uint8[capacity, 128] gives the meaning of each payload number."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.high_water = 0
        self.is_taken = np.zeros(capacity, np.bool_)
        self.is_open = np.zeros(capacity, np.bool_)
        self.kinds = np.full((capacity, PAYLOAD_TYPES), KIND_UNKNOWN, np.uint8)
        self.law = np.zeros(capacity, np.uint8)
        self.payload_type = np.zeros(capacity, np.uint8)
        self.digits_type = np.full(capacity, NO_PAYLOAD, np.int16)
        self.sends = np.zeros(capacity, np.bool_)
        self.receives = np.zeros(capacity, np.bool_)
        self.has_remote = np.zeros(capacity, np.bool_)
        self.cnames: list[bytes] = [b""] * capacity

    def allocate(self) -> int:
        """The lowest free row, now taken. Raises `NoFreePort`."""
        row = int(np.argmin(self.is_taken)) if self.capacity else 0
        if row >= self.capacity or self.is_taken[row]:
            raise NoFreePort(f"all {self.capacity} media ports are taken")
        self.is_taken[row] = True
        return row

    def open(self, row: int, settings: PortSettings) -> None:
        """Raises `PortMisuse` when the row is out of range or open already."""
        if not 0 <= row < self.capacity or self.is_open[row]:
            raise PortMisuse(f"media port {row} cannot be opened")
        self.is_taken[row] = True
        self.is_open[row] = True
        self.cnames[row] = settings.cname[:MAX_CNAME_BYTES]
        self.high_water = max(self.high_water, row + 1)

    def close(self, row: int) -> None:
        self.is_taken[row] = False
        self.is_open[row] = False
        self.sends[row] = self.receives[row] = self.has_remote[row] = False
        self.kinds[row] = KIND_UNKNOWN
        self.digits_type[row] = NO_PAYLOAD
        still_open = np.flatnonzero(self.is_open[: self.high_water])
        self.high_water = int(still_open[-1]) + 1 if len(still_open) else 0

    def require(self, row: int) -> None:
        """Raises `PortMisuse` unless the row is open."""
        if not 0 <= row < self.capacity or not self.is_open[row]:
            raise PortMisuse(f"media port {row} is not open")

    def set_remote(self, row: int, remote: RemoteMedia) -> None:
        """Raises `PortMisuse` for payload numbers outside 0..127."""
        numbers = [remote.payload_type, *(number for number, _ in remote.accept), *remote.digits_receive]
        numbers += [] if remote.digits_send is None else [remote.digits_send]
        if any(not 0 <= number < PAYLOAD_TYPES for number in numbers):
            raise PortMisuse(f"payload numbers {numbers} for media port {row}")
        kinds = self.kinds[row]
        kinds[:] = KIND_UNKNOWN
        kinds[COMFORT_NOISE_TYPE] = KIND_NOISE
        for number, law in remote.accept:
            kinds[number] = law.value
        kinds[list(remote.digits_receive)] = KIND_DIGITS
        self.law[row] = remote.law.value
        self.payload_type[row] = remote.payload_type
        self.digits_type[row] = NO_PAYLOAD if remote.digits_send is None else remote.digits_send
        self.sends[row] = remote.direction.sends
        self.receives[row] = remote.direction.receives
        self.has_remote[row] = True
