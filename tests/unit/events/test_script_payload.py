"""What applications are told of calls that documents lead: the events of verbs, and whom they go to."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from trebuchet.base.ids import AccountId, CallId, GatherId, RecordingId
from trebuchet.events.payload import describe, describe_gather_of_script, describe_redirect
from trebuchet.model.call import Call, CallState, Direction, HttpMethod, WebhookTarget
from trebuchet.model.event import DigitPressed, GatherFinished, RecordingFinished, TransferEnded
from trebuchet.model.gather import GatherReason

BASE = "https://api.example.test"
NOW = datetime(2016, 3, 2, 10, 0, 9, tzinfo=UTC)
CALL = Call(
    id=CallId("c-1"),
    account_id=AccountId("u-fiction"),
    direction=Direction.IN,
    from_="+19195550188",
    to="+19195550100",
    state=CallState.ANSWERED,
    created_at=NOW,
)
URI = f"{BASE}/v1/users/u-fiction/calls/c-1"
THERE = WebhookTarget(url="https://app.example/done", method=HttpMethod.GET)
GATHERED = GatherFinished(GatherId("gtr-1"), "47", GatherReason.TERMINATING_DIGIT, "main", True, "*")


def test_transfer_complete() -> None:
    told = describe(TransferEnded("+19195550188", "+19195550144", THERE), CALL, NOW, BASE)
    assert (told.name, told.target) == ("transferComplete", THERE)
    assert json.loads(told.payload or b"") == {
        "eventType": "transferComplete",
        "callId": "c-1",
        "callUri": URI,
        "from": "+19195550188",
        "to": "+19195550144",
        "callState": "active",
        "time": "2016-03-02T10:00:09Z",
    }


def test_gather_with_its_terminating_digit() -> None:
    assert json.loads(describe_gather_of_script(GATHERED, CALL, NOW, BASE)) == {
        "eventType": "gather",
        "callId": "c-1",
        "callUri": URI,
        "gatherId": "gtr-1",
        "state": "completed",
        "reason": "terminating-digit",
        "digits": "47",
        "tag": "main",
        "time": "2016-03-02T10:00:09Z",
        "terminatingDigit": "*",
    }
    by_number = replace(GATHERED, reason=GatherReason.MAX_DIGITS, terminator=None)
    assert "terminatingDigit" not in json.loads(describe_gather_of_script(by_number, CALL, NOW, BASE))
    loud = describe(replace(GATHERED, is_silent=False), CALL, NOW, BASE)
    assert "terminatingDigit" not in json.loads(loud.payload or b""), "the API's own event does not have it"


def test_redirect() -> None:
    assert json.loads(describe_redirect(CALL, BASE)) == {
        "eventType": "redirect",
        "callId": "c-1",
        "from": "+19195550188",
        "to": "+19195550100",
        "callState": "active",
    }


@pytest.mark.parametrize("webhook", [THERE, None])
def test_a_recording_that_goes_elsewhere(webhook: WebhookTarget | None) -> None:
    told = describe(RecordingFinished(RecordingId("rec-1"), True, NOW, NOW, False, webhook), CALL, NOW, BASE)
    assert told.target == webhook and told.payload is not None


def test_silent_facts_have_no_webhook() -> None:
    for fact in (DigitPressed("5", 100, True), RecordingFinished(RecordingId("rec-1"), True, NOW, NOW, True), GATHERED):
        assert describe(fact, CALL, NOW, BASE).payload is None
