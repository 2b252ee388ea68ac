"""What clients send to create and change conferences and members."""

from pydantic import Field

from trebuchet.api.fields import (
    MAX_CALLBACK_TIMEOUT_MS,
    Body,
    CallbackUrl,
    Flag,
    PhoneNumber,
    RequiredText,
    Text,
    choice,
    integer,
)
from trebuchet.api.v1.calls.bodies import HTTP_METHODS
from trebuchet.api.v1.conferences.wire import PROFILES
from trebuchet.base.ids import AccountId, CallId, ConferenceId, MemberId
from trebuchet.calls.meeting_commands import CreateConference, CreateMember, UpdateConference, UpdateMember
from trebuchet.model.call import HttpMethod
from trebuchet.model.conference import KeyProfile

COMPLETED = {"completed": True}
"""The only state that can be asked for."""


class CreateConferenceBody(Body):
    """A conference."""

    resource = "conference"
    from_: PhoneNumber = Field(alias="from")
    callback_url: CallbackUrl = Field(None, alias="callbackUrl")
    callback_http_method: choice(HTTP_METHODS) = Field(  # type: ignore[valid-type]  # a type made by a function
        HttpMethod.POST, alias="callbackHttpMethod"
    )
    callback_timeout: integer(1, MAX_CALLBACK_TIMEOUT_MS) = Field(  # type: ignore[valid-type]  # likewise
        None, alias="callbackTimeout"
    )
    fallback_url: CallbackUrl = Field(None, alias="fallbackUrl")
    profile: choice({word: profile for profile, word in PROFILES.items()}) = (  # type: ignore[valid-type]  # likewise
        KeyProfile.INTERPRET
    )
    tag: Text | None = None

    def to_command(self, account_id: AccountId, conference_id: ConferenceId) -> CreateConference:
        return CreateConference(
            account_id=account_id,
            from_=self.from_,
            profile=self.profile,
            webhook_url=self.callback_url,
            webhook_method=self.callback_http_method,
            webhook_timeout_ms=self.callback_timeout,
            fallback_url=self.fallback_url,
            tag=self.tag,
            conference_id=conference_id,
        )


class UpdateConferenceBody(Body):
    """A change of a conference. Everything is optional."""

    resource = "conference"
    state: choice(COMPLETED) = False  # type: ignore[valid-type]  # a type made by a function
    hold: Flag | None = None
    mute: Flag | None = None
    callback_url: CallbackUrl = Field(None, alias="callbackUrl")
    callback_http_method: choice(HTTP_METHODS) = Field(  # type: ignore[valid-type]  # likewise
        None, alias="callbackHttpMethod"
    )
    callback_timeout: integer(1, MAX_CALLBACK_TIMEOUT_MS) = Field(  # type: ignore[valid-type]  # likewise
        None, alias="callbackTimeout"
    )
    fallback_url: CallbackUrl = Field(None, alias="fallbackUrl")
    tag: Text | None = None

    def to_command(self, account_id: AccountId, conference_id: ConferenceId) -> UpdateConference:
        return UpdateConference(
            account_id=account_id,
            conference_id=conference_id,
            is_terminated=self.state,
            is_held=self.hold,
            is_muted=self.mute,
            webhook_url=self.callback_url,
            webhook_method=self.callback_http_method,
            webhook_timeout_ms=self.callback_timeout,
            fallback_url=self.fallback_url,
            tag=self.tag,
        )


class CreateMemberBody(Body):
    """A call that joins the conference."""

    resource = "member"
    call_id: RequiredText = Field(alias="callId")
    join_tone: Flag = Field(False, alias="joinTone")
    leaving_tone: Flag = Field(False, alias="leavingTone")
    mute: Flag = False
    hold: Flag = False

    def to_command(self, account_id: AccountId, conference_id: ConferenceId, member_id: MemberId) -> CreateMember:
        return CreateMember(
            account_id=account_id,
            conference_id=conference_id,
            call_id=CallId(self.call_id),
            is_muted=self.mute,
            is_held=self.hold,
            has_join_tone=self.join_tone,
            has_leave_tone=self.leaving_tone,
            member_id=member_id,
        )


class UpdateMemberBody(Body):
    """A change of a member. Everything is optional."""

    resource = "member"
    state: choice(COMPLETED) = False  # type: ignore[valid-type]  # a type made by a function
    mute: Flag | None = None
    hold: Flag | None = None
    join_tone: Flag | None = Field(None, alias="joinTone")
    leaving_tone: Flag | None = Field(None, alias="leavingTone")

    def to_command(self, account_id: AccountId, conference_id: ConferenceId, member_id: MemberId) -> UpdateMember:
        return UpdateMember(
            account_id=account_id,
            conference_id=conference_id,
            member_id=member_id,
            is_removed=self.state,
            is_muted=self.mute,
            is_held=self.hold,
            has_join_tone=self.join_tone,
            has_leave_tone=self.leaving_tone,
        )
