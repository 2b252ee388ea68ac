"""The guarded HTTP client: everything that follows a customer's URL goes through it.

It is lean because a webhook is the largest part of a call's cost: one protocol object per connection, a C parser,
no tasks, no middleware. What it promises:

- the address that was judged is the address that is connected to (no second resolution: DNS rebinding has no gap);
- kept connections are pinned to their judged address;
- certificates are verified against the URL's host name;
- redirects are never followed by `request`; `download` follows them and judges every hop afresh;
- time, head, body, connections per host and in all are bounded.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

from trebuchet.fetch.addresses import AddressPolicy
from trebuchet.fetch.connection import Answer, Connection, Sink, StaleConnection
from trebuchet.fetch.errors import FetchError, FetchFailed, FetchTimeout, TooLarge, UrlForbidden
from trebuchet.fetch.pool import FetchLimits, Pool
from trebuchet.fetch.resolver import Resolver, SystemResolver
from trebuchet.fetch.url import Url, parse_url

__all__ = [
    "Answer",
    "Downloaded",
    "FetchError",
    "FetchFailed",
    "FetchLimits",
    "FetchTimeout",
    "GuardedClient",
    "TooLarge",
    "UrlForbidden",
]

CONNECT_S = 3.0
"""Time for one address when others are left to try; the last one gets all that remains."""
MAX_REDIRECTS = 5
"""Hops of a download, by default."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that is complete on disk."""

    content_type: str
    """As the server said it, in lower case and without parameters; empty when it said nothing."""
    size_bytes: int


