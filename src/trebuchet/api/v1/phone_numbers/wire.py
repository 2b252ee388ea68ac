"""The phone number resource: as clients write it and as they read it."""

from typing import Annotated, Any

import phonenumbers
from pydantic import BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from trebuchet.api.fields import Body, PhoneNumber, Text, choice, fault, is_e164
from trebuchet.api.paging import PageQuery
from trebuchet.api.timestamps import wire_time
from trebuchet.api.wire import without_nulls
from trebuchet.base.ids import ApplicationId
from trebuchet.model import number as model
from trebuchet.model.number import NumberState
from trebuchet.store.interface import NumberFilter

NUMBER_STATES: dict[NumberState, str] = {NumberState.ENABLED: "enabled", NumberState.RELEASED: "released"}


def _fallback_number(value: Any) -> str:
    if value != "" and not (isinstance(value, str) and is_e164(value)):
        raise fault("phone")
    return str(value)


FallbackNumber = Annotated[
    str,
    BeforeValidator(_fallback_number),
    WithJsonSchema({"type": "string", "pattern": r"^(\+[1-9][0-9]{1,14})?$"}),
]
"""An E.164 number; `""` removes it."""


class UpdateNumberBody(Body):
    """A change of a number: what is not sent stays, `""` removes."""

    resource = "phoneNumber"
    name: Text | None = None
    application_id: Text | None = Field(None, alias="applicationId")
    fallback_number: FallbackNumber | None = Field(None, alias="fallbackNumber")


class CreateNumberBody(UpdateNumberBody):
    """A number to take. A `provider` with its credentials is neither read nor kept."""

    number: PhoneNumber


class ListNumbersQuery(PageQuery):
    """Which numbers to list: exact matches, in any case for name, city and state."""

    resource = "phoneNumber"
    application_id: Text | None = Field(None, alias="applicationId")
    state: Text | None = None
    name: Text | None = None
    city: Text | None = None
    number_state: choice({word: state for state, word in NUMBER_STATES.items()}) = Field(  # type: ignore[valid-type]  # a type made by a function
        NumberState.ENABLED, alias="numberState"
    )

    def to_filter(self) -> NumberFilter:
        return NumberFilter(
            application_id=None if self.application_id is None else ApplicationId(self.application_id),
            region=self.state,
            name=self.name,
            city=self.city,
            state=self.number_state,
        )

    def shown_filters(self) -> list[tuple[str, str]]:
        """The filters as the links to neighbouring pages repeat them."""
        released = NUMBER_STATES[self.number_state] if self.number_state is not NumberState.ENABLED else None
        shown = [
            ("applicationId", self.application_id),
            ("state", self.state),
            ("name", self.name),
            ("city", self.city),
            ("numberState", released),
        ]
        return [(name, value) for name, value in shown if value is not None]


class PhoneNumberResource(TypedDict):
    """A phone number. `price` is a string, in dollars a month."""

    id: str
    number: str
    nationalNumber: str | None
    name: str | None
    city: str | None
    state: str | None
    applicationId: str | None
    application: str | None
    fallbackNumber: str | None
    price: str
    createdTime: str
    numberState: str


def number_to_wire(number: model.PhoneNumber, user_url: str) -> PhoneNumberResource:
    application_id = number.application_id
    return without_nulls(
        PhoneNumberResource(
            id=number.id,
            number=number.number,
            nationalNumber=number.national_number,
            name=number.name,
            city=number.city,
            state=number.region,
            applicationId=application_id,
            application=f"{user_url}/applications/{application_id}" if application_id else None,
            fallbackNumber=number.fallback_number,
            price=number.price,
            createdTime=wire_time(number.created_at),
            numberState=NUMBER_STATES[number.state],
        )
    )


def national_number(number: str) -> str | None:
    """`(919) 555-0100`: an E.164 number as written in its own country; `None` for unknown countries."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
