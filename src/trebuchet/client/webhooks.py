"""What became of webhooks, and the secret that they are signed with."""

from trebuchet.client.request import F, Request, Resource, listing, many, nothing, once, one, operation
from trebuchet.client.results import Delivery, WebhookSecret


class Webhooks(Resource[F]):
    """`client.webhooks`."""

    @listing
    def deliveries(self, call_id: str) -> Request[list[Delivery]]:
        """What became of the webhooks of a call's events, oldest first."""
        return Request("GET", self._path("calls", call_id, "deliveries"), many(Delivery))

    @operation
    def get_delivery(self, call_id: str, event_id: str) -> Request[Delivery]:
        return Request("GET", self._path("calls", call_id, "deliveries", event_id), one(Delivery))

    @operation
    def deliver_again(self, call_id: str, event_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        """Tell the application of an event once more."""
        path = self._path("calls", call_id, "deliveries", event_id)
        return Request("POST", path, nothing, headers=once(idempotency_key))

    @operation
    def get_secret(self) -> Request[WebhookSecret]:
        """What webhooks are signed with."""
        return Request("GET", self._path("webhookSecret"), one(WebhookSecret))

    @operation
    def change_secret(self, *, idempotency_key: str | None = None) -> Request[None]:
        """Sign with a new secret from now on; for a day the present one counts too."""
        return Request("POST", self._path("webhookSecret"), nothing, headers=once(idempotency_key))
