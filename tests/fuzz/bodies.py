"""Target of the API: JSON bodies as clients send them."""

import msgspec

from trebuchet.api.errors import ApiError
from trebuchet.api.fields import Body, read_object
from trebuchet.api.v1.applications.wire import ApplicationBody
from trebuchet.api.v1.calls.bodies import CreateCallBody, ListCallsQuery, UpdateCallBody
from trebuchet.api.v1.phone_numbers.wire import CreateNumberBody, ListNumbersQuery, UpdateNumberBody
from trebuchet.base.ids import AccountId, CallId

MODELS: tuple[type[Body], ...] = (
    CreateCallBody, UpdateCallBody, ApplicationBody, CreateNumberBody, UpdateNumberBody, ListCallsQuery,
    ListNumbersQuery,
)  # fmt: skip
BREAKS = frozenset("\r\n\0")


def check_body(data: bytes) -> None:
    """Any body is a command without a line break in what goes into SIP, or one of the documented refusals."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    if not isinstance(value, dict):
        return
    for model in MODELS:
        try:
            _command(read_object(model, value))
        except ApiError as error:
            assert 400 <= error.kind.status < 500


def _command(body: Body) -> None:
    texts: list[str] = []
    if isinstance(body, CreateCallBody):
        create = body.to_command(AccountId("u-1"))
        texts += [create.from_, create.to, *create.sip_headers, *create.sip_headers.values()]
    elif isinstance(body, UpdateCallBody):
        transfer = body.to_command(AccountId("u-1"), CallId("c-1")).transfer
        if transfer is not None:
            texts += [transfer.to, transfer.caller_id or ""]
    assert not any(BREAKS & set(text) for text in texts)
