"""What signalling asks about phones, and what it tells: the store has both."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from trebuchet.base.ids import EndpointId
from trebuchet.model.endpoint import Binding, Domain, Endpoint


class PhoneBook(Protocol):
    """Answers at once, from memory."""

    @property
    def has_endpoints(self) -> bool: ...

    def domain_by_host(self, host: str) -> Domain | None: ...

    def endpoint(self, endpoint_id: EndpointId) -> Endpoint | None: ...

    def endpoint_at(self, user: str, host: str) -> Endpoint | None:
        """By the parts of its address, as they stand in a URI."""
        ...

    def bindings_of(self, endpoint_id: EndpointId) -> Sequence[Binding]: ...

    def all_bindings(self) -> Iterable[Binding]: ...

    def is_phone_host(self, host: str) -> bool:
        """Whether a phone is registered from this address."""
        ...


class SaveBindings(Protocol):
    async def __call__(self, stored: tuple[Binding, ...], removed: tuple[str, ...]) -> None:
        """Durable when it returns; the book knows by then. Raises `LogUnavailable`."""
        ...


class EmptyBook:
    """The book of a server without phones."""

    has_endpoints = False

    def domain_by_host(self, host: str) -> Domain | None:
        return None

    def endpoint(self, endpoint_id: EndpointId) -> Endpoint | None:
        return None

    def endpoint_at(self, user: str, host: str) -> Endpoint | None:
        return None

    def bindings_of(self, endpoint_id: EndpointId) -> Sequence[Binding]:
        return ()

    def all_bindings(self) -> Iterable[Binding]:
        return ()

    def is_phone_host(self, host: str) -> bool:
        return False


async def save_nothing(stored: tuple[Binding, ...], removed: tuple[str, ...]) -> None:
    """Goes with `EmptyBook`: there is nobody to register."""
