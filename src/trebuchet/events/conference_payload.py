"""What a conference's facts look like outside: the webhook's JSON (their line in the event list is the log's alone)."""

from datetime import datetime
from typing import assert_never

import msgspec

from trebuchet.events.payload import Body, Description, format_time
from trebuchet.model.conference import Conference
from trebuchet.model.event import (
    ConferenceCreated,
    ConferenceEnded,
    ConferenceFact,
    ConferencePlaybackChanged,
    MemberChanged,
)

_encode = msgspec.json.Encoder().encode


def describe_conference(fact: ConferenceFact, conference: Conference, at: datetime, base_url: str) -> Description:
    """`conference` is the state after the change; `base_url` the public one, without a final slash."""
    body, data = _make_body(fact, conference, at, base_url)
    return Description(body["eventType"], data, _encode(body))


def _make_body(fact: ConferenceFact, conference: Conference, at: datetime, base_url: str) -> tuple[Body, str]:
    uri = f"{base_url}/v1/users/{conference.account_id}/conferences/{conference.id}"
    match fact:
        case ConferenceCreated():
            return _conference_body(conference, uri, "created"), "created"
        case ConferenceEnded():
            return _conference_body(conference, uri, "completed"), "completed"
        case MemberChanged(member=member):
            return _member_body(fact, conference, uri, at), "active" if member.is_active else "completed"
        case ConferencePlaybackChanged():
            return _playback_body(fact, conference, uri, at), "start" if fact.is_started else "done"
        case _:
            assert_never(fact)


def _conference_body(conference: Conference, uri: str, status: str) -> Body:
    body: Body = {
        "eventType": "conference",
        "conferenceId": conference.id,
        "conferenceUri": uri,
        "status": status,
        "createdTime": format_time(conference.created_at),
    }
    if status == "completed" and conference.ended_at is not None:
        body["completedTime"] = format_time(conference.ended_at)
    return _tagged(body, conference.tag)


def _member_body(fact: MemberChanged, conference: Conference, uri: str, at: datetime) -> Body:
    member = fact.member
    body: Body = {
        "eventType": "conference-member",
        "activeMembers": fact.active_members,
        "conferenceId": conference.id,
        "callId": member.call_id,
        "memberId": member.id,
        "memberUri": f"{uri}/members/{member.id}",
        "state": "active" if member.is_active else "completed",
        "hold": member.is_held,
        "mute": member.is_muted,
        "time": format_time(at),
    }
    return _tagged(body, conference.tag)


def _playback_body(fact: ConferencePlaybackChanged, conference: Conference, uri: str, at: datetime) -> Body:
    body: Body = {
        "eventType": "conference-speak" if fact.is_speech else "conference-playback",
        "conferenceId": conference.id,
        "conferenceUri": uri,
        "status": "started" if fact.is_started else "done",
        "time": format_time(at),
    }
    return _tagged(body, fact.tag)


def _tagged(body: Body, tag: str | None) -> Body:
    if tag is not None:
        body["tag"] = tag
    return body
