"""SIP over TLS on real sockets: what a certificate was checked for is all its connection is used for."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.certificates import Authority
from support.ports import free_port
from support.sip_parties import Call, Desk, address, answers, outgoing, place_call, plane
from trebuchet.model.trunk import Trunk
from trebuchet.signalling.settings import LinkLimits
from trebuchet.signalling.tcp import StreamLink
from trebuchet.sip.outputs import Flow
from trebuchet.tls import CertificateUnusable, server_context

HOST = "127.0.0.1"
LIMIT_S = 10.0
MESSAGE = (
    b"OPTIONS sip:x@h SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@h>\r\n"
    b"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


PLAIN_OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


class Receiver:
    """What a link hands in."""

    def __init__(self) -> None:
        self.flows: list[Flow] = []
        self.lost: list[str] = []
        self.news = asyncio.Event()

    def handle_data(self, data: bytes, flow: Flow) -> None:
        self.flows.append(flow)
        self.news.set()

    def handle_batch_end(self) -> None:
        self.news.set()

    def handle_lost(self, transaction: str) -> None:
        self.lost.append(transaction)
        self.news.set()

    def is_known(self, host: str) -> bool:
        return True

    async def until(self, count: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while len(self.flows) + len(self.lost) < count:
                self.news.clear()
                await self.news.wait()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def link(
    server: ssl.SSLContext | None,
    client: ssl.SSLContext | None,
    names: dict[tuple[str, int], str] | None = None,
    *,
    port: int = 0,
) -> AsyncIterator[tuple[StreamLink, Receiver]]:
    receiver = Receiver()
    made = StreamLink(
        receiver, LinkLimits(connect_s=2.0), asyncio.get_running_loop().time, server_tls=server, client_tls=client,
        is_tls=True, server_name=({} if names is None else names).get,
    )  # fmt: skip
    await made.open(HOST, port)
    try:
        yield made, receiver
    finally:
        await made.close()


async def test_a_connection_made_under_one_name_is_not_used_for_another(authority: Authority) -> None:
    """Both names lead to one place, whose certificate is valid for the first alone."""
    certificate = authority.issue("DNS:one.example")
    names: dict[tuple[str, int], str] = {}
    async with (
        link(certificate.server(), None) as (far, heard),
        link(None, authority.client(), names) as (near, told),
    ):
        names[far.local] = "one.example"
        near.send(MESSAGE, far.local, None, "first")
        await heard.until(1)
        near.send(MESSAGE, far.local, None, "again")
        await heard.until(2)
        assert len({flow.connection_id for flow in heard.flows}) == 1
        names[far.local] = "two.example"
        near.send(MESSAGE, far.local, None, "second")
        await told.until(1)
        assert told.lost == ["second"]
        names[far.local] = "one.example"
        near.send(MESSAGE, far.local, None, "third")
        await heard.until(3)
        assert len({flow.connection_id for flow in heard.flows}) == 1


async def test_a_request_does_not_go_back_over_a_connection_that_proved_nothing(authority: Authority) -> None:
    """Somebody connects from the very port at which a peer is to be called: he has shown no certificate."""
    certificate = authority.issue(f"IP:{HOST}")
    async with link(certificate.server(), authority.client()) as (near, heard):
        context = authority.client()
        reader, writer = await asyncio.open_connection(*near.local, ssl=context, server_hostname=HOST)
        writer.write(MESSAGE)
        await heard.until(1)
        (flow,) = heard.flows
        near.send(MESSAGE, flow.remote, None, "request")
        await heard.until(2)
        assert heard.lost == ["request"]
        near.send(MESSAGE, flow.remote, flow.connection_id, "response")
        async with asyncio.timeout(LIMIT_S):
            assert await reader.readexactly(len(MESSAGE)) == MESSAGE
        writer.close()


async def test_without_a_certificate_nothing_is_listened_on(authority: Authority) -> None:
    port = free_port()
    async with link(None, authority.client(), port=port) as (near, _):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*near.local)
        assert near.local == (HOST, port)


async def test_without_authorities_nobody_is_called(authority: Authority) -> None:
    certificate = authority.issue(f"IP:{HOST}")
    async with link(certificate.server(), None) as (far, heard), link(None, None) as (near, told):
        near.send(MESSAGE, far.local, None, "plain?")
        await told.until(1)
        assert told.lost == ["plain?"] and heard.flows == []


async def test_plain_text_at_the_tls_port_reaches_nobody(authority: Authority) -> None:
    certificate = authority.issue(f"IP:{HOST}")
    async with link(certificate.server(), None) as (far, heard):
        reader, writer = await asyncio.open_connection(*far.local)
        writer.write(MESSAGE)
        async with asyncio.timeout(LIMIT_S):
            assert MESSAGE[:7] not in await reader.read()
        assert heard.flows == []
        writer.close()


async def test_a_handshake_that_never_ends_is_cut_off(authority: Authority) -> None:
    certificate = authority.issue(f"IP:{HOST}")
    async with link(certificate.server(), None) as (far, _):
        reader, writer = await asyncio.open_connection(*far.local)
        async with asyncio.timeout(LIMIT_S):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("is_right", [True, False])
async def test_a_call_to_an_address_needs_a_certificate_for_it(authority: Authority, is_right: bool) -> None:
    certificate = authority.issue(f"IP:{HOST}" if is_right else "IP:127.0.0.9")
    tls = {"tls_server": certificate.server(), "tls_client": authority.client()}
    async with plane(desk=Desk(answers(HOST)), **tls) as callee, plane(**tls) as caller:
        call = Call()
        host, port = address(callee)
        leg = place_call(caller, outgoing(f"sip:bob@{host}:{port};transport=tls", HOST), call)
        if is_right:
            await call.wait("answered")
            leg.hang_up()
        await call.wait("ended")
        assert ("answered" in call.names) is is_right


@pytest.mark.parametrize("body", [b"", PLAIN_OFFER])
async def test_a_trunk_that_must_encrypt_is_refused_where_keys_would_be_seen(body: bytes) -> None:
    """Its INVITE comes over UDP: with plain audio, or without an offer, so that ours with our keys would have to go
    back."""
    desk = Desk(answers(HOST))
    trunk = Trunk(name="carrier", host=HOST, transport="tls", is_encrypted=True)
    async with plane(desk=desk, trunks=(trunk,)) as made:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((HOST, 0))
            sock.setblocking(False)
            port = sock.getsockname()[1]
            sock.sendto(
                f"INVITE sip:x@{HOST} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bKplain\r\n"
                "Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@h>\r\nCall-ID: plain\r\nCSeq: 1 INVITE\r\n"
                f"Contact: <sip:a@{HOST}:{port}>\r\nContent-Type: application/sdp\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body,
                address(made),
            )
            async with asyncio.timeout(LIMIT_S):
                answer = b"SIP/2.0 100"
                while answer.startswith(b"SIP/2.0 100"):
                    answer = await asyncio.get_running_loop().sock_recv(sock, 65_535)
            assert answer.startswith(b"SIP/2.0 488 ")
            ack = answer.replace(b"SIP/2.0 488 Not Acceptable Here", b"ACK sip:x@h SIP/2.0").replace(
                b"1 INVITE", b"1 ACK"
            )
            sock.sendto(ack, address(made))
    assert desk.calls == []


async def test_the_key_file_must_be_plain(authority: Authority, tmp_path: Path) -> None:
    """A key with a passphrase would make a server wait for a terminal."""
    certificate = authority.issue("DNS:key.example")
    locked = tmp_path / "locked.key"
    process = await asyncio.create_subprocess_exec(
        "openssl", "pkey", "-in", str(certificate.key), "-aes256", "-passout", "pass:x1x1x1", "-out", str(locked)
    )
    assert await process.wait() == 0
    with pytest.raises(CertificateUnusable):
        server_context(certificate.certificate, locked)