class GuardedClient:
    """One for each kind of use; closes all its connections with `close`. To be used from one event loop."""

    def __init__(
        self,
        policy: AddressPolicy,
        limits: FetchLimits | None = None,
        *,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls=None`: the system's certificates, verified."""
        self._policy = policy
        self._own_resolver = SystemResolver() if resolver is None else None
        self._resolver: Resolver = self._own_resolver or resolver  # type: ignore[assignment]  # one of them is set
        self._tls = tls
        self._pool = Pool(limits or FetchLimits(), self._connect)

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        max_body_bytes: int,
        *,
        query: str = "",
        is_repeatable: bool = True,
        on_sent: Callable[[], None] | None = None,
    ) -> Answer:
        """One request, one answer; redirects are not followed. `timeout_s` covers everything.

        `query` is added to the URL's own; it is percent-encoded already and may be longer than a URL.
        When the status is in but the body is too long, too slow or cut off, the answer says `is_truncated`.
        `is_repeatable`: may be sent once more when a kept connection proves to be closed before any answer.
        `on_sent` is called once, when the request has been handed to the network.
        Raises `UrlForbidden` (nothing was sent), `FetchTimeout`, `FetchFailed`.
        """
        parsed = parse_url(url)
        data = _serialise(method, parsed, headers, body, query)
        deadline = asyncio.get_running_loop().time() + timeout_s
        return await self._exchange(
            parsed, data, deadline, limit=max_body_bytes, is_repeatable=is_repeatable, on_sent=on_sent
        )

    async def download(
        self, url: str, target: Path, *, max_bytes: int, timeout_s: float, max_redirects: int = MAX_REDIRECTS
    ) -> Downloaded:
        """GET into the file `target` (created or overwritten; removed again on failure). `timeout_s` is for all hops
        together. Raises `UrlForbidden`, `FetchTimeout`, `TooLarge`, and `FetchFailed`, with `status` when there was
        an answer that is no success."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        for _ in range(max_redirects + 1):
            answer, size_bytes = await self._download_hop(parse_url(url), target, deadline, max_bytes)
            if answer.status not in REDIRECTS:
                return Downloaded(_media_type(answer), size_bytes)
            url = _next_hop(url, answer)
        raise FetchFailed("too many redirects", status=answer.status)

    async def close(self) -> None:
        """Drop every connection; requests under way fail."""
        await self._pool.close()
        if self._own_resolver is not None:
            self._own_resolver.close()

    @property
    def connections(self) -> int:
        """Open connections, idle ones included."""
        return self._pool.connections

    # --- inside ---

    async def _exchange(
        self,
        url: Url,
        data: bytes,
        deadline: float,
        *,
        limit: int,
        sink: Sink | None = None,
        is_repeatable: bool = True,
        on_sent: Callable[[], None] | None = None,
    ) -> Answer:
        loop = asyncio.get_running_loop()
        is_fresh = False
        while True:
            connection = await self._pool.acquire(url, deadline, is_fresh=is_fresh)
            timer = loop.call_at(deadline, connection.expire)
            try:
                waiting = connection.exchange(data, limit=limit, sink=sink)
                if on_sent is not None:
                    on_sent()
                    on_sent = None
                return await waiting
            except StaleConnection:
                if is_fresh or not is_repeatable:
                    raise
                is_fresh = True
            except asyncio.CancelledError:
                connection.abort()
                raise
            finally:
                timer.cancel()
                self._pool.release(connection)

    async def _download_hop(self, url: Url, target: Path, deadline: float, max_bytes: int) -> tuple[Answer, int]:
        data = _serialise("GET", url, {"Accept-Encoding": "identity"}, b"")
        try:
            with target.open("wb") as file:
                answer = await self._exchange(url, data, deadline, limit=max_bytes, sink=_write_all(file))
                size_bytes = file.tell()
        except OSError as error:
            target.unlink(missing_ok=True)
            raise FetchFailed("the file could not be stored") from error
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        if answer.status // 100 != 2:
            target.unlink(missing_ok=True)
            if answer.status not in REDIRECTS:
                raise FetchFailed(f"answered with {answer.status}", status=answer.status)
        return answer, size_bytes

    async def _connect(self, url: Url, deadline: float, connection: Connection) -> None:
        """Resolve, judge, connect: the pool's way to a new connection."""
        try:
            async with asyncio.timeout_at(deadline):
                addresses = self._policy.check(await self._resolve(url.host))
                await self._connect_to_any(url, addresses, deadline, connection)
        except TimeoutError as error:
            raise FetchTimeout("could not connect in time") from error

    async def _resolve(self, host: str) -> list[str]:
        try:
            ip_address(host)
        except ValueError:
            return await self._resolver.resolve(host)
        return [host]

    async def _connect_to_any(self, url: Url, addresses: list[str], deadline: float, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        for left, address in zip(reversed(range(len(addresses))), addresses, strict=True):
            until = min(deadline, loop.time() + CONNECT_S) if left else deadline
            try:
                async with asyncio.timeout_at(until):
                    await self._connect_to(url, address, connection)
                return
            except OSError as error:  # TimeoutError and ssl.SSLError are among them
                if not left or loop.time() >= deadline:
                    if isinstance(error, TimeoutError):
                        raise
                    raise FetchFailed(f"cannot connect: {type(error).__name__}") from error

    async def _connect_to(self, url: Url, address: str, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        if url.scheme == "http":
            await loop.create_connection(lambda: connection, address, url.port)
            return
        if self._tls is None:
            self._tls = ssl.create_default_context()
        await loop.create_connection(
            lambda: connection, address, url.port, ssl=self._tls, server_hostname=url.host, ssl_handshake_timeout=10.0
        )


def _serialise(method: str, url: Url, headers: Mapping[str, str], body: bytes, query: str = "") -> bytes:
    """The request as bytes (RFC 9112 3). Raises `UrlForbidden` for a header that would break the framing."""
    target = f"{url.target}{'&' if '?' in url.target else '?'}{query}" if query else url.target
    lines = [f"{method} {target} HTTP/1.1\r\nHost: {url.authority}"]
    if url.authorization is not None:
        lines.append(f"Authorization: {url.authorization}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method not in ("GET", "HEAD"):
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) or head.count("\r") != len(lines) or "\0" in head:
        raise UrlForbidden("a header holds a line break")
    return head.encode("latin-1", "replace") + b"\r\n\r\n" + body


def _write_all(file: BinaryIO) -> Sink:
    return file.write


def _media_type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def _next_hop(url: str, answer: Answer) -> str:
    location = answer.headers.get("location", "")
    try:
        return urljoin(url.rpartition("#")[0] or url, location)
    except ValueError as error:
        raise UrlForbidden("the redirect is not a URL") from error
