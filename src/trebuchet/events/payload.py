"""What a fact looks like outside: its line in the call's event list, and its webhook's JSON.

The wire's names (camelCase, `active`, `NORMAL_CLEARING`) exist here and in the API alone.
"""

from datetime import UTC, datetime
from typing import Any, assert_never

import msgspec

from trebuchet.base.values import frozen
from trebuchet.model.call import Call, Direction, Diversion, WebhookTarget
from trebuchet.model.cause import Cause
from trebuchet.model.event import (
    Answered,
    Arrived,
    Created,
    DigitPressed,
    Ended,
    Fact,
    GatherFinished,
    LoggedEvent,
    PlaybackChanged,
    RecordingFinished,
    RingTimedOut,
    TranscriptionFinished,
    TransferChanged,
    TransferEnded,
)
from trebuchet.model.gather import GatherReason
from trebuchet.model.transcription import Transcription, TranscriptionState

INCOMING_CALL = "incomingcall"
ANSWER = "answer"
RECORDING = "recording"

WIRE_CAUSES: dict[Cause, str] = {
    Cause.HANGUP: "NORMAL_CLEARING",
    Cause.CANCELLED: "ORIGINATOR_CANCEL",
    Cause.BUSY: "USER_BUSY",
    Cause.DECLINED: "CALL_REJECTED",
    Cause.NO_SUCH_NUMBER: "UNALLOCATED_NUMBER",
    Cause.NO_ANSWER: "NO_ANSWER",
    Cause.TEMPORARY_FAILURE: "NORMAL_TEMPORARY_FAILURE",
    Cause.CONGESTION: "NORMAL_CIRCUIT_CONGESTION",
    # Ends that are nobody's wish look like passing failures, not like somebody hanging up.
    Cause.MEDIA_TIMEOUT: "NORMAL_TEMPORARY_FAILURE",
    Cause.MEDIA_LOST: "NORMAL_TEMPORARY_FAILURE",
    Cause.RESTARTED: "NORMAL_TEMPORARY_FAILURE",
    Cause.SHUTDOWN: "NORMAL_TEMPORARY_FAILURE",
    Cause.INTERNAL: "NORMAL_UNSPECIFIED",
    Cause.UNSPECIFIED: "NORMAL_UNSPECIFIED",
}
"""Total: every cause has a documented value."""

WIRE_GATHER_REASONS: dict[GatherReason, str] = {
    GatherReason.MAX_DIGITS: "max-digits",
    GatherReason.TERMINATING_DIGIT: "terminating-digit",
    GatherReason.TIMEOUT: "inter-digit-timeout",
    GatherReason.CALL_ENDED: "hung-up",
    GatherReason.CANCELLED: "cancelled",
}

TRANSCRIPTION_STATES: dict[TranscriptionState, str] = {
    TranscriptionState.TRANSCRIBING: "transcribing",
    TranscriptionState.COMPLETED: "completed",
    TranscriptionState.ERROR: "error",
}

_encode = msgspec.json.Encoder().encode

Body = dict[str, Any]


@frozen
class Description:
    """A fact in the wire's words."""

    name: str
    """In the call's event list, and for facts with a webhook its `eventType`."""
    data: str | None = None
    payload: bytes | None = None
    """`None`: the log alone is told."""
    target: WebhookTarget | None = None
    """Where the webhook goes instead of the owner's own target."""


def describe(fact: Fact, call: Call, at: datetime, base_url: str) -> Description:
    """`call` is the state after the fact; `base_url` the public one, without a final slash."""
    match fact:
        case Created():
            return Description("create")
        case TransferChanged(phase=phase):
            return Description("transfer", phase)
        case _:
            body, data = _make_body(fact, call, at, base_url)
            return Description(body["eventType"], data, None if _is_log_only(fact) else _encode(body), _target(fact))


def _is_log_only(fact: Fact) -> bool:
    return isinstance(fact, DigitPressed | PlaybackChanged | GatherFinished | RecordingFinished) and fact.is_silent


def _target(fact: Fact) -> WebhookTarget | None:
    """Where the webhook goes instead of the call's own target."""
    if isinstance(fact, TranscriptionFinished):
        return fact.transcription.webhook
    return fact.webhook if isinstance(fact, RecordingFinished | TransferEnded) else None


def describe_gather_of_script(fact: GatherFinished, call: Call, at: datetime, base_url: str) -> bytes:
    """The `gather` event of a document's verb: it also says which key ended it."""
    body = _gather_body(fact, call, format_time(at), base_url)
    _put(body, "terminatingDigit", fact.terminator)
    return _encode(body)


def describe_redirect(call: Call, base_url: str) -> bytes:
    """The `redirect` event of a document's verb."""
    body = _parties("redirect", call, base_url, "active")
    del body["callUri"]
    return _encode(body)


def format_time(at: datetime) -> str:
    """UTC, whole seconds, `Z`."""
    return at.astimezone(UTC).isoformat()[:19] + "Z"


def is_incoming_call(event: LoggedEvent) -> bool:
    """Whether the event offered a new incoming call to its application."""
    return event.name == INCOMING_CALL


