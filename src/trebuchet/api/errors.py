"""Errors on the wire: every kind a client can see, and which of our errors becomes which kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trebuchet.api.wire import CALL_STATES
from trebuchet.base.errors import RemoteError, TrebuchetError
from trebuchet.calls import commands
from trebuchet.model.call import CallState

Details = tuple[tuple[str, str], ...]

MAX_ECHO_CHARS = 512
"""Longest piece of a client's input repeated in a message or detail: enough to recognise it, small enough to store."""

LOG_RETRY_S = 5
"""When a client may try again after storage failed: disks that fill or stall recover in seconds or not soon."""


def clip(text: str) -> str:
    """At most `MAX_ECHO_CHARS` of a client's text."""
    return text if len(text) <= MAX_ECHO_CHARS else text[: MAX_ECHO_CHARS - 1] + "…"


class ApiError(RemoteError):
    """A request that is refused: what the client is told. `details` come before those of the request itself."""

    code = "api-error"

    def __init__(self, kind: "Kind", message: str, details: Details, headers: Details) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.details = details
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of error. Calling it with the values of its template makes the error."""

    status: int
    category: str
    code: str
    template: str

    def __call__(self, *values: object, details: Details = (), retry_after_s: int | None = None) -> ApiError:
        headers = () if retry_after_s is None else (("retry-after", str(retry_after_s)),)
        shown = tuple((name, clip(value)) for name, value in details)
        return ApiError(self, self.template.format(*(clip(str(value)) for value in values)), shown, headers)


# --- 400 ------------------------------------------------------------------------------------------------------------

MISSING_PROPERTY = Kind(
    400, "bad-request", "missing-property", "The '{0}' resource property '{1}' is required but was not specified"
)
BLANK_PROPERTY = Kind(
    400,
    "bad-request",
    "blank-property",
    "The '{0}' resource property '{1}' must contain at least one non-whitespace character",
)


def _invalid(template: str) -> Kind:
    return Kind(400, "bad-request", "validation-error", template)


TOO_SMALL = _invalid("The '{0}' resource property '{1}' must be greater than {2}")
TOO_BIG = _invalid("The '{0}' resource property '{1}' exceeds the limit of {2}")
NOT_ONE_OF = _invalid("The '{0}' resource property '{1}' must be one of the following values: {2}")
CALLER_ID_NOT_ALLOWED = _invalid(
    "The callerId '{0}' is not allowed. It must be 'private' or a phone number owned by user"
)
INVALID_PHONE_NUMBER = _invalid("Invalid phone number")
INVALID_URL = _invalid("Invalid '{0}' URL. '{0}' is not a valid URL")
BAD_PARAMETERS = _invalid("Bad parameters")
NO_CALLBACK_URL = _invalid("Your application must have a least one callback URL.")
BLANK_CALL_FALLBACK = _invalid("Your application call fallback URL may not be blank/empty.")
CALL_FALLBACK_ALONE = _invalid("Your application must have a call callback URL in order to have a fallback URL.")
BLANK_MESSAGE_FALLBACK = _invalid("Your application sms fallback URL may not be blank/empty.")
MESSAGE_FALLBACK_ALONE = _invalid("Your application must have a sms callback URL in order to have a fallback URL.")
CALL_TIMEOUT_TOO_SMALL = _invalid("Incoming Call callback timeout must be greater than 0")
CALL_TIMEOUT_TOO_BIG = _invalid("Incoming Call callback timeout must not surpass 10000")
MESSAGE_TIMEOUT_TOO_SMALL = _invalid("Incoming SMS callback timeout must be greater than 0")
MESSAGE_TIMEOUT_TOO_BIG = _invalid("Incoming SMS callback timeout must not surpass 10000")
CALLBACK_INVALID_URL = Kind(
    400, "bad-request", "callback-invalid-url", "The URL '{0}' is not a valid callbackUrl/fallbackUrl"
)
METHOD_NOT_ALLOWED = Kind(405, "bad-request", "method-not-allowed", "The method {0} is not supported here")
REQUEST_TIMEOUT = Kind(408, "bad-request", "request-timeout", "The request body did not arrive in time")
BODY_TOO_LARGE = Kind(413, "bad-request", "request-too-large", "The request body is larger than the maximum {0} bytes")
UNSUPPORTED_TYPE = Kind(
    415, "bad-request", "unsupported-media-type", "The content type '{0}' is not supported; send application/json"
)
RANGE_NOT_SATISFIABLE = Kind(
    416, "bad-request", "range-not-satisfiable", "The range '{0}' lies outside the media of {1} bytes"
)

# --- 401, 403 -------------------------------------------------------------------------------------------------------

ACCESS_DENIED = Kind(
    401,
    "authorization",
    "access-denied",
    "The authenticated user does not have sufficient permissions to access this resource",
)
NUMBER_ACCESS_DENIED = Kind(
    401, "authorization", "number-access-denied", "User {0} does not have permission to use number {1}"
)
NO_ALLOCATED_NUMBER = Kind(401, "authorization", "no-allocated-number", "User {0} does not have allocated numbers")


def _forbidden(code: str, template: str) -> Kind:
    return Kind(403, "forbidden", code, template)


APPLICATION_ACCESS_DENIED = _forbidden(
    "application-access-denied", "User {0} does not have permission to use application {1}"
)
MEDIA_INVALID_URL = _forbidden("media-invalid-url", "The media URL '{0}' is invalid.")
MEDIA_NOT_SUPPORTED = _forbidden("media-not-supported", "Media type not supported '{0}'")
RECORDING_TOO_LONG = _forbidden(
    "maximum-recording-value-request", "Recording call maximum duration cannot exceed {0} seconds."
)
INVALID_CONFERENCE = _forbidden("invalid-call-conference-id", "Invalid conference Id in call. conferenceId '{0}'")
CALL_STATE = _forbidden("call-invalid-state", "Unable to update call '{0}'. Invalid call state '{1}'")
CALL_OVER = _forbidden(
    "call-invalid-state",
    "Unable to update call '{0}'. You can't update the call's state after being set to '{1}'.",
)
CANNOT_CALL = _forbidden("invalid-call-to-number", "Cannot make a call to number '{0}'")
DESTINATION_DENIED = _forbidden(
    "invalid-destination-number", "You are not allowed to call the country or region of number '{0}'"
)


def _limit(template: str) -> Kind:
    return Kind(403, "limit", "call-rate-limit", template)


CALL_RATE = _limit(
    "You can create {0} calls per {1} seconds, calculated as the average over {2} seconds. Your rate is: {3}"
)
CALLS_AT_ONCE = _limit("You can have {0} calls at the same time")

# --- 404, 409 -------------------------------------------------------------------------------------------------------


def _not_found(code: str, thing: str) -> Kind:
    return Kind(404, "not-found", code, f"The {thing} '{{0}}' could not be found")


CALL_NOT_FOUND = _not_found("call-not-found", "call")
CALL_EVENT_NOT_FOUND = _not_found("call-event-not-found", "call event")
BRIDGE_NOT_FOUND = _not_found("bridge-not-found", "bridge")
RECORDING_NOT_FOUND = _not_found("recording-not-found", "recording")
APPLICATION_NOT_FOUND = _not_found("application-not-found", "application")
NUMBER_NOT_FOUND = _not_found("number-not-found", "number")
USER_ERROR_NOT_FOUND = _not_found("user-error-not-found", "user error")
MEDIA_NOT_FOUND = _not_found("media-not-found", "media resource named")
RESOURCE_NOT_FOUND = Kind(404, "not-found", "resource-not-found", "The requested resource could not be found.")


TOO_MANY_REQUESTS = Kind(
    429,
    "too-many-requests",
    "rate-limit-reached",
    "There have been too many requests to this resource; it can be used again at {0}",
)


def too_many_requests(reset_ms: int) -> ApiError:
    """`reset_ms`: milliseconds since the epoch."""
    refusal = TOO_MANY_REQUESTS(reset_ms, details=(("rateLimitResetTime", str(reset_ms)),))
    refusal.headers = (("x-ratelimit-reset", str(reset_ms)),)
    return refusal


def _conflict(code: str, template: str) -> Kind:
    return Kind(409, "conflict", code, template)


ALREADY_RECORDING = _conflict("conflicted-recording-values-request", "Call recording is been executed already!")
RECORDING_LIMIT_LOCKED = _conflict(
    "conflicted-recording-values-request",
    "Call recoding maximum duration time cannot be changed while recording is been executed!",
)
RECORDING_CONFLICT = _conflict(
    "recording-update-conflict", "The recording '{0}' could not be updated because another update was is progress"
)
DUPLICATE_NUMBER = _conflict(
    "duplicate-number", "Cannot create another instance of number resource '{0}' for number '{1}'"
)

# --- 500, 503 -------------------------------------------------------------------------------------------------------

INTERNAL = Kind(500, "backend", "internal-error", "An unexpected error occurred; it has been logged")


def _unavailable(code: str, template: str) -> Kind:
    return Kind(503, "unavailable", code, template)


CALL_UNAVAILABLE = _unavailable(
    "call-unavailable", "The call '{0}' is being initialized and cannot be modified now retry your operation later"
)
CALL_CREATION_FAILURE = _unavailable("call-creation-failure", "A call from '{0}' to '{1}' could not be created")
CALL_TRANSFER_ERROR = _unavailable("call-transfer-error", "Call '{0}' could not be transferred to '{1}'")
SPEAK_ERROR = _unavailable("speak-error", "The sentence could not be spoken")
MEDIA_UNAVAILABLE = _unavailable("media-unavailable", "Failed to access media '{0}'")
UNAVAILABLE = _unavailable("internal-error", "An error occurred handling the message")


# --- from our errors to theirs --------------------------------------------------------------------------------------


def _wrong_state(error: commands.WrongCallState) -> ApiError:
    kind = CALL_OVER if error.state in (CallState.ENDED, CallState.REJECTED) else CALL_STATE
    return kind(error.call_id, CALL_STATES[error.state], details=(("callId", error.call_id),))


_TABLE: dict[type[TrebuchetError], Callable[[Any], ApiError]] = {
    commands.CallNotFound: lambda e: CALL_NOT_FOUND(e.call_id, details=(("callId", e.call_id),)),
    commands.WrongCallState: _wrong_state,
    commands.AlreadyRecording: lambda e: ALREADY_RECORDING(),
    commands.RecordingLimitLocked: lambda e: RECORDING_LIMIT_LOCKED(),
    commands.RecordingLimitTooLong: lambda e: RECORDING_TOO_LONG(e.limit_s),
    commands.CallerIdNotAllowed: lambda e: CALLER_ID_NOT_ALLOWED(e.caller_id),
    commands.NumberNotOwned: lambda e: NUMBER_ACCESS_DENIED(
        e.account_id, e.number, details=(("userId", e.account_id), ("number", e.number))
    ),
    commands.NoNumbers: lambda e: NO_ALLOCATED_NUMBER(e.account_id, details=(("userId", e.account_id),)),
    commands.CannotCall: lambda e: CANNOT_CALL(e.to, details=(("number", e.to),)),
    commands.DestinationDenied: lambda e: DESTINATION_DENIED(e.to, details=(("number", e.to),)),
    commands.TooManyCalls: lambda e: CALL_RATE(f"{e.limit:g}", 1, f"{e.window_s:g}", f"{e.rate:.1f}"),
    commands.TooManyCallsAtOnce: lambda e: CALLS_AT_ONCE(e.limit),
    commands.CallFailed: lambda e: CALL_CREATION_FAILURE(e.from_, e.to),
    commands.TransferFailed: lambda e: CALL_TRANSFER_ERROR(e.call_id, e.to, details=(("callId", e.call_id),)),
    commands.CallNotReady: lambda e: CALL_UNAVAILABLE(e.call_id, details=(("callId", e.call_id),)),
    commands.Overloaded: lambda e: UNAVAILABLE(retry_after_s=e.retry_after_s),
    commands.PromptUrlInvalid: lambda e: MEDIA_INVALID_URL(e.subject),
    commands.PromptUnreachable: lambda e: MEDIA_UNAVAILABLE(e.subject),
    commands.PromptUnsupported: lambda e: MEDIA_NOT_SUPPORTED(e.subject),
    commands.SpeechFailed: lambda e: SPEAK_ERROR(),
    commands.LogUnavailable: lambda e: UNAVAILABLE(retry_after_s=LOG_RETRY_S),
}
"""Every error that a request can meet; a test walks the kinds of `CommandError` and `PromptError`."""


def to_api_error(error: Exception) -> ApiError | None:
    """What the client is told about an exception; `None`: nothing is known about it, so it is our own fault."""
    if isinstance(error, ApiError):
        return error
    for cls in type(error).__mro__:
        make = _TABLE.get(cls)
        if make is not None:
            return make(error)
    return None


def known_errors() -> set[type[TrebuchetError]]:
    """The error classes that have a form on the wire."""
    return set(_TABLE)
