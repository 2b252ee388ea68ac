"""What can be done with domains over the API."""

from dataclasses import replace

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.operation import Creates, Operation
from trebuchet.api.paging import PageQuery
from trebuchet.api.responses import empty, json_response
from trebuchet.api.v1.domains.wire import CreateDomainBody, DomainResource, UpdateDomainBody, domain_to_wire
from trebuchet.base.ids import DomainId
from trebuchet.model.endpoint import Domain
from trebuchet.store.interface import Batch, PhoneChanges

MAX_DOMAINS = 100
"""Of an account (API rule)."""


async def list_domains(context: Context) -> Response:
    """List domains, newest first."""
    page = context.query(PageQuery).to_page()
    domains = await context.deps.store.domains(context.account.id, page)
    return context.listed("/domains", domains, page, (), domain_to_wire)


async def create_domain(context: Context) -> Response:
    """Make a domain."""
    body = await context.body(CreateDomainBody)
    deps = context.deps
    realm = f"{body.name}.{deps.phone_domain}"
    async with deps.changes:
        if await deps.store.domain_by_host(realm) is not None:
            raise errors.DUPLICATE_DOMAIN(body.name, details=(("name", body.name),))
        if await deps.store.count_domains(context.account.id) >= MAX_DOMAINS:
            raise errors.DOMAIN_LIMIT(MAX_DOMAINS)
        domain = Domain(
            id=deps.ids.domain(),
            account_id=context.account.id,
            name=body.name,
            realm=realm,
            created_at=deps.clock.utc(),
            description=body.description,
        )
        changes = PhoneChanges(domains=(domain,))
        return await context.commit(Batch(phones=changes), context.created(f"/domains/{domain.id}"))


async def read_domain(context: Context) -> Response:
    """Read a domain."""
    return json_response(domain_to_wire(await own_domain(context), context.user_url))


async def update_domain(context: Context) -> Response:
    """Change the description of a domain."""
    await own_domain(context)
    body = await context.body(UpdateDomainBody)
    async with context.deps.changes:
        domain = await own_domain(context)
        if body.description is not None:
            changed = replace(domain, description=body.description or None)
            return await context.commit(Batch(phones=PhoneChanges(domains=(changed,))), empty())
    return empty()


async def delete_domain(context: Context) -> Response:
    """Delete a domain with its endpoints; their phones are registered no longer."""
    async with context.deps.changes:
        domain = await own_domain(context)
        return await context.commit(Batch(phones=PhoneChanges(removed_domains=(domain.id,))), empty())


async def own_domain(context: Context) -> Domain:
    """The path's domain. Raises `ApiError`, also for other accounts' domains."""
    domain_id = DomainId(context.path("domainId"))
    domain = await context.deps.store.domain(domain_id)
    if domain is None or domain.account_id != context.account.id:
        raise errors.DOMAIN_NOT_FOUND(domain_id, details=(("domainId", domain_id),))
    return domain


OPERATIONS = (
    Operation(method="GET", path="/domains", handler=list_domains, query=PageQuery, result=list[DomainResource]),
    Operation(
        method="POST",
        path="/domains",
        handler=create_domain,
        body=CreateDomainBody,
        creates=Creates.ALWAYS,
    ),
    Operation(method="GET", path="/domains/{domainId}", handler=read_domain, result=DomainResource),
    Operation(method="POST", path="/domains/{domainId}", handler=update_domain, body=UpdateDomainBody),
    Operation(method="DELETE", path="/domains/{domainId}", handler=delete_domain),
)
