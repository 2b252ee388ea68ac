"""Strangers' RTP by the thousand at a locked port of a real worker: no genuine packet is lost, nobody hears them, they
hear nothing; and whatever comes from the peer itself, the call goes on. The long form sends a million packets."""

import asyncio
import contextlib
import random
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from fuzz.audio import packets
from fuzz.corpus import seeds
from fuzz.mutate import mutate
from integration.media_lab import Ear, attach, media, phone, wait_for
from support.faults import sabotage
from support.scale import new_seed, scaled
from trebuchet.model.media_description import MediaDescription
from trebuchet.testing.g711_reference import LAWS
from trebuchet.testing.rtp_phone import RtpPhone, silence_share
from trebuchet.testing.tones import hears, is_free_of, tone

PACKETS = scaled(20_000, 1_000_000)
MUTATIONS = scaled(2_000, 50_000)
ALICE_HZ, BOB_HZ, STRANGER_HZ = 440.0, 650.0, 1000.0
SPRAYER = """
import socket, sys, time
host, port, count, pairs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
packets = [bytes.fromhex(text) for text in pairs.split(",")]
socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
for number, sock in enumerate(socks):
    sock.bind((f"127.0.0.{number % 3 + 1}", 0))
    sock.setblocking(False)
heard = sent = 0
began = time.monotonic()
while sent < count:
    sock = socks[sent % 8]
    try:
        sock.sendto(packets[sent % len(packets)], (host, port + sent % 16 // 15))
    except (BlockingIOError, ConnectionRefusedError):
        pass
    sent += 1
    if sent % 64 == 0:
        for other in socks:
            try:
                while other.recv(2048):
                    heard += 1
            except (BlockingIOError, ConnectionRefusedError):
                pass
print(sent, heard, time.monotonic() - began)
"""
"""A process of its own: eight strangers at three addresses send tone, one packet of sixteen to the RTCP port."""


def stranger_packets() -> list[bytes]:
    """Half a second of a tone with the marks a stream of the call has: the codec, a plausible SSRC, numbers that
    run."""
    found = []
    for number in range(25):
        payload = LAWS["PCMU"].encode(tone(STRANGER_HZ, 0.02, start_sample=160 * number))
        found.append(struct.pack("!BBHII", 0x80, 0, number, 160 * number, 0x12345678) + payload)
    return found


async def spray(host: str, port: int, count: int) -> tuple[int, int, float]:
    """Packets sent, packets the strangers got back, seconds."""
    texts = ",".join(packet.hex() for packet in stranger_packets())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SPRAYER, host, str(port), str(count), texts, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    sent, heard, seconds = output.split()
    return int(sent), int(heard), float(seconds)


@asynccontextmanager
async def hearing(phone: RtpPhone) -> AsyncIterator[list[int]]:
    """How much a phone had heard when this began; the list gets the end."""
    marks = [phone.ear.length]
    yield marks
    marks.append(phone.ear.length)


@pytest.mark.timeout(scaled(120, 1800))
async def test_strangers_cost_no_packet_and_are_not_heard(tmp_path: Path) -> None:
    async with media(tmp_path) as pool, phone(ALICE_HZ) as alice, phone(BOB_HZ) as bob:
        a, ear = attach(pool, alice)
        b, bobs_ear = attach(pool, bob, near=a)
        a.connect(b)
        await asyncio.gather(alice.wait_for_tone(BOB_HZ), bob.wait_for_tone(ALICE_HZ))
        alice.send_rtcp(seeds("rtcp")[0])  # locks that port too
        await wait_for(lambda: pool.stats().workers[0].load is not None)
        before = pool.stats().workers[0].load
        target = a.offer()
        async with hearing(bob) as marks:
            sent, heard, seconds = await spray(target.address, target.port, PACKETS)
            await bob.hear(0.2, timeout_s=30)
        said = bob.ear.pcm(*marks)
        silent = silence_share(said)
        print(f"{sent} packets of strangers in {seconds:.1f} s: {heard} answers, {silent:.2%} of the audio missing")
        assert sent == PACKETS and heard == 0, "no bleed to a sprayer"
        assert hears(said, ALICE_HZ, above_db=-13) and is_free_of(said, STRANGER_HZ)
        assert is_free_of(alice.ear.pcm(-8000), STRANGER_HZ)
        assert silent < 0.02, "the worker was kept from its ticks"
        a.close()
        await wait_for(lambda: pool.stats().workers[0].totals.ports == 1)
        await wait_for(lambda: (load := pool.stats().workers[0].load) is not None and load.ports == 1)
        after = pool.stats().workers[0].load
        assert before is not None and after is not None
        assert after.dropped_packets == before.dropped_packets, "the kernel drops them, not the worker"
        assert after.failed_ticks == 0
        totals = pool.stats().workers[0].totals
        assert totals.lost == 0, "a genuine packet was lost"
        assert ear.losses == bobs_ear.losses == 0


