"""`Idempotency-Key`: a changing request takes effect once, however often it is sent.

The key is stored, with the ids of what the request will make, before the request is acted on; the answer is stored
before it is given. A process that finds a key without an answer knows from the reserved id whether the earlier one got
as far as making the call, and then does not make it again.

Answers are kept for 24 h, with two exceptions: 429 and 5xx say "later", so the same request may come later. Keys count
for one account, method and path.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from trebuchet.api import errors
from trebuchet.api.body import read_body
from trebuchet.api.responses import RawHeaders, finished
from trebuchet.base.clock import Clock
from trebuchet.base.errors import TrebuchetError
from trebuchet.base.ids import AccountId, Ids, ReservedIds
from trebuchet.model.keyed_request import KeyedRequest, StoredAnswer
from trebuchet.store.interface import Batch, Store

HEADER = b"idempotency-key"
MAX_KEY_CHARS = 255
"""Longest key: far above a UUID's 36 characters, and small to hash."""
REPLAYED = (b"idempotent-replayed", b"true")
CHANGING_METHODS = frozenset({"POST", "PUT", "DELETE", "PATCH"})

_log = structlog.get_logger("trebuchet.api")


class Runs(Protocol):
    """How a request with reserved ids is served. Neither raises: failures are responses."""

    async def find_made(self, ids: ReservedIds, request: Request) -> Response | None:
        """The answer that an earlier, cut-off run would have given, if what it makes is there; else `None`."""
        ...

    async def run(self, ids: ReservedIds, request: Request) -> Response: ...


class KeyedRequests:
    """Belongs to one event loop; all requests with keys come through one of these."""

    def __init__(self, store: Store, ids: Ids, clock: Clock) -> None:
        self._store, self._ids, self._clock = store, ids, clock
        self._in_flight: dict[str, str] = {}
        """Fingerprints by id; at most as many as there are requests at once."""

    async def serve(self, account_id: AccountId, key: str, request: Request, runs: Runs) -> Response:
        """Raises `ApiError`: 400 for a key that is none, 409 while the first request with the key is being served,
        422 for a key that another request had, and what reading the body raises."""
        _check_key(key)
        body = await read_body(request)
        made = self._identify(account_id, key, request, body)
        running = self._in_flight.get(made.id)
        if running is not None:
            raise errors.KEY_REUSED() if running != made.fingerprint else errors.KEY_IN_USE()
        self._in_flight[made.id] = made.fingerprint
        try:
            return await self._serve_alone(made, lambda: _with_body(request, body), runs)
        finally:
            del self._in_flight[made.id]

    def _identify(self, account_id: AccountId, key: str, request: Request, body: bytes) -> KeyedRequest:
        scope = request.scope
        name = "\0".join((account_id, scope["method"], scope["path"], key))
        content = scope["query_string"] + b"\0" + body
        return KeyedRequest(
            id=hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest(),
            fingerprint=hashlib.sha256(content).hexdigest(),
            reserved=self._ids.random_part(),
            begun_at=self._clock.utc(),
        )

    async def _serve_alone(self, new: KeyedRequest, make: Callable[[], Request], runs: Runs) -> Response:
        """No other request with the same key is served meanwhile."""
        known = await self._store.keyed_request(new.id)
        if known is None or not known.is_remembered(new.begun_at):
            await self._store.write(Batch(keyed_requests=(new,)))
            return await self._answer(new, runs.run(ReservedIds(self._ids, new.reserved), make()))
        if known.fingerprint != new.fingerprint:
            raise errors.KEY_REUSED()
        if known.answer is not None:
            return _replay(known.answer)
        made = await runs.find_made(ReservedIds(self._ids, known.reserved), make())
        if made is not None:
            return await self._store_answer(known, made)
        return await self._answer(known, runs.run(ReservedIds(self._ids, known.reserved), make()))

    async def _answer(self, request: KeyedRequest, running: Awaitable[Response]) -> Response:
        response = await running
        if response.status_code == 500:
            return response  # nobody knows how far it got: the next one looks at what is there
        if response.status_code > 500 or response.status_code == 429:
            await self._write(Batch(forgotten_requests=(request.id,)))
            return response
        return await self._store_answer(request, response)

    async def _store_answer(self, request: KeyedRequest, response: Response) -> Response:
        await self._write(Batch(keyed_requests=(_answered(request, response),)))
        return response

    async def _write(self, batch: Batch) -> None:
        """What was done is done: the client hears of it, also when the key cannot be noted now."""
        try:
            await self._store.write(batch)
        except TrebuchetError as failure:
            _log.warning("answer of a keyed request not stored", reason=failure.code)


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= MAX_KEY_CHARS or not key.isascii() or not key.isprintable():
        raise errors.BAD_KEY(MAX_KEY_CHARS)


def _with_body(request: Request, body: bytes) -> Request:
    """The request as if its body had not been read yet."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


def _answered(request: KeyedRequest, response: Response) -> KeyedRequest:
    return KeyedRequest(
        id=request.id,
        fingerprint=request.fingerprint,
        reserved=request.reserved,
        begun_at=request.begun_at,
        answer=StoredAnswer(
            status=response.status_code,
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers),
            body=bytes(response.body).decode(),
        ),
    )


def _replay(answer: StoredAnswer) -> Response:
    headers: RawHeaders = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    return finished(answer.status, answer.body.encode(), [*headers, REPLAYED])
