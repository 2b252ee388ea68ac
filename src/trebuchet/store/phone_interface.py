"""The part of a store about phones: domains, endpoints, and where endpoints are registered.

They live in memory besides: a call or a registration asks about them before anything else is known of it.
"""

from typing import Protocol

from trebuchet.base.ids import AccountId, DomainId, EndpointId
from trebuchet.base.values import frozen_keywords
from trebuchet.calls.interfaces import EndpointRoute
from trebuchet.model.endpoint import Binding, Domain, Endpoint
from trebuchet.store.library_interface import Page


@frozen_keywords
class PhoneChanges:
    """Rows of one batch, to insert or replace, then to remove. An endpoint takes its bindings along, a domain its
    endpoints; a binding of an endpoint that has gone is not kept. Hosts of domains, and names of endpoints within a
    domain, are unique: otherwise `RowConflict`."""

    domains: tuple[Domain, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    bindings: tuple[Binding, ...] = ()
    removed_domains: tuple[DomainId, ...] = ()
    removed_endpoints: tuple[EndpointId, ...] = ()
    removed_bindings: tuple[str, ...] = ()


NO_PHONE_CHANGES = PhoneChanges()


class PhoneStore(Protocol):
    """Raises as `store.interface.Store` does."""

    async def domain(self, domain_id: DomainId) -> Domain | None: ...

    async def domain_by_host(self, host: str) -> Domain | None:
        """Of any account."""
        ...

    async def domains(self, account_id: AccountId, page: Page) -> list[Domain]:
        """Newest first."""
        ...

    async def count_domains(self, account_id: AccountId) -> int: ...

    async def endpoint(self, endpoint_id: EndpointId) -> Endpoint | None: ...

    async def endpoint_by_name(self, name: str, host: str) -> Endpoint | None: ...

    async def endpoints(self, domain_id: DomainId, page: Page) -> list[Endpoint]:
        """Newest first."""
        ...

    async def find_endpoint(self, endpoint_id: EndpointId) -> EndpointRoute | None:
        """With its application."""
        ...

    async def bindings(self, endpoint_id: EndpointId) -> list[Binding]:
        """The expired ones too, as long as nobody has removed them."""
        ...
