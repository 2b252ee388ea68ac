"""A conference and its members. Immutable; every change makes a new value and is committed with its events."""

from datetime import datetime
from enum import StrEnum

from trebuchet.base.ids import AccountId, CallId, ConferenceId, MemberId
from trebuchet.base.values import frozen_keywords
from trebuchet.model.call import HttpMethod, WebhookTarget


class ConferenceState(StrEnum):
    CREATED = "created"
    """Nobody was in it yet."""
    ACTIVE = "active"
    """It has members."""
    ENDED = "ended"
    """Terminated, or its last member has left. Final."""

    @property
    def is_final(self) -> bool:
        return self is ConferenceState.ENDED


class KeyProfile(StrEnum):
    """What a member's keys do."""

    INTERPRET = "interpret"
    """They set what the member hears and says."""
    PASS_THROUGH = "pass-through"
    """They belong to the application, as on any call."""


@frozen_keywords
class Conference:
    id: ConferenceId
    account_id: AccountId
    from_: str
    """The hosting number of the account."""
    state: ConferenceState
    created_at: datetime
    ended_at: datetime | None = None
    active_members: int = 0
    is_held: bool = False
    """Nobody hears or speaks."""
    is_muted: bool = False
    """Nobody speaks."""
    profile: KeyProfile = KeyProfile.INTERPRET
    webhook_url: str | None = None
    webhook_method: HttpMethod = HttpMethod.POST
    webhook_timeout_ms: int | None = None
    fallback_url: str | None = None
    tag: str | None = None
    events_logged: int = 0
    """Sequence number of the conference's newest event; the first event has 1."""

    @property
    def webhook(self) -> WebhookTarget | None:
        """Where the conference's events go; `None`: nowhere."""
        if self.webhook_url is None:
            return None
        return WebhookTarget(
            url=self.webhook_url,
            method=self.webhook_method,
            timeout_ms=self.webhook_timeout_ms,
            fallback_url=self.fallback_url,
        )


@frozen_keywords
class Member:
    """A call in a conference. It stays listed after it has left."""

    id: MemberId
    account_id: AccountId
    conference_id: ConferenceId
    call_id: CallId
    added_at: datetime
    removed_at: datetime | None = None
    is_muted: bool = False
    """It hears, and is not heard."""
    is_held: bool = False
    """It neither hears nor is heard."""
    has_join_tone: bool = False
    """Everybody hears a tone when it joins."""
    has_leave_tone: bool = False

    @property
    def is_active(self) -> bool:
        return self.removed_at is None
