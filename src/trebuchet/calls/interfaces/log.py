"""What call control needs of the log and of what is stored besides: numbers, phones, policy, archives."""

from typing import Protocol

from trebuchet.base.errors import LocalError
from trebuchet.base.ids import AccountId, BridgeId, CallId, ConferenceId, EndpointId, RecordingId
from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.model.application import Application
from trebuchet.model.bridge import Bridge
from trebuchet.model.call import Call
from trebuchet.model.conference import Conference, Member
from trebuchet.model.endpoint import Endpoint
from trebuchet.model.event import ConferenceFact, Fact
from trebuchet.model.gather import Gather
from trebuchet.model.number import PhoneNumber
from trebuchet.model.recording import Recording
from trebuchet.model.transcription import Transcription
from trebuchet.model.user_error import UserError


@frozen
class Change:
    """A call's new state and the facts that led to it, in order."""

    call: Call
    facts: tuple[Fact, ...] = ()


@frozen
class ConferenceChange:
    """A conference's new state, the facts that led to it, in order, and the members that changed."""

    conference: Conference
    facts: tuple[ConferenceFact, ...] = ()
    members: tuple[Member, ...] = ()


@frozen_keywords
class UnitOfWork:
    """What is stored together or not at all."""

    changes: tuple[Change, ...] = ()
    recordings: tuple[Recording, ...] = ()
    """New or changed recordings."""
    transcriptions: tuple[Transcription, ...] = ()
    """New or changed transcriptions."""
    gathers: tuple[Gather, ...] = ()
    """Those that ended; one that runs is part of its call."""
    conferences: tuple[ConferenceChange, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    """New or changed bridges; they have no events of their own."""


class LogUnavailable(LocalError):
    """The log cannot store anything now (disk full, failing fsync, locked): nothing was acknowledged."""

    code = "log-unavailable"
    retryable = True


class Log(Protocol):
    """The spine. `events_logged` of what changes is the number *before* the change; the log numbers the new events."""

    async def commit(self, unit: UnitOfWork) -> None:
        """Store durably, then start the webhooks. Raises `LogUnavailable`, and then nothing was stored."""
        ...

    async def report(self, error: UserError) -> None:
        """Add to the customer's error list; best effort, never raises."""
        ...


@frozen
class NumberRoute:
    """Where calls to a number lead."""

    number: PhoneNumber
    application: Application | None


@frozen
class EndpointRoute:
    """Who is told of the calls of an endpoint."""

    endpoint: Endpoint
    application: Application | None


class Directory(Protocol):
    """Who owns what; answers come from memory or a fast read."""

    async def find_endpoint(self, endpoint_id: EndpointId) -> EndpointRoute | None: ...

    async def find_number(self, number: str) -> NumberRoute | None:
        """An enabled number of any account with its application."""
        ...

    async def owns_number(self, account_id: AccountId, number: str) -> bool: ...

    async def has_numbers(self, account_id: AccountId) -> bool: ...


@frozen_keywords
class CallPolicy:
    """The operator's choices that call control obeys."""

    ring_limit_s: float = 60.0
    """An incoming call that nobody answers ends after this."""
    transfer_ring_limit_s: int = 60
    max_recording_s: int = 3600
    max_conference_members: int = 20
    """Members of a conference at once."""
    max_calls: int = 2000
    """Calls at once; beyond it new ones are refused early."""
    max_load: float = 0.9
    """Share of the media tick above which new calls are refused."""


class Archive(Protocol):
    """What call control reads of the past; a store has all of it."""

    async def call(self, call_id: CallId) -> Call | None: ...

    async def open_calls(self) -> list[Call]:
        """Calls that are not final: after a start, those an earlier process left behind."""
        ...

    async def unfinished_recordings(self) -> list[Recording]:
        """Neither complete nor failed."""
        ...

    async def bridge(self, bridge_id: BridgeId) -> Bridge | None: ...

    async def bridges_in_use(self) -> list[Bridge]:
        """Open ones with calls."""
        ...

    async def conference(self, conference_id: ConferenceId) -> Conference | None: ...

    async def conferences_in_use(self) -> list[Conference]:
        """Those with members."""
        ...

    async def members(self, conference_id: ConferenceId) -> list[Member]:
        """Also those that have left, in order of joining."""
        ...


class TranscriptionArchive(Protocol):
    """What transcription reads of a store."""

    async def unfinished_transcriptions(self, limit: int) -> list[Transcription]:
        """Of all accounts, the oldest ones."""
        ...

    async def recording(self, recording_id: RecordingId) -> Recording | None: ...
