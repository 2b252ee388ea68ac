"""Payloads as events.md documents them: its samples, its optional fields, its table of causes."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from trebuchet.base.ids import AccountId, ApplicationId, CallId, GatherId, RecordingId, TranscriptionId
from trebuchet.events.payload import WIRE_CAUSES, describe, format_time
from trebuchet.events.webhook import make_query
from trebuchet.model.call import Call, CallState, Direction, Diversion, WebhookTarget
from trebuchet.model.cause import Cause
from trebuchet.model.event import (
    Answered,
    Arrived,
    Created,
    DigitPressed,
    Ended,
    Fact,
    GatherFinished,
    PlaybackChanged,
    RecordingFinished,
    RingTimedOut,
    TranscriptionFinished,
    TransferChanged,
)
from trebuchet.model.gather import GatherReason
from trebuchet.model.transcription import Transcription, TranscriptionState

BASE = "https://api.example.test"
OUT = Call(
    id=CallId("c-m4qk7vbnx2ydz5rt3halwei"),
    account_id=AccountId("u-fiction"),
    direction=Direction.OUT,
    from_="+19195550100",
    to="+19195550177",
    state=CallState.ANSWERED,
    created_at=datetime(2016, 3, 2, 10, tzinfo=UTC),
    tag="order-4711",
)
OUT_URI = f"{BASE}/v1/users/u-fiction/calls/c-m4qk7vbnx2ydz5rt3halwei"
IN = replace(
    OUT,
    id=CallId("c-zt3walfe7qm2hdnx5kvybc4"),
    direction=Direction.IN,
    from_="+19195550188",
    to="+19195550100",
    tag=None,
    application_id=ApplicationId("a-k3vw7dxm2qzynrf5tbhc4jl"),
    display_name="+19195550188",
    withholds_number=False,
    withholds_name=False,
    diversion=Diversion(original_to="+19195550133", reason="no-answer", counter=1, limit=5),
)
IN_URI = f"{BASE}/v1/users/u-fiction/calls/c-zt3walfe7qm2hdnx5kvybc4"


def at(minute: int, second: int) -> datetime:
    return datetime(2016, 3, 2, 10, minute, second, 987654, tzinfo=UTC)


def payload(fact: Fact, call: Call, moment: datetime) -> dict[str, Any]:
    told = describe(fact, call, moment, BASE)
    assert told.payload is not None
    body: dict[str, Any] = json.loads(told.payload)
    assert body["eventType"] == told.name
    assert None not in body.values()
    return body


def test_incomingcall() -> None:
    assert payload(Arrived(), IN, at(0, 0)) == {
        "eventType": "incomingcall",
        "callId": "c-zt3walfe7qm2hdnx5kvybc4",
        "callUri": IN_URI,
        "from": "+19195550188",
        "to": "+19195550100",
        "callState": "active",
        "applicationId": "a-k3vw7dxm2qzynrf5tbhc4jl",
        "displayName": "+19195550188",
        "withholdCallerNumber": "false",
        "withholdCallerName": "false",
        "time": "2016-03-02T10:00:00Z",
        "diversion": {
            "origTo": "+19195550133",
            "reason": "no-answer",
            "screen": "no",
            "privacy": "off",
            "counter": 1,
            "limit": 5,
        },
    }


def test_incomingcall_without_anything_optional() -> None:
    bare = replace(
        IN, application_id=None, display_name=None, withholds_number=None, withholds_name=None, diversion=None, tag="no"
    )
    assert set(payload(Arrived(), bare, at(0, 0))) == {
        "eventType", "callId", "callUri", "from", "to", "callState", "time"
    }  # fmt: skip


def test_incomingcall_of_a_caller_who_hides() -> None:
    hidden = replace(IN, withholds_number=True, withholds_name=True, preferred_id="+19195550199")
    body = payload(Arrived(), hidden, at(0, 0))
    assert (body["withholdCallerNumber"], body["withholdCallerName"]) == ("true", "true")
    assert body["preferredId"] == "+19195550199"
    assert "preferredId" not in payload(Answered(), hidden, at(0, 0))


def test_further_diversion_parameters_do_not_replace_ours() -> None:
    diversion = Diversion(original_to="Anonymous", privacy="full", parameters=(("x-a", "b"), ("reason", "evil")))
    assert payload(Arrived(), replace(IN, diversion=diversion), at(0, 0))["diversion"] == {
        "x-a": "b",
        "reason": "unknown",
        "origTo": "Anonymous",
        "screen": "no",
        "privacy": "full",
        "counter": 1,
    }


def test_answer() -> None:
    assert payload(Answered(), OUT, at(0, 9)) == {
        "eventType": "answer",
        "callId": OUT.id,
        "callUri": OUT_URI,
        "from": "+19195550100",
        "to": "+19195550177",
        "callState": "active",
        "tag": "order-4711",
        "time": "2016-03-02T10:00:09Z",
    }


def test_answer_of_an_incoming_call() -> None:
    body = payload(Answered(), IN, at(0, 9))
    assert body["applicationId"] == IN.application_id
    assert body["diversion"]["origTo"] == "+19195550133"
    assert body["displayName"] == "+19195550188"
    assert (body["withholdCallerNumber"], body["withholdCallerName"]) == ("false", "false")
    assert "tag" not in body


def test_hangup() -> None:
    assert payload(Ended(Cause.HANGUP, "200 never shown"), OUT, at(1, 12)) == {
        "eventType": "hangup",
        "callId": OUT.id,
        "callUri": OUT_URI,
        "from": "+19195550100",
        "to": "+19195550177",
        "callState": "completed",
        "cause": "NORMAL_CLEARING",
        "tag": "order-4711",
        "time": "2016-03-02T10:01:12Z",
    }


def test_hangup_of_a_rejected_call() -> None:
    body = payload(Ended(Cause.DECLINED), replace(IN, state=CallState.REJECTED), at(0, 3))
    assert (body["eventType"], body["cause"], body["callState"]) == ("hangup", "CALL_REJECTED", "completed")


def test_timeout() -> None:
    assert payload(RingTimedOut(), replace(OUT, tag=None), at(11, 0)) == {
        "eventType": "timeout",
        "callId": OUT.id,
        "callUri": OUT_URI,
        "from": "+19195550100",
        "to": "+19195550177",
        "time": "2016-03-02T10:11:00Z",
    }
    assert payload(RingTimedOut(), OUT, at(11, 0))["tag"] == "order-4711"


def test_speak_and_playback() -> None:
    assert payload(PlaybackChanged(is_speech=True, is_started=False, tag="greeting"), OUT, at(0, 14)) == {
        "eventType": "speak",
        "status": "done",
        "state": "PLAYBACK_STOP",
        "callId": OUT.id,
        "callUri": OUT_URI,
        "tag": "greeting",
        "time": "2016-03-02T10:00:14Z",
    }
    assert payload(PlaybackChanged(is_speech=True, is_started=True), OUT, at(0, 14))["state"] == "PLAYBACK_START"
    body = payload(PlaybackChanged(is_speech=False, is_started=True), OUT, at(0, 15))
    assert body == {
        "eventType": "playback",
        "status": "started",
        "callId": OUT.id,
        "callUri": OUT_URI,
        "time": "2016-03-02T10:00:15Z",
    }, "the tag is the request's, not the call's"


def test_dtmf() -> None:
    assert payload(DigitPressed("5", 120), replace(OUT, tag=None), at(0, 21)) == {
        "eventType": "dtmf",
        "callId": OUT.id,
        "callUri": OUT_URI,
        "dtmfDigit": "5",
        "time": "2016-03-02T10:00:21Z",
    }
    assert payload(DigitPressed("#"), OUT, at(0, 21))["tag"] == "order-4711"


GATHER_REASONS = {
    GatherReason.MAX_DIGITS: "max-digits",
    GatherReason.TERMINATING_DIGIT: "terminating-digit",
    GatherReason.TIMEOUT: "inter-digit-timeout",
    GatherReason.CALL_ENDED: "hung-up",
    GatherReason.CANCELLED: "cancelled",
}


@pytest.mark.parametrize("reason", list(GatherReason))
def test_gather(reason: GatherReason) -> None:
    fact = GatherFinished(GatherId("gtr-2hvq6zkcp3xw7trm5ydbnja"), "4711", reason, "ask-order")
    assert payload(fact, OUT, at(0, 27)) == {
        "eventType": "gather",
        "state": "completed",
        "reason": GATHER_REASONS[reason],
        "digits": "4711",
        "callId": OUT.id,
        "callUri": OUT_URI,
        "gatherId": "gtr-2hvq6zkcp3xw7trm5ydbnja",
        "tag": "ask-order",
        "time": "2016-03-02T10:00:27Z",
    }
    body = payload(replace(fact, digits="", tag=None), OUT, at(0, 27))
    assert body["digits"] == "" and "tag" not in body


@pytest.mark.parametrize(
    ("fact", "name", "data"),
    [
        (PlaybackChanged(is_speech=True, is_started=True, is_silent=True), "speak", "start"),
        (PlaybackChanged(is_speech=False, is_started=False, is_silent=True), "playback", "done"),
        (GatherFinished(GatherId("gtr-1"), "12", GatherReason.TIMEOUT, is_silent=True), "gather", "12"),
    ],
)
def test_silent_facts_are_in_the_list_alone(fact: Fact, name: str, data: str) -> None:
    told = describe(fact, OUT, at(0, 0), BASE)
    assert (told.name, told.data, told.payload) == (name, data, None)


@pytest.mark.parametrize(("is_complete", "state"), [(True, "complete"), (False, "error")])
def test_recording(is_complete: bool, state: str) -> None:
    fact = RecordingFinished(RecordingId("rec-q4mz7xvhfb2ktdnw5ayrj3c"), is_complete, at(0, 12), at(1, 2))
    assert payload(fact, replace(OUT, tag=None), at(1, 3)) == {
        "eventType": "recording",
        "callId": OUT.id,
        "recordingId": "rec-q4mz7xvhfb2ktdnw5ayrj3c",
        "recordingUri": f"{BASE}/v1/users/u-fiction/recordings/rec-q4mz7xvhfb2ktdnw5ayrj3c",
        "state": state,
        "status": state,
        "startTime": "2016-03-02T10:00:12Z",
        "endTime": "2016-03-02T10:01:02Z",
    }
    assert payload(fact, OUT, at(1, 3))["tag"] == "order-4711"


@pytest.mark.parametrize(
    ("fact", "name", "data"),
    [
        (Created(), "create", None),
        (Arrived(), "incomingcall", None),
        (Answered(), "answer", None),
        (RingTimedOut(), "timeout", None),
        (Ended(Cause.BUSY), "hangup", "USER_BUSY"),
        (DigitPressed("*"), "dtmf", "*"),
        (PlaybackChanged(is_speech=True, is_started=True), "speak", "start"),
        (PlaybackChanged(is_speech=False, is_started=False), "playback", "done"),
        (GatherFinished(GatherId("gtr-1"), "12", GatherReason.MAX_DIGITS), "gather", "12"),
        (TransferChanged("connected", CallId("c-x")), "transfer", "connected"),
    ],
)
def test_the_line_in_the_event_list(fact: Fact, name: str, data: str | None) -> None:
    told = describe(fact, OUT, at(0, 0), BASE)
    assert (told.name, told.data) == (name, data)
    assert (told.payload is None) == (name in ("create", "transfer"))


DOCUMENTED_CAUSES = {
    "NORMAL_CLEARING", "ORIGINATOR_CANCEL", "USER_BUSY", "CALL_REJECTED", "UNALLOCATED_NUMBER", "NO_ANSWER",
    "NORMAL_TEMPORARY_FAILURE", "NORMAL_UNSPECIFIED", "NORMAL_CIRCUIT_CONGESTION", "SWITCH_CONGESTION",
}  # fmt: skip


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_documented_value(cause: Cause) -> None:
    assert WIRE_CAUSES[cause] in DOCUMENTED_CAUSES


def test_only_good_order_reads_as_normal_clearing() -> None:
    assert [cause for cause, wire in WIRE_CAUSES.items() if wire == "NORMAL_CLEARING"] == [Cause.HANGUP]


def test_times_are_utc_and_whole_seconds() -> None:
    assert format_time(datetime(2020, 1, 1, 1, 2, 3, 999999, timezone(timedelta(hours=2)))) == "2019-12-31T23:02:03Z"


def test_the_get_form() -> None:
    told = describe(Arrived(), replace(IN, display_name="Bob & Söhne ?="), at(0, 0), BASE)
    assert told.payload is not None
    query = make_query(told.payload)
    assert "+" not in query, "a plus sign would be read as a space"
    assert query.isascii()
    fields = {name: values[0] for name, values in parse_qs(query, strict_parsing=True).items()}
    assert fields["from"] == "+19195550188"
    assert fields["displayName"] == "Bob & Söhne ?="
    assert fields["withholdCallerName"] == "false"
    assert fields["time"] == "2016-03-02T10:00:00Z"
    assert json.loads(unquote(fields["diversion"])) == {
        "origTo": "+19195550133",
        "reason": "no-answer",
        "screen": "no",
        "privacy": "off",
        "counter": "1",
        "limit": "5",
    }


def test_the_get_form_of_booleans() -> None:
    assert make_query(b'{"hold":true,"mute":false,"n":3}') == "hold=true&mute=false&n=3"


@pytest.mark.parametrize("state", ["completed", "error"])
def test_transcription(state: str) -> None:
    """events.md 3.12, its sample; a failed one has no text."""
    uri = f"{BASE}/v1/users/u-fiction/recordings/rec-q4mz7xvhfb2ktdnw5ayrj3c/transcriptions/t-x2kvq7mzdw5hntf3ybrc4ja"
    made = Transcription(
        id=TranscriptionId("t-x2kvq7mzdw5hntf3ybrc4ja"),
        account_id=OUT.account_id,
        call_id=OUT.id,
        recording_id=RecordingId("rec-q4mz7xvhfb2ktdnw5ayrj3c"),
        created_at=at(0, 0),
        state=TranscriptionState(state),
        excerpt="Please call me back about the invoice." if state == "completed" else None,
        text_chars=38 if state == "completed" else None,
        webhook=WebhookTarget(url="http://app.example.test/text"),
    )
    text = {
        "text": "Please call me back about the invoice.",
        "textSize": 38,
        "textUrl": f"{BASE}/v1/users/u-fiction/media/t-x2kvq7mzdw5hntf3ybrc4ja",
    }
    assert payload(TranscriptionFinished(made), replace(OUT, tag=None), at(1, 0)) == {
        "eventType": "transcription",
        "transcriptionId": "t-x2kvq7mzdw5hntf3ybrc4ja",
        "recordingId": "rec-q4mz7xvhfb2ktdnw5ayrj3c",
        "state": state,
        "status": state,
        "transcriptionUri": uri,
    } | (text if state == "completed" else {})
    assert payload(TranscriptionFinished(made), OUT, at(1, 0))["tag"] == "order-4711"
    assert describe(TranscriptionFinished(made), OUT, at(1, 0), BASE).target == made.webhook
