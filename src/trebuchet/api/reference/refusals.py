"""Which errors each operation answers with, beside those that any request can meet. Codes as in `api.errors`."""

from trebuchet.api import errors
from trebuchet.api.errors import Kind
from trebuchet.api.idempotency import CHANGING_METHODS
from trebuchet.api.operation import Creates, Operation

KINDS: tuple[Kind, ...] = tuple(value for value in vars(errors).values() if isinstance(value, Kind))

_EVERY = ("access-denied", "rate-limit-reached", "internal-error")
_WITH_BODY = ("validation-error", "request-timeout", "request-too-large", "unsupported-media-type")
_WITH_KEY = ("idempotency-key-in-use", "idempotency-key-reused")

_MISSING = {
    "callId": "call-not-found",
    "eventId": "call-event-not-found",
    "gatherId": "gather-not-found",
    "bridgeId": "bridge-not-found",
    "conferenceId": "conference-not-found",
    "memberId": "conference-member-not-found",
    "recordingId": "recording-not-found",
    "transcriptionId": "transcription-not-found",
    "mediaName": "media-not-found",
    "applicationId": "application-not-found",
    "numberId": "number-not-found",
    "domainId": "domain-not-found",
    "endpointId": "endpoint-not-found",
    "errorId": "user-error-not-found",
}
"""By variable of the path."""
_NO_DELIVERY = _MISSING | {"eventId": "delivery-not-found"}

_AUDIO = ("media-invalid-url", "media-not-supported", "media-unavailable", "speak-error", "missing-property")
_NUMBER = ("missing-property", "blank-property", "application-not-found", "application-access-denied")
_CALLBACK = ("missing-property", "blank-property", "callback-invalid-url")

_OWN: dict[tuple[str, str], tuple[str, ...]] = {
    ("POST", "/calls"): (
        *_CALLBACK,
        "number-access-denied",
        "no-allocated-number",
        "bridge-not-found",
        "bridge-callIds-overflow",
        "bridge-invalid-state",
        "invalid-call-conference-id",
        "conference-error",
        "invalid-call-to-number",
        "invalid-destination-number",
        "call-rate-limit",
        "insufficient-available-balance",
        "maximum-recording-value-request",
        "call-creation-failure",
    ),
    ("POST", "/calls/{callId}"): (
        "missing-property",
        "blank-property",
        "callback-invalid-url",
        "number-access-denied",
        "call-invalid-state",
        "call-update-conflict",
        "conflicted-recording-values-request",
        "maximum-recording-value-request",
        "invalid-call-to-number",
        "invalid-destination-number",
        "call-rate-limit",
        "call-unavailable",
        "call-transfer-error",
        *_AUDIO,
    ),
    ("POST", "/calls/{callId}/audio"): (
        *_AUDIO,
        "call-invalid-state",
        "call-audio-invalid-state",
        "call-unavailable",
        "audio-update-failure",
    ),
    ("POST", "/calls/{callId}/dtmf"): (
        "missing-property",
        "call-invalid-state",
        "call-unavailable",
        "send-dtmf-failure",
    ),
    ("POST", "/calls/{callId}/gather"): (
        *_AUDIO,
        "call-invalid-state",
        "call-unavailable",
        "call-duplicate-gather-error",
    ),
    ("POST", "/calls/{callId}/deliveries/{eventId}"): ("delivery-in-progress",),
    ("POST", "/bridges"): (
        "call-id-not-found",
        "bridge-bridged-callId",
        "bridge-callIds-overflow",
        "call-invalid-state",
        "bridge-create-error",
    ),
    ("POST", "/bridges/{bridgeId}"): (
        "call-id-not-found",
        "bridge-bridged-callId",
        "bridge-callIds-overflow",
        "bridge-invalid-state",
        "bridge-update-conflict",
        "call-invalid-state",
        "bridge-update-error",
    ),
    ("POST", "/bridges/{bridgeId}/audio"): (*_AUDIO, "bridge-invalid-operation", "call-audio-invalid-state"),
    ("POST", "/conferences"): (*_CALLBACK, "number-access-denied", "no-allocated-number"),
    ("POST", "/conferences/{conferenceId}"): (
        "callback-invalid-url",
        "conference-error",
        "conference-update-conflict",
    ),
    ("POST", "/conferences/{conferenceId}/audio"): (*_AUDIO, "conference-error"),
    ("POST", "/conferences/{conferenceId}/members"): (
        "missing-property",
        "blank-property",
        "call-id-not-found",
        "invalid-call-conference-id",
        "call-invalid-state",
        "call-unavailable",
        "conference-max-members",
        "conference-error",
    ),
    ("POST", "/conferences/{conferenceId}/members/{memberId}"): (
        "conference-error",
        "conference-member-update-conflict",
    ),
    ("POST", "/conferences/{conferenceId}/members/{memberId}/audio"): (*_AUDIO, "conference-error"),
    ("DELETE", "/recordings/{recordingId}"): ("recording-update-conflict",),
    ("POST", "/recordings/{recordingId}/transcriptions"): ("invalid-recording-state", "media-not-supported"),
    ("GET", "/media/{mediaName}"): ("range-not-satisfiable", "media-unavailable"),
    ("PUT", "/media/{mediaName}"): (
        "validation-error",
        "media-invalid-content-lenght",
        "media-size-overflow",
        "media-unavailable",
        "request-timeout",
    ),
    ("POST", "/applications"): ("missing-property", "blank-property"),
    ("POST", "/applications/{applicationId}"): ("blank-property",),
    ("POST", "/phoneNumbers"): (*_NUMBER, "duplicate-number"),
    ("POST", "/phoneNumbers/{numberId}"): _NUMBER,
    ("POST", "/domains"): ("missing-property", "blank-property", "duplicate-domain", "domain-limit"),
    ("POST", "/domains/{domainId}/endpoints"): (
        "missing-property",
        "blank-property",
        "duplicate-endpoint",
        "application-access-denied",
        "application-not-found",
    ),
    ("POST", "/domains/{domainId}/endpoints/{endpointId}/tokens"): ("token-limit",),
    ("DELETE", "/domains/{domainId}/endpoints/{endpointId}/tokens/{token}"): ("token-not-found",),
    ("POST", "/domains/{domainId}/endpoints/{endpointId}"): ("application-access-denied", "application-not-found"),
}
"""By method and path below the account (variables without their kinds)."""

