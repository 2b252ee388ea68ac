"""Events of conferences as events.md 3.13 to 3.15 documents them: its samples and its optional fields."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from trebuchet.base.ids import AccountId, CallId, ConferenceId, MemberId
from trebuchet.events.conference_payload import describe_conference
from trebuchet.model.conference import Conference, ConferenceState, Member
from trebuchet.model.event import (
    ConferenceCreated,
    ConferenceEnded,
    ConferenceFact,
    ConferencePlaybackChanged,
    MemberChanged,
)

BASE = "https://api.example.test"
URI = f"{BASE}/v1/users/u-fiction/conferences/conf-w2nf6kxqdv5jyt7mrb3zaeh"


def at(minute: int, second: int) -> datetime:
    return datetime(2016, 3, 2, 11, minute, second, 987654, tzinfo=UTC)


CONFERENCE = Conference(
    id=ConferenceId("conf-w2nf6kxqdv5jyt7mrb3zaeh"),
    account_id=AccountId("u-fiction"),
    from_="+19195550100",
    state=ConferenceState.ACTIVE,
    created_at=at(0, 0),
)
MEMBER = Member(
    id=MemberId("member-d5xkq2vzm7wtfhn3ybrc4ja"),
    account_id=AccountId("u-fiction"),
    conference_id=CONFERENCE.id,
    call_id=CallId("c-zt3walfe7qm2hdnx5kvybc4"),
    added_at=at(3, 10),
    is_muted=True,
)
TAGGED = replace(CONFERENCE, tag="monday")


def told(fact: ConferenceFact, moment: datetime, conference: Conference = CONFERENCE) -> tuple[dict[str, Any], Any]:
    """The event's body, and its detail in the list of events."""
    description = describe_conference(fact, conference, moment, BASE)
    assert description.payload is not None
    body: dict[str, Any] = json.loads(description.payload)
    assert body["eventType"] == description.name
    return body, description.data


def test_conference_created() -> None:
    created = {
        "eventType": "conference",
        "conferenceId": CONFERENCE.id,
        "conferenceUri": URI,
        "status": "created",
        "createdTime": "2016-03-02T11:00:00Z",
    }
    assert told(ConferenceCreated(), at(0, 0)) == (created, "created")
    assert told(ConferenceCreated(), at(0, 0), TAGGED)[0] == created | {"tag": "monday"}


def test_conference_completed() -> None:
    ended = replace(CONFERENCE, state=ConferenceState.ENDED, ended_at=at(20, 41))
    completed = {
        "eventType": "conference",
        "conferenceId": CONFERENCE.id,
        "conferenceUri": URI,
        "status": "completed",
        "createdTime": "2016-03-02T11:00:00Z",
        "completedTime": "2016-03-02T11:20:41Z",
    }
    assert told(ConferenceEnded(), at(20, 41), ended) == (completed, "completed")


def test_conference_member() -> None:
    joined = {
        "eventType": "conference-member",
        "activeMembers": 2,
        "conferenceId": CONFERENCE.id,
        "callId": MEMBER.call_id,
        "memberId": MEMBER.id,
        "memberUri": f"{URI}/members/{MEMBER.id}",
        "state": "active",
        "hold": False,
        "mute": True,
        "time": "2016-03-02T11:03:10Z",
    }
    assert told(MemberChanged(MEMBER, 2), at(3, 10)) == (joined, "active")
    left = replace(MEMBER, removed_at=at(4, 0), is_muted=False, is_held=True)
    body, detail = told(MemberChanged(left, 0), at(4, 0), TAGGED)
    changed = {"state": "completed", "activeMembers": 0, "mute": False, "hold": True, "time": "2016-03-02T11:04:00Z"}
    assert (body, detail) == (joined | changed | {"tag": "monday"}, "completed"), "the conference's tag"


@pytest.mark.parametrize(("name", "is_speech"), [("conference-speak", True), ("conference-playback", False)])
@pytest.mark.parametrize(("status", "detail"), [("started", "start"), ("done", "done")])
def test_audio_for_all(name: str, is_speech: bool, status: str, detail: str) -> None:
    fact = ConferencePlaybackChanged(is_speech=is_speech, is_started=status == "started")
    body = {
        "eventType": name,
        "conferenceId": CONFERENCE.id,
        "conferenceUri": URI,
        "status": status,
        "time": "2016-03-02T11:05:06Z",
    }
    assert told(fact, at(5, 6), TAGGED) == (body, detail), "the tag is the request's, not the conference's"
    assert told(replace(fact, tag="welcome"), at(5, 6))[0] == body | {"tag": "welcome"}
