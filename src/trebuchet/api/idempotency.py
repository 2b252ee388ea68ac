"""`Idempotency-Key`: a changing request takes effect once, however often it is sent.

The key is stored, with the ids of what the request will make, before the request is acted on; the answer is stored
before it is given. A process that finds a key without an answer knows from the reserved id whether the earlier one got
as far as making the call, and then does not make it again.

What the store alone is changed by is stored together with the answer, so that no crash comes between them.

Answers are kept for 24 h, with two exceptions: 429 and 5xx say "later", so the same request may come later. Keys count
for one account, method and path. A secret in an answer is not kept: it follows from the key of the installation.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from trebuchet.api import errors
from trebuchet.api.body import closing, read_body
from trebuchet.api.responses import RawHeaders, finished
from trebuchet.base.clock import Clock
from trebuchet.base.errors import LocalError, TrebuchetError
from trebuchet.base.ids import AccountId, Ids, ReservedIds
from trebuchet.base.values import replace
from trebuchet.model.keyed_request import PLACE, KeyedRequest, StoredAnswer
from trebuchet.store.interface import NOTHING, Batch, Store

HEADER = b"idempotency-key"
MAX_KEY_CHARS = 255
"""Longest key: far above a UUID's 36 characters, and small to hash."""
REPLAYED = (b"idempotent-replayed", b"true")
CHANGING_METHODS = frozenset({"POST", "PUT", "DELETE", "PATCH"})

_log = structlog.get_logger("trebuchet.api")


class SecretLost(LocalError):
    """A stored answer holds a secret that the present key of the installation does not give."""

    code = "request-secret-lost"


@dataclass(frozen=True, slots=True)
class TakenBody:
    """A body that was not read into memory."""

    content: bytes
    """What makes it the same body."""
    request: Request
    """The request, with the body where its handler looks for it."""


class KeyedRun:
    """One run of a request with a key: what it has reserved, and its answer."""

    def __init__(self, request: KeyedRequest, ids: Ids, secret_part: str) -> None:
        self.ids = ReservedIds(ids, request.reserved, secret_part)
        self.is_stored = False
        """Whether the answer has been stored together with what was done."""
        self.request, self._secret_part = request, secret_part

    def note(self, answer: Response, changes: Batch = NOTHING) -> Batch:
        """The changes and, in the same unit of work, the answer."""
        stored = replace(self.request, answer=_stored(answer, self._secret_part))
        return replace(changes, keyed_requests=(stored,))

    def replay(self) -> Response | None:
        """The stored answer. Raises `SecretLost`."""
        return None if self.request.answer is None else _replay(self.request.answer, self._secret_part)


class Runs(Protocol):
    """How a request with a key is served. Neither raises: failures are responses."""

    async def find_made(self, run: KeyedRun, request: Request) -> Response | None:
        """The answer that an earlier, cut-off run would have given, if what it makes is there; else `None`."""
        ...

    async def run(self, run: KeyedRun, request: Request) -> Response: ...