_SEARCH = (
    "invalid-available-number-search",
    "invalid-zip-code",
    "invalid-rate-center",
    "validation-error",
    "number-allocator-unavailable",
    "number-allocator-timeout",
)
_ORDER = (*_SEARCH, "invalid-available-number-search-order", "order-number-quantity-unavailable", "duplicate-number")
_OWN |= {
    ("GET", "/availableNumbers/local"): _SEARCH,
    ("GET", "/availableNumbers/tollFree"): _SEARCH,
    ("POST", "/availableNumbers/local"): _ORDER,
    ("POST", "/availableNumbers/tollFree"): _ORDER,
    ("GET", "/phoneNumbers/numberInfo/{number}"): ("invalid-cnam-search", "cnam-not-found", "cnam-error"),
}


def refusals(operation: Operation, path: str, variables: list[str]) -> dict[int, list[Kind]]:
    """The kinds of errors an operation answers with, by status. `path`: below the account (or `/v1`), with variables
    as `{name}`."""
    codes = [*_EVERY, *_OWN.get((operation.method, path), ())]
    missing = _NO_DELIVERY if "/deliveries/" in path else _MISSING
    codes += [missing[name] for name in variables if name in missing]
    if operation.is_empty:
        codes.append(errors.RESOURCE_NOT_FOUND.code)
    if operation.method in CHANGING_METHODS:
        codes += _WITH_KEY
    if operation.body is not None or operation.query is not None:
        codes += _WITH_BODY if operation.body is not None else _WITH_BODY[:1]
    if operation.creates is not Creates.NEVER and "missing-property" not in codes and operation.body is not None:
        codes.append("missing-property")
    by_status: dict[int, list[Kind]] = {}
    for kind in KINDS:
        if kind.code in codes:
            by_status.setdefault(kind.status, []).append(kind)
    return dict(sorted(by_status.items()))