def _make_body(
    fact: Arrived
    | Answered
    | RingTimedOut
    | Ended
    | DigitPressed
    | RecordingFinished
    | TranscriptionFinished
    | PlaybackChanged
    | GatherFinished
    | TransferEnded,
    call: Call,
    at: datetime,
    base_url: str,
) -> tuple[Body, str | None]:
    """The webhook's object and the data of the event list."""
    time = format_time(at)
    match fact:
        case Arrived():
            return _with_caller(_parties(INCOMING_CALL, call, base_url, "active"), call, time, is_arrival=True), None
        case Answered():
            return _with_caller(_parties(ANSWER, call, base_url, "active"), call, time, is_arrival=False), None
        case RingTimedOut():
            return _close(_parties("timeout", call, base_url), call.tag, time), None
        case Ended(cause=cause):
            body = _parties("hangup", call, base_url, "completed") | {"cause": WIRE_CAUSES[cause]}
            return _close(body, call.tag, time), WIRE_CAUSES[cause]
        case DigitPressed(digit=digit):
            body = _head("dtmf", call, base_url) | {"dtmfDigit": digit}
            return _close(body, call.tag, time), digit
        case RecordingFinished():
            return _recording_body(fact, call, base_url), "complete" if fact.is_complete else "error"
        case TranscriptionFinished(transcription):
            state = TRANSCRIPTION_STATES[transcription.state]
            return _transcription_body(transcription, call, state, base_url), state
        case PlaybackChanged():
            return _playback_body(fact, call, time, base_url), "start" if fact.is_started else "done"
        case GatherFinished():
            return _gather_body(fact, call, time, base_url), fact.digits
        case TransferEnded():
            body = _head("transferComplete", call, base_url)
            body |= {"from": fact.from_, "to": fact.to, "callState": "active"}
            return _close(body, fact.tag, time), None
        case _:
            assert_never(fact)


def _head(event_type: str, call: Call, base_url: str) -> Body:
    uri = f"{base_url}/v1/users/{call.account_id}/calls/{call.id}"
    return {"eventType": event_type, "callId": call.id, "callUri": uri}


def _parties(event_type: str, call: Call, base_url: str, state: str | None = None) -> Body:
    body = _head(event_type, call, base_url)
    body["from"] = call.from_
    body["to"] = call.to
    if state is not None:
        body["callState"] = state
    return body


def _close(body: Body, tag: str | None, time: str) -> Body:
    if tag is not None:
        body["tag"] = tag
    body["time"] = time
    return body


def _with_caller(body: Body, call: Call, time: str, *, is_arrival: bool) -> Body:
    """What `incomingcall` and `answer` say of the caller. An incoming call never has a tag when it arrives."""
    if call.direction is Direction.IN:
        _put(body, "applicationId", call.application_id)
        _put(body, "displayName", call.display_name)
        if is_arrival:
            _put(body, "preferredId", call.preferred_id)
        _put(body, "withholdCallerNumber", _as_text(call.withholds_number))
        _put(body, "withholdCallerName", _as_text(call.withholds_name))
    _close(body, None if is_arrival else call.tag, time)
    if call.diversion is not None:
        body["diversion"] = _diversion_body(call.diversion)
    return body


def _put(body: Body, name: str, value: str | None) -> None:
    if value is not None:
        body[name] = value


def _as_text(value: bool | None) -> str | None:
    """These two flags are strings in this API."""
    return None if value is None else str(value).lower()


def _diversion_body(diversion: Diversion) -> Body:
    own: Body = {
        "origTo": diversion.original_to,
        "reason": diversion.reason,
        "screen": diversion.screen,
        "privacy": diversion.privacy,
        "counter": diversion.counter,
    }
    if diversion.limit is not None:
        own["limit"] = diversion.limit
    return dict(diversion.parameters) | own


def _recording_body(fact: RecordingFinished, call: Call, base_url: str) -> Body:
    state = "complete" if fact.is_complete else "error"
    body: Body = {
        "eventType": "recording",
        "callId": call.id,
        "recordingId": fact.recording_id,
        "recordingUri": f"{base_url}/v1/users/{call.account_id}/recordings/{fact.recording_id}",
        "state": state,
        "status": state,
        "startTime": format_time(fact.started_at),
        "endTime": format_time(fact.ended_at),
    }
    _put(body, "tag", call.tag)
    return body


def _transcription_body(transcription: Transcription, call: Call, state: str, base_url: str) -> Body:
    user_url = f"{base_url}/v1/users/{call.account_id}"
    recording_url = f"{user_url}/recordings/{transcription.recording_id}"
    body: Body = {
        "eventType": "transcription",
        "transcriptionId": transcription.id,
        "recordingId": transcription.recording_id,
        "state": state,
        "status": state,
        "transcriptionUri": f"{recording_url}/transcriptions/{transcription.id}",
    }
    if transcription.state is TranscriptionState.COMPLETED:
        body |= {
            "text": transcription.excerpt,
            "textSize": transcription.text_chars,
            "textUrl": f"{user_url}/media/{transcription.id}",
        }
    _put(body, "tag", call.tag)
    return body


def _playback_body(fact: PlaybackChanged, call: Call, time: str, base_url: str) -> Body:
    body = _head("speak" if fact.is_speech else "playback", call, base_url)
    body["status"] = "started" if fact.is_started else "done"
    if fact.is_speech:
        body["state"] = "PLAYBACK_START" if fact.is_started else "PLAYBACK_STOP"
    return _close(body, fact.tag, time)


def _gather_body(fact: GatherFinished, call: Call, time: str, base_url: str) -> Body:
    body = _head("gather", call, base_url) | {
        "gatherId": fact.gather_id,
        "state": "completed",
        "reason": WIRE_GATHER_REASONS[fact.reason],
        "digits": fact.digits,
    }
    return _close(body, fact.tag, time)
