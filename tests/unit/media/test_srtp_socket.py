"""Protected sockets on the loopback network: what is authentic is heard, everything else is an error."""

import socket
from collections.abc import Iterator

import pylibsrtp
import pytest

from trebuchet.media import srtp_socket
from trebuchet.media.guarded_socket import GuardedSocket
from trebuchet.media.srtp_keys import Protection
from trebuchet.media.srtp_socket import NotAuthentic, PortCipher, SrtpSocket
from trebuchet.model.media_description import SRTP_SUITES

OURS, THEIRS, OTHER = bytes(range(30)), bytes(range(30, 60)), bytes(range(60, 90))
LONG, SHORT = SRTP_SUITES
RTCP = bytes((0x80, 201, 0, 1)) + b"\0\0\0\1"


def rtp(sequence: int, ssrc: int = 1, size: int = 160) -> bytes:
    return bytes((0x80, 0)) + sequence.to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big") + b"\x5a" * size


def udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(5)
    return sock


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Ours and the peer's, connected to each other."""
    ours, peer = udp(), udp()
    ours.connect(peer.getsockname())
    peer.connect(ours.getsockname())
    yield ours, peer
    ours.close()
    peer.close()


def both(wire: tuple[socket.socket, socket.socket], suite: str = LONG, *, is_rtcp: bool = False) -> list[SrtpSocket]:
    ours = SrtpSocket(wire[0], PortCipher(Protection(suite, OURS, THEIRS)), is_rtcp=is_rtcp)
    peer = SrtpSocket(wire[1], PortCipher(Protection(suite, THEIRS, OURS)), is_rtcp=is_rtcp)
    return [ours, peer]


@pytest.mark.parametrize(("suite", "tag_bytes"), [(LONG, 10), (SHORT, 4)])
def test_packets_cross_protected(wire: tuple[socket.socket, socket.socket], suite: str, tag_bytes: int) -> None:
    ours, peer = both(wire, suite)
    packet = rtp(1)
    peer.send(memoryview(packet))
    raw = wire[0].recv(2048, socket.MSG_PEEK)
    assert len(raw) == len(packet) + tag_bytes and b"\x5a" * 8 not in raw
    buffer = bytearray(512)
    length, source = ours.recvfrom_into(buffer)
    assert bytes(buffer[:length]) == packet and source == wire[1].getsockname()
    ours.send(rtp(9))
    assert peer.recv_into(buffer) == len(packet)


def test_reports_cross_protected(wire: tuple[socket.socket, socket.socket]) -> None:
    ours, peer = both(wire, is_rtcp=True)
    ours.send(RTCP)
    assert wire[1].recv(2048, socket.MSG_PEEK) != RTCP
    buffer = bytearray(512)
    assert bytes(buffer[: peer.recv_into(buffer)]) == RTCP


@pytest.mark.parametrize(
    "forged",
    [rtp(2), b"", b"\x80", bytes(2000), pylibsrtp.Session(pylibsrtp.Policy(OTHER, 3)).protect(rtp(2))],
)
def test_what_is_not_authentic_is_not_heard(wire: tuple[socket.socket, socket.socket], forged: bytes) -> None:
    ours, peer = both(wire)
    buffer = bytearray(512)
    wire[1].send(forged)
    with pytest.raises(NotAuthentic):
        ours.recv_into(buffer)
    assert not any(buffer)
    peer.send(rtp(3))
    assert ours.recv_into(buffer) == len(rtp(3))


def test_a_packet_that_comes_twice_is_heard_once(wire: tuple[socket.socket, socket.socket]) -> None:
    ours, peer = both(wire)
    buffer = bytearray(512)
    peer.send(rtp(1))
    copy = wire[0].recv(2048, socket.MSG_PEEK)
    ours.recv_into(buffer)
    wire[1].send(copy)
    with pytest.raises(NotAuthentic):
        ours.recv_into(buffer)


def test_what_does_not_fit_is_dropped(wire: tuple[socket.socket, socket.socket]) -> None:
    ours, peer = both(wire)
    peer.send(rtp(1, size=1000))
    with pytest.raises(NotAuthentic):
        ours.recv_into(bytearray(512))


def test_the_sources_of_one_peer_are_bounded(
    wire: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(srtp_socket, "MAX_SOURCES", 3)
    ours, peer = both(wire)
    buffer = bytearray(512)
    for ssrc in range(3):
        peer.send(rtp(1, ssrc))
        ours.recv_into(buffer)
    peer.send(rtp(1, 99))
    with pytest.raises(NotAuthentic):
        ours.recv_into(buffer)
    peer.send(rtp(2, 0))
    assert ours.recv_into(buffer)


def test_a_side_that_keeps_its_key_goes_on_counting() -> None:
    """Beginning again would reuse the key stream, and lose everybody after 65,536 packets."""
    cipher = PortCipher(Protection(LONG, OURS, THEIRS))
    outbound, inbound = cipher.outbound, cipher.inbound
    cipher.apply(Protection(LONG, OURS, THEIRS))
    assert (cipher.outbound, cipher.inbound) == (outbound, inbound)
    cipher.apply(Protection(LONG, OURS, OTHER))
    assert cipher.outbound is outbound and cipher.inbound is not inbound
    cipher.apply(Protection(SHORT, OTHER, OTHER))
    assert cipher.outbound is not outbound


def test_a_guarded_socket_sends_protected_from_then_on() -> None:
    raw, peer = udp(), udp()
    guarded = GuardedSocket(raw)
    guarded.signal(peer.getsockname())
    guarded.protect(PortCipher(Protection(LONG, OURS, THEIRS)), is_rtcp=False)
    guarded.send(rtp(1))
    assert b"\x5a" * 8 not in peer.recv(2048)
    assert guarded.admit(peer.getsockname(), 0.0) and guarded.is_connected
    guarded.send(rtp(2))
    assert b"\x5a" * 8 not in peer.recv(2048)
    guarded.signal(("127.0.0.1", 9))
    guarded.signal(peer.getsockname())
    guarded.send(rtp(3))
    assert b"\x5a" * 8 not in peer.recv(2048)
    guarded.sock.close()
    peer.close()


def test_a_socket_that_was_locked_before_is_protected_as_well() -> None:
    raw, peer = udp(), udp()
    guarded = GuardedSocket(raw)
    guarded.signal(peer.getsockname())
    assert guarded.admit(peer.getsockname(), 0.0)
    guarded.protect(PortCipher(Protection(LONG, OURS, THEIRS)), is_rtcp=False)
    guarded.send(rtp(1))
    assert b"\x5a" * 8 not in peer.recv(2048)
    guarded.sock.close()
    peer.close()
