"""How clients may write values: the lenient scalars of the v1 API, once for all resources.

Bodies and queries are pydantic models made of these types. A value that cannot be read fails with one of the *fault*
types below; `problem` turns the first fault of a model into the documented error.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from trebuchet.api import errors
from trebuchet.api.errors import ApiError

MAX_URL_CHARS = 2048
"""Longest URL taken (API rule)."""
MAX_TEXT_CHARS = 4096
"""Longest tag or label: the API names no limit; events repeat tags, so there must be one."""
MAX_SIP_URI_CHARS = 512
"""Longest SIP address: far above real ones, small beside the largest SIP message."""
MAX_CALLBACK_TIMEOUT_MS = 10_000
"""Longest wait for an application's answer (API rule)."""
MAX_SIP_HEADERS = 5
"""`X-` headers of a call (API rule)."""
MAX_SIP_HEADER_CHARS = 256
"""Longest name and longest value of one (API rule)."""
NO_CALLBACK = "none"
"""What one SDK writes for "no callback URL"."""

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_SIP_URI = re.compile(
    r"[sS][iI][pP]:"
    r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+"  # user (RFC 3261 25.1)
    r"(?::(?:[A-Za-z0-9\-_.!~*'()&=+$,]|%[0-9A-Fa-f]{2})*)?"  # password
    r"@(?:[A-Za-z0-9\-_.]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"  # host; underscores occur in real ones
    r"(?:;(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$=]|%[0-9A-Fa-f]{2})+)*"  # parameters
)
_DECIMAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_BLANK_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_SIP_HEADER_NAME = re.compile(r"[xX]-[A-Za-z0-9\-.!%*_+`'~]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")


class Body(BaseModel):
    """A JSON body or a query: unknown keys ignored; keys that are null have been dropped before."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=False)
    resource: ClassVar[str]
    """What error messages call it."""


Model = TypeVar("Model", bound=Body)
Value = TypeVar("Value")


def fault(kind: str, **context: Any) -> PydanticCustomError:
    """A value that cannot be read; `kind` is a key of the table in `problem`."""
    return PydanticCustomError(kind, "unreadable", context)


def drop_nulls(value: Any) -> Any:
    """An object without its null members: null means "not sent"."""
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


# --- readers --------------------------------------------------------------------------------------------------------


def is_e164(text: str) -> bool:
    """`+`, a digit 1–9, at most 15 digits; no separators."""
    return _E164.fullmatch(text) is not None


def is_sip_uri(text: str) -> bool:
    """`sip:user@host[:port][;params]`. No `sips:`, no header part, no control characters."""
    return len(text) <= MAX_SIP_URI_CHARS and _SIP_URI.fullmatch(text) is not None


def is_web_url(text: str) -> bool:
    """Absolute `http` or `https` URL with a host, without blanks and control characters."""
    if len(text) > MAX_URL_CHARS or _BLANK_CONTROL.search(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise fault("bad")


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise fault("bad")
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise fault("bad")


def read_text(value: Any) -> str:
    """A label; anything that is not a string becomes its JSON text."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if len(text) > MAX_TEXT_CHARS:
        raise fault("too_big", limit=MAX_TEXT_CHARS)
    if "\0" in text:  # databases cannot hold it
        raise fault("bad")
    return text


def _required_text(value: Any) -> str:
    text = read_text(value)
    if not text.strip():
        raise fault("blank")
    return text


def _number(value: Any) -> str:
    if isinstance(value, str) and not value.strip():
        raise fault("blank")
    if not isinstance(value, str) or not is_e164(value):
        raise fault("phone")
    return value


def _destination(value: Any) -> str:
    if isinstance(value, str) and is_sip_uri(value):
        return value
    return _number(value)


def _callback_url(value: Any) -> str | None:
    if value == NO_CALLBACK:
        return None
    if not isinstance(value, str) or not is_web_url(value):
        raise fault("callback_url", value=str(value))
    return value


def _query_address(value: Any) -> str:
    """An un-encoded plus sign in a query arrives as a blank."""
    address = str(value).replace(" ", "+")
    if "\0" in address:  # databases cannot be asked for it
        raise fault("bad")
    return address


def _decimal(value: Any) -> float:
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        return float(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    raise fault("bad")


def read_sip_headers(value: Any) -> dict[str, str]:
    """The `X-` headers of an INVITE: at most `MAX_SIP_HEADERS`, names tokens, values without control characters."""
    headers = drop_nulls(value)
    if not isinstance(headers, dict):
        raise fault("bad")
    if len(headers) > MAX_SIP_HEADERS:
        raise fault("too_big", limit=MAX_SIP_HEADERS)
    for name, text in headers.items():
        if not isinstance(text, str) or not _SIP_HEADER_NAME.fullmatch(name) or _CONTROL.search(text):
            raise fault("bad")
        if len(name) > MAX_SIP_HEADER_CHARS or len(text) > MAX_SIP_HEADER_CHARS:
            raise fault("too_big", limit=MAX_SIP_HEADER_CHARS)
    return headers


# --- types ----------------------------------------------------------------------------------------------------------

Flag = Annotated[
    bool,
    BeforeValidator(_flag),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["true", "false"]}]}),
]
"""`true`, `false` or their names as strings."""

Text = Annotated[str, BeforeValidator(read_text), WithJsonSchema({"type": "string", "maxLength": MAX_TEXT_CHARS})]
"""A label; anything that is not a string becomes its JSON text."""

