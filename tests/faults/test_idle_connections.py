"""A thousand connections that say nothing, or drip, at the SIP and the HTTP port: callers do not notice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.load import ApiTimer, all_descriptors, all_memory_kb, answering_application, place_calls
from support.ports import port_range
from support.scale import scaled
from support.server import Server

CONNECTIONS = 1000
"""A quarter each: idle and dripping, at either port."""
RATE = 25.0
SECONDS = scaled(6.0, 60.0)
DRIP_S = 0.5
"""Slower is less work for the server, faster is a flood."""
SETUP_MS = 200.0
KB_A_CONNECTION = 40
SIP_DRIP = b"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK" + b"x" * 5000
HTTP_DRIP = b"GET /v1/users/u/calls HTTP/1.1\r\nHost: x\r\nX-Drip: " + b"x" * 5000


@dataclass
class Holder:
    """Keeps so many connections to one port open, opening a new one for each that the server has cut off."""

    host: str
    port: int
    count: int
    drip: bytes = b""
    held: list[asyncio.StreamWriter] = field(default_factory=list)
    reopened: int = 0

    async def open(self) -> None:
        for _ in range(self.count):
            self.held.append((await asyncio.open_connection(self.host, self.port))[1])

    async def run(self) -> None:
        at = 0
        while True:
            for index, writer in enumerate(self.held):
                with contextlib.suppress(OSError):
                    if self.drip:
                        writer.write(self.drip[at : at + 1])
                if writer.transport.is_closing():
                    self.reopened += 1
                    self.held[index] = (await asyncio.open_connection(self.host, self.port))[1]
            at = (at + 1) % max(1, len(self.drip))
            await asyncio.sleep(DRIP_S)

    def close(self) -> None:
        for writer in self.held:
            writer.transport.abort()


@asynccontextmanager
async def holding(server: Server) -> AsyncIterator[list[Holder]]:
    sip_host, sip_port = server.sip_host.rsplit(":", 1)
    http_host, http_port = server.http.removeprefix("http://").split(":")
    share = CONNECTIONS // 4
    holders = [
        Holder(sip_host, int(sip_port), share), Holder(sip_host, int(sip_port), share, SIP_DRIP),
        Holder(http_host, int(http_port), share), Holder(http_host, int(http_port), share, HTTP_DRIP),
    ]  # fmt: skip
    tasks = []
    try:
        for holder in holders:
            await holder.open()
            tasks.append(asyncio.create_task(holder.run()))
        yield holders
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for holder in holders:
            holder.close()


@pytest.mark.timeout(scaled(120, 600))
async def test_a_thousand_idle_or_dripping_connections_slow_nobody(tmp_path: Path) -> None:
    async with Server(tmp_path, rtp_ports=port_range(4000)) as server, answering_application(server):
        alone = await place_calls(server, RATE, SECONDS / 2)
        memory, files = all_memory_kb(server), all_descriptors(server)
        async with holding(server) as holders:
            assert all_descriptors(server) >= files + CONNECTIONS * 9 // 10, "they are not really there"
            async with ApiTimer(server) as api:
                calls = await place_calls(server, RATE, SECONDS)
            grown, reopened = all_memory_kb(server) - memory, sum(holder.reopened for holder in holders)
        print(
            f"set-up p99 {calls['setup_p99_ms']:.1f} ms (without them {alone['setup_p99_ms']:.1f} ms), API p99 "
            f"{1e3 * api.quantile(0.99):.1f} ms, {grown / CONNECTIONS:.1f} kB a connection, {reopened} cut off"
        )
        assert calls["completed"] == calls["calls"] and not calls["failures"]
        assert calls["setup_p99_ms"] < SETUP_MS
        assert api.quantile(0.99) < SETUP_MS / 1e3
        assert grown < CONNECTIONS * KB_A_CONNECTION
        async with asyncio.timeout(15):
            while all_descriptors(server) > files + 20:
                await asyncio.sleep(0.1)
