"""SIP over TCP and TLS: the listener, the connections we open, and their reuse (RFC 3261 18.1.1, 18.2.1).

TLS is the same with an `ssl.SSLContext` for each side. Without one for its server side a TLS link only calls out. A
connection that was opened under one name is never used for another: its certificate was checked for the first alone.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count

from trebuchet.signalling.link import Receiver
from trebuchet.signalling.settings import LinkLimits
from trebuchet.signalling.stream import StreamConnection

SWEEP_S = 5.0
"""How often connections are looked at for being stale: their limits are longer, so this much later does not matter."""
MAX_WAITING = 256
"""Messages that may wait for one connection to come up; beyond it they fail at once."""
BACKLOG = 1024

_numbers = count(1)
_Place = tuple[tuple[str, int], str]
"""An address and the name its certificate must bear; without TLS the name is empty."""


class StreamLink:
    """One listening address and every connection accepted there or opened from it."""

    def __init__(
        self,
        receiver: Receiver,
        limits: LinkLimits,
        now: Callable[[], float],
        *,
        server_tls: ssl.SSLContext | None = None,
        client_tls: ssl.SSLContext | None = None,
        is_tls: bool = False,
        server_name: Callable[[tuple[str, int]], str | None] = lambda remote: None,
    ) -> None:
        self.transport = "tls" if is_tls else "tcp"
        self.local: tuple[str, int] = ("", 0)
        self._receiver = receiver
        self._limits = limits
        self._now = now
        self._server_tls = server_tls
        self._client_tls = client_tls
        self._server_name = server_name
        self._server: asyncio.Server | None = None
        self._is_open = False
        self._connections: dict[int, StreamConnection] = {}
        self._by_place: dict[_Place, StreamConnection] = {}
        self._waiting: dict[_Place, deque[tuple[bytes, str]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    async def open(self, host: str, port: int) -> None:
        """Listen, unless this is a TLS link without a certificate. Raises `OSError`."""
        self._is_open = True
        self._sweep = self._loop.call_later(SWEEP_S, self._drop_stale)
        if self.transport == "tls" and self._server_tls is None:
            self.local = (host, port)
            return
        self._server = await self._loop.create_server(
            lambda: self._connection(None),
            host,
            port,
            ssl=self._server_tls,
            ssl_handshake_timeout=None if self._server_tls is None else self._limits.connect_s,
            backlog=BACKLOG,
        )
        self.local = self._server.sockets[0].getsockname()[:2]

    def send(self, data: bytes, remote: tuple[str, int], connection_id: int | None, transaction: str) -> None:
        """Over that connection, else over any to `remote`, else over a new one."""
        connection = self._connections.get(connection_id) if connection_id is not None else None
        if connection is None or not connection.is_open:
            connection = self._by_place.get(self._place(remote))
        if connection is not None and connection.is_open:
            if not connection.send(data):
                self._receiver.handle_lost(transaction)
            return
        self._wait_for_connection(data, self._place(remote), transaction)

    def _place(self, remote: tuple[str, int]) -> _Place:
        return remote, (self._server_name(remote) or remote[0]) if self.transport == "tls" else ""

    def _wait_for_connection(self, data: bytes, place: _Place, transaction: str) -> None:
        waiting = self._waiting.get(place)
        if waiting is None:
            if not self._can_connect() or len(self._waiting) + len(self._connections) >= self._limits.max_connections:
                self._loop.call_soon(self._receiver.handle_lost, transaction)
                return
            waiting = self._waiting[place] = deque()
            task = self._loop.create_task(self._connect(place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if len(waiting) >= MAX_WAITING:
            self._loop.call_soon(self._receiver.handle_lost, transaction)
        else:
            waiting.append((data, transaction))

    def _can_connect(self) -> bool:
        return self._is_open and (self.transport == "tcp" or self._client_tls is not None)

    async def _connect(self, place: _Place) -> None:
        remote, server_name = place
        connection = self._connection(place)
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await self._loop.create_connection(
                    lambda: connection,
                    *remote,
                    ssl=self._client_tls,
                    server_hostname=server_name or None,
                )
        except (OSError, TimeoutError, ssl.SSLError):
            connection.abort()
        for data, transaction in self._waiting.pop(place, ()):
            if not connection.send(data):
                self._receiver.handle_lost(transaction)
        self._receiver.handle_batch_end()

    def _connection(self, place: _Place | None) -> StreamConnection:
        """One that we open to `place`, or, with `None`, one that was accepted."""
        return StreamConnection(
            self.transport,
            next(_numbers),
            self._receiver,
            self._limits,
            self._admit if place is None else partial(self._keep_ours, place),
            self._forget,
            self._now,
        )

    def _keep_ours(self, place: _Place, connection: StreamConnection) -> bool:
        connection.trust()
        self._keep(connection, place)
        return True

    def _admit(self, connection: StreamConnection) -> bool:
        """An accepted connection; false closes it. Strangers have few places; the idle make room when all are taken."""
        connection.is_stranger = not self._receiver.is_known(connection.remote[0])
        if connection.is_stranger:
            strangers = sum(1 for other in self._connections.values() if other.is_stranger)
            if strangers >= self._limits.max_stranger_connections:
                return False
        if len(self._connections) >= self._limits.max_connections:
            min(self._connections.values(), key=lambda other: (not other.is_stranger, other.last_heard)).abort()
        self._keep(connection, (connection.remote, ""))
        return True

    def _keep(self, connection: StreamConnection, place: _Place) -> None:
        """An accepted TLS connection has shown no certificate: the empty name is nobody's, so it takes no requests."""
        self._connections[connection.number] = connection
        self._by_place[place] = connection
        connection.place = place

    def _forget(self, connection: StreamConnection) -> None:
        self._connections.pop(connection.number, None)
        place = connection.place
        if place is not None and self._by_place.get(place) is connection:
            del self._by_place[place]

    def vouch(self, connection_id: int) -> None:
        """It is no stranger's, so that strangers cannot use up the room of those who are known."""
        connection = self._connections.get(connection_id)
        if connection is not None:
            connection.is_stranger = False

    def _drop_stale(self) -> None:
        now = self._now()
        for connection in [each for each in self._connections.values() if each.is_stale(now)]:
            connection.abort()
        self._sweep = self._loop.call_later(SWEEP_S, self._drop_stale)

    async def close(self) -> None:
        self._is_open = False
        if self._sweep is not None:
            self._sweep.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections.values()):
            connection.close()
