"""Stand-ins for the planes around call control, for unit tests: they record what they are told.

They never stand in for a phone: that a call works is shown by foreign stacks over real sockets.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from trebuchet.base.ids import (
    AccountId,
    ApplicationId,
    BridgeId,
    CallId,
    ConferenceId,
    EndpointId,
    GatherId,
    MemberId,
    NumberId,
    RecordingId,
    TranscriptionId,
)
from trebuchet.calls.interfaces import (
    PLAIN_VOICE,
    AudioGroupListener,
    EndpointRoute,
    LegListener,
    LogUnavailable,
    MediaListener,
    MediaPort,
    MediaUnavailable,
    NoCommonCodec,
    NumberRoute,
    OutgoingCall,
    Refusal,
    SignallingError,
    SilenceLimit,
    StopReason,
    Tone,
    UnitOfWork,
    Voice,
)
from trebuchet.model.application import Application
from trebuchet.model.bridge import Bridge
from trebuchet.model.call import Call
from trebuchet.model.conference import Conference, ConferenceState, Member
from trebuchet.model.event import ConferenceFact, Fact
from trebuchet.model.gather import Gather
from trebuchet.model.media_description import Codec, MediaDescription
from trebuchet.model.number import PhoneNumber
from trebuchet.model.prompt import Prompt, RenderedPrompt
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.transcription import Transcription, TranscriptionState
from trebuchet.model.user_error import UserError

PCMU = Codec("PCMU", 0)
DESCRIPTION = MediaDescription(address="127.0.0.1", port=40000, codecs=(PCMU,))
"""A plain µ-law description, for offers and answers that do not matter."""
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class FakeLeg:
    """Records what the call says to its peer."""

    said: list[str] = field(default_factory=list)
    listener: LegListener | None = None
    invite: OutgoingCall | None = None
    is_confirmed: bool = False

    def ring(self) -> None:
        self.said.append("ring")

    def answer(self, description: MediaDescription) -> None:
        self.said.append("answer")

    def reject(self, refusal: Refusal) -> None:
        self.said.append(f"reject {refusal}")

    def hang_up(self) -> None:
        self.said.append("hang up")

    def confirm(self) -> None:
        self.is_confirmed = True

    def dialog_snapshot(self) -> bytes | None:
        return b"dialog"

    def early_snapshot(self) -> bytes | None:
        return b"early"


@dataclass
class FakeSignalling:
    """Places calls nowhere. `fails_for` destinations cannot be dialled at all."""

    legs: list[FakeLeg] = field(default_factory=list)
    unroutable: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    encrypted: set[str] = field(default_factory=set)
    hung_up: list[bytes] = field(default_factory=list)

    def place_call(self, call: OutgoingCall, listener: LegListener) -> FakeLeg:
        if call.to in self.failing:
            raise SignallingError(call.to)
        leg = FakeLeg(listener=listener, invite=call)
        self.legs.append(leg)
        return leg

    def check_destination(self, to: str) -> str | None:
        if to in self.unroutable:
            raise SignallingError(to)
        return "carrier" if to.startswith("+") else None

    def wants_encryption(self, to: str) -> bool:
        return to in self.encrypted

    def hang_up_from_snapshot(self, snapshot: bytes) -> None:
        self.hung_up.append(snapshot)


@dataclass
class FakePort:
    """Records what the call does with its audio."""

    listener: MediaListener
    did: list[str] = field(default_factory=list)
    connected: "FakePort | None" = None
    recording_id: RecordingId | None = None
    is_encrypted: bool = False
    is_closed: bool = False
    played: int = 0

    def offer(self) -> MediaDescription:
        return DESCRIPTION

    def supports(self, offer: MediaDescription) -> bool:
        return any(codec.name in ("PCMU", "PCMA") for codec in offer.codecs)

    def answer(self, offer: MediaDescription) -> MediaDescription:
        if not self.supports(offer):
            raise NoCommonCodec
        self.did.append("answer")
        return DESCRIPTION

    def accept(self, answer: MediaDescription) -> None:
        if not self.supports(answer):
            raise NoCommonCodec
        self.did.append("accept")

    def connect(self, other: MediaPort) -> None:
        assert isinstance(other, FakePort)
        self.connected, other.connected = other, self
        self.did.append("connect")

    def disconnect(self) -> None:
        if self.connected is not None:
            self.connected.connected = None
            self.connected = None
        self.did.append("disconnect")

    def play(self, prompt: RenderedPrompt, *, is_looped: bool = False) -> int:
        self.did.append(f"play {prompt.path}" + (" looped" if is_looped else ""))
        self.played += 1
        return self.played

    def play_ringback(self) -> int:
        self.did.append("ringback")
        self.played += 1
        return self.played

    def stop_playback(self) -> None:
        self.did.append("stop playback")

    def send_digits(self, digits: str) -> None:
        self.did.append(f"digits {digits}")

    def start_recorder(
        self,
        recording_id: RecordingId,
        media_name: str,
        account_id: AccountId,
        *,
        max_duration_s: int,
        channels: int | None = None,
        silence: SilenceLimit | None = None,
    ) -> None:
        self.recording_id = recording_id
        more = "" if channels is None else f" channels {channels}"
        more += "" if silence is None else f" silence {silence.seconds} {silence.threshold}"
        self.did.append(f"record {media_name} {max_duration_s}{more}")

    def stop_recorder(self, reason: StopReason = StopReason.ASKED) -> None:
        if self.recording_id is not None:
            recording_id, self.recording_id = self.recording_id, None
            self.listener.handle_recorder_stopped(recording_id, 8000, reason)

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.stop_recorder(StopReason.CLOSED)
            self.disconnect()


@dataclass
class FakeGroup:
    """Records who is in the audio group, with which voice, and what was played to all."""

    listener: AudioGroupListener
    voices: dict[int, Voice] = field(default_factory=dict)
    """By the identity of the port."""
    did: list[str] = field(default_factory=list)
    is_closed: bool = False
    is_exhausted: bool = False
    played: int = 0

    def join(self, port: MediaPort, voice: Voice = PLAIN_VOICE) -> None:
        if self.is_exhausted:
            raise MediaUnavailable
        self.voices[id(port)] = voice

    def set_voice(self, port: MediaPort, voice: Voice) -> None:
        if id(port) in self.voices:
            self.voices[id(port)] = voice

    def leave(self, port: MediaPort) -> None:
        self.voices.pop(id(port), None)

    def play(self, prompt: RenderedPrompt, *, is_looped: bool = False) -> int:
        self.played += 1
        self.did.append(f"play {prompt.path}{' looped' if is_looped else ''}")
        return self.played

    def stop_playback(self) -> None:
        self.did.append("stop playback")
        self.listener.handle_group_playback_done(self.played)

    def play_tone(self, tone: Tone) -> None:
        self.did.append(f"tone {tone}")

    def close(self) -> None:
        self.is_closed = True
        self.voices.clear()


@dataclass
class FakeMedia:
    ports: list[FakePort] = field(default_factory=list)
    load: float = 0.0
    is_exhausted: bool = False
    groups: list[FakeGroup] = field(default_factory=list)
    are_workers_apart: bool = False
    """Whether nobody can join a group."""

    def open_group(self, listener: AudioGroupListener) -> FakeGroup:
        group = FakeGroup(listener, is_exhausted=self.are_workers_apart)
        self.groups.append(group)
        return group

    def open_port(
        self,
        listener: MediaListener,
        *,
        near: MediaPort | None = None,
        wants_ipv6: bool = False,
        is_encrypted: bool = False,
    ) -> FakePort:
        if self.is_exhausted:
            raise MediaUnavailable
        port = FakePort(listener, is_encrypted=is_encrypted)
        self.ports.append(port)
        return port


@dataclass
class FakePrompts:
    error: Exception | None = None

    async def render(self, prompt: Prompt, account_id: AccountId) -> RenderedPrompt:
        if self.error is not None:
            raise self.error
        return RenderedPrompt("prompt.pcm", 8000)


@dataclass
class FakeFinisher:
    is_complete: bool = True

    async def finish(self, recording: Recording) -> bool:
        return self.is_complete


@dataclass
class FakeLog:
    """Keeps what is committed and checks that the numbering of every call is without gaps."""

    calls: dict[CallId, Call] = field(default_factory=dict)
    facts: dict[CallId, list[Fact]] = field(default_factory=dict)
    recordings: dict[RecordingId, Recording] = field(default_factory=dict)
    gathers: dict[GatherId, Gather] = field(default_factory=dict)
    errors: list[UserError] = field(default_factory=list)
    bridges_kept: dict[BridgeId, Bridge] = field(default_factory=dict)
    conferences_kept: dict[ConferenceId, Conference] = field(default_factory=dict)
    conference_facts: dict[ConferenceId, list[ConferenceFact]] = field(default_factory=dict)
    members_kept: dict[MemberId, Member] = field(default_factory=dict)
    transcriptions: dict[TranscriptionId, Transcription] = field(default_factory=dict)
    failures: int = 0
    """So many of the next commits fail."""
    on_commit: Callable[[UnitOfWork], Any] | None = None

    async def commit(self, unit: UnitOfWork) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise LogUnavailable
        for change in unit.changes:
            facts = self.facts.setdefault(change.call.id, [])
            assert change.call.events_logged == len(facts), "a gap in the numbering"
            facts.extend(change.facts)
            self.calls[change.call.id] = replace(change.call, events_logged=len(facts))
        self.gathers.update({gather.id: gather for gather in unit.gathers})
        self.recordings.update({recording.id: recording for recording in unit.recordings})
        self.transcriptions.update({item.id: item for item in unit.transcriptions})
        self._keep_meetings(unit)
        if self.on_commit is not None:
            self.on_commit(unit)

    def _keep_meetings(self, unit: UnitOfWork) -> None:
        self.bridges_kept.update({bridge.id: bridge for bridge in unit.bridges})
        for change in unit.conferences:
            facts = self.conference_facts.setdefault(change.conference.id, [])
            assert change.conference.events_logged == len(facts), "a gap in the numbering"
            facts.extend(change.facts)
            self.conferences_kept[change.conference.id] = replace(change.conference, events_logged=len(facts))
            self.members_kept.update({member.id: member for member in change.members})

    async def bridge(self, bridge_id: BridgeId) -> Bridge | None:
        return self.bridges_kept.get(bridge_id)

    async def bridges_in_use(self) -> list[Bridge]:
        return [bridge for bridge in self.bridges_kept.values() if bridge.call_ids and not bridge.state.is_final]

    async def conference(self, conference_id: ConferenceId) -> Conference | None:
        return self.conferences_kept.get(conference_id)

    async def conferences_in_use(self) -> list[Conference]:
        return [item for item in self.conferences_kept.values() if item.state is ConferenceState.ACTIVE]

    async def members(self, conference_id: ConferenceId) -> list[Member]:
        return [member for member in self.members_kept.values() if member.conference_id == conference_id]

    async def report(self, error: UserError) -> None:
        self.errors.append(error)

    async def call(self, call_id: CallId) -> Call | None:
        return self.calls.get(call_id)

    async def open_calls(self) -> list[Call]:
        return [call for call in self.calls.values() if not call.state.is_final]

    async def unfinished_transcriptions(self, limit: int) -> list[Transcription]:
        found = (t for t in self.transcriptions.values() if t.state is TranscriptionState.TRANSCRIBING)
        return list(islice(found, limit))

    async def recording(self, recording_id: RecordingId) -> Recording | None:
        return self.recordings.get(recording_id)

    async def unfinished_recordings(self) -> list[Recording]:
        done = (RecordingState.COMPLETE, RecordingState.ERROR)
        return [recording for recording in self.recordings.values() if recording.state not in done]


@dataclass
class FakeDirectory:
    routes: dict[str, NumberRoute] = field(default_factory=dict)
    endpoints: dict[EndpointId, EndpointRoute] = field(default_factory=dict)

    def add(self, account_id: AccountId, number: str, application: Application | None, **more: Any) -> None:
        """A number of the account, bound to the application if there is one."""
        owned = PhoneNumber(
            id=NumberId(f"n-{number}"),
            account_id=account_id,
            number=number,
            created_at=LONG_AGO,
            application_id=application.id if application is not None else None,
            **more,
        )
        self.routes[number] = NumberRoute(owned, application)

    async def find_number(self, number: str) -> NumberRoute | None:
        return self.routes.get(number)

    async def find_endpoint(self, endpoint_id: EndpointId) -> EndpointRoute | None:
        return self.endpoints.get(endpoint_id)

    async def owns_number(self, account_id: AccountId, number: str) -> bool:
        route = self.routes.get(number)
        return route is not None and route.number.account_id == account_id

    async def has_numbers(self, account_id: AccountId) -> bool:
        return any(route.number.account_id == account_id for route in self.routes.values())


def application(account_id: AccountId, **more: Any) -> Application:
    """An application that answers by API unless told otherwise."""
    values: dict[str, Any] = {"incoming_call_url": "http://app.example/voice", "auto_answer": False} | more
    return Application(id=ApplicationId("a-1"), account_id=account_id, name="App", created_at=LONG_AGO, **values)
