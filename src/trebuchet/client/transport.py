"""Sending requests over HTTP: once blocking, once for asyncio, with everything both share above them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from ssl import SSLContext
from typing import Any, TypeVar

import httpx

from trebuchet.client.errors import ApiError, ClientError, Unreachable, make_error
from trebuchet.client.feed import SILENCE_LIMIT_S, FeedReader
from trebuchet.client.request import Answer, Request

T = TypeVar("T")

DEFAULT_TIMEOUT_S = 30.0
"""For connecting, and for each wait for the answer: a whisper or an audio file is fetched before some answers."""
TOO_MANY = 429
USER_AGENT = "trebuchet-client"


class _Shared:
    """What does not depend on how it is sent."""

    def __init__(self, url: str, user: str) -> None:
        self.user = user
        self._base = url.rstrip("/").removesuffix("/v1")

    def _arguments(self, request: Request[Any], extra: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What httpx is given."""
        content, headers = request.content, {**request.headers, **(extra or {})}
        if request.body is not None:
            content = json.dumps(request.body).encode()
            headers["content-type"] = "application/json"
        return {
            "method": request.method,
            "url": f"{self._base}/v1{request.path}",
            "params": {name: _shown(value) for name, value in request.query.items()} or None,
            "content": content,
            "headers": headers,
        }

    def _following(self, request: Request[T], response: httpx.Response) -> Request[T] | None:
        """The request for the next page: what the Link says after the path, sent to where we are sending already, so
        that credentials never follow a link elsewhere."""
        link = response.links.get("next", {}).get("url")
        if link is None:
            return None
        query = dict(httpx.URL(link).params.items())
        return Request(request.method, request.path, request.read, query=query, headers=request.headers)

    def _check_stream_error(self, error: httpx.TransportError | ClientError, was_open: bool) -> None:
        """A stream that was open is opened again, unless the server says that the request is wrong. What prevents it
        from being opened at all is raised."""
        if isinstance(error, ApiError) and error.status < 500 and error.status != TOO_MANY:
            raise error
        if not was_open:
            raise _unreachable(self._base, error) if isinstance(error, httpx.TransportError) else error


class BlockingTransport(_Shared):
    """One connection pool, usable from several threads."""

    def __init__(self, url: str, user: str, client: httpx.Client) -> None:
        super().__init__(url, user)
        self._client = client

    def close(self) -> None:
        self._client.close()

    def send(self, request: Request[T]) -> T:
        return request.read(_answer(self._send(request)))

    def pages(self, request: Request[list[T]]) -> Iterator[T]:
        following: Request[list[T]] | None = request
        while following is not None:
            response = self._send(following)
            yield from following.read(_answer(response))
            following = self._following(request, response)

    def stream(self, request: Request[T]) -> Iterator[T]:
        reader, was_open = FeedReader(request.headers.get("last-event-id")), False
        while True:
            try:
                arguments = self._arguments(request, reader.resume_headers())
                with self._client.stream(**arguments, timeout=SILENCE_LIMIT_S) as response:
                    if not response.is_success:
                        response.read()
                    _check(response)
                    was_open = True
                    for piece in response.iter_bytes():
                        for data in reader.take(piece):
                            yield request.read(Answer(200, {}, data))
            except (httpx.TransportError, ClientError) as error:
                self._check_stream_error(error, was_open)
            time.sleep(reader.next_wait_s())

    def _send(self, request: Request[Any]) -> httpx.Response:
        try:
            response = self._client.request(**self._arguments(request))
        except httpx.TransportError as error:
            raise _unreachable(self._base, error) from error
        _check(response)
        return response


class AwaitingTransport(_Shared):
    """One connection pool of one event loop."""

    def __init__(self, url: str, user: str, client: httpx.AsyncClient) -> None:
        super().__init__(url, user)
        self._client = client

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, request: Request[T]) -> T:
        return request.read(_answer(await self._send(request)))

    async def pages(self, request: Request[list[T]]) -> AsyncIterator[T]:
        following: Request[list[T]] | None = request
        while following is not None:
            response = await self._send(following)
            for item in following.read(_answer(response)):
                yield item
            following = self._following(request, response)

    async def stream(self, request: Request[T]) -> AsyncIterator[T]:
        reader, was_open = FeedReader(request.headers.get("last-event-id")), False
        while True:
            try:
                arguments = self._arguments(request, reader.resume_headers())
                async with self._client.stream(**arguments, timeout=SILENCE_LIMIT_S) as response:
                    if not response.is_success:
                        await response.aread()
                    _check(response)
                    was_open = True
                    async for piece in response.aiter_bytes():
                        for data in reader.take(piece):
                            yield request.read(Answer(200, {}, data))
            except (httpx.TransportError, ClientError) as error:
                self._check_stream_error(error, was_open)
            await asyncio.sleep(reader.next_wait_s())

    async def _send(self, request: Request[Any]) -> httpx.Response:
        try:
            response = await self._client.request(**self._arguments(request))
        except httpx.TransportError as error:
            raise _unreachable(self._base, error) from error
        _check(response)
        return response


def pool_options(token: str, secret: str, timeout_s: float, verify: bool | SSLContext) -> dict[str, Any]:
    """What both kinds of connection pools are made with."""
    return {
        "auth": httpx.BasicAuth(token, secret),
        "timeout": timeout_s,
        "verify": verify,
        "headers": {"user-agent": USER_AGENT},
    }


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


def _check(response: httpx.Response) -> None:
    """Raises what stands for an answer that is no success."""
    if response.is_success:
        return
    try:
        body = response.json()
    except ValueError:
        body = None
    raise make_error(response.status_code, response.headers, body)


def _unreachable(base: str, error: httpx.TransportError) -> Unreachable:
    return Unreachable(f"{base}: {str(error) or type(error).__name__}")


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
