"""The HTTP server in front of the application, with the options its behaviour relies on."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from trebuchet.api.connection import BoundedHttpProtocol
from trebuchet.base.hosts import bracketed

KEEP_ALIVE_S = 75
"""Idle connections are kept longer than clients keep theirs (60 s is common), so that the client closes first."""
BACKLOG = 512
"""Connections waiting to be accepted: a burst of a second."""
STALL_TIMEOUT_MS = 60_000
"""A client that takes nothing of what we send for so long is gone: the kernel ends the connection."""


def open_listener(host: str, port: int) -> socket.socket:
    """A bound, listening TCP socket. `host`: a name or an IPv4 or IPv6 literal; port 0: any. Raises `OSError`
    naming the address."""
    try:
        return _bind(host, port)
    except OSError as error:
        raise OSError(f"cannot listen on http {bracketed(host)}:{port}: {error.strerror or error}") from error


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL_TIMEOUT_MS)  # connections inherit it
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """Leaves signals alone: the composition root decides what they mean."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(app: FastAPI, *, shutdown_s: int = 5, tls: ssl.SSLContext | None = None) -> uvicorn.Server:
    """A uvicorn server for sockets the caller binds: `await server.serve(sockets=[...])`; ends on `should_exit`.

    `tls`: speak HTTPS alone with it. `shutdown_s`: how long running requests may take once it is told to end.
    Forwarded headers are left to `location`, which knows the trusted proxies; access logs cost more than requests.
    """
    config = uvicorn.Config(
        app,
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=shutdown_s,
        backlog=BACKLOG,
        ssl_context_factory=None if tls is None else lambda config, make_default: tls,
    )
    return _Server(config)
