"""The API with everything behind it replaced: a store in memory and call control that records commands."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from trebuchet.api.app import create_app
from trebuchet.api.dependencies import ApiDependencies
from trebuchet.base.ids import (
    AccountId,
    BridgeId,
    CallId,
    ConferenceId,
    EventId,
    GatherId,
    Ids,
    MemberId,
    RecordingId,
    TranscriptionId,
)
from trebuchet.base.rand import SeededRand
from trebuchet.calls.commands import (
    CallNotFound,
    CreateCall,
    PlayAudio,
    SendDigits,
    StartGather,
    StopAudio,
    StopGather,
    UpdateCall,
)
from trebuchet.calls.meeting_commands import CreateBridge, CreateConference, CreateMember
from trebuchet.calls.transcribing import TranscriptionRules
from trebuchet.events.feed import Feed
from trebuchet.events.log import Subscriber
from trebuchet.model.account import Account
from trebuchet.model.call import Call, CallState, Direction, WebhookTarget
from trebuchet.model.delivery import Delivery
from trebuchet.model.event import LoggedEvent
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.transcription import Transcription
from trebuchet.model.user_error import UserError
from trebuchet.secret_key import KEY_BYTES, RequestSecrets
from trebuchet.store.interface import Batch, LibraryChanges
from trebuchet.store.memory import MemoryStore
from trebuchet.webhook_secrets import WebhookSecrets

AudioCommand = PlayAudio | StopAudio | SendDigits | StartGather | StopGather

START = datetime(2016, 3, 2, 10, 0, 0, 123456, tzinfo=UTC)
BASE = "http://api.example.test:8080"
USER = "u-fiction"
CALL_ID = "c-m4qk7vbnx2ydz5rt3halwei"
NEW_CALL_ID = CallId("c-new7vbnx2ydz5rt3halweia")
NUMBER = "+19195550100"
OTHER_NUMBER = "+19195550177"


class FixedClock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> float:
        return 0.0

    def utc(self) -> datetime:
        return self.moment


@dataclass
class FakeCalls:
    """Takes commands; refuses when told to, or when the call is unknown."""

    store: MemoryStore
    created: list[CreateCall] = field(default_factory=list)
    updated: list[UpdateCall] = field(default_factory=list)
    asked: list[AudioCommand] = field(default_factory=list)
    """Commands that concern audio, keys and gathers."""
    refusal: Exception | None = None
    new_call_id: CallId = NEW_CALL_ID

    async def create(self, command: CreateCall) -> CallId:
        if self.refusal is not None:
            raise self.refusal
        self.created.append(command)
        return self.new_call_id

    async def update(self, command: UpdateCall) -> CallId | None:
        call = await self.store.call(command.call_id)
        if call is None or call.account_id != command.account_id:
            raise CallNotFound(command.call_id)
        if self.refusal is not None:
            raise self.refusal
        self.updated.append(command)
        return None if command.transfer is None else self.new_call_id

    async def play_audio(self, command: PlayAudio) -> None:
        self._ask(command)

    async def stop_audio(self, command: StopAudio) -> None:
        self._ask(command)

    async def send_digits(self, command: SendDigits) -> None:
        self._ask(command)

    async def start_gather(self, command: StartGather) -> GatherId:
        self._ask(command)
        assert command.gather_id is not None
        return command.gather_id

    async def stop_gather(self, command: StopGather) -> None:
        self._ask(command)

    def _ask(self, command: AudioCommand) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(command)


@dataclass
class FakeTranscriptions:
    """Stores what is asked for, and never makes it."""

    store: MemoryStore
    rules: TranscriptionRules
    clock: FixedClock
    refusal: Exception | None = None

    async def transcribe(
        self,
        recording: Recording,
        webhook: WebhookTarget | None = None,
        transcription_id: TranscriptionId | None = None,
    ) -> Transcription:
        if self.refusal is not None:
            raise self.refusal
        made = self.rules.begin(recording, self.clock.utc(), webhook, transcription_id)
        await self.store.write(Batch(library=LibraryChanges(transcriptions=(made,))))
        return made


@dataclass
class FakeMeetings:
    """Bridges and conferences: takes commands, and refuses when told to."""

    asked: list[Any] = field(default_factory=list)
    refusal: Exception | None = None

    async def take(self, command: Any) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(command)


class FakeBridges(FakeMeetings):
    update = play = FakeMeetings.take

    async def create(self, command: CreateBridge) -> BridgeId:
        await self.take(command)
        assert command.bridge_id is not None
        return command.bridge_id


class FakeConferences(FakeMeetings):
    update = play = update_member = play_to_member = FakeMeetings.take

    async def create(self, command: CreateConference) -> ConferenceId:
        await self.take(command)
        assert command.conference_id is not None
        return command.conference_id

    async def add_member(self, command: CreateMember) -> MemberId:
        await self.take(command)
        assert command.member_id is not None
        return command.member_id


@dataclass
class ApiWorld:
    store: MemoryStore
    calls: FakeCalls
    app: FastAPI
    client: httpx.AsyncClient
    account: Account
    stranger: Account
    media: Path
    clock: FixedClock
    reported: list[UserError]
    flags: dict[str, bool]
    asked_again: list[Delivery]
    """Deliveries that were to be delivered again."""
    subscribers: list[Subscriber]
    """Those who want to be told of events."""
    feed: Feed
    bridges: FakeBridges
    conferences: FakeConferences
    transcriptions: FakeTranscriptions

    @property
    def command(self) -> UpdateCall:
        """The only update that came through."""
        assert len(self.calls.updated) == 1
        return self.calls.updated[0]

    @property
    def url(self) -> str:
        return f"{BASE}/v1/users/{USER}"

    async def update(self, body: Any, call_id: str = CALL_ID) -> httpx.Response:
        return await self.client.post(f"/v1/users/{USER}/calls/{call_id}", json=body)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.client.get(f"/v1/users/{USER}{path}", **more)

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self.client.post(f"/v1/users/{USER}{path}", json=body)

    async def delete(self, path: str) -> httpx.Response:
        return await self.client.delete(f"/v1/users/{USER}{path}")

    async def add_call(self, **changes: Any) -> Call:
        call = replace(a_call(), **changes)
        await self.store.write(Batch(calls=(call,)))
        return call

    async def add_recording(self, **changes: Any) -> Recording:
        recording = replace(a_recording(), **changes)
        await self.store.write(Batch(recordings=(recording,)))
        return recording

    def add_media(self, name: str, content: bytes, account_id: str = USER) -> Path:
        folder = self.media / account_id
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_bytes(content)
        return path


def an_account(user: str, token: str, secret: str) -> Account:
    return Account(id=AccountId(user), token=token, secret_sha256=sha256(secret.encode()).hexdigest(), created_at=START)


def a_call() -> Call:
    return Call(
        id=CallId(CALL_ID),
        account_id=AccountId(USER),
        direction=Direction.IN,
        from_=OTHER_NUMBER,
        to=NUMBER,
        state=CallState.RINGING,
        created_at=START,
    )


def an_event(sequence: int, name: str, **changes: Any) -> LoggedEvent:
    event = LoggedEvent(
        id=EventId(f"ce-{sequence}"),
        account_id=AccountId(USER),
        owner_id=CallId(CALL_ID),
        sequence=sequence,
        at=START,
        name=name,
    )
    return replace(event, **changes)


def a_recording() -> Recording:
    return Recording(
        id=RecordingId("rec-1"),
        account_id=AccountId(USER),
        call_id=CallId(CALL_ID),
        media_name=f"{CALL_ID}-1.wav",
        state=RecordingState.COMPLETE,
        started_at=START,
        ended_at=START,
        duration_ms=1000,
    )


async def make_world(media: Path, **overrides: Any) -> ApiWorld:
    """`overrides`: dependencies other than the usual ones."""
    store, clock = MemoryStore(), FixedClock()
    calls, bridges, conferences = FakeCalls(store), FakeBridges(), FakeConferences()
    reported: list[UserError] = []
    subscribers: list[Subscriber] = []
    asked_again: list[Delivery] = []
    flags = {"ready": True, "draining": False}

    async def report(error: UserError) -> None:
        reported.append(error)
        if store.healthy:  # best effort, as the real one
            await store.write(Batch(user_errors=(error,)))

    def subscribe(subscriber: Subscriber) -> Callable[[], None]:
        subscribers.append(subscriber)
        return lambda: subscribers.remove(subscriber)

    async def deliver_again(delivery: Delivery) -> None:
        asked_again.append(delivery)

    account, stranger = an_account(USER, "t-one", "s-one"), an_account("u-other", "t-two", "s-two")
    await store.write(Batch(accounts=(account, stranger)))
    feed = Feed(subscribe, store)
    transcriptions = FakeTranscriptions(store, TranscriptionRules(Ids(SeededRand(8))), clock)
    dependencies: dict[str, Any] = {
        "store": store,
        "calls": calls,
        "bridges": bridges,
        "conferences": conferences,
        "transcriptions": transcriptions,
        "feed": feed,
        "report_error": report,
        "ids": Ids(SeededRand(7)),
        "clock": clock,
        "media_directory": media,
        "deliver_again": deliver_again,
        "webhook_secret": WebhookSecrets(b"k" * KEY_BYTES).current,
        "request_secret": RequestSecrets(b"k" * KEY_BYTES).of,
        "is_ready": lambda: flags["ready"],
        "is_draining": lambda: flags["draining"],
    }
    limits = {key: overrides.pop(key) for key in ("max_requests",) if key in overrides}
    app = create_app(ApiDependencies(**(dependencies | overrides)), **limits)
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 40000), raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url=BASE, auth=("t-one", "s-one"))
    return ApiWorld(
        store, calls, app, client, account, stranger, media, clock, reported, flags, asked_again, subscribers, feed,
        bridges, conferences, transcriptions,
    )  # fmt: skip