class KeyedRequests:
    """Belongs to one event loop; all requests with keys come through one of these. `secret_of` gives the random part
    of a secret, from what is reserved for its request and from what is stored nowhere near it."""

    def __init__(self, store: Store, ids: Ids, clock: Clock, secret_of: Callable[[str], str]) -> None:
        self._store, self._ids, self._clock, self._secret_of = store, ids, clock, secret_of
        self._in_flight: dict[str, str | None] = {}
        """Fingerprints by id, `None` while they are not known; at most as many as there are requests at once."""

    async def serve(self, account_id: AccountId, key: str, request: Request, runs: Runs) -> Response:
        """Raises `ApiError`: 400 for a key that is none, 409 while the first request with the key is being served,
        422 for a key that another request had, and what reading the body raises; `SecretLost`."""
        _check_key(key)
        body = await read_body(request)
        new = self._identify(account_id, key, request, body)
        if new.id in self._in_flight:
            is_other = self._in_flight[new.id] not in (None, new.fingerprint)
            raise errors.KEY_REUSED() if is_other else errors.KEY_IN_USE()
        with self._alone(new.id, new.fingerprint):
            return await self._serve_alone(new, lambda: _with_body(request, body), runs)

    async def serve_taken(
        self,
        account_id: AccountId,
        key: str,
        request: Request,
        body: AbstractAsyncContextManager[TakenBody],
        runs: Runs,
    ) -> Response:
        """The same for a body that takes its time: its key is in use from the beginning, and a second one with the key
        is not read."""
        _check_key(key)
        request_id = _request_id(account_id, key, request)
        if request_id in self._in_flight:
            raise closing(errors.KEY_IN_USE())
        with self._alone(request_id, None):
            async with body as taken:
                new = self._identify(account_id, key, request, taken.content)
                return await self._serve_alone(new, lambda: taken.request, runs)

    @contextmanager
    def _alone(self, request_id: str, fingerprint: str | None) -> Iterator[None]:
        self._in_flight[request_id] = fingerprint
        try:
            yield
        finally:
            del self._in_flight[request_id]

    def _identify(self, account_id: AccountId, key: str, request: Request, content: bytes) -> KeyedRequest:
        return KeyedRequest(
            id=_request_id(account_id, key, request),
            fingerprint=hashlib.sha256(request.scope["query_string"] + b"\0" + content).hexdigest(),
            reserved=self._ids.random_part(),
            begun_at=self._clock.utc(),
        )

    async def _serve_alone(self, new: KeyedRequest, make: Callable[[], Request], runs: Runs) -> Response:
        """No other request with the same key is served meanwhile."""
        known = await self._store.keyed_request(new.id)
        if known is None or not known.is_remembered(new.begun_at):
            await self._store.write(Batch(keyed_requests=(new,)))
            return await self._answer(self._begin(new), make(), runs)
        if known.fingerprint != new.fingerprint:
            raise errors.KEY_REUSED()
        run = self._begin(known)
        stored = run.replay()
        if stored is not None:
            return stored
        made = await runs.find_made(run, make())
        if made is not None:
            return await self._store_answer(run, made)
        return await self._answer(self._begin(known), make(), runs)  # anew, so that the reserved ids come again

    def _begin(self, request: KeyedRequest) -> KeyedRun:
        return KeyedRun(request, self._ids, self._secret_of(request.reserved))

    async def _answer(self, run: KeyedRun, asked: Request, runs: Runs) -> Response:
        response = await runs.run(run, asked)
        if run.is_stored or response.status_code == 500:
            return response  # 500: nobody knows how far it got; the next one looks at what is there
        if response.status_code > 500 or response.status_code == 429:
            await self._write(Batch(forgotten_requests=(run.request.id,)))
            return response
        return await self._store_answer(run, response)

    async def _store_answer(self, run: KeyedRun, response: Response) -> Response:
        await self._write(run.note(response))
        return response

    async def _write(self, batch: Batch) -> None:
        """What was done is done: the client hears of it, also when the key cannot be noted now."""
        try:
            await self._store.write(batch)
        except TrebuchetError as failure:
            _log.warning("answer of a keyed request not stored", reason=failure.code)


def _request_id(account_id: AccountId, key: str, request: Request) -> str:
    name = "\0".join((account_id, request.scope["method"], request.scope["path"], key))
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= MAX_KEY_CHARS or not key.isascii() or not key.isprintable():
        raise errors.BAD_KEY(MAX_KEY_CHARS)


def _with_body(request: Request, body: bytes) -> Request:
    """The request as if its body had not been read yet."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


def _stored(response: Response, secret_part: str) -> StoredAnswer:
    body = bytes(response.body).decode()
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)
    if secret_part not in body and all(secret_part not in value for _, value in headers):
        return StoredAnswer(status=response.status_code, headers=headers, body=body)
    return StoredAnswer(
        status=response.status_code,
        headers=tuple((name, value.replace(secret_part, PLACE)) for name, value in headers),
        body=body.replace(secret_part, PLACE),
        left_out=_fingerprint(secret_part),
    )


def _replay(answer: StoredAnswer, secret_part: str) -> Response:
    if answer.left_out not in (None, _fingerprint(secret_part)):
        raise SecretLost("an answer that holds a secret was stored under another key")
    headers: RawHeaders = [
        (name.encode("latin-1"), value.replace(PLACE, secret_part).encode("latin-1")) for name, value in answer.headers
    ]
    return finished(answer.status, answer.body.replace(PLACE, secret_part).encode(), [*headers, REPLAYED])


def _fingerprint(secret_part: str) -> str:
    return hashlib.sha256(secret_part.encode()).hexdigest()
