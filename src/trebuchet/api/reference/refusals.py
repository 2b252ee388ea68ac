"""Which errors each operation answers with, beside those that any request can meet. Codes as in `api.errors`."""

from trebuchet.api import errors
from trebuchet.api.errors import Kind
from trebuchet.api.idempotency import CHANGING_METHODS
from trebuchet.api.operation import Operation

KINDS: tuple[Kind, ...] = tuple(value for value in vars(errors).values() if isinstance(value, Kind))

_EVERY = ("access-denied", "rate-limit-reached", "internal-error")
_WITH_BODY = ("validation-error", "request-timeout", "request-too-large", "unsupported-media-type")
_WITH_KEY = ("idempotency-key-in-use", "idempotency-key-reused", "validation-error")
_WITH_KEY_AND_BODY = ("request-timeout", "request-too-large")
"""With a key the body is read whether the operation wants one or not."""

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
_APPLICATION = ("application-not-found", "application-access-denied")
_ENTERED = ("call-id-not-found", "call-invalid-state", "call-unavailable")
"""By a call that is to enter a bridge or conference."""
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
        "invalid-call-to-number",
        "invalid-destination-number",
        "call-rate-limit",
        "maximum-recording-value-request",
        "call-creation-failure",
    ),
    ("POST", "/calls/{callId}"): (
        "missing-property",
        "blank-property",
        "callback-invalid-url",
        "call-invalid-state",
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
    ("POST", "/calls/{callId}/gather/{gatherId}"): ("call-unavailable",),
    ("POST", "/calls/{callId}/deliveries/{eventId}"): ("delivery-in-progress",),
    ("POST", "/bridges"): (
        *_ENTERED,
        "bridge-bridged-callId",
        "bridge-callIds-overflow",
        "bridge-create-error",
    ),
    ("POST", "/bridges/{bridgeId}"): (
        *_ENTERED,
        "bridge-bridged-callId",
        "bridge-callIds-overflow",
        "bridge-invalid-state",
        "bridge-update-error",
    ),
    ("POST", "/bridges/{bridgeId}/audio"): (
        *_AUDIO,
        "bridge-invalid-operation",
        "bridge-invalid-state",
        "call-unavailable",
    ),
    ("POST", "/conferences"): (*_CALLBACK, "number-access-denied", "no-allocated-number"),
    ("POST", "/conferences/{conferenceId}"): ("callback-invalid-url", "conference-error"),
    ("POST", "/conferences/{conferenceId}/audio"): (*_AUDIO, "conference-error"),
    ("POST", "/conferences/{conferenceId}/members"): (
        "missing-property",
        "blank-property",
        *_ENTERED,
        "invalid-call-conference-id",
        "conference-max-members",
        "conference-error",
    ),
    ("POST", "/conferences/{conferenceId}/members/{memberId}"): ("conference-error",),
    ("POST", "/conferences/{conferenceId}/members/{memberId}/audio"): (
        *_AUDIO,
        "conference-error",
        "call-invalid-state",
        "call-unavailable",
    ),
    ("DELETE", "/recordings/{recordingId}"): ("recording-update-conflict",),
    ("POST", "/recordings/{recordingId}/transcriptions"): ("invalid-recording-state", "media-not-supported"),
    ("GET", "/media/{mediaName}"): ("range-not-satisfiable",),
    ("PUT", "/media/{mediaName}"): (
        "validation-error",
        "media-invalid-content-lenght",
        "media-size-overflow",
        "media-unavailable",
        "request-timeout",
        "recording-update-conflict",
    ),
    ("DELETE", "/media/{mediaName}"): ("recording-update-conflict",),
    ("GET", "/events/stream"): ("validation-error",),
    ("POST", "/applications"): ("missing-property", "blank-property"),
    ("POST", "/applications/{applicationId}"): ("blank-property",),
    ("POST", "/phoneNumbers"): ("missing-property", "blank-property", *_APPLICATION, "duplicate-number"),
    ("POST", "/phoneNumbers/{numberId}"): _APPLICATION,
    ("POST", "/domains"): ("missing-property", "blank-property", "duplicate-domain", "domain-limit"),
    ("POST", "/domains/{domainId}/endpoints"): (
        "missing-property",
        "blank-property",
        "duplicate-endpoint",
        *_APPLICATION,
    ),
    ("POST", "/domains/{domainId}/endpoints/{endpointId}/tokens"): ("token-limit",),
    ("DELETE", "/domains/{domainId}/endpoints/{endpointId}/tokens/{token}"): ("token-not-found",),
    ("POST", "/domains/{domainId}/endpoints/{endpointId}"): _APPLICATION,
}
"""By method and path below the account (variables without their kinds)."""

_SEARCH = ("invalid-available-number-search",)
_PLACE = ("invalid-zip-code", "invalid-rate-center")
_ORDER = ("invalid-available-number-search-order", "order-number-quantity-unavailable")
_OWN |= {
    ("GET", "/availableNumbers/local"): (*_SEARCH, *_PLACE),
    ("GET", "/availableNumbers/tollFree"): _SEARCH,
    ("POST", "/availableNumbers/local"): (*_SEARCH, *_PLACE, *_ORDER),
    ("POST", "/availableNumbers/tollFree"): _ORDER,
    ("GET", "/phoneNumbers/numberInfo/{number}"): ("invalid-cnam-search", "cnam-not-found"),
}


def refusals(operation: Operation, path: str, variables: list[str]) -> dict[int, list[Kind]]:
    """The kinds of errors an operation answers with, by status. `path`: below the account (or `/v1`), with variables
    as `{name}`."""
    codes = [*_EVERY, *_OWN.get((operation.method, path), ())]
    missing = _NO_DELIVERY if "/deliveries/" in path else _MISSING
    if operation.method != "PUT":  # which makes what is missing
        codes += [missing[name] for name in variables if name in missing]
    if operation.is_empty:
        codes.append(errors.RESOURCE_NOT_FOUND.code)
    if operation.method in CHANGING_METHODS:
        codes += _WITH_KEY if operation.take_body is not None else _WITH_KEY + _WITH_KEY_AND_BODY
    if operation.body is not None or operation.query is not None:
        codes += _WITH_BODY if operation.body is not None else _WITH_BODY[:1]
    by_status: dict[int, list[Kind]] = {}
    for kind in KINDS:
        if kind.code in codes:
            by_status.setdefault(kind.status, []).append(kind)
    return dict(sorted(by_status.items()))
