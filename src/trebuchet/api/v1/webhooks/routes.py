"""What can be done with deliveries and the signing secret over the API: additions to v1."""

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.operation import Operation
from trebuchet.api.responses import empty, json_response
from trebuchet.api.v1.calls.routes import own_call
from trebuchet.api.v1.webhooks.wire import DeliveryResource, WebhookSecretResource, delivery_to_wire, secret_to_wire
from trebuchet.base.values import replace
from trebuchet.model.account import WEBHOOK_SECRET_GRACE
from trebuchet.model.delivery import Delivery, DeliveryState
from trebuchet.store.interface import Batch


async def list_deliveries(context: Context) -> Response:
    """List what has become of the webhooks of a call's events, oldest event first."""
    call = await own_call(context)
    return json_response([delivery_to_wire(item) for item in await context.deps.store.deliveries(call.id)])


async def read_delivery(context: Context) -> Response:
    """Read what has become of one event's webhook."""
    return json_response(delivery_to_wire(await _own_delivery(context)))


async def deliver_again(context: Context) -> Response:
    """Deliver an event again, at once; if that fails, it is retried like a new one."""
    delivery = await _own_delivery(context)
    if delivery.state is DeliveryState.QUEUED:
        raise errors.DELIVERY_IN_PROGRESS(delivery.event_id, details=(("eventId", delivery.event_id),))
    await context.deps.deliver_again(delivery)
    return empty()


async def read_webhook_secret(context: Context) -> Response:
    """Read the secret that the account's webhooks are signed with."""
    account = context.account
    valid_until = None
    if account.is_former_webhook_secret_valid(context.deps.clock.utc()):
        assert account.webhook_secret_changed_at is not None
        valid_until = account.webhook_secret_changed_at + WEBHOOK_SECRET_GRACE
    secret = context.deps.webhook_secret(account)
    return json_response(secret_to_wire(secret, account.webhook_secret_changed_at, valid_until))


async def change_webhook_secret(context: Context) -> Response:
    """Sign with a new secret from now on, and for a day with the present one beside it."""
    deps = context.deps
    async with deps.changes:
        account = await deps.store.account(context.account.id)
        assert account is not None  # accounts are never removed, and this one has just been authenticated
        changed = replace(
            account,
            webhook_generation=account.webhook_generation + 1,
            webhook_secret_changed_at=deps.clock.utc(),
        )
        return await context.commit(Batch(accounts=(changed,)), empty())


async def _own_delivery(context: Context) -> Delivery:
    """The path's delivery. Raises `CallNotFound`, `ApiError`."""
    call, event_id = await own_call(context), context.path("eventId")
    for delivery in await context.deps.store.deliveries(call.id):
        if delivery.event_id == event_id:
            return delivery
    raise errors.DELIVERY_NOT_FOUND(event_id, details=(("callId", call.id), ("eventId", event_id)))


OPERATIONS = (
    Operation(method="GET", path="/calls/{callId}/deliveries", handler=list_deliveries, result=list[DeliveryResource]),
    Operation(
        method="GET", path="/calls/{callId}/deliveries/{eventId}", handler=read_delivery, result=DeliveryResource
    ),
    Operation(method="POST", path="/calls/{callId}/deliveries/{eventId}", handler=deliver_again),
    Operation(method="GET", path="/webhookSecret", handler=read_webhook_secret, result=WebhookSecretResource),
    Operation(method="POST", path="/webhookSecret", handler=change_webhook_secret),
)
