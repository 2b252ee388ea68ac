"""Mutated SIP messages by the thousand at a running server: it neither crashes nor hangs nor grows, and still takes
calls. The long form sends a hundred thousand."""

import asyncio
import socket
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from fuzz.corpus import seeds
from fuzz.mutate import mutations
from support.load import all_descriptors, all_memory_kb
from support.scale import new_seed, scaled
from support.server import Server
from support.stage import Stage
from trebuchet.sip.stream import MAX_MESSAGE_BYTES

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = scaled(4_000, 100_000)
"""Over UDP; a tenth as many go over TCP."""
BURST = 50
"""Sent at a time: less than any socket buffer holds."""
GROWTH_KB = 30_000
"""What may remain after the first tenth: pools of the allocator, bounded caches. A message that is kept costs 2 kB."""
SETTINGS = """
[signalling]
t1_ms = 50
"""
"""Transactions of the flood are forgotten after 64 T1: 3 s instead of 32."""


@pytest.fixture(scope="module")
def server_arguments(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    path = tmp_path_factory.mktemp("flood") / "trebuchet.toml"
    path.write_text(SETTINGS)
    return ("--config", str(path))


def address(server: Server) -> tuple[str, int]:
    host, port = server.sip_host.rsplit(":", 1)
    return host, int(port)


def batches(messages: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(islice(messages, BURST)):
        yield batch


async def flood_udp(server: Server, messages: Iterator[bytes]) -> int:
    """Send; after each burst wait for the answer to a sound OPTIONS, so that nothing is lost in a full buffer.
    Returns how many answers came."""
    loop, answers = asyncio.get_running_loop(), 0
    probe = next(seed for seed in seeds("sip") if seed.startswith(b"OPTIONS"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.connect(address(server))
        for number, batch in enumerate(batches(messages)):
            for data in batch:
                if len(data) <= 60_000:
                    sock.send(data)
            name = b"z9hG4bKprobe%d;" % number
            sock.send(probe.replace(b"z9hG4bKo;", name))
            async with asyncio.timeout(10):
                while name not in await loop.sock_recv(sock, 65_535):
                    answers += 1
    return answers


async def flood_tcp(server: Server, messages: Iterator[bytes]) -> None:
    """Several connections one after the other; the server closes those that carry no SIP."""
    host, port = address(server)
    for batch in batches(messages):
        reader, writer = await asyncio.open_connection(host, port)
        drain = asyncio.create_task(_swallow(reader))
        try:
            for data in batch:
                writer.write(data.replace(b"/UDP", b"/TCP")[:MAX_MESSAGE_BYTES])
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            drain.cancel()
            writer.transport.abort()
            await asyncio.gather(drain, return_exceptions=True)


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


async def legitimate_call(stage: Stage) -> None:
    """A foreign stack calls, is answered over REST and hangs up."""
    number = await stage.number()
    async with stage.sipp("caller_answered") as sipp:
        call_id = await stage.call_from_sipp(sipp, number)
        await stage.answer(call_id)
        await sipp.finish()
    await stage.web.wait_for("hangup", callId=call_id)


@pytest.mark.timeout(scaled(120, 1800))
async def test_mutated_messages_leave_nothing_behind(stage: Stage, tmp_path: Path) -> None:
    seed = new_seed()
    server = stage.server
    known = [data.replace(b"@127.0.0.1", b"@" + server.sip_host.encode()) for data in seeds("sip")]
    everything = mutations(known, seed, MESSAGES)
    await legitimate_call(stage)
    answers = await flood_udp(server, islice(everything, MESSAGES // 10))
    await server.wait_until_idle()
    memory, files = all_memory_kb(server), all_descriptors(server)
    answers += await flood_udp(server, everything)
    await flood_tcp(server, mutations(known, seed + 1, MESSAGES // 10))
    state = await server.wait_until_idle()
    grown, opened = all_memory_kb(server) - memory, all_descriptors(server) - files
    print(f"{MESSAGES} by UDP, {MESSAGES // 10} by TCP: {answers} answers; memory {grown:+} kB, descriptors {opened:+}")
    assert answers > MESSAGES // 20, "the flood was not even read"
    assert state["transactions"] == state["legs"] == 0
    assert grown < GROWTH_KB
    assert opened <= 4
    await legitimate_call(stage)
