"""A network in memory: seeded loss, duplication, reordering and delay over virtual time. No socket, no sleep.

It carries `(source, destination, bytes)` and knows nothing of their meaning, so it serves SIP, RTP and RTCP alike.
`drive_bounded` plays any number of parties against each other until a condition holds, in whatever real time that
takes. Used as a context manager, the network adds its seed to any exception, so that a failing run can be repeated.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from types import TracebackType
from typing import Protocol

from trebuchet.base.rand import SeededRand

Address = tuple[str, int]

REORDER_FACTOR = 20
"""A reordered datagram arrives up to this many delays late: past many others, far inside any protocol's patience."""
_STEPS = 1_000_000
"""Resolution of the probabilities."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """One datagram under way or arrived."""

    source: Address
    destination: Address
    data: bytes


class VirtualNetwork:
    """Delivers datagrams after `delay_s`, unless they are lost, doubled or held back.

    `loss`, `duplicate` and `reorder` are probabilities (0–1), each decided anew for every datagram; a duplicate has its
    own fate. `now` is the virtual clock in seconds, moved by `drive_bounded` only.
    """

    def __init__(
        self,
        seed: int,
        *,
        loss: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        delay_s: float = 0.01,
    ) -> None:
        self.seed = seed
        self.now = 0.0
        self.loss, self.duplicate, self.reorder, self.delay_s = loss, duplicate, reorder, delay_s
        self.sent_count = 0
        self._rand = SeededRand(seed)
        self._serial = 0
        self._waiting: list[tuple[float, int, Datagram]] = []

    def send(self, source: Address, destination: Address, data: bytes) -> None:
        """Give a datagram to the network at its present time."""
        self.sent_count += 1
        self._launch(Datagram(source, destination, data))
        if self._happens(self.duplicate):
            self._launch(Datagram(source, destination, data))

    def next_delivery(self) -> float | None:
        """When the next datagram arrives; `None` when none is under way."""
        return self._waiting[0][0] if self._waiting else None

    def pop_delivery(self) -> Datagram | None:
        """The next datagram that has arrived by now."""
        if not self._waiting or self._waiting[0][0] > self.now:
            return None
        return heappop(self._waiting)[2]

    def _launch(self, datagram: Datagram) -> None:
        if self._happens(self.loss):
            return
        delay = self.delay_s
        if self._happens(self.reorder):
            delay *= 1 + REORDER_FACTOR * self._rand.below(_STEPS) / _STEPS
        self._serial += 1
        heappush(self._waiting, (self.now + delay, self._serial, datagram))

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._rand.below(_STEPS) < probability * _STEPS

    def __enter__(self) -> "VirtualNetwork":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"virtual network: seed {self.seed}, time {self.now:.3f} s")


class Party(Protocol):
    """Somebody on the network."""

    address: Address

    def handle_datagram(self, datagram: Datagram, now: float) -> None:
        """A datagram for this address arrived."""
        ...

    def handle_timeout(self, now: float) -> None:
        """The deadline of `poll_timeout` has come."""
        ...

    def poll_timeout(self) -> float | None:
        """When `handle_timeout` is due next."""
        ...

    def poll_datagram(self) -> Datagram | None:
        """The next datagram to send."""
        ...


class NotReached(AssertionError):
    """`drive_bounded` ended without its condition."""


def drive_bounded(
    network: VirtualNetwork,
    parties: Iterable[Party],
    until: Callable[[], bool],
    *,
    limit_s: float = 600.0,
    max_steps: int = 2_000_000,
) -> None:
    """Deliver, time out and send in virtual time until `until()` is true.

    Raises `NotReached` with the seed when `limit_s` virtual seconds or `max_steps` deliveries and time-outs were not
    enough, or when nothing is left that could happen.
    """
    by_address = {party.address: party for party in parties}
    limit = network.now + limit_s
    for _ in range(max_steps):
        _collect(network, by_address.values())
        if until():
            return
        deadline = _next_moment(network, by_address.values())
        if deadline is None or deadline > limit:
            break
        network.now = max(network.now, deadline)
        _advance(network, by_address)
    raise NotReached(f"condition not reached at {network.now:.3f} s, network seed {network.seed}")


def _collect(network: VirtualNetwork, parties: Iterable[Party]) -> None:
    for party in parties:
        while (datagram := party.poll_datagram()) is not None:
            network.send(datagram.source, datagram.destination, datagram.data)


def _next_moment(network: VirtualNetwork, parties: Iterable[Party]) -> float | None:
    moments = [moment for party in parties if (moment := party.poll_timeout()) is not None]
    delivery = network.next_delivery()
    if delivery is not None:
        moments.append(delivery)
    return min(moments, default=None)


def _advance(network: VirtualNetwork, by_address: dict[Address, Party]) -> None:
    while (datagram := network.pop_delivery()) is not None:
        party = by_address.get(datagram.destination)
        if party is not None:
            party.handle_datagram(datagram, network.now)
    for party in by_address.values():
        due = party.poll_timeout()
        if due is not None and due <= network.now:
            party.handle_timeout(network.now)
