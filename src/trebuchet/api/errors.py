"""Errors on the wire: every kind a client can see, and which of our errors becomes which kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trebuchet.api.wire import CALL_STATES, CONFERENCE_STATES
from trebuchet.base.errors import RemoteError, TrebuchetError
from trebuchet.calls import commands
from trebuchet.calls import meeting_commands as meetings
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
INVALID_DOMAIN_NAME = _invalid(
    "The 'domain' resource property 'name' must hold 1 to {0} letters, digits, hyphens and underscores"
)
INVALID_ENDPOINT_NAME = _invalid("The 'endpoint' resource property 'name' is not a valid SIP user name: '{0}'")
PASSWORD_TOO_SHORT = _invalid("The 'credentials' resource property 'password' must have at least {0} characters")
PASSWORD_NOT_LATIN = _invalid("The 'credentials' resource property 'password' must be Latin-1 text")
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
BRIDGE_CONNECTED_CALL = Kind(
    400, "bad-request", "bridge-bridged-callId", "The callId '{0}' is already in another bridge"
)
BRIDGE_STATE = Kind(
    400, "bad-request", "bridge-invalid-state", "Unable to update bridge '{0}'. Invalid bridge state '{1}'"
)
BRIDGE_SILENT = Kind(400, "bad-request", "bridge-invalid-operation", "No active calls in the bridge '{0}'")
METHOD_NOT_ALLOWED = Kind(405, "bad-request", "method-not-allowed", "The method {0} is not supported here")
REQUEST_TIMEOUT = Kind(408, "bad-request", "request-timeout", "The request body did not arrive in time")
BODY_TOO_LARGE = Kind(413, "bad-request", "request-too-large", "The request body is larger than the maximum {0} bytes")
UNSUPPORTED_TYPE = Kind(
    415, "bad-request", "unsupported-media-type", "The content type '{0}' is not supported; send application/json"
)
MEDIA_SIZE_MISSING = _invalid("The media size must be specified by the '{0}' header")
RANGE_NOT_SATISFIABLE = Kind(
    416, "bad-request", "range-not-satisfiable", "The range '{0}' lies outside the media of {1} bytes"
)

QUANTITY_TOO_SMALL = _invalid("Quantity must be greater than zero.")
INVALID_ZIP_CODE = Kind(
    400,
    "bad-request",
    "invalid-zip-code",
    "The ZIP code '{0}' did not map to a location where telephone numbers are available",
)
INVALID_SEARCH = Kind(400, "bad-request", "invalid-available-number-search", "{0}")
SEARCH_TOO_MANY = Kind(400, "bad-request", "invalid-available-number-search", "The maximum quantity of numbers is {0}")
ORDER_TOO_MANY = Kind(
    400,
    "bad-request",
    "invalid-available-number-search-order",
    "The maximum quantity of numbers searching and ordering is {0}",
)
ORDER_WITH_PATTERN = Kind(
    400,
    "bad-request",
    "invalid-available-number-search-order",
    "A query and order numbers cannot contain pattern",
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
MEDIA_TOO_BIG = _forbidden("media-size-overflow", "The media size {0} bytes is larger than the maximum {1} bytes")
INVALID_RECORDING_STATE = _forbidden(
    "invalid-recording-state", "Cannot transcribe the recording '{0}'. The state must be complete"
)
INVALID_CNAM_SEARCH = _forbidden("invalid-cnam-search", "Invalid number formatting: '{0}'. Use E.164 formatted numbers")
INVALID_RATE_CENTER = _forbidden("invalid-rate-center", "The city '{0}' in the state '{1}' was not found")
MEDIA_NOT_SUPPORTED = _forbidden("media-not-supported", "Media type not supported '{0}'")
RECORDING_TOO_LONG = _forbidden(
    "maximum-recording-value-request", "Recording call maximum duration cannot exceed {0} seconds."
)
INVALID_CONFERENCE = _forbidden("invalid-call-conference-id", "Invalid conference Id in call. conferenceId '{0}'")
BRIDGE_FULL = _forbidden("bridge-callIds-overflow", "Only two calls are allowed in a bridge '{0}'")
CALL_ID_NOT_FOUND = _forbidden("call-id-not-found", "Call Id not found. callId '{0}'")
CONFERENCE_STATE = _forbidden("conference-error", "Unable to update conference '{0}'. Invalid conference state '{1}'")
CONFERENCE_FULL = _forbidden("conference-max-members", "The conference '{0}' reached the max number of members")
CALL_STATE = _forbidden("call-invalid-state", "Unable to update call '{0}'. Invalid call state '{1}'")
CALL_OVER = _forbidden(
    "call-invalid-state",
    "Unable to update call '{0}'. You can't update the call's state after being set to '{1}'.",
)
CALL_AUDIO_STATE = _forbidden(
    "call-audio-invalid-state",
    "The audio for call '{0}' could not be updated. The audio has already finished or does not exist.",
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

DOMAIN_LIMIT = Kind(403, "limit", "domain-limit", "You can have {0} domains")
TOKEN_LIMIT = Kind(403, "limit", "token-limit", "The endpoint '{0}' can have {1} tokens at the same time")

# --- 404, 409 -------------------------------------------------------------------------------------------------------


def _not_found(code: str, thing: str) -> Kind:
    return Kind(404, "not-found", code, f"The {thing} '{{0}}' could not be found")


CALL_NOT_FOUND = _not_found("call-not-found", "call")
CALL_EVENT_NOT_FOUND = _not_found("call-event-not-found", "call event")
BRIDGE_NOT_FOUND = _not_found("bridge-not-found", "bridge")
GATHER_NOT_FOUND = _not_found("gather-not-found", "gather")
CONFERENCE_NOT_FOUND = _not_found("conference-not-found", "conference")
CONFERENCE_MEMBER_NOT_FOUND = _not_found("conference-member-not-found", "conference member")
RECORDING_NOT_FOUND = _not_found("recording-not-found", "recording")
APPLICATION_NOT_FOUND = _not_found("application-not-found", "application")
NUMBER_NOT_FOUND = _not_found("number-not-found", "number")
USER_ERROR_NOT_FOUND = _not_found("user-error-not-found", "user error")
MEDIA_NOT_FOUND = _not_found("media-not-found", "media resource named")
DOMAIN_NOT_FOUND = _not_found("domain-not-found", "domain")
ENDPOINT_NOT_FOUND = _not_found("endpoint-not-found", "endpoint")
TOKEN_NOT_FOUND = _not_found("token-not-found", "token of endpoint")
DELIVERY_NOT_FOUND = _not_found("delivery-not-found", "delivery of event")
MEDIA_SIZE_UNREADABLE = Kind(
    404, "not-found", "media-invalid-content-lenght", "The media source '{0}' header could not be parsed as a number"
)
TRANSCRIPTION_NOT_FOUND = Kind(
    404, "not-found", "transcription-not-found", "The transcription '{0}' from recording '{1}' could not be found"
)
CNAM_NOT_FOUND = Kind(404, "not-found", "cnam-not-found", "Couldn't find CNAM for number '{0}'")
ORDER_UNAVAILABLE = Kind(
    404,
    "not-found",
    "order-number-quantity-unavailable",
    "Only a partial quantity of the total telephone numbers ordered could be fulfilled.",
)
RESOURCE_NOT_FOUND = Kind(404, "not-found", "resource-not-found", "The requested resource could not be found.")


TOO_MANY_REQUESTS = Kind(
    429,
    "too-many-requests",
    "rate-limit-reached",
    "There have been too many requests to this resource; it can be used again at {0}",
)


BAD_KEY = _invalid("The Idempotency-Key header must hold 1 to {0} printable ASCII characters")
KEY_REUSED = Kind(
    422, "bad-request", "idempotency-key-reused", "The Idempotency-Key was used before with another request"
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
DUPLICATE_GATHER = _conflict("call-duplicate-gather-error", "DTMF digits are already being gathered for call '{0}'")
DUPLICATE_NUMBER = _conflict(
    "duplicate-number", "Cannot create another instance of number resource '{0}' for number '{1}'"
)

DUPLICATE_DOMAIN = _conflict("duplicate-domain", "The domain name '{0}' is taken")
DUPLICATE_ENDPOINT = _conflict("duplicate-endpoint", "The endpoint name '{0}' is taken in the domain '{1}'")
DELIVERY_IN_PROGRESS = _conflict("delivery-in-progress", "The event '{0}' is being delivered already")
KEY_IN_USE = _conflict("idempotency-key-in-use", "A request with the same Idempotency-Key is being served now")

# --- 500, 503 -------------------------------------------------------------------------------------------------------

INTERNAL = Kind(500, "backend", "internal-error", "An unexpected error occurred; it has been logged")


def _unavailable(code: str, template: str) -> Kind:
    return Kind(503, "unavailable", code, template)


CALL_UNAVAILABLE = _unavailable(
    "call-unavailable", "The call '{0}' is being initialized and cannot be modified now retry your operation later"
)
CALL_CREATION_FAILURE = _unavailable("call-creation-failure", "A call from '{0}' to '{1}' could not be created")
CALL_TRANSFER_ERROR = _unavailable("call-transfer-error", "Call '{0}' could not be transferred to '{1}'")
AUDIO_UPDATE_FAILURE = _unavailable("audio-update-failure", "The audio for call '{0}' could not be updated")
SEND_DTMF_FAILURE = _unavailable("send-dtmf-failure", "DTMF digits '{0}' could not be sent for call '{1}'")
BRIDGE_CREATE_ERROR = _unavailable("bridge-create-error", "Unable to create bridge with '{0}' and '{1}'")
BRIDGE_UPDATE_ERROR = _unavailable("bridge-update-error", "Unable to update bridge '{0}'")
SPEAK_ERROR = _unavailable("speak-error", "The sentence could not be spoken")
MEDIA_UNAVAILABLE = _unavailable("media-unavailable", "Failed to access media '{0}'")
UNAVAILABLE = _unavailable("internal-error", "An error occurred handling the message")


# --- from our errors to theirs --------------------------------------------------------------------------------------


def _wrong_state(error: commands.WrongCallState) -> ApiError:
    kind = CALL_OVER if error.state in (CallState.ENDED, CallState.REJECTED) else CALL_STATE
    return kind(error.call_id, CALL_STATES[error.state], details=(("callId", error.call_id),))


def _bridge_creation(error: meetings.BridgeCreationFailed) -> ApiError:
    first, second = (*error.call_ids, "", "")[:2]
    return BRIDGE_CREATE_ERROR(first, second)


_MEETINGS: dict[type[TrebuchetError], Callable[[Any], ApiError]] = {
    meetings.BridgeNotFound: lambda e: BRIDGE_NOT_FOUND(e.bridge_id, details=(("bridgeId", e.bridge_id),)),
    meetings.BridgeEnded: lambda e: BRIDGE_STATE(e.bridge_id, "completed", details=(("bridgeId", e.bridge_id),)),
    meetings.BridgeFull: lambda e: BRIDGE_FULL(e.bridge_id, details=(("bridgeId", e.bridge_id),)),
    meetings.BridgeSilent: lambda e: BRIDGE_SILENT(e.bridge_id, details=(("bridgeId", e.bridge_id),)),
    meetings.BridgeFailed: lambda e: BRIDGE_UPDATE_ERROR(e.bridge_id, details=(("bridgeId", e.bridge_id),)),
    meetings.BridgeCreationFailed: _bridge_creation,
    meetings.CallIdUnknown: lambda e: CALL_ID_NOT_FOUND(e.call_id, details=(("callId", e.call_id),)),
    meetings.CallConnected: lambda e: BRIDGE_CONNECTED_CALL(e.call_id, details=(("callId", e.call_id),)),
    meetings.ConferenceNotFound: lambda e: CONFERENCE_NOT_FOUND(
        e.conference_id, details=(("conferenceId", e.conference_id),)
    ),
    meetings.ConferenceNotUsable: lambda e: CONFERENCE_STATE(
        e.conference_id, CONFERENCE_STATES[e.state], details=(("conferenceId", e.conference_id),)
    ),
    meetings.ConferenceFull: lambda e: CONFERENCE_FULL(e.conference_id, details=(("conferenceId", e.conference_id),)),
    meetings.ConferenceMismatch: lambda e: INVALID_CONFERENCE(
        e.conference_id, details=(("conferenceId", e.conference_id),)
    ),
    meetings.MemberNotFound: lambda e: CONFERENCE_MEMBER_NOT_FOUND(e.member_id, details=(("memberId", e.member_id),)),
}

_TABLE: dict[type[TrebuchetError], Callable[[Any], ApiError]] = _MEETINGS | {
    commands.CallNotFound: lambda e: CALL_NOT_FOUND(e.call_id, details=(("callId", e.call_id),)),
    commands.WrongCallState: _wrong_state,
    commands.AlreadyRecording: lambda e: ALREADY_RECORDING(),
    commands.RecordingLimitLocked: lambda e: RECORDING_LIMIT_LOCKED(),
    commands.RecordingLimitTooLong: lambda e: RECORDING_TOO_LONG(e.limit_s),
    commands.RecordingNotComplete: lambda e: INVALID_RECORDING_STATE(
        e.recording_id, details=(("recordingId", e.recording_id),)
    ),
    commands.RecordingNotTranscribable: lambda e: MEDIA_NOT_SUPPORTED(
        e.media_name, details=(("recordingId", e.recording_id),)
    ),
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
    commands.NothingPlays: lambda e: CALL_AUDIO_STATE(e.call_id, details=(("callId", e.call_id),)),
    commands.DigitsNotSent: lambda e: SEND_DTMF_FAILURE(e.digits, e.call_id, details=(("callId", e.call_id),)),
    commands.AlreadyGathering: lambda e: DUPLICATE_GATHER(e.call_id, details=(("callId", e.call_id),)),
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
