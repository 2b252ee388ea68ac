"""Domains, and the endpoints (phones) that register in them."""

import builtins

from trebuchet.client.request import (
    F,
    Request,
    Resource,
    created_id,
    listing,
    many,
    nothing,
    once,
    one,
    operation,
)
from trebuchet.client.results import Domain, Endpoint, Token
from trebuchet.client.values import to_wire


class Domains(Resource[F]):
    """`client.domains`."""

    @operation
    def create(self, name: str, *, description: str | None = None, idempotency_key: str | None = None) -> Request[str]:
        """The id of a new domain."""
        body = to_wire(name=name, description=description)
        return Request("POST", self._path("domains"), created_id, body, headers=once(idempotency_key))

    @listing
    def list(self, *, page: int | None = None, size: int | None = None) -> Request[builtins.list[Domain]]:
        return Request("GET", self._path("domains"), many(Domain), query=to_wire(page=page, size=size))

    @operation
    def get(self, domain_id: str) -> Request[Domain]:
        return Request("GET", self._path("domains", domain_id), one(Domain))

    @operation
    def update(self, domain_id: str, *, description: str, idempotency_key: str | None = None) -> Request[None]:
        body = to_wire(description=description)
        return Request("POST", self._path("domains", domain_id), nothing, body, headers=once(idempotency_key))

    @operation
    def delete(self, domain_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        """Its endpoints disappear with it."""
        return Request("DELETE", self._path("domains", domain_id), nothing, headers=once(idempotency_key))


class Endpoints(Resource[F]):
    """`client.endpoints`."""

    @operation
    def create(
        self,
        domain_id: str,
        name: str,
        password: str,
        *,
        description: str | None = None,
        application_id: str | None = None,
        enabled: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Request[str]:
        """The id of a new endpoint. `application_id`: who is told of calls that it places."""
        body = to_wire(
            name=name,
            description=description,
            application_id=application_id,
            enabled=enabled,
            credentials={"password": password},
        )
        path = self._path("domains", domain_id, "endpoints")
        return Request("POST", path, created_id, body, headers=once(idempotency_key))

    @listing
    def list(
        self, domain_id: str, *, page: int | None = None, size: int | None = None
    ) -> Request[builtins.list[Endpoint]]:
        path = self._path("domains", domain_id, "endpoints")
        return Request("GET", path, many(Endpoint), query=to_wire(page=page, size=size))

    @operation
    def get(self, domain_id: str, endpoint_id: str) -> Request[Endpoint]:
        return Request("GET", self._path("domains", domain_id, "endpoints", endpoint_id), one(Endpoint))

    @operation
    def update(
        self,
        domain_id: str,
        endpoint_id: str,
        *,
        password: str | None = None,
        description: str | None = None,
        application_id: str | None = None,
        enabled: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        body = to_wire(
            description=description,
            application_id=application_id,
            enabled=enabled,
            credentials=None if password is None else {"password": password},
        )
        path = self._path("domains", domain_id, "endpoints", endpoint_id)
        return Request("POST", path, nothing, body, headers=once(idempotency_key))

    @operation
    def delete(self, domain_id: str, endpoint_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        path = self._path("domains", domain_id, "endpoints", endpoint_id)
        return Request("DELETE", path, nothing, headers=once(idempotency_key))

    @operation
    def create_token(
        self, domain_id: str, endpoint_id: str, *, expires: int | None = None, idempotency_key: str | None = None
    ) -> Request[Token]:
        """A password for a while. `expires`: seconds."""
        path = self._path("domains", domain_id, "endpoints", endpoint_id, "tokens")
        return Request("POST", path, one(Token), to_wire(expires=expires), headers=once(idempotency_key))

    @operation
    def delete_token(
        self, domain_id: str, endpoint_id: str, token: str, *, idempotency_key: str | None = None
    ) -> Request[None]:
        path = self._path("domains", domain_id, "endpoints", endpoint_id, "tokens", token)
        return Request("DELETE", path, nothing, headers=once(idempotency_key))
