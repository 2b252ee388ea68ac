"""Requests as values, and the one definition from which the blocking and the awaiting face of a method come.

A method of a resource is a function that returns a `Request`: what to send, and how to read the answer. Nothing is sent
by it. The descriptors below turn it into a method of whichever face it is looked up on: with a blocking transport it
returns the result, with an awaiting one something to await.
"""

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload
from urllib.parse import quote

from trebuchet.client.errors import UnexpectedAnswer
from trebuchet.client.values import from_wire

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise UnexpectedAnswer("the answer is not JSON") from error


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """`path` is below `/v1`, quoted; `read` makes the result."""

    method: str
    path: str
    read: Callable[[Answer], T]
    body: Mapping[str, Any] | None = None
    """Sent as JSON; `None`: no body, unless `content` holds one."""
    query: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Blocking(Protocol):
    """Sends and waits."""

    user: str

    def send(self, request: Request[T]) -> T: ...

    def pages(self, request: Request[list[T]]) -> Iterator[T]: ...

    def stream(self, request: Request[T]) -> Iterator[T]: ...


class Awaiting(Protocol):
    """The same for asyncio."""

    user: str

    def send(self, request: Request[T]) -> Coroutine[Any, Any, T]: ...

    def pages(self, request: Request[list[T]]) -> AsyncIterator[T]: ...

    def stream(self, request: Request[T]) -> AsyncIterator[T]: ...


F = TypeVar("F", bound=Blocking | Awaiting)


class Resource(Generic[F]):
    """Methods of one resource over one transport."""

    def __init__(self, transport: F) -> None:
        self._transport = transport

    def _path(self, *pieces: str) -> str:
        """A path below the account."""
        return "/".join(["/users", quote(self._transport.user, safe=""), *(quote(piece, safe="") for piece in pieces)])


class operation(Generic[P, T]):  # noqa: N801  # used as a decorator
    """One request, one result."""

    def __init__(self, define: Callable[Concatenate[Any, P], Request[T]]) -> None:
        self.define = define
        self.__doc__ = define.__doc__

    @overload
    def __get__(self, face: None, owner: type) -> Self: ...
    @overload
    def __get__(self, face: Resource[Blocking], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, face: Resource[Awaiting], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, face: Any, owner: type) -> Any:
        return self if face is None else _bind(self.define, face, face._transport.send)


class listing(Generic[P, T]):  # noqa: N801  # used as a decorator
    """All items of a list, one by one; further pages are fetched when they are reached."""

    def __init__(self, define: Callable[Concatenate[Any, P], Request[list[T]]]) -> None:
        self.define = define
        self.__doc__ = define.__doc__

    @overload
    def __get__(self, face: None, owner: type) -> Self: ...
    @overload
    def __get__(self, face: Resource[Blocking], owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, face: Resource[Awaiting], owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, face: Any, owner: type) -> Any:
        return self if face is None else _bind(self.define, face, face._transport.pages)


class streaming(Generic[P, T]):  # noqa: N801  # used as a decorator
    """What the server sends as it happens, without an end."""

    def __init__(self, define: Callable[Concatenate[Any, P], Request[T]]) -> None:
        self.define = define
        self.__doc__ = define.__doc__

    @overload
    def __get__(self, face: None, owner: type) -> Self: ...
    @overload
    def __get__(self, face: Resource[Blocking], owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, face: Resource[Awaiting], owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, face: Any, owner: type) -> Any:
        return self if face is None else _bind(self.define, face, face._transport.stream)


def _bind(define: Callable[..., Any], face: Any, send: Callable[[Any], Any]) -> Callable[..., Any]:
    @wraps(define)
    def method(*positional: Any, **named: Any) -> Any:
        return send(define(face, *positional, **named))

    return method


# --- readers of answers ---------------------------------------------------------------------------------------------


def nothing(answer: Answer) -> None:
    """A success says all."""


def created_id(answer: Answer) -> str:
    """The id of what was made: the last piece of its Location."""
    location = answer.headers.get("location", "")
    if not location:
        raise UnexpectedAnswer("something was made, and the answer does not say where it is")
    return location.rsplit("/", 1)[1]


def one(cls: type[V]) -> Callable[[Answer], V]:
    """Reads an object."""
    return lambda answer: from_wire(cls, answer.json())


def many(cls: type[V]) -> Callable[[Answer], list[V]]:
    """Reads an array of objects."""

    def read(answer: Answer) -> list[V]:
        items = answer.json()
        if not isinstance(items, list):
            raise UnexpectedAnswer("a list was expected")
        return [from_wire(cls, item) for item in items]

    return read


def once(key: str | None) -> dict[str, str]:
    """Headers that make a request safe to send again: with the same key it is carried out once."""
    return {} if key is None else {"idempotency-key": key}
