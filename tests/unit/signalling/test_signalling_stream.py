"""When a stream connection has outlived its welcome, and which addresses peers are told; time is a number."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from trebuchet.signalling.addresses import LocalAddresses
from trebuchet.signalling.settings import LinkLimits
from trebuchet.signalling.stream import StreamConnection
from trebuchet.sip.outputs import Flow

MESSAGE = (
    b"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:x@y>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)
LIMITS = LinkLimits(message_s=32, idle_s=3600)


class Pipe(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 40000), "sockname": ("127.0.0.1", 5060)})
        self.written = b""
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = close


@dataclass
class World:
    now: float = 0.0
    messages: list[bytes] = field(default_factory=list)
    pipe: Pipe = field(default_factory=Pipe)

    def handle_data(self, data: bytes, flow: Flow) -> None:
        self.messages.append(data)

    def handle_batch_end(self) -> None:
        """Nothing is batched here."""

    def handle_lost(self, transaction: str) -> None:
        raise AssertionError(transaction)

    def is_known(self, host: str) -> bool:
        return True

    def connection(self) -> StreamConnection:
        made = StreamConnection("tcp", 1, self, LIMITS, lambda it: True, lambda it: None, lambda: self.now)
        made.connection_made(self.pipe)
        return made


def test_silence_after_the_handshake_ends_it() -> None:
    world = World()
    connection = world.connection()
    assert not connection.is_stale(32.0)
    assert connection.is_stale(32.1)


def test_keep_alives_alone_are_not_a_message() -> None:
    world = World()
    connection = world.connection()
    for world.now in range(0, 40, 10):
        connection.data_received(b"\r\n\r\n")
    assert connection.is_stale(33.0)
    assert world.pipe.written == b"\r\n" * 4


def test_a_message_must_be_finished_in_time_however_it_drips() -> None:
    world = World()
    connection = world.connection()
    connection.data_received(MESSAGE)
    assert not connection.is_stale(3000.0)
    world.now = 1000.0
    for index in range(40):
        connection.data_received(MESSAGE[index : index + 1])
        world.now += 1.0
    assert connection.is_stale(1032.1)
    connection.data_received(MESSAGE[40:])
    assert not connection.is_stale(1100.0)
    assert world.messages == [MESSAGE, MESSAGE]


def test_a_proven_connection_may_be_idle_for_an_hour() -> None:
    world = World()
    connection = world.connection()
    connection.data_received(MESSAGE)
    assert not connection.is_stale(3600.0)
    assert connection.is_stale(3600.1)
    world.now = 3000.0
    connection.data_received(b"\r\n\r\n")
    assert not connection.is_stale(6500.0)


def test_one_we_opened_need_not_prove_itself() -> None:
    connection = World().connection()
    connection.trust()
    assert not connection.is_stale(100.0)


def test_a_broken_stream_is_closed_after_what_was_whole() -> None:
    world = World()
    connection = world.connection()
    connection.data_received(MESSAGE + b"rubbish\r\n\r\n")
    assert world.messages == [MESSAGE] and world.pipe.is_closed and not connection.is_open
    assert connection.send(b"x") is False


class FakeLink:
    def __init__(self, transport: str, host: str, port: int) -> None:
        self.transport = transport
        self.local = (host, port)

    def send(self, data: bytes, remote: tuple[str, int], connection_id: int | None, transaction: str) -> None:
        raise AssertionError("nothing is sent here")

    async def close(self) -> None:
        raise AssertionError("nothing is closed here")


def test_peers_are_told_the_address_that_faces_them() -> None:
    links = [
        FakeLink("udp", "127.0.0.1", 5060),
        FakeLink("udp", "192.0.2.10", 5061),
        FakeLink("udp", "::1", 5062),
        FakeLink("tcp", "0.0.0.0", 5063),
    ]
    addresses = LocalAddresses(links, None)
    assert addresses.address("udp", "127.0.0.1") == ("127.0.0.1", 5060)
    assert addresses.address("udp", "198.51.100.1") == ("192.0.2.10", 5061)
    assert addresses.address("udp", "::1") == ("::1", 5062)
    assert addresses.address("tcp", "127.0.0.1") == ("127.0.0.1", 5063)
    assert addresses.link("tcp", "::1") is None
    assert addresses.link("tls", "127.0.0.1") is None


def test_behind_an_address_translator_strangers_are_told_the_outer_address() -> None:
    addresses = LocalAddresses([FakeLink("udp", "0.0.0.0", 5060)], "203.0.113.1")
    assert addresses.address("udp", "198.51.100.1") == ("203.0.113.1", 5060)
    assert addresses.address("udp", "127.0.0.1") == ("127.0.0.1", 5060)
