"""What can be done with endpoints and their tokens over the API."""

from dataclasses import replace
from datetime import timedelta

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.operation import Creates, Operation
from trebuchet.api.paging import PageQuery
from trebuchet.api.responses import empty, json_response
from trebuchet.api.v1.domains.routes import own_domain
from trebuchet.api.v1.endpoints.wire import (
    CreateEndpointBody,
    CreateTokenBody,
    EndpointResource,
    TokenResource,
    UpdateEndpointBody,
    endpoint_to_wire,
)
from trebuchet.api.v1.phone_numbers.routes import usable_application
from trebuchet.base.ids import EndpointId
from trebuchet.model.endpoint import Endpoint, EndpointToken, make_secrets, token_fingerprint
from trebuchet.store.interface import Batch, PhoneChanges

MAX_TOKENS = 100
"""Of one endpoint that have not expired: each is tried with every registration."""


async def list_endpoints(context: Context) -> Response:
    """List the endpoints of a domain, newest first."""
    domain = await own_domain(context)
    page = context.query(PageQuery).to_page()
    endpoints = await context.deps.store.endpoints(domain.id, page)
    return context.listed(f"/domains/{domain.id}/endpoints", endpoints, page, (), endpoint_to_wire)


async def create_endpoint(context: Context) -> Response:
    """Make an endpoint, for phones to register with."""
    await own_domain(context)
    body = await context.body(CreateEndpointBody)
    deps = context.deps
    async with deps.changes:
        domain = await own_domain(context)
        if await deps.store.endpoint_by_name(body.name, domain.realm) is not None:
            raise errors.DUPLICATE_ENDPOINT(body.name, domain.name, details=(("name", body.name),))
        endpoint = Endpoint(
            id=deps.ids.endpoint(),
            account_id=context.account.id,
            domain_id=domain.id,
            name=body.name,
            realm=domain.realm,
            secrets=make_secrets(body.name, domain.realm, body.credentials.password),
            created_at=deps.clock.utc(),
            description=body.description,
            application_id=await usable_application(context, body.application_id or ""),
            is_enabled=body.enabled,
        )
        changes = PhoneChanges(endpoints=(endpoint,))
        return await context.commit(Batch(phones=changes), context.created(_path(endpoint)))


def _path(endpoint: Endpoint) -> str:
    return f"/domains/{endpoint.domain_id}/endpoints/{endpoint.id}"


async def read_endpoint(context: Context) -> Response:
    """Read an endpoint."""
    return json_response(endpoint_to_wire(await own_endpoint(context), context.user_url))


async def update_endpoint(context: Context) -> Response:
    """Change an endpoint; what is not sent stays. Disabled, or with another password, its phones must register anew."""
    await own_endpoint(context)
    body = await context.body(UpdateEndpointBody)
    async with context.deps.changes:
        endpoint = await own_endpoint(context)
        changed = await _changed(context, body, endpoint)
        removed: tuple[str, ...] = ()
        if not changed.is_enabled or changed.secrets != endpoint.secrets:
            removed = tuple(binding.id for binding in await context.deps.store.bindings(endpoint.id))
        changes = PhoneChanges(endpoints=(changed,), removed_bindings=removed)
        return await context.commit(Batch(phones=changes), empty())


async def _changed(context: Context, body: UpdateEndpointBody, endpoint: Endpoint) -> Endpoint:
    application_id, secrets = endpoint.application_id, endpoint.secrets
    if body.application_id is not None:
        application_id = await usable_application(context, body.application_id)
    if body.credentials is not None and body.credentials.password is not None:
        secrets = make_secrets(endpoint.name, endpoint.realm, body.credentials.password)
    return replace(
        endpoint,
        description=endpoint.description if body.description is None else body.description or None,
        application_id=application_id,
        is_enabled=endpoint.is_enabled if body.enabled is None else body.enabled,
        secrets=secrets,
    )


async def delete_endpoint(context: Context) -> Response:
    """Delete an endpoint; its phones are registered no longer."""
    async with context.deps.changes:
        endpoint = await own_endpoint(context)
        return await context.commit(Batch(phones=PhoneChanges(removed_endpoints=(endpoint.id,))), empty())


async def create_token(context: Context) -> Response:
    """Make a token: a password of the endpoint that ends by itself."""
    await own_endpoint(context)
    body = await context.optional_body(CreateTokenBody)
    deps = context.deps
    async with deps.changes:
        endpoint = await own_endpoint(context)
        now = deps.clock.utc()
        alive = tuple(token for token in endpoint.tokens if token.expires_at > now)
        if len(alive) >= MAX_TOKENS:
            raise errors.TOKEN_LIMIT(endpoint.id, MAX_TOKENS)
        text = deps.ids.endpoint_token()
        token = EndpointToken(
            fingerprint=token_fingerprint(text),
            secrets=make_secrets(endpoint.name, endpoint.realm, text),
            expires_at=now + timedelta(seconds=body.expires),
        )
        changed = replace(endpoint, tokens=(*alive, token))
        answer = _made_token(f"{context.user_url}{_path(endpoint)}", TokenResource(token=text, expires=body.expires))
        return await context.commit(Batch(phones=PhoneChanges(endpoints=(changed,))), answer)


def _made_token(endpoint_url: str, token: TokenResource) -> Response:
    return json_response(token, 201, headers=[("location", f"{endpoint_url}/tokens/{token['token']}")])


async def delete_token(context: Context) -> Response:
    """Delete a token: phones can register with it no longer."""
    async with context.deps.changes:
        endpoint = await own_endpoint(context)
        text = context.path("token")
        wanted = token_fingerprint(text)
        kept = tuple(token for token in endpoint.tokens if token.fingerprint != wanted)
        if len(kept) == len(endpoint.tokens):
            raise errors.TOKEN_NOT_FOUND(endpoint.id, details=(("endpointId", endpoint.id),))
        changes = PhoneChanges(endpoints=(replace(endpoint, tokens=kept),))
        return await context.commit(Batch(phones=changes), empty())


async def own_endpoint(context: Context) -> Endpoint:
    """The path's endpoint, in the path's domain. Raises `ApiError`, also for other accounts'."""
    domain = await own_domain(context)
    endpoint_id = EndpointId(context.path("endpointId"))
    endpoint = await context.deps.store.endpoint(endpoint_id)
    if endpoint is None or endpoint.domain_id != domain.id:
        raise errors.ENDPOINT_NOT_FOUND(endpoint_id, details=(("endpointId", endpoint_id),))
    return endpoint


_LIST = "/domains/{domainId}/endpoints"
_ITEM = _LIST + "/{endpointId}"

OPERATIONS = (
    Operation(method="GET", path=_LIST, handler=list_endpoints, query=PageQuery, result=list[EndpointResource]),
    Operation(
        method="POST",
        path=_LIST,
        handler=create_endpoint,
        body=CreateEndpointBody,
        creates=Creates.ALWAYS,
    ),
    Operation(method="GET", path=_ITEM, handler=read_endpoint, result=EndpointResource),
    Operation(method="POST", path=_ITEM, handler=update_endpoint, body=UpdateEndpointBody),
    Operation(method="DELETE", path=_ITEM, handler=delete_endpoint),
    Operation(
        method="POST",
        path=_ITEM + "/tokens",
        handler=create_token,
        body=CreateTokenBody,
        is_body_optional=True,
        result=TokenResource,
        result_status=201,
        creates=Creates.ALWAYS,
    ),
    Operation(method="DELETE", path=_ITEM + "/tokens/{token}", handler=delete_token),
)
