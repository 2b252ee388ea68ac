"""What a client may ask of bridges and conferences, and what can be wrong with it.

Calls are named by id: those of other accounts do not exist. Prompt errors, `Overloaded` and `LogUnavailable` pass
through from call control's collaborators.
"""

from typing import Protocol

from trebuchet.base.ids import AccountId, BridgeId, CallId, ConferenceId, MemberId
from trebuchet.base.values import frozen_keywords
from trebuchet.calls.commands import CommandError
from trebuchet.model.call import HttpMethod
from trebuchet.model.conference import ConferenceState, KeyProfile
from trebuchet.model.prompt import Prompt

# --- what can be wrong ----------------------------------------------------------------------------------------------


class BridgeNotFound(CommandError):
    """No such bridge, or a bridge of another account."""

    code = "bridge-not-found"

    def __init__(self, bridge_id: str) -> None:
        super().__init__(bridge_id)
        self.bridge_id = bridge_id


class BridgeEnded(CommandError):
    code = "bridge-ended"

    def __init__(self, bridge_id: str) -> None:
        super().__init__(bridge_id)
        self.bridge_id = bridge_id


class BridgeFull(CommandError):
    """It connects two calls, not more."""

    code = "bridge-full"

    def __init__(self, bridge_id: str) -> None:
        super().__init__(bridge_id)
        self.bridge_id = bridge_id


class BridgeSilent(CommandError):
    """Nobody in it could hear anything."""

    code = "bridge-silent"

    def __init__(self, bridge_id: str) -> None:
        super().__init__(bridge_id)
        self.bridge_id = bridge_id


class BridgeFailed(CommandError):
    """The media plane cannot connect its parties now."""

    code = "bridge-failed"
    retryable = True

    def __init__(self, bridge_id: str) -> None:
        super().__init__(bridge_id)
        self.bridge_id = bridge_id


class BridgeCreationFailed(CommandError):
    """The media plane cannot connect the parties of a new bridge now."""

    code = "bridge-creation-failed"
    retryable = True

    def __init__(self, call_ids: tuple[CallId, ...]) -> None:
        super().__init__(", ".join(call_ids))
        self.call_ids = call_ids


class CallIdUnknown(CommandError):
    """A call named in a command does not exist, or belongs to another account."""

    code = "call-id-unknown"

    def __init__(self, call_id: CallId) -> None:
        super().__init__(call_id)
        self.call_id = call_id


class CallConnected(CommandError):
    """The call is in a bridge or a conference already, or was connected by a transfer."""

    code = "call-connected"

    def __init__(self, call_id: CallId) -> None:
        super().__init__(call_id)
        self.call_id = call_id


class ConferenceNotFound(CommandError):
    """No such conference, or a conference of another account."""

    code = "conference-not-found"

    def __init__(self, conference_id: str) -> None:
        super().__init__(conference_id)
        self.conference_id = conference_id


class ConferenceNotUsable(CommandError):
    """The conference, or the member, is not in a state that allows the command."""

    code = "conference-not-usable"

    def __init__(self, conference_id: ConferenceId, state: ConferenceState) -> None:
        super().__init__(f"{conference_id} is {state}")
        self.conference_id = conference_id
        self.state = state


class ConferenceFull(CommandError):
    code = "conference-full"

    def __init__(self, conference_id: str) -> None:
        super().__init__(conference_id)
        self.conference_id = conference_id


class ConferenceMismatch(CommandError):
    """A call was created for `conference_id` and may not join another one; or there is no such open conference to
    create a call for."""

    code = "conference-mismatch"

    def __init__(self, conference_id: str) -> None:
        super().__init__(conference_id)
        self.conference_id = conference_id


class MemberNotFound(CommandError):
    code = "member-not-found"

    def __init__(self, member_id: str) -> None:
        super().__init__(member_id)
        self.member_id = member_id


# --- bridges --------------------------------------------------------------------------------------------------------


@frozen_keywords
class CreateBridge:
    account_id: AccountId
    call_ids: tuple[CallId, ...] = ()
    has_audio: bool = True
    bridge_id: BridgeId | None = None
    """The id the new bridge gets; `None`: any."""


