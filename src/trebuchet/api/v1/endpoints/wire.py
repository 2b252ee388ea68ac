"""The endpoint resource and its tokens: as clients write them and as they read them. Passwords only come in."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from trebuchet.api.fields import Body, Flag, Text, drop_nulls, fault, integer
from trebuchet.api.wire import without_nulls
from trebuchet.model.endpoint import Endpoint

MIN_PASSWORD_CHARS = 6
"""API rule."""
MAX_PASSWORD_CHARS = 256
MAX_NAME_CHARS = 128
"""Far above real names; it is repeated in every message of a phone."""
DEFAULT_TOKEN_S = 3600
MAX_TOKEN_S = 30 * 86_400
"""A password for longer than that is better given a name and a device of its own."""
_NAME = re.compile(
    r"(?:[A-Za-z0-9_.!~*'()&=+$,;?/-]|%[0-9A-Fa-f]{2})"  # RFC 3261 25.1, `user`; no control characters by escapes
    rf"{{1,{MAX_NAME_CHARS}}}"
)
_ESCAPED_CONTROL = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")


def _name(value: Any) -> str:
    if isinstance(value, str) and not value.strip():
        raise fault("blank")
    if not isinstance(value, str) or not _NAME.fullmatch(value) or _ESCAPED_CONTROL.search(value):
        raise fault("endpoint_name", value=str(value))
    return value


def _password(value: Any) -> str:
    if not isinstance(value, str) or len(value) < MIN_PASSWORD_CHARS:
        raise fault("password_short", limit=MIN_PASSWORD_CHARS)
    if len(value) > MAX_PASSWORD_CHARS:
        raise fault("too_big", limit=MAX_PASSWORD_CHARS)
    if not all(character <= "\xff" and character.isprintable() for character in value):
        raise fault("password_latin")
    return value


Password = Annotated[
    str,
    BeforeValidator(_password),
    WithJsonSchema({"type": "string", "minLength": MIN_PASSWORD_CHARS, "maxLength": MAX_PASSWORD_CHARS}),
]
EndpointName = Annotated[
    str,
    BeforeValidator(_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS, "pattern": f"^{_NAME.pattern}$"}),
]


class NewCredentials(Body):
    """User name and realm follow from the names of the endpoint and its domain."""

    resource = "credentials"
    password: Password


class ChangedCredentials(Body):
    """Without a password nothing changes."""

    resource = "credentials"
    password: Password | None = None


class CreateEndpointBody(Body):
    """An endpoint to make."""

    resource = "endpoint"
    name: EndpointName
    description: Text | None = None
    application_id: Text | None = Field(None, alias="applicationId")
    enabled: Flag = True
    credentials: Annotated[NewCredentials, BeforeValidator(drop_nulls)]


class UpdateEndpointBody(Body):
    """A change of an endpoint; only what is sent changes, its name never. `""` detaches the application."""

    resource = "endpoint"
    description: Text | None = None
    application_id: Text | None = Field(None, alias="applicationId")
    enabled: Flag | None = None
    credentials: Annotated[ChangedCredentials, BeforeValidator(drop_nulls)] | None = None


class CreateTokenBody(Body):
    """How long the token is to be good for, in seconds."""

    resource = "token"
    expires: integer(1, MAX_TOKEN_S) = DEFAULT_TOKEN_S  # type: ignore[valid-type]  # a type made by a function


class CredentialsResource(TypedDict):
    realm: str
    username: str


class EndpointResource(TypedDict):
    """An endpoint, without its password."""

    id: str
    name: str
    description: str | None
    domainId: str
    applicationId: str | None
    enabled: bool
    sipUri: str
    credentials: CredentialsResource


class TokenResource(TypedDict):
    """A token, shown only now."""

    token: str
    expires: int


def endpoint_to_wire(endpoint: Endpoint, user_url: str) -> EndpointResource:
    return without_nulls(
        EndpointResource(
            id=endpoint.id,
            name=endpoint.name,
            description=endpoint.description,
            domainId=endpoint.domain_id,
            applicationId=endpoint.application_id,
            enabled=endpoint.is_enabled,
            sipUri=endpoint.address,
            credentials=CredentialsResource(realm=endpoint.realm, username=endpoint.name),
        )
    )
