"""The application resource: as clients write it and as they read it."""

from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from pydantic import AliasChoices, Field
from typing_extensions import TypedDict

from trebuchet.api import errors
from trebuchet.api.fields import MAX_CALLBACK_TIMEOUT_MS, Body, Flag, Text, choice, integer, is_web_url
from trebuchet.api.wire import without_nulls
from trebuchet.base.ids import AccountId, ApplicationId
from trebuchet.model.application import Application
from trebuchet.model.call import HttpMethod

Value = TypeVar("Value")


class ApplicationBody(Body):
    """An application to make or to change; only what is sent changes. In a change `""` removes a URL."""

    resource = "application"
    name: Text | None = None
    incoming_call_url: Text | None = Field(None, alias="incomingCallUrl")
    incoming_call_timeout: integer() = Field(  # type: ignore[valid-type]  # a type made by a function
        None, alias="incomingCallUrlCallbackTimeout"
    )
    incoming_call_fallback_url: Text | None = Field(None, alias="incomingCallFallbackUrl")
    incoming_message_url: Text | None = Field(
        None, validation_alias=AliasChoices("incomingMessageUrl", "incomingSmsUrl")
    )
    incoming_message_timeout: integer() = Field(  # type: ignore[valid-type]  # likewise
        None, validation_alias=AliasChoices("incomingMessageUrlCallbackTimeout", "incomingSmsUrlCallbackTimeout")
    )
    incoming_message_fallback_url: Text | None = Field(
        None, validation_alias=AliasChoices("incomingMessageFallbackUrl", "incomingSmsFallbackUrl")
    )
    callback_http_method: choice({m.value: m for m in HttpMethod}) = Field(  # type: ignore[valid-type]  # likewise
        None, alias="callbackHttpMethod"
    )
    auto_answer: Flag | None = Field(None, alias="autoAnswer")
    message_api_version: Text | None = Field(None, alias="messageApiVersion")


class ApplicationResource(TypedDict):
    """An application. The message URLs come in both of their spellings."""

    id: str
    name: str
    incomingCallUrl: str | None
    incomingCallUrlCallbackTimeout: int | None
    incomingCallFallbackUrl: str | None
    incomingMessageUrl: str | None
    incomingMessageUrlCallbackTimeout: int | None
    incomingMessageFallbackUrl: str | None
    incomingSmsUrl: str | None
    incomingSmsUrlCallbackTimeout: int | None
    incomingSmsFallbackUrl: str | None
    callbackHttpMethod: str
    autoAnswer: bool
    messageApiVersion: str | None


def new_application(
    body: ApplicationBody, *, application_id: ApplicationId, account_id: AccountId, created_at: datetime
) -> Application:
    """Raises `ApiError` when a name or both URLs are missing, or anything is wrong."""
    if body.name is None:
        raise errors.MISSING_PROPERTY(body.resource, "name")
    _check_fallbacks_hold_something(body)
    blank = Application(id=application_id, account_id=account_id, name=body.name, created_at=created_at)
    made = changed_application(body, blank)
    if made.incoming_call_url is None and made.incoming_message_url is None:
        raise errors.NO_CALLBACK_URL()
    return made


def changed_application(body: ApplicationBody, current: Application) -> Application:
    """`current` with what the body holds. Raises `ApiError`."""
    _check_name(body)
    _check_timeouts(body)
    call_url = _url(body.incoming_call_url, current.incoming_call_url)
    message_url = _url(body.incoming_message_url, current.incoming_message_url)
    return replace(
        current,
        name=_kept(body.name, current.name),
        incoming_call_url=call_url,
        incoming_call_timeout_ms=_kept(body.incoming_call_timeout, current.incoming_call_timeout_ms),
        incoming_call_fallback_url=_fallback(
            body.incoming_call_fallback_url,
            current.incoming_call_fallback_url,
            call_url,
            blank=errors.BLANK_CALL_FALLBACK,
            alone=errors.CALL_FALLBACK_ALONE,
        ),
        incoming_message_url=message_url,
        incoming_message_timeout_ms=_kept(body.incoming_message_timeout, current.incoming_message_timeout_ms),
        incoming_message_fallback_url=_fallback(
            body.incoming_message_fallback_url,
            current.incoming_message_fallback_url,
            message_url,
            blank=errors.BLANK_MESSAGE_FALLBACK,
            alone=errors.MESSAGE_FALLBACK_ALONE,
        ),
        http_method=_kept(body.callback_http_method, current.http_method),
        auto_answer=_kept(body.auto_answer, current.auto_answer),
        message_api_version=_kept(body.message_api_version, current.message_api_version),
    )


def application_to_wire(application: Application, user_url: str) -> ApplicationResource:
    call_timeout = application.incoming_call_timeout_ms if application.incoming_call_url else None
    message_timeout = application.incoming_message_timeout_ms if application.incoming_message_url else None
    return without_nulls(
        ApplicationResource(
            id=application.id,
            name=application.name,
            incomingCallUrl=application.incoming_call_url,
            incomingCallUrlCallbackTimeout=call_timeout,
            incomingCallFallbackUrl=application.incoming_call_fallback_url,
            incomingMessageUrl=application.incoming_message_url,
            incomingMessageUrlCallbackTimeout=message_timeout,
            incomingMessageFallbackUrl=application.incoming_message_fallback_url,
            incomingSmsUrl=application.incoming_message_url,
            incomingSmsUrlCallbackTimeout=message_timeout,
            incomingSmsFallbackUrl=application.incoming_message_fallback_url,
            callbackHttpMethod=application.http_method.value,
            autoAnswer=application.auto_answer,
            messageApiVersion=application.message_api_version,
        )
    )


def _check_name(body: ApplicationBody) -> None:
    if body.name is not None and not body.name.strip():
        raise errors.BLANK_PROPERTY(body.resource, "name")


def _check_fallbacks_hold_something(body: ApplicationBody) -> None:
    """A new application has nothing to remove, so an empty fallback URL is a mistake."""
    if body.incoming_call_fallback_url == "":
        raise errors.BLANK_CALL_FALLBACK()
    if body.incoming_message_fallback_url == "":
        raise errors.BLANK_MESSAGE_FALLBACK()


def _check_timeouts(body: ApplicationBody) -> None:
    limits = (
        (body.incoming_call_timeout, errors.CALL_TIMEOUT_TOO_SMALL, errors.CALL_TIMEOUT_TOO_BIG),
        (body.incoming_message_timeout, errors.MESSAGE_TIMEOUT_TOO_SMALL, errors.MESSAGE_TIMEOUT_TOO_BIG),
    )
    for timeout_ms, too_small, too_big in limits:
        if timeout_ms is not None and timeout_ms <= 0:
            raise too_small()
        if timeout_ms is not None and timeout_ms > MAX_CALLBACK_TIMEOUT_MS:
            raise too_big()


def _url(sent: str | None, current: str | None) -> str | None:
    if sent is None:
        return current
    if sent == "":
        return None
    if not is_web_url(sent):
        raise errors.INVALID_URL(sent)
    return sent


def _fallback(
    sent: str | None, current: str | None, primary: str | None, *, blank: errors.Kind, alone: errors.Kind
) -> str | None:
    """A fallback needs the URL it stands in for; one that was there before goes with it."""
    if sent is not None and sent != "" and not sent.strip():
        raise blank()
    url = _url(sent, current)
    if url is not None and primary is None:
        if sent:
            raise alone()
        return None
    return url


def _kept(sent: Value | None, current: Value) -> Value:
    return current if sent is None else sent