RequiredText = Annotated[
    str, BeforeValidator(_required_text), WithJsonSchema({"type": "string", "minLength": 1, "pattern": r"\S"})
]

PhoneNumber = Annotated[
    str, BeforeValidator(_number), WithJsonSchema({"type": "string", "pattern": r"^\+[1-9][0-9]{1,14}$"})
]

Destination = Annotated[
    str,
    BeforeValidator(_destination),
    WithJsonSchema({"type": "string", "description": "An E.164 number or `sip:user@host[:port][;params]`."}),
]

CallbackUrl = Annotated[
    str | None,
    BeforeValidator(_callback_url),
    WithJsonSchema({"type": "string", "format": "uri", "maxLength": MAX_URL_CHARS}),
]
"""The URL events of a call go to; the word `none` means no URL."""

QueryAddress = Annotated[str, BeforeValidator(_query_address), WithJsonSchema({"type": "string"})]
"""A number or SIP address to look for."""

SipHeaders = Annotated[
    dict[str, str],
    BeforeValidator(read_sip_headers),
    WithJsonSchema(
        {"type": "object", "maxProperties": MAX_SIP_HEADERS, "additionalProperties": {"type": "string"}},
    ),
]


def integer(minimum: int | None = None, maximum: int | None = None) -> Any:
    """A whole number, also as a string or with a zero fraction, within bounds that belong to it."""

    def read(value: Any) -> int:
        number = _integer(value)
        if minimum is not None and number < minimum:
            raise fault("too_small", limit=minimum - 1)
        if maximum is not None and number > maximum:
            raise fault("too_big", limit=maximum)
        return number

    bounds: dict[str, Any] = {"type": "integer"}
    bounds |= {key: limit for key, limit in (("minimum", minimum), ("maximum", maximum)) if limit is not None}
    schema = {"anyOf": [bounds, {"type": "string", "pattern": "^-?[0-9]+$"}]}
    return Annotated[int, BeforeValidator(read), WithJsonSchema(schema)]


def decimal(above: float, maximum: float) -> Any:
    """A number, also as a string, greater than `above`; both bounds belong to what error messages say."""

    def read(value: Any) -> float:
        number = _decimal(value)
        if not number > above:
            raise fault("too_small", limit=f"{above:g}")
        if number > maximum:
            raise fault("too_big", limit=f"{maximum:g}")
        return number

    bounds = {"type": "number", "exclusiveMinimum": above, "maximum": maximum}
    schema = {"anyOf": [bounds, {"type": "string", "pattern": "^-?[0-9]+([.][0-9]+)?$"}]}
    return Annotated[float, BeforeValidator(read), WithJsonSchema(schema)]


def choice(values: Mapping[str, Any]) -> Any:
    """One word of a fixed list in any case; gives what the list says about the lower-case word."""

    def read(value: Any) -> Any:
        word = value.lower() if isinstance(value, str) else None
        if word is None or word not in values:
            raise fault("one_of", values=", ".join(values))
        return values[word]

    return Annotated[Any, BeforeValidator(read), WithJsonSchema({"type": "string", "enum": list(values)})]


# --- from faults to errors ------------------------------------------------------------------------------------------

_FAULTS: dict[str, Callable[[str, str, dict[str, Any]], ApiError]] = {
    "missing": lambda thing, name, _: errors.MISSING_PROPERTY(thing, name),
    "blank": lambda thing, name, _: errors.BLANK_PROPERTY(thing, name),
    "too_small": lambda thing, name, context: errors.TOO_SMALL(thing, name, context["limit"]),
    "too_big": lambda thing, name, context: errors.TOO_BIG(thing, name, context["limit"]),
    "one_of": lambda thing, name, context: errors.NOT_ONE_OF(thing, name, context["values"]),
    "phone": lambda *_: errors.INVALID_PHONE_NUMBER(),
    "domain_name": lambda _, __, context: errors.INVALID_DOMAIN_NAME(context["limit"]),
    "endpoint_name": lambda _, __, context: errors.INVALID_ENDPOINT_NAME(context["value"]),
    "password_short": lambda _, __, context: errors.PASSWORD_TOO_SHORT(context["limit"]),
    "password_latin": lambda *_: errors.PASSWORD_NOT_LATIN(),
    "callback_url": lambda _, __, context: errors.CALLBACK_INVALID_URL(context["value"]),
    "url": lambda _, __, context: errors.INVALID_URL(context["value"]),
    "media_url": lambda _, __, context: errors.MEDIA_INVALID_URL(context["value"]),
}


def problem(model: type[Body], error: ErrorDetails) -> ApiError:
    """The documented error for one fault of a model."""
    place = [str(step) for step in error["loc"]] or [""]
    thing = place[-2] if len(place) > 1 else model.resource
    make = _FAULTS.get(error["type"])
    return make(thing, place[-1], error.get("ctx", {})) if make else errors.BAD_PARAMETERS()


def read_object(model: type[Model], value: dict[str, Any]) -> Model:
    """The model an object describes. Raises `ApiError` for its first fault."""
    try:
        return model.model_validate(drop_nulls(value))
    except ValidationError as error:
        raise problem(model, error.errors(include_url=False, include_input=False)[0]) from error
    except RecursionError as error:
        raise errors.BAD_PARAMETERS() from error
