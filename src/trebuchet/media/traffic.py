"""Datagrams in and out for all ports of a worker: the only place where Python runs once for each packet.

In: one epoll call finds the sockets that have something, one receive call each puts it straight into the engine's
matrix. Further rounds serve only sockets that have more, so nobody waits behind a flood: it costs its own socket's
buffer and at most `ROUNDS` receive calls a tick. Out: one send call a packet. Errors of the network (ICMP, full
buffers) are counted and otherwise ignored; RTP goes on or times out.
"""

import select
from collections.abc import Callable
from typing import Any

from trebuchet.media.engine import PACKET_BYTES, Engine, TickOutput
from trebuchet.media.guarded_socket import GuardedSocket, Send, discard
from trebuchet.media.sockets import plain_address

ROUNDS = 4
"""Packets of one socket in one tick: four 5 ms packets, or catching up after lateness at four times the normal rate."""
DRAIN_LIMIT = 512
"""Packets thrown away when a socket goes into use: more than its buffer holds."""
RTP_HEADER_BYTES = 12
RTCP_HEADER_BYTES = 8
RTCP_TYPES = range(200, 208)

Receive = Callable[[Any], int]
_Entry = tuple[Receive | None, int, GuardedSocket, bool]
"""How to receive at once (`None`: look at each packet's source), the row, the socket, whether it is RTCP."""


class Traffic:
    """The registered sockets and the buffers of the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._epoll = select.epoll()
        self._entries: dict[int, _Entry] = {}
        self._buffers = [memoryview(row) for row in engine.packets]  # type: ignore[arg-type]  # ndarray is a buffer
        self._rows = memoryview(engine.packet_rows)  # type: ignore[arg-type]  # ndarray is a buffer
        self._lengths = memoryview(engine.packet_lengths)  # type: ignore[arg-type]  # ndarray is a buffer
        self._limit = len(self._buffers) - 1
        self._tx = [memoryview(row) for row in engine.tx]  # type: ignore[arg-type]  # ndarray is a buffer
        self._sends: list[Send] = [discard] * engine.capacity
        self._rtcp_sends: list[Send] = [discard] * engine.capacity
        self._scratch = bytearray(2048)
        self.dropped_packets = 0
        """Came from a source that may not be heard."""
        self.failed_sends = 0

    # --- sockets come and go --------------------------------------------------------------------------------------

    def add(self, row: int, rtp: GuardedSocket, rtcp: GuardedSocket) -> None:
        """Serve these sockets; what waited in them belonged to nobody and is thrown away."""
        for guarded, is_rtcp in ((rtp, False), (rtcp, True)):
            self._empty(guarded)
            self._epoll.register(guarded.sock.fileno(), select.EPOLLIN)
            self._entries[guarded.sock.fileno()] = (None, row, guarded, is_rtcp)
        self.refresh(row, rtp, rtcp)

    def refresh(self, row: int, rtp: GuardedSocket, rtcp: GuardedSocket) -> None:
        """Take over the sockets' new destinations and locks."""
        self._sends[row] = rtp.send
        self._rtcp_sends[row] = rtcp.send
        receive = rtp.sock.recv_into if rtp.is_connected else None
        self._entries[rtp.sock.fileno()] = (receive, row, rtp, False)

    def remove(self, row: int, rtp: GuardedSocket, rtcp: GuardedSocket) -> None:
        """Stop serving these sockets and close them."""
        for guarded in (rtp, rtcp):
            del self._entries[guarded.sock.fileno()]
            self._epoll.unregister(guarded.sock.fileno())
            guarded.sock.close()
        self._sends[row] = self._rtcp_sends[row] = discard

    def _empty(self, guarded: GuardedSocket) -> None:
        for _ in range(DRAIN_LIMIT):
            try:
                guarded.sock.recv_into(self._scratch)
            except BlockingIOError:
                return
            except OSError:
                continue

    # --- in -------------------------------------------------------------------------------------------------------

    def drain(self, now: float) -> None:
        """Receive what has come and give it to the engine."""
        count = 0
        entries, buffers, rows, lengths, limit = self._entries, self._buffers, self._rows, self._lengths, self._limit
        for _ in range(ROUNDS):
            ready = self._epoll.poll(0, len(entries) + 1)
            if not ready:
                break
            for fd, _events in ready:
                receive, row, guarded, is_rtcp = entries[fd]
                if receive is None:
                    count = self._receive_guarded(guarded, row, is_rtcp, count, now)
                else:
                    try:
                        lengths[count] = receive(buffers[count])
                    except OSError:
                        continue
                    rows[count] = row
                    count += 1
                if count >= limit:
                    self._engine.handle_packets(count, now)
                    count = 0
        if count:
            self._engine.handle_packets(count, now)

    def _receive_guarded(self, guarded: GuardedSocket, row: int, is_rtcp: bool, count: int, now: float) -> int:
        """One packet of a socket whose senders are judged here. Returns the new count of the batch."""
        buffer = self._buffers[count]
        try:
            length, address = guarded.sock.recvfrom_into(buffer)
        except OSError:
            return count
        is_valid = _is_rtcp(buffer, length) if is_rtcp else _is_rtp(buffer, length)
        was_connected = guarded.is_connected
        if not (is_valid and guarded.admit(plain_address(address), now)):
            self.dropped_packets += 1
            return count
        if is_rtcp:
            self._rtcp_sends[row] = guarded.send
            self._engine.handle_rtcp(row, bytes(buffer[:length]), now)
            return count
        self._rows[count], self._lengths[count] = row, length
        count += 1
        if guarded.is_connected and not was_connected:
            return self._after_lock(guarded, row, count, now)
        return count

    def _after_lock(self, guarded: GuardedSocket, row: int, count: int, now: float) -> int:
        """The kernel drops strangers from now on, but theirs that already wait must not be heard: take them out."""
        self._sends[row] = guarded.send
        self._entries[guarded.sock.fileno()] = (guarded.sock.recv_into, row, guarded, False)
        for _ in range(DRAIN_LIMIT):
            if count >= self._limit:
                self._engine.handle_packets(count, now)
                count = 0
            try:
                length, address = guarded.sock.recvfrom_into(self._buffers[count])
            except BlockingIOError:
                break
            except OSError:
                continue
            if guarded.admit(plain_address(address), now):
                self._rows[count], self._lengths[count] = row, length
                count += 1
            else:
                self.dropped_packets += 1
        return count

    # --- out ------------------------------------------------------------------------------------------------------

    def send(self, output: TickOutput) -> None:
        """Send what a tick made."""
        sends, tx = self._sends, self._tx
        for row in output.send_rows.tolist():
            try:
                sends[row](tx[row])
            except OSError:
                self.failed_sends += 1
        for row, packet in output.packets:
            self._try_send(sends[row], packet)
        for row, packet in output.reports:
            self._try_send(self._rtcp_sends[row], packet)

    def send_report(self, row: int, packet: bytes) -> None:
        """One RTCP packet."""
        self._try_send(self._rtcp_sends[row], packet)

    def _try_send(self, send: Send, packet: bytes) -> None:
        try:
            send(packet)
        except OSError:
            self.failed_sends += 1


def _is_rtp(buffer: memoryview, length: int) -> bool:
    return RTP_HEADER_BYTES <= length < PACKET_BYTES and buffer[0] >> 6 == 2 and buffer[1] not in RTCP_TYPES


def _is_rtcp(buffer: memoryview, length: int) -> bool:
    return RTCP_HEADER_BYTES <= length < PACKET_BYTES and buffer[0] >> 6 == 2 and buffer[1] in RTCP_TYPES
