"""What strangers may do to the sockets: rubbish, floods, dripping, half messages, reading nothing."""

import asyncio
import contextlib
import os
import random
import socket
import time

import pytest
import uvloop
from structlog.testing import capture_logs

from support.sip_parties import Call, Desk, address, answers, outgoing, plane
from trebuchet.calls.interfaces import Refusal
from trebuchet.signalling.adapter import SipPlane
from trebuchet.signalling.settings import LinkLimits

HOST = "127.0.0.1"
WAIT_S = 10.0


async def still_works(made: SipPlane) -> None:
    """A call to it is answered."""
    async with plane() as caller:
        call = Call()
        host, port = address(made)
        leg = caller.place_call(outgoing(f"sip:bob@{host}:{port}", HOST), call)
        await call.wait("answered")
        leg.hang_up()
        await call.wait("ended")


def options(call_id: str = "a", content_length: int = 0) -> bytes:
    return (
        f"OPTIONS sip:x@{HOST} SIP/2.0\r\nVia: SIP/2.0/TCP {HOST}:9;branch=z9hG4bK{call_id}\r\n"
        f"From: <sip:a@b>;tag=1\r\nTo: <sip:x@{HOST}>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n"
        f"Content-Length: {content_length}\r\n\r\n"
    ).encode()


async def test_rubbish_datagrams_harm_nothing() -> None:
    seed = int.from_bytes(os.urandom(4))
    print("seed", seed)
    rand = random.Random(seed)
    good = options()
    async with plane(desk=Desk(answers(HOST))) as made:
        with capture_logs() as logs, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for number in range(1500):
                data = bytearray(good)
                for _ in range(rand.randrange(1, 20)):
                    data[rand.randrange(len(data))] = rand.randrange(256)
                del data[rand.randrange(len(data)) :]
                sock.sendto(bytes(data), address(made))
                sock.sendto(rand.randbytes(rand.randrange(64)), address(made))
                if number % 50 == 0:
                    await asyncio.sleep(0)
            sock.sendto(b"x" * 60_000, address(made))
            await still_works(made)
        assert made.leg_count == 0
        assert logs == [], "rubbish is answered or dropped, it is no error of ours"


async def vanishing_callers() -> None:
    """Calls from sockets that are closed before they are refused, so that the refusals come back as ICMP errors."""
    desk = Desk(lambda call, leg: leg.ring())
    async with plane(desk=desk) as made:
        for number in range(20):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.bind((HOST, 0))
                invite = options(f"gone-{number}").replace(b"OPTIONS", b"INVITE").replace(b"/TCP", b"/UDP")
                port = f":{sock.getsockname()[1]};branch".encode()
                contact = f"\r\nContact: <sip:a@{HOST}>\r\nFrom".encode()
                sock.sendto(invite.replace(b":9;branch", port).replace(b"\r\nFrom", contact), address(made))
                async with asyncio.timeout(WAIT_S):
                    while not (await asyncio.get_running_loop().sock_recv(sock, 4096)).startswith(b"SIP/2.0 180"):
                        pass
            desk.legs[-1].reject(Refusal.DECLINED)
            await asyncio.sleep(0)
        desk.take = answers(HOST)
        await still_works(made)


def test_callers_that_vanish_do_not_make_the_server_deaf() -> None:
    """On the loop the server runs on, which gives up a descriptor that is once in error."""
    uvloop.run(vanishing_callers())


async def test_a_flood_of_strangers_leaves_nothing() -> None:
    async with plane(desk=Desk(answers(HOST)), allows_loopback=False) as made:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            for number in range(500):
                invite = options(str(number)).replace(b"OPTIONS", b"INVITE").replace(b"/TCP", b"/UDP")
                sock.sendto(invite.replace(b"branch", b"rport;branch"), address(made))
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(WAIT_S):
                answers_seen = [await loop.sock_recv(sock, 4096) for _ in range(100)]
        assert all(answer.startswith(b"SIP/2.0 403") for answer in answers_seen)
        assert made.shell.ua.is_idle


async def test_an_answer_of_a_flood_is_the_same_each_time() -> None:
    async with plane(allows_loopback=False) as made:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.bind((HOST, 0))
            request = options("same").replace(b"/TCP", b"/UDP").replace(b";branch", b";rport;branch")
            got = []
            for _ in range(2):
                sock.sendto(request, address(made))
                async with asyncio.timeout(WAIT_S):
                    got.append(await asyncio.get_running_loop().sock_recv(sock, 4096))
    assert got[0] == got[1] and b";tag=" in got[0]
    assert f"received={HOST}".encode() in got[0] or f"Via: SIP/2.0/UDP {HOST}".encode() in got[0]


async def test_keep_alives_are_answered_and_messages_may_come_in_any_pieces() -> None:
    async with plane() as made:
        reader, writer = await asyncio.open_connection(*address(made))
        async with asyncio.timeout(WAIT_S):
            writer.write(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"\r\n"
            for byte in options("drip"):
                writer.write(bytes([byte]))
                await writer.drain()
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
            writer.write(options("one") + options("two"))
            for _ in range(2):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        options(content_length=10**9),
        b"x" * 70_000,
        options().replace(b"Content-Length: 0\r\n", b""),
    ],
)
async def test_a_broken_stream_is_closed(data: bytes) -> None:
    async with plane(desk=Desk(answers(HOST))) as made:
        reader, writer = await asyncio.open_connection(*address(made))
        writer.write(data)
        async with asyncio.timeout(WAIT_S):
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
        writer.close()
        await still_works(made)


async def test_strangers_have_few_connections_and_known_ones_push_out_the_idle() -> None:
    limits = LinkLimits(max_connections=4, max_stranger_connections=2)
    async with plane(limits=limits, allows_loopback=False) as made:
        first = [await asyncio.open_connection(*address(made)) for _ in range(3)]
        async with asyncio.timeout(WAIT_S):
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await first[2][0].readexactly(1)
        for _, writer in first:
            writer.close()
    async with plane(limits=limits, desk=Desk(answers(HOST))) as made:
        held = [await asyncio.open_connection(*address(made)) for _ in range(5)]
        async with asyncio.timeout(WAIT_S):
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await held[0][0].readexactly(1)
            held[4][1].write(options())
            assert (await held[4][0].readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
        for _, writer in held:
            writer.close()
        await still_works(made)


async def test_a_peer_that_does_not_read_is_cut_off() -> None:
    async with plane(limits=LinkLimits(max_write_buffer_bytes=20_000), desk=Desk(answers(HOST))) as made:
        _, writer = await asyncio.open_connection(*address(made), limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport is meant
        async with asyncio.timeout(WAIT_S):
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                number = 0
                while True:
                    number += 1
                    writer.write(options(str(number)))
                    await writer.drain()
        writer.close()
        await still_works(made)


async def test_dripping_connections_cost_no_work() -> None:
    """Two hundred connections that have begun a message and say nothing more: the server's loop stays idle."""
    async with plane(desk=Desk(answers(HOST))) as made:
        held = [await asyncio.open_connection(*address(made)) for _ in range(200)]
        for _, writer in held:
            writer.write(options()[:-10])
            await writer.drain()
        await still_works(made)
        before = time.process_time()
        await asyncio.sleep(0.5)
        assert time.process_time() - before < 0.1
        for _, writer in held:
            writer.close()
