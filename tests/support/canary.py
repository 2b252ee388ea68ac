"""A UDP socket that nothing may arrive at: proof that nothing went out on the wire."""

import asyncio
from types import TracebackType

WAIT_S = 15.0


class Canary(asyncio.DatagramProtocol):
    """A context manager; `uri` is the SIP address that leads here."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.port = 0
        self._news = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> "Canary":
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._transport is not None
        self._transport.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def uri(self) -> str:
        return f"sip:canary@{self.address}"

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.datagrams.append(data)
        self._news.set()

    async def first(self) -> bytes:
        """The first datagram, past or to come."""
        async with asyncio.timeout(WAIT_S):
            await self._news.wait()
        return self.datagrams[0]
