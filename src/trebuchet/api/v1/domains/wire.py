"""The domain resource: as clients write it and as they read it."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from trebuchet.api.fields import Body, Text, fault
from trebuchet.api.wire import without_nulls
from trebuchet.model.endpoint import Domain

MAX_NAME_CHARS = 63
"""Of one label of a host name (RFC 1035 2.3.4)."""
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_NAME_CHARS}}}")


def _name(value: Any) -> str:
    if isinstance(value, str) and not value.strip():
        raise fault("blank")
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise fault("domain_name", limit=MAX_NAME_CHARS)
    return value


DomainName = Annotated[str, BeforeValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})]


class CreateDomainBody(Body):
    """A domain to make."""

    resource = "domain"
    name: DomainName
    description: Text | None = Field(None)


class UpdateDomainBody(Body):
    """A change of a domain; its name stays."""

    resource = "domain"
    description: Text | None = Field(None)


class DomainResource(TypedDict):
    """A domain. The URL of its endpoints comes in both of its spellings."""

    id: str
    name: str
    description: str | None
    endpoints: str
    endpointsUrl: str


def domain_to_wire(domain: Domain, user_url: str) -> DomainResource:
    endpoints_url = f"{user_url}/domains/{domain.id}/endpoints"
    return without_nulls(
        DomainResource(
            id=domain.id,
            name=domain.name,
            description=domain.description,
            endpoints=endpoints_url,
            endpointsUrl=endpoints_url,
        )
    )
