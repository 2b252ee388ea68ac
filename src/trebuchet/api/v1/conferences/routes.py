"""What can be done with conferences and their members over the API."""

from starlette.responses import Response

from trebuchet.api import errors
from trebuchet.api.context import Context
from trebuchet.api.operation import Creates, Operation, made_at
from trebuchet.api.prompts import AudioBody
from trebuchet.api.responses import empty, json_response
from trebuchet.api.v1.conferences.bodies import (
    CreateConferenceBody,
    CreateMemberBody,
    UpdateConferenceBody,
    UpdateMemberBody,
)
from trebuchet.api.v1.conferences.wire import (
    ConferenceResource,
    MemberResource,
    conference_to_wire,
    member_to_wire,
)
from trebuchet.base.ids import ConferenceId, MemberId
from trebuchet.calls.commands import NothingPlays
from trebuchet.calls.meeting_commands import (
    CallConnected,
    ConferenceNotFound,
    MemberNotFound,
    PlayToConference,
    PlayToMember,
)
from trebuchet.model.conference import Conference, Member

CONNECTED = "active"
"""The state of a call that is in a bridge or conference already: only such a call is refused with it."""


async def list_conferences(context: Context) -> Response:
    """Always refused: conferences cannot be listed."""
    raise errors.RESOURCE_NOT_FOUND()


async def create_conference(context: Context) -> Response:
    """Make a conference."""
    body = await context.body(CreateConferenceBody)
    command = body.to_command(context.account.id, context.deps.ids.conference())
    conference_id = await context.deps.conferences.create(command)
    return context.created(f"/conferences/{conference_id}")


async def read_conference(context: Context) -> Response:
    """Read a conference."""
    return json_response(conference_to_wire(await own_conference(context)))


async def update_conference(context: Context) -> Response:
    """Hold, mute, re-direct the events of, or terminate a conference."""
    conference = await own_conference(context)
    body = await context.body(UpdateConferenceBody)
    await context.deps.conferences.update(body.to_command(context.account.id, conference.id))
    return empty()


async def play_to_conference(context: Context) -> Response:
    """Play a file or a sentence to all members, or stop what plays."""
    conference = await own_conference(context)
    body = await context.body(AudioBody)
    command = PlayToConference(
        account_id=context.account.id,
        conference_id=conference.id,
        prompt=body.wanted_prompt(),
        is_looped=body.loop_enabled,
        tag=body.tag,
    )
    await context.deps.conferences.play(command)
    return empty()


async def list_members(context: Context) -> Response:
    """List all members, also those that have left, in order of joining."""
    conference = await own_conference(context)
    user_url = context.user_url
    members = await context.deps.store.members(conference.id)
    return json_response([member_to_wire(member, user_url) for member in members])


async def create_member(context: Context) -> Response:
    """Let a call join the conference."""
    conference = await own_conference(context)
    body = await context.body(CreateMemberBody)
    command = body.to_command(context.account.id, conference.id, context.deps.ids.member())
    try:
        member_id = await context.deps.conferences.add_member(command)
    except CallConnected as error:
        raise errors.CALL_STATE(command.call_id, CONNECTED, details=(("callId", command.call_id),)) from error
    return context.created(f"/conferences/{conference.id}/members/{member_id}")


async def find_made_member(context: Context) -> Response | None:
    """The answer to a request, cut off earlier, that made a member."""
    conference_id, member_id = ConferenceId(context.path("conferenceId")), context.deps.ids.member()
    members = await context.deps.store.members(conference_id)
    if all(member.id != member_id for member in members):
        return None
    return context.created(f"/conferences/{conference_id}/members/{member_id}")


async def read_member(context: Context) -> Response:
    """Read a member."""
    return json_response(member_to_wire(await own_member(context), context.user_url))


async def update_member(context: Context) -> Response:
    """Mute, hold or remove a member."""
    member = await own_member(context)
    body = await context.body(UpdateMemberBody)
    await context.deps.conferences.update_member(body.to_command(context.account.id, member.conference_id, member.id))
    return empty()


async def play_to_member(context: Context) -> Response:
    """Play a file or a sentence to one member, or stop what plays."""
    member = await own_member(context)
    body = await context.body(AudioBody)
    command = PlayToMember(
        account_id=context.account.id,
        conference_id=member.conference_id,
        member_id=member.id,
        prompt=body.wanted_prompt(),
        is_looped=body.loop_enabled,
        tag=body.tag,
    )
    try:
        await context.deps.conferences.play_to_member(command)
    except NothingPlays:
        return empty()  # only calls refuse to stop what does not play
    return empty()


async def own_conference(context: Context) -> Conference:
    """The path's conference. Raises `ConferenceNotFound`, also for other accounts' conferences."""
    conference_id = ConferenceId(context.path("conferenceId"))
    conference = await context.deps.store.conference(conference_id)
    if conference is None or conference.account_id != context.account.id:
        raise ConferenceNotFound(conference_id)
    return conference


async def own_member(context: Context) -> Member:
    """The path's member. Raises `ConferenceNotFound`, `MemberNotFound`."""
    conference = await own_conference(context)
    member_id = MemberId(context.path("memberId"))
    for member in await context.deps.store.members(conference.id):
        if member.id == member_id:
            return member
    raise MemberNotFound(member_id)


_ONE = "/conferences/{conferenceId}"
_MEMBERS = f"{_ONE}/members"
_MEMBER = f"{_MEMBERS}/{{memberId}}"

OPERATIONS = (
    Operation(method="GET", path="/conferences", handler=list_conferences, is_empty=True),
    Operation(
        method="POST",
        path="/conferences",
        handler=create_conference,
        body=CreateConferenceBody,
        creates=Creates.ALWAYS,
        find_made=made_at("/conferences", lambda ids: ids.conference(), lambda store, key: store.conference(key)),
    ),
    Operation(method="GET", path=_ONE, handler=read_conference, result=ConferenceResource),
    Operation(method="POST", path=_ONE, handler=update_conference, body=UpdateConferenceBody),
    Operation(method="POST", path=f"{_ONE}/audio", handler=play_to_conference, body=AudioBody),
    Operation(method="GET", path=_MEMBERS, handler=list_members, result=list[MemberResource]),
    Operation(
        method="POST",
        path=_MEMBERS,
        handler=create_member,
        body=CreateMemberBody,
        creates=Creates.ALWAYS,
        find_made=find_made_member,
    ),
    Operation(method="GET", path=_MEMBER, handler=read_member, result=MemberResource),
    Operation(method="POST", path=_MEMBER, handler=update_member, body=UpdateMemberBody),
    Operation(method="POST", path=f"{_MEMBER}/audio", handler=play_to_member, body=AudioBody),
)
