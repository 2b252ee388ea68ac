"""A web server that does exactly what a test scripts, byte by byte, however wrong that is."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as it came."""

    line: str
    """`POST /path HTTP/1.1`."""
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    connection: int
    """Which of the server's connections brought it, counting from 1."""


Handler = Callable[[RawRequest, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """Listens on loopback; `handler` writes whatever answer it likes and may close the writer."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[RawRequest] = []
        self.connections = 0
        self.port = 0

    async def __aenter__(self) -> "RawServer":
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self, tls: ssl.SSLContext | None = None) -> "RawServer":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await self._serve(reader, writer, self.connections)
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while not writer.is_closing():
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            request = RawRequest(head[0], headers, body, number)
            self.requests.append(request)
            await self._handler(request, writer)
            await writer.drain()


async def answer_ok(_: RawRequest, writer: asyncio.StreamWriter) -> None:
    """200 without a body."""
    writer.write(OK)


def reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection with RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
