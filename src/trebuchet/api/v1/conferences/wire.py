"""The conference and member resources as clients read them."""

from typing_extensions import TypedDict

from trebuchet.api.timestamps import wire_time
from trebuchet.api.wire import CONFERENCE_STATES, without_nulls
from trebuchet.model.conference import Conference, KeyProfile, Member

PROFILES: dict[KeyProfile, str] = {
    KeyProfile.INTERPRET: "interpret_digits",
    KeyProfile.PASS_THROUGH: "passthru_digits",
}

ConferenceResource = TypedDict(
    "ConferenceResource",
    {
        "id": str,
        "state": str,
        "from": str,
        "createdTime": str,
        "completedTime": str | None,
        "activeMembers": int,
        "hold": bool,
        "mute": bool,
        "profile": str,
        "callbackUrl": str | None,
        "callbackHttpMethod": str,
        "callbackTimeout": int,
        "fallbackUrl": str | None,
        "tag": str | None,
    },
)
"""A conference. `completedTime`, URLs and `tag` are left out while there are none."""

DEFAULT_TIMEOUT_MS = 10_000
"""What `callbackTimeout` is when nobody has set it."""


class MemberResource(TypedDict):
    """A member. `removedTime` is left out until it has left."""

    id: str
    state: str
    mute: bool
    hold: bool
    joinTone: bool
    leavingTone: bool
    addedTime: str
    removedTime: str | None
    call: str


def conference_to_wire(conference: Conference) -> ConferenceResource:
    return without_nulls(
        ConferenceResource(
            {
                "id": conference.id,
                "state": CONFERENCE_STATES[conference.state],
                "from": conference.from_,
                "createdTime": wire_time(conference.created_at),
                "completedTime": None if conference.ended_at is None else wire_time(conference.ended_at),
                "activeMembers": conference.active_members,
                "hold": conference.is_held,
                "mute": conference.is_muted,
                "profile": PROFILES[conference.profile],
                "callbackUrl": conference.webhook_url,
                "callbackHttpMethod": conference.webhook_method.value,
                "callbackTimeout": conference.webhook_timeout_ms or DEFAULT_TIMEOUT_MS,
                "fallbackUrl": conference.fallback_url,
                "tag": conference.tag,
            }
        )
    )


def member_to_wire(member: Member, user_url: str) -> MemberResource:
    """`user_url`: the absolute URL of the account."""
    return without_nulls(
        MemberResource(
            id=member.id,
            state="active" if member.is_active else "completed",
            mute=member.is_muted,
            hold=member.is_held,
            joinTone=member.has_join_tone,
            leavingTone=member.has_leave_tone,
            addedTime=wire_time(member.added_at),
            removedTime=None if member.removed_at is None else wire_time(member.removed_at),
            call=f"{user_url}/calls/{member.call_id}",
        )
    )
