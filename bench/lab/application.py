"""A web application as lean as one can be: it answers every call over REST and counts what it is told.

    python -m lab.application HTTP_HOST HTTP_PORT USER TOKEN:SECRET

A process of its own. It prints `{"port": N}` and, for each line on its standard input, what it has counted since the
last one: webhooks by type, answers of the API by status, its CPU seconds, and how late a timer of its own ran (its
own loop's delay, so a bench can tell that the application was in the way).
"""

import asyncio
import json
import re
import sys
import threading
import time
from base64 import b64encode
from collections import Counter, deque

import uvloop

TIMER_S = 0.01
MAX_CONNECTIONS = 256
"""To the API; further updates wait for a free one."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BODY = b'{"state":"active"}'

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_TYPE = re.compile(rb'"eventType": ?"(\w+)"')
_CALL = re.compile(rb'"callId": ?"([\w-]+)"')


class Application:
    def __init__(self, address: tuple[str, int], user: str, credentials: str) -> None:
        self.address = address
        self.counts: Counter[str] = Counter()
        self.late: list[float] = []
        self.idle: deque[ApiConnection] = deque()
        self.waiting: deque[bytes] = deque()
        self.connections = 0
        token = b64encode(credentials.encode()).decode()
        self._head = f"POST /v1/users/{user}/calls/".encode()
        self._tail = (
            f" HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nAuthorization: Basic {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        ).encode() + BODY

    def handle(self, body: bytes) -> None:
        """A webhook."""
        kind = _TYPE.search(body)
        name = kind[1].decode() if kind else "unreadable"
        self.counts[name] += 1
        if name == "incomingcall" and (call := _CALL.search(body)):
            self._answer(call[1])

    def _answer(self, call_id: bytes) -> None:
        request = self._head + call_id + self._tail
        if self.idle:
            self.idle.pop().send(request)
        elif self.connections < MAX_CONNECTIONS:
            self.connections += 1
            self.waiting.append(request)
            loop = asyncio.get_running_loop()
            task = loop.create_task(loop.create_connection(lambda: ApiConnection(self), *self.address))
            task.add_done_callback(self._connected)
        else:
            self.waiting.append(request)

    def _connected(self, task: "asyncio.Task[object]") -> None:
        if task.exception() is not None:
            self.connections -= 1
            self.counts["api-unreachable"] += 1

    def release(self, connection: "ApiConnection") -> None:
        if self.waiting:
            connection.send(self.waiting.popleft())
        else:
            self.idle.append(connection)

    async def watch(self) -> None:
        """Note how late a timer comes."""
        while True:
            due = time.perf_counter() + TIMER_S
            await asyncio.sleep(TIMER_S)
            self.late.append(max(0.0, time.perf_counter() - due))

    def report(self) -> None:
        late, self.late = sorted(self.late), []
        counts, self.counts = self.counts, Counter()
        answer = {
            "counts": counts, "cpu_s": time.process_time(),
            "late_p99_ms": 1e3 * late[int(len(late) * 0.99)] if late else 0.0,
        }  # fmt: skip
        print(json.dumps(answer), flush=True)


class Webhook(asyncio.Protocol):
    """One connection of the server: requests one after the other."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._data, 0, end)
            until = end + 4 + (int(length[1]) if length else 0)
            if len(self._data) < until:
                return
            body, self._data = self._data[end + 4 : until], self._data[until:]
            self._transport.write(OK)  # type: ignore[attr-defined]  # a stream transport
            self._application.handle(body)


class ApiConnection(asyncio.Protocol):
    """One kept connection to the API."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._application.release(self)

    def send(self, request: bytes) -> None:
        self._transport.write(request)  # type: ignore[attr-defined]  # a stream transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._data, 0, end)
        if len(self._data) < end + 4 + (int(length[1]) if length else 0):
            return
        self._application.counts[f"api-{self._data[9:12].decode()}"] += 1
        self._data = b""
        self._application.release(self)

    def connection_lost(self, error: Exception | None) -> None:
        application = self._application
        application.connections -= 1
        if self in application.idle:
            application.idle.remove(self)


async def serve(application: Application) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Webhook(application), "127.0.0.1", 0, backlog=1024)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    watching = loop.create_task(application.watch())
    ended = asyncio.Event()
    threading.Thread(target=_read_orders, args=(loop, application, ended), daemon=True).start()
    await ended.wait()
    watching.cancel()


def _read_orders(loop: asyncio.AbstractEventLoop, application: Application, ended: asyncio.Event) -> None:
    for _ in sys.stdin:
        loop.call_soon_threadsafe(application.report)
    loop.call_soon_threadsafe(ended.set)


def main() -> None:
    host, port, user, credentials = sys.argv[1:]
    uvloop.run(serve(Application((host, int(port)), user, credentials)))


if __name__ == "__main__":
    main()