@frozen_keywords
class UpdateBridge:
    """`None` means: leave as it is."""

    account_id: AccountId
    bridge_id: BridgeId
    call_ids: tuple[CallId, ...] | None = None
    """Replaces the whole set."""
    has_audio: bool | None = None


@frozen_keywords
class PlayToBridge:
    """To both parties; `prompt` `None` stops what plays."""

    account_id: AccountId
    bridge_id: BridgeId
    prompt: Prompt | None
    is_looped: bool = False
    tag: str | None = None


class BridgeCommands(Protocol):
    """All raise `BridgeNotFound` and `LogUnavailable`. What is asked for is in force and committed at the return."""

    async def create(self, command: CreateBridge) -> BridgeId:
        """Raises `BridgeFull`, `CallIdUnknown`, `CallConnected`, `WrongCallState`, `BridgeCreationFailed`."""
        ...

    async def update(self, command: UpdateBridge) -> None:
        """Raises `BridgeEnded`, `BridgeFailed`, and what `create` does."""
        ...

    async def play(self, command: PlayToBridge) -> None:
        """Raises `BridgeEnded`, `BridgeSilent` and every kind of `PromptError`."""
        ...


# --- conferences ----------------------------------------------------------------------------------------------------


@frozen_keywords
class CreateConference:
    account_id: AccountId
    from_: str
    profile: KeyProfile = KeyProfile.INTERPRET
    webhook_url: str | None = None
    webhook_method: HttpMethod = HttpMethod.POST
    webhook_timeout_ms: int | None = None
    fallback_url: str | None = None
    tag: str | None = None
    conference_id: ConferenceId | None = None
    """The id the new conference gets; `None`: any."""


@frozen_keywords
class UpdateConference:
    """`None` means: leave as it is."""

    account_id: AccountId
    conference_id: ConferenceId
    is_terminated: bool = False
    is_held: bool | None = None
    is_muted: bool | None = None
    webhook_url: str | None = None
    webhook_method: HttpMethod | None = None
    webhook_timeout_ms: int | None = None
    fallback_url: str | None = None
    tag: str | None = None


@frozen_keywords
class PlayToConference:
    """To all members; `prompt` `None` stops what plays."""

    account_id: AccountId
    conference_id: ConferenceId
    prompt: Prompt | None
    is_looped: bool = False
    tag: str | None = None


@frozen_keywords
class CreateMember:
    account_id: AccountId
    conference_id: ConferenceId
    call_id: CallId
    is_muted: bool = False
    is_held: bool = False
    has_join_tone: bool = False
    has_leave_tone: bool = False
    member_id: MemberId | None = None
    """The id the new member gets; `None`: any."""


@frozen_keywords
class UpdateMember:
    """`None` means: leave as it is."""

    account_id: AccountId
    conference_id: ConferenceId
    member_id: MemberId
    is_removed: bool = False
    is_muted: bool | None = None
    is_held: bool | None = None
    has_join_tone: bool | None = None
    has_leave_tone: bool | None = None


@frozen_keywords
class PlayToMember:
    """To one member alone; `prompt` `None` stops what plays."""

    account_id: AccountId
    conference_id: ConferenceId
    member_id: MemberId
    prompt: Prompt | None
    is_looped: bool = False
    tag: str | None = None


class ConferenceCommands(Protocol):
    """All raise `ConferenceNotFound`, `ConferenceNotUsable` and `LogUnavailable`. What is asked for is in force and
    committed at the return."""

    async def create(self, command: CreateConference) -> ConferenceId:
        """Raises `NoNumbers`, `NumberNotOwned`."""
        ...

    async def update(self, command: UpdateConference) -> None: ...

    async def play(self, command: PlayToConference) -> None:
        """Raises every kind of `PromptError`."""
        ...

    async def add_member(self, command: CreateMember) -> MemberId:
        """Raises `CallIdUnknown`, `CallConnected`, `WrongCallState`, `CallNotReady`, `ConferenceMismatch`,
        `ConferenceFull`, `Overloaded`."""
        ...

    async def update_member(self, command: UpdateMember) -> None:
        """Raises `MemberNotFound`."""
        ...

    async def play_to_member(self, command: PlayToMember) -> None:
        """Raises `MemberNotFound`, `NothingPlays` and every kind of `PromptError`."""
        ...
