"""What the API's resources look like in Python. Times are aware UTC datetimes; durations are seconds unless the name
says otherwise; a property that has no value is `None`. States and the like are plain strings as documented, so that a
newer server's words reach you too. `raw` is the JSON object as it came."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Result):
    """One party's connection to the server."""

    id: str
    direction: str
    """`in` or `out`."""
    from_: str
    to: str
    state: str
    """`started`, `active`, `transferring`, `rejected` or `completed`."""
    start_time: datetime
    active_time: datetime | None = None
    end_time: datetime | None = None
    call_timeout: int | None = None
    callback_url: str | None = None
    callback_http_method: str | None = None
    callback_timeout: int | None = None
    """Milliseconds."""
    fallback_url: str | None = None
    bridge_id: str | None = None
    conference_id: str | None = None
    chargeable_duration: int | None = None
    recording_enabled: bool = False
    recording_file_format: str | None = None
    recording_max_duration: int | None = None
    transcription_enabled: bool = False
    sip_headers: Mapping[str, str] | None = None
    tag: str | None = None
    transfer_to: str | None = None
    transfer_caller_id: str | None = None
    display_name: str | None = None
    preferred_id: str | None = None
    withhold_caller_name: bool | None = None
    withhold_caller_number: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent(Result):
    """One entry of a call's log."""

    id: str
    time: datetime
    name: str
    data: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEvent(Result):
    """One entry of the account's log as it is written."""

    position: int
    """Its place in the server's log: what `stream(after=…)` takes."""
    id: str
    time: datetime
    name: str
    data: str | None = None
    call_id: str | None = None
    conference_id: str | None = None
    event: Mapping[str, Any] | None = None
    """What the webhook says of it; `None` for entries of the log alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather(Result):
    """A collection of digits."""

    id: str
    state: str
    """`started` or `completed`."""
    created_time: datetime
    completed_time: datetime | None = None
    reason: str | None = None
    digits: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge(Result):
    """Two calls that hear each other."""

    id: str
    state: str
    """`created`, `active`, `hold`, `completed` or `error`."""
    bridge_audio: bool
    created_time: datetime
    call_ids: tuple[str, ...] = ()
    activated_time: datetime | None = None
    completed_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conference(Result):
    """Calls that all hear each other."""

    id: str
    state: str
    """`created`, `active` or `completed`."""
    from_: str
    created_time: datetime
    completed_time: datetime | None = None
    active_members: int = 0
    hold: bool = False
    mute: bool = False
    profile: str | None = None
    callback_url: str | None = None
    callback_http_method: str | None = None
    callback_timeout: int | None = None
    """Milliseconds."""
    fallback_url: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceMember(Result):
    """A call's place in a conference."""

    id: str
    state: str
    """`active` or `completed`."""
    call: str
    """The call's URL."""
    added_time: datetime
    removed_time: datetime | None = None
    mute: bool = False
    hold: bool = False
    join_tone: bool = False
    leaving_tone: bool = False

    @property
    def call_id(self) -> str:
        return last_piece(self.call)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(Result):
    """A span of a call's audio."""

    id: str
    call: str
    """The call's URL."""
    media: str
    """The audio's URL; it can be fetched when the state is `complete`."""
    state: str
    """`recording`, `saving`, `complete` or `error`."""
    start_time: datetime
    end_time: datetime | None = None

    @property
    def call_id(self) -> str:
        return last_piece(self.call)

    @property
    def media_name(self) -> str:
        """What `client.media.download` takes."""
        return last_piece(self.media)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription(Result):
    """The text of a recording."""

    id: str
    state: str
    """`transcribing`, `completed` or `error`."""
    time: datetime | None = None
    text: str | None = None
    """At most 1000 characters of it."""
    text_size: int | None = None
    """Length of the whole text in characters."""
    text_url: str | None = None
    chargeable_duration: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile(Result):
    """An uploaded file, a recording's audio or a transcription's text."""

    media_name: str
    content_length: int
    content: str
    """Its URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application(Result):
    """Where events of incoming calls go."""

    id: str
    name: str
    incoming_call_url: str | None = None
    incoming_call_url_callback_timeout: int | None = None
    """Milliseconds."""
    incoming_call_fallback_url: str | None = None
    incoming_message_url: str | None = None
    callback_http_method: str | None = None
    auto_answer: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneNumber(Result):
    """A number of the account."""

    id: str
    number: str
    national_number: str | None = None
    name: str | None = None
    city: str | None = None
    state: str | None = None
    application_id: str | None = None
    fallback_number: str | None = None
    price: str | None = None
    created_time: datetime | None = None
    number_state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailableNumber(Result):
    """A number that can be ordered, or was just ordered."""

    number: str
    national_number: str | None = None
    pattern_match: str | None = None
    city: str | None = None
    lata: str | None = None
    rate_center: str | None = None
    state: str | None = None
    price: str | None = None
    location: str | None = None
    """The URL of the phone number, once ordered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain(Result):
    """A group of endpoints; its name is part of their host name."""

    id: str
    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials(Result):
    """What a phone registers with, besides the password."""

    realm: str
    username: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Result):
    """A SIP account that phones register with."""

    id: str
    name: str
    enabled: bool
    sip_uri: str
    credentials: Credentials
    domain_id: str | None = None
    description: str | None = None
    application_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token(Result):
    """A credential for a while, instead of an endpoint's password."""

    token: str
    expires: int
    """Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDetail(Result):
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserError(Result):
    """Something that went wrong for the account: a request that failed, a webhook that nobody took."""

    id: str
    time: datetime
    category: str
    code: str
    message: str
    details: tuple[ErrorDetail, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Result):
    """`balance` is an amount in dollars, as text."""

    balance: str
    account_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction(Result):
    """Something that was charged or paid. `amount` is in dollars, as text."""

    id: str
    time: datetime
    amount: str
    type: str
    units: int | None = None
    product_type: str | None = None
    number: str | None = None
    resource_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberInfo(Result):
    """Whose number it is."""

    name: str
    number: str
    created: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt(Result):
    """One request to one URL."""

    time: datetime
    url: str
    result: str
    """`acknowledged`, `refused`, `timed-out` or `broken`."""
    duration: int
    """Milliseconds."""
    status_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Result):
    """What became of one event's webhook."""

    event_id: str
    event_type: str
    sequence: int
    """The event's place among those of its call."""
    state: str
    """`queued`, `waiting`, `delivered` or `failed`."""
    attempts: tuple[DeliveryAttempt, ...] = ()
    next_attempt_time: datetime | None = None
    completed_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecret(Result):
    """What webhooks are signed with."""

    secret: str = field(repr=False)
    changed_time: datetime | None = None
    previous_valid_until: datetime | None = None


def last_piece(url: str) -> str:
    """What follows the last slash, percent-decoded."""
    return unquote(url.rsplit("/", 1)[-1])
