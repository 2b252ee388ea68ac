"""What can be done with applications over the API."""

from functools import partial

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.errors import ApiError
from trebuchet.api.operation import Creates, Operation
from trebuchet.api.paging import PageQuery
from trebuchet.api.responses import empty, json_response
from trebuchet.api.v1.applications.wire import (
    ApplicationBody,
    ApplicationResource,
    application_to_wire,
    changed_application,
    new_application,
)
from trebuchet.base.ids import ApplicationId
from trebuchet.model.application import Application
from trebuchet.store.interface import NOTHING, Batch


async def list_applications(context: Context) -> Response:
    """List applications, newest first."""
    page = context.query(PageQuery).to_page()
    applications = await context.deps.store.applications(context.account.id, page)
    return context.listed("/applications", applications, page, (), application_to_wire)


async def create_application(context: Context) -> Response:
    """Make an application."""
    deps = context.deps
    application = new_application(
        await context.body(ApplicationBody),
        application_id=deps.ids.application(),
        account_id=context.account.id,
        created_at=deps.clock.utc(),
    )
    created = context.created(f"/applications/{application.id}")
    return await context.commit(Batch(applications=(application,)), created)


async def read_application(context: Context) -> Response:
    """Read an application."""
    return json_response(application_to_wire(await own_application(context), context.user_url))


async def update_application(context: Context) -> Response:
    """Change an application; what is not sent stays."""
    await own_application(context)
    body = await context.body(ApplicationBody)
    async with context.deps.changes:
        changed = changed_application(body, await own_application(context))
        return await context.commit(Batch(applications=(changed,)), empty())


async def delete_application(context: Context) -> Response:
    """Delete an application; its numbers lose the binding."""
    async with context.deps.changes:
        application = await own_application(context)
        remove = partial(context.deps.store.delete_application, application.id)
        return await context.commit(NOTHING, empty(), write=remove)


async def own_application(context: Context) -> Application:
    """The path's application. Raises `ApiError`, also for other accounts' applications."""
    application_id = ApplicationId(context.path("applicationId"))
    application = await context.deps.store.application(application_id)
    if application is None or application.account_id != context.account.id:
        raise application_not_found(application_id)
    return application


def application_not_found(application_id: str) -> ApiError:
    return errors.APPLICATION_NOT_FOUND(application_id, details=(("applicationId", application_id),))


OPERATIONS = (
    Operation(
        method="GET",
        path="/applications",
        handler=list_applications,
        query=PageQuery,
        result=list[ApplicationResource],
    ),
    Operation(
        method="POST",
        path="/applications",
        handler=create_application,
        body=ApplicationBody,
        creates=Creates.ALWAYS,
    ),
    Operation(method="GET", path="/applications/{applicationId}", handler=read_application, result=ApplicationResource),
    Operation(method="POST", path="/applications/{applicationId}", handler=update_application, body=ApplicationBody),
    Operation(method="DELETE", path="/applications/{applicationId}", handler=delete_application),
)
