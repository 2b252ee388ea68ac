"""Whose packets a port listens to: symmetric RTP with a lock that only signalling opens.

A port begins knowing what the peer signalled. The first fitting source is locked, and then nobody else is heard until
signalling names another address:

- a packet from exactly the signalled address and port locks at once;
- one from the signalled host but another port (a remapped port), or from anywhere when the signalled host is not a
  public address (a phone behind NAT wrote its inner address), becomes the candidate. It locks when it still sends
  after `WINDOW_S`, so that the signalled source, if it is there, wins;
- anything else is a stranger and never locks.

What an unauthenticated peer can reach: before the lock, and only if the signalled host is private, whoever finds the
port first and keeps sending; afterwards nothing (the socket is connected, the kernel drops strangers).
Source: RFC 4961 (symmetric RTP), RFC 7362 (latching and its dangers).
"""

from dataclasses import dataclass, field
from ipaddress import ip_address

WINDOW_S = 0.1
"""How long the signalled source may take to show up before another one is believed: five packets."""

Address = tuple[str, int]


def is_behind_nat(host: str) -> bool:
    """Whether packets from a host that signalled this address may come from another one. Loopback stays itself."""
    address = ip_address(host)
    return not (address.is_global or address.is_loopback)


@dataclass(slots=True)
class SourceLock:
    """The lock of one socket. Time is an argument (monotonic seconds)."""

    signalled: Address | None = None
    locked: Address | None = None
    _candidate: Address | None = None
    _candidate_since: float = 0.0
    _is_lenient: bool = field(default=False)

    def signal(self, address: Address | None) -> bool:
        """The peer's address according to signalling. Returns whether a lock was opened by it."""
        if address == self.signalled:
            return False
        was_locked = self.locked is not None
        self.signalled = address
        self.locked = self._candidate = None
        self._is_lenient = address is not None and is_behind_nat(address[0])
        return was_locked

    def offer(self, source: Address, now: float) -> bool:
        """A valid packet came from `source`; returns whether it may be heard (the lock is now its own)."""
        if self.locked is not None:
            return source == self.locked
        if self.signalled is None or not self._may_lock(source, now):
            return False
        self.locked = source
        return True

    def _may_lock(self, source: Address, now: float) -> bool:
        assert self.signalled is not None
        if source == self.signalled:
            return True
        if source[0] != self.signalled[0] and not self._is_lenient:
            return False
        if self._candidate != source and (self._candidate is None or now - self._candidate_since > 2 * WINDOW_S):
            self._candidate, self._candidate_since = source, now
        return self._candidate == source and now - self._candidate_since >= WINDOW_S

    @property
    def destination(self) -> Address | None:
        """Where to send: the locked source, before that the signalled address."""
        return self.locked or self.signalled
