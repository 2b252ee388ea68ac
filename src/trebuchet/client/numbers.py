"""Applications, the numbers bound to them, numbers to be had, and whose a number is."""

import builtins
from urllib.parse import quote

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
from trebuchet.client.results import Application, AvailableNumber, NumberInfo, PhoneNumber
from trebuchet.client.values import to_wire


class Applications(Resource[F]):
    """`client.applications`: where events of incoming calls go."""

    @operation
    def create(
        self,
        name: str,
        *,
        incoming_call_url: str | None = None,
        incoming_call_url_callback_timeout: int | None = None,
        incoming_call_fallback_url: str | None = None,
        incoming_message_url: str | None = None,
        callback_http_method: str | None = None,
        auto_answer: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Request[str]:
        """The id of a new application. Timeouts are milliseconds; calls are answered at once unless `auto_answer` is
        false."""
        body = to_wire(
            name=name,
            incoming_call_url=incoming_call_url,
            incoming_call_url_callback_timeout=incoming_call_url_callback_timeout,
            incoming_call_fallback_url=incoming_call_fallback_url,
            incoming_message_url=incoming_message_url,
            callback_http_method=callback_http_method,
            auto_answer=auto_answer,
        )
        return Request("POST", self._path("applications"), created_id, body, headers=once(idempotency_key))

    @listing
    def list(self, *, page: int | None = None, size: int | None = None) -> Request[builtins.list[Application]]:
        return Request("GET", self._path("applications"), many(Application), query=to_wire(page=page, size=size))

    @operation
    def get(self, application_id: str) -> Request[Application]:
        return Request("GET", self._path("applications", application_id), one(Application))

    @operation
    def update(
        self,
        application_id: str,
        *,
        name: str | None = None,
        incoming_call_url: str | None = None,
        incoming_call_url_callback_timeout: int | None = None,
        incoming_call_fallback_url: str | None = None,
        incoming_message_url: str | None = None,
        callback_http_method: str | None = None,
        auto_answer: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        """Change what is given; an empty URL removes it."""
        body = to_wire(
            name=name,
            incoming_call_url=incoming_call_url,
            incoming_call_url_callback_timeout=incoming_call_url_callback_timeout,
            incoming_call_fallback_url=incoming_call_fallback_url,
            incoming_message_url=incoming_message_url,
            callback_http_method=callback_http_method,
            auto_answer=auto_answer,
        )
        path = self._path("applications", application_id)
        return Request("POST", path, nothing, body, headers=once(idempotency_key))

    @operation
    def delete(self, application_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        return Request("DELETE", self._path("applications", application_id), nothing, headers=once(idempotency_key))


class PhoneNumbers(Resource[F]):
    """`client.phone_numbers`. A number is named by its id or by itself (`+…`)."""

    @operation
    def create(
        self,
        number: str,
        *,
        application_id: str | None = None,
        name: str | None = None,
        fallback_number: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[str]:
        """Add a number to the account; its id."""
        body = to_wire(number=number, application_id=application_id, name=name, fallback_number=fallback_number)
        return Request("POST", self._path("phoneNumbers"), created_id, body, headers=once(idempotency_key))

    @listing
    def list(
        self,
        *,
        application_id: str | None = None,
        state: str | None = None,
        name: str | None = None,
        city: str | None = None,
        number_state: str | None = None,
        page: int | None = None,
        size: int | None = None,
    ) -> Request[builtins.list[PhoneNumber]]:
        """`number_state`: `enabled` (as without it) or `released`."""
        query = to_wire(
            application_id=application_id,
            state=state,
            name=name,
            city=city,
            number_state=number_state,
            page=page,
            size=size,
        )
        return Request("GET", self._path("phoneNumbers"), many(PhoneNumber), query=query)

    @operation
    def get(self, number: str) -> Request[PhoneNumber]:
        return Request("GET", self._path("phoneNumbers", number), one(PhoneNumber))

    @operation
    def update(
        self,
        number: str,
        *,
        application_id: str | None = None,
        name: str | None = None,
        fallback_number: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        """Change what is given; an empty `application_id` takes the number from its application."""
        body = to_wire(application_id=application_id, name=name, fallback_number=fallback_number)
        return Request("POST", self._path("phoneNumbers", number), nothing, body, headers=once(idempotency_key))

    @operation
    def delete(self, number: str, *, idempotency_key: str | None = None) -> Request[None]:
        """Release the number."""
        return Request("DELETE", self._path("phoneNumbers", number), nothing, headers=once(idempotency_key))


class AvailableNumbers(Resource[F]):
    """`client.available_numbers`: the operator's pool. `kind` is `local` or `tollFree`."""

    @listing
    def search(
        self,
        kind: str = "local",
        *,
        city: str | None = None,
        state: str | None = None,
        zip_: str | None = None,
        area_code: str | None = None,
        local_number: str | None = None,
        in_local_calling_area: bool | None = None,
        quantity: int | None = None,
        pattern: str | None = None,
    ) -> Request[builtins.list[AvailableNumber]]:
        """Numbers that can be ordered."""
        query = to_wire(
            city=city,
            state=state,
            zip_=zip_,
            area_code=area_code,
            local_number=local_number,
            in_local_calling_area=in_local_calling_area,
            quantity=quantity,
            pattern=pattern,
        )
        return Request("GET", f"/availableNumbers/{quote(kind, safe='')}", many(AvailableNumber), query=query)

    @operation
    def order(
        self,
        kind: str = "local",
        *,
        city: str | None = None,
        state: str | None = None,
        zip_: str | None = None,
        area_code: str | None = None,
        local_number: str | None = None,
        in_local_calling_area: bool | None = None,
        quantity: int | None = None,
        idempotency_key: str | None = None,
    ) -> Request[builtins.list[AvailableNumber]]:
        """Search, and add what is found to the account."""
        query = to_wire(
            city=city,
            state=state,
            zip_=zip_,
            area_code=area_code,
            local_number=local_number,
            in_local_calling_area=in_local_calling_area,
            quantity=quantity,
        )
        path = f"/availableNumbers/{quote(kind, safe='')}"
        return Request("POST", path, many(AvailableNumber), query=query, headers=once(idempotency_key))


class NumberInformation(Resource[F]):
    """`client.number_info`."""

    @operation
    def get(self, number: str) -> Request[NumberInfo]:
        """Whose number it is."""
        return Request("GET", f"/phoneNumbers/numberInfo/{quote(number, safe='')}", one(NumberInfo))