UNCONNECTED = """
from functools import partial
from trebuchet.media import guarded_socket

def leave_open(self, source):
    self.send = partial(guarded_socket._send_to, self.sock, source)

guarded_socket.GuardedSocket._connect = leave_open
"""
"""A kernel that connects no socket: what remains is our own look at every packet."""


async def test_where_the_kernel_drops_nobody_we_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sabotage(tmp_path / "code", UNCONNECTED).items():
        monkeypatch.setenv(name, value)
    async with media(tmp_path) as pool, phone(ALICE_HZ) as alice, phone(BOB_HZ) as bob:
        a, _ = attach(pool, alice)
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        await asyncio.gather(alice.wait_for_tone(BOB_HZ), bob.wait_for_tone(ALICE_HZ))
        with strangers() as socks:
            async with hearing(bob) as marks, hearing(alice) as alices:
                await send_for_a_while(socks, a.offer())
            said = bob.ear.pcm(*marks)
            assert hears(said, ALICE_HZ, above_db=-13) and is_free_of(said, STRANGER_HZ)
            assert hears(alice.ear.pcm(*alices), BOB_HZ, above_db=-13), "the answers still go to the one who was first"
            assert not any(is_readable(sock) for sock in socks)


async def test_strangers_who_come_first_are_not_believed(tmp_path: Path) -> None:
    """They send for longer than it takes to believe a source whose host is the one that was signalled."""
    async with media(tmp_path) as pool, phone(ALICE_HZ) as alice, phone(BOB_HZ) as bob:
        ear = Ear()
        a = pool.open_port(ear)
        alice.follow(a.answer(alice.describe()))
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        with strangers() as socks:
            async with hearing(bob) as marks:
                await send_for_a_while(socks, a.offer())
                alice.start()
                await bob.wait_for_tone(ALICE_HZ)
                await bob.hear(0.3)
            assert is_free_of(bob.ear.pcm(*marks), STRANGER_HZ)
            await alice.wait_for_tone(BOB_HZ)
            assert not any(is_readable(sock) for sock in socks)


@contextmanager
def strangers() -> Iterator[list[socket.socket]]:
    """Sockets at two addresses that nobody signalled."""
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    try:
        for number, sock in enumerate(socks):
            sock.bind((f"127.0.0.{number + 2}", 0))
            sock.setblocking(False)
        yield socks
    finally:
        for sock in socks:
            sock.close()


async def send_for_a_while(socks: list[socket.socket], target: MediaDescription) -> None:
    """Half a second of their tone at the pace of a call."""
    for packet in stranger_packets():
        for sock in socks:
            sock.sendto(packet, (target.address, target.port))
        await asyncio.sleep(0.02)


def is_readable(sock: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        return bool(sock.recv(2048))
    return False


def hostile(seed: int, count: int) -> list[tuple[bytes, bool]]:
    """Mutated RTP, digits and RTCP; whether each is RTCP."""
    rand = random.Random(seed)
    rtp = [packet for name in ("rtp", "digits") for data in seeds(name) for packet in packets(data)]
    rtcp = list(seeds("rtcp"))
    made = []
    for _ in range(count):
        is_rtcp = rand.randrange(3) == 0
        source = rtcp if is_rtcp else rtp
        made.append((mutate(rand.choice(source), rand, source)[:1400], is_rtcp))
    return made


@pytest.mark.timeout(scaled(120, 1800))
async def test_whatever_a_peer_sends_its_call_goes_on(tmp_path: Path) -> None:
    """From the locked source itself, so that the worker reads every one of them."""
    seed = new_seed()
    async with media(tmp_path) as pool, phone(ALICE_HZ) as alice, phone(BOB_HZ) as bob:
        a, ear = attach(pool, alice)
        b, bobs_ear = attach(pool, bob, near=a)
        a.connect(b)
        await bob.wait_for_tone(ALICE_HZ)
        for number, (data, is_rtcp) in enumerate(hostile(seed, MUTATIONS)):
            (alice.send_rtcp if is_rtcp else alice.send_raw)(data)
            if number % 20 == 19:
                await asyncio.sleep(0.005)
        await bob.hear(0.5)
        await alice.wait_for_tone(BOB_HZ)
        fresh = pool.stats().workers[0].load
        await wait_for(lambda: pool.stats().workers[0].load is not fresh)
        load = pool.stats().workers[0].load
        assert load is not None and load.failed_ticks == 0
        assert ear.losses == bobs_ear.losses == 0 and ear.timeouts == 0
        assert pool.stats().workers[0].ports == 2
