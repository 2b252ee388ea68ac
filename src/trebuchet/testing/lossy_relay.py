"""A relay between a phone and a server over real sockets that loses, doubles and reorders what passes: a bad network
for tests, from a seed.

It stands for either side: what the phone says of its own address is rewritten to the relay's, and the same for the
server's, so that requests within a dialog pass it too. All ports have five digits, so no length changes. For SIP only;
audio goes directly.
"""

import asyncio
from typing import Self

from trebuchet.base.rand import SeededRand

Place = tuple[str, int]

_STEPS = 1_000_000
"""Resolution of the probabilities."""
LATE_S = 0.2
"""How late what is held back arrives: behind several messages that were sent after it."""
MIN_PORT = 10_000


class _Face(asyncio.DatagramProtocol):
    """One side's socket."""

    def __init__(self, relay: "LossyRelay", is_phone: bool) -> None:
        self._relay, self._is_phone = relay, is_phone

    def datagram_received(self, data: bytes, addr: Place) -> None:
        self._relay.handle(data, is_from_phone=self._is_phone)


class LossyRelay:
    """Open it with `open`; the phone calls at `place`. `loss`, `duplicate` and `late` are shares, 0 to 1."""

    def __init__(self, seed: int, server: Place, loss: float, duplicate: float, late: float) -> None:
        self.passed = self.lost = 0
        self.phone: Place = ("", 0)
        self._server, self._rand = server, SeededRand(seed)
        self._loss, self._duplicate, self._late = loss, duplicate, late
        self._to_phone: asyncio.DatagramTransport | None = None
        self._to_server: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(
        cls, server: Place, *, seed: int, loss: float = 0.1, duplicate: float = 0.1, late: float = 0.1
    ) -> Self:
        relay = cls(seed, server, loss, duplicate, late)
        relay._to_phone, relay._to_server = await relay._face(True), await relay._face(False)
        return relay

    async def _face(self, is_phone: bool) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        while True:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Face(self, is_phone), local_addr=("127.0.0.1", 0)
            )
            if _place(transport)[1] >= MIN_PORT:
                return transport
            transport.close()

    @property
    def place(self) -> Place:
        """Where the phone finds the server."""
        assert self._to_phone is not None
        return _place(self._to_phone)

    def handle(self, data: bytes, *, is_from_phone: bool) -> None:
        """Pass a datagram on, or not, or twice, or later."""
        if self._to_phone is None or self._to_server is None:
            return
        names = [(self.phone, _place(self._to_server)), (self.place, self._server)]
        for phone_side, server_side in names:
            old, new = (phone_side, server_side) if is_from_phone else (server_side, phone_side)
            data = data.replace(_text(old), _text(new))
        out = self._to_server if is_from_phone else self._to_phone
        to = self._server if is_from_phone else self.phone
        for _ in range(1 + self._happens(self._duplicate)):
            self._launch(out, data, to)

    def _launch(self, out: asyncio.DatagramTransport, data: bytes, to: Place) -> None:
        if self._happens(self._loss):
            self.lost += 1
            return
        self.passed += 1
        delay = LATE_S if self._happens(self._late) else 0.0
        asyncio.get_running_loop().call_later(delay, _send, out, data, to)

    def _happens(self, share: float) -> bool:
        return share > 0 and self._rand.below(_STEPS) < share * _STEPS

    def close(self) -> None:
        for transport in (self._to_phone, self._to_server):
            if transport is not None:
                transport.close()
        self._to_phone = self._to_server = None


def _send(out: asyncio.DatagramTransport, data: bytes, to: Place) -> None:
    if not out.is_closing():
        out.sendto(data, to)


def _place(transport: asyncio.DatagramTransport) -> Place:
    host, port = transport.get_extra_info("sockname")[:2]
    return host, port


def _text(place: Place) -> bytes:
    return f"{place[0]}:{place[1]}".encode()
