"""Whose call is it: the account and application an incoming call belongs to, and what to report when it has none."""

from datetime import datetime

from trebuchet.base.ids import AccountId, ApplicationId, CallId, UserErrorId
from trebuchet.base.values import frozen
from trebuchet.calls.interfaces import Directory, EndpointRoute, IncomingCall, NumberRoute
from trebuchet.model.application import Application
from trebuchet.model.user_error import UserError


@frozen
class Callee:
    """Where an incoming call leads: by the number it is for, or by the endpoint that places it."""

    account_id: AccountId
    application: Application | None
    kind: str
    """`number` or `endpoint`."""
    name: str
    """The number, or the endpoint's id."""

    @property
    def application_id(self) -> ApplicationId | None:
        return None if self.application is None else self.application.id


async def find_callee(call: IncomingCall, directory: Directory) -> Callee | None:
    """`None`: nobody here is concerned. What a phone dials is its application's business, whoever has the number."""
    if call.endpoint_id is not None:
        return _of_endpoint(await directory.find_endpoint(call.endpoint_id))
    return _of_number(await directory.find_number(call.to))


def _of_endpoint(route: EndpointRoute | None) -> Callee | None:
    if route is None:
        return None
    return Callee(route.endpoint.account_id, route.application, "endpoint", route.endpoint.id)


def _of_number(route: NumberRoute | None) -> Callee | None:
    if route is None:
        return None
    return Callee(route.number.account_id, route.application, "number", route.number.number)


def unroutable(callee: Callee, error_id: UserErrorId, call_id: CallId, at: datetime) -> UserError:
    """What the customer is told about a call that no application could be told of."""
    own = ("number", callee.name) if callee.kind == "number" else ("endpointId", callee.name)
    application = callee.application
    if application is None:
        code = f"no-application-for-{callee.kind}"
        message = f"No application is configured for {callee.kind} {callee.name}"
        details: tuple[tuple[str, str], ...] = (own,)
    else:
        code = "no-callback-for-call"
        named = f'Application {application.id} ("{application.name}")'
        message = f"{named} for {callee.kind} {callee.name} does not specify a URL for call events"
        details = (("applicationId", application.id), own, ("callId", call_id))
    return UserError(
        id=error_id,
        account_id=callee.account_id,
        at=at,
        category="unavailable",
        code=code,
        message=message,
        details=details,
    )
