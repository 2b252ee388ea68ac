"""Kept connections, by origin, within bounds."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from trebuchet.fetch.connection import Connection
from trebuchet.fetch.errors import FetchFailed, FetchTimeout
from trebuchet.fetch.url import Url


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """How much of the machine outgoing requests may use."""

    max_connections_per_host: int = 256
    """One customer's server; more requests wait for a free connection."""
    max_connections: int = 1024
    """All of them; each is a file descriptor and some 20 kB."""
    max_idle_s: float = 4.0
    """Below the 5 s after which widespread servers (Node, uvicorn) drop an idle connection, so that a request
    hardly ever meets a closing one."""


Origin = tuple[str, str, int]


@dataclass(slots=True)
class _Host:
    idle: deque[Connection] = field(default_factory=deque)
    """Most recently used last."""
    connections: int = 0
    """Open, being opened and idle ones."""
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Pool:
    """Hands out a connection to one user at a time. Not safe across threads."""

    def __init__(self, limits: FetchLimits, connect: Callable[[Url, float, Connection], Awaitable[None]]) -> None:
        self._limits = limits
        self._connect = connect
        self._hosts: dict[Origin, _Host] = {}
        self._origins: dict[Connection, Origin] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._gone = asyncio.Event()
        self._gone.set()

    async def acquire(self, url: Url, deadline: float, *, is_fresh: bool = False) -> Connection:
        """A connection to the URL's origin: a kept one at once, else a new one (`is_fresh`: never a kept one).
        Waits for a place until the deadline. Raises `FetchTimeout`, and what connecting raises."""
        origin = url.origin
        while True:
            if self._is_closed:
                raise FetchFailed("the client is closed")
            host = self._hosts.get(origin)
            if host is None:
                host = self._hosts[origin] = _Host()
            if not is_fresh and (connection := self._take_idle(host)) is not None:
                return connection
            if self._has_room(host):
                return await self._open(url, host, deadline)
            is_host_full = host.connections >= self._limits.max_connections_per_host
            try:
                await _wait(host.waiting if is_host_full else self._waiting, deadline)
            finally:
                self._tidy(origin)

    def release(self, connection: Connection) -> None:
        """Give it back after an exchange: kept when it can be used again, dropped otherwise."""
        origin = self._origins.get(connection)
        if origin is None or not connection.is_open:
            return
        if not connection.is_reusable or self._is_closed:
            connection.abort()
            return
        host = self._hosts[origin]
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        host.idle.append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(self._limits.max_idle_s / 2, self._sweep)
        _wake(host.waiting) or _wake(self._waiting)

    async def close(self) -> None:
        """Drop every connection and wait until they are gone."""
        self._is_closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in list(self._origins):
            connection.abort()
        for waiting in (self._waiting, *(host.waiting for host in self._hosts.values())):
            while _wake(waiting):
                pass
        await self._gone.wait()

    @property
    def connections(self) -> int:
        """Open connections, idle ones included."""
        return len(self._origins)

    # --- inside ---

    def _take_idle(self, host: _Host) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while host.idle:
            connection = host.idle.pop()
            if connection.is_open and now - connection.idle_since < self._limits.max_idle_s:
                return connection
            connection.abort()
        return None

    def _has_room(self, host: _Host) -> bool:
        if host.connections >= self._limits.max_connections_per_host:
            self._drop_one_idle([host])
            return host.connections < self._limits.max_connections_per_host
        if len(self._origins) >= self._limits.max_connections:
            self._drop_one_idle(self._hosts.values())
        return len(self._origins) < self._limits.max_connections

    def _drop_one_idle(self, hosts: Iterable[_Host]) -> None:
        for host in hosts:
            if host.idle:
                connection = host.idle.popleft()
                connection.abort()
                self._forget(connection)
                return

    async def _open(self, url: Url, host: _Host, deadline: float) -> Connection:
        connection = Connection(self._forget)
        self._hosts[url.origin] = host  # making room may have removed it
        self._origins[connection] = url.origin
        self._gone.clear()
        host.connections += 1
        try:
            await self._connect(url, deadline, connection)
        except BaseException:
            connection.abort()
            self._forget(connection)
            raise
        if not connection.is_open:
            raise FetchFailed("the connection was closed at once")
        return connection

    def _forget(self, connection: Connection) -> None:
        """Its place is free. Called when it closed, or when it never opened; the second call does nothing."""
        origin = self._origins.pop(connection, None)
        if origin is None:
            return
        if not self._origins:
            self._gone.set()
        host = self._hosts[origin]
        host.connections -= 1
        if connection in host.idle:
            host.idle.remove(connection)
        _wake(host.waiting)
        _wake(self._waiting)
        self._tidy(origin)

    def _tidy(self, origin: Origin) -> None:
        host = self._hosts.get(origin)
        if host is not None and not host.connections and not host.waiting:
            del self._hosts[origin]

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for host in list(self._hosts.values()):
            while host.idle and now - host.idle[0].idle_since >= self._limits.max_idle_s:
                host.idle.popleft().abort()
        is_any_idle = any(host.idle for host in self._hosts.values())
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(self._limits.max_idle_s / 2, self._sweep) if is_any_idle else None


async def _wait(queue: deque[asyncio.Future[None]], deadline: float) -> None:
    waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    queue.append(waiting)
    try:
        async with asyncio.timeout_at(deadline):
            await waiting
    except TimeoutError as error:
        raise FetchTimeout("no free connection in time") from error
    finally:
        if waiting in queue:
            queue.remove(waiting)


def _wake(queue: deque[asyncio.Future[None]]) -> bool:
    """Let the longest waiting one look again."""
    while queue:
        waiting = queue.popleft()
        if not waiting.done():
            waiting.set_result(None)
            return True
    return False
