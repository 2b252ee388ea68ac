"""A typed client of the public API. It knows nothing of the server but what travels over HTTP.

    with Client("http://127.0.0.1:8080", "u-me", "t-me", "s-me") as client:
        call_id = client.calls.create("+15550100", "sip:desk@192.0.2.7")
        client.calls.transfer(call_id, to="+15550188", whisper="A caller from the web site")

`AsyncClient` has the same methods, to be awaited. Methods return what they made or found; lists are iterators over all
pages; errors are exceptions (`ApiError` and its kinds) with status, code and details.
"""

from trebuchet.client.audio import Audio, AudioFile, Sentence
from trebuchet.client.errors import (
    ApiError,
    BadRequest,
    ClientError,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
)
from trebuchet.client.faces import AsyncClient, Client
from trebuchet.client.results import (
    Account,
    Application,
    AvailableNumber,
    Bridge,
    Call,
    CallEvent,
    Conference,
    ConferenceMember,
    Delivery,
    DeliveryAttempt,
    Domain,
    Endpoint,
    Gather,
    LiveEvent,
    MediaFile,
    NumberInfo,
    PhoneNumber,
    Recording,
    Token,
    Transaction,
    Transcription,
    UserError,
    WebhookSecret,
)

__all__ = [
    "Account",
    "ApiError",
    "Application",
    "AsyncClient",
    "Audio",
    "AudioFile",
    "AvailableNumber",
    "BadRequest",
    "Bridge",
    "Call",
    "CallEvent",
    "Client",
    "ClientError",
    "Conference",
    "ConferenceMember",
    "Conflict",
    "Delivery",
    "DeliveryAttempt",
    "Domain",
    "Endpoint",
    "Forbidden",
    "Gather",
    "LiveEvent",
    "MediaFile",
    "NotFound",
    "NumberInfo",
    "PhoneNumber",
    "RateLimited",
    "Recording",
    "Sentence",
    "ServerError",
    "Token",
    "Transaction",
    "Transcription",
    "Unauthorized",
    "UnexpectedAnswer",
    "Unreachable",
    "UserError",
    "WebhookSecret",
]
