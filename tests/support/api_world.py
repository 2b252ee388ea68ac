"""The API with everything behind it replaced: a store in memory and call control that records commands."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from trebuchet.api.app import create_app
from trebuchet.api.dependencies import ApiDependencies
from trebuchet.base.ids import AccountId, CallId, EventId, Ids, RecordingId
from trebuchet.base.rand import SeededRand
from trebuchet.calls.commands import CallNotFound, CreateCall, UpdateCall
from trebuchet.model.account import Account
from trebuchet.model.call import Call, CallState, Direction
from trebuchet.model.event import LoggedEvent
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.user_error import UserError
from trebuchet.store.interface import Batch
from trebuchet.store.memory import MemoryStore

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
        call_id=CallId(CALL_ID),
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
    calls = FakeCalls(store)
    reported: list[UserError] = []
    flags = {"ready": True, "draining": False}

    async def report(error: UserError) -> None:
        reported.append(error)
        if store.healthy:  # best effort, as the real one
            await store.write(Batch(user_errors=(error,)))

    account, stranger = an_account(USER, "t-one", "s-one"), an_account("u-other", "t-two", "s-two")
    await store.write(Batch(accounts=(account, stranger)))
    dependencies: dict[str, Any] = {
        "store": store,
        "calls": calls,
        "report_error": report,
        "ids": Ids(SeededRand(7)),
        "clock": clock,
        "media_directory": media,
        "is_ready": lambda: flags["ready"],
        "is_draining": lambda: flags["draining"],
    }
    limits = {key: overrides.pop(key) for key in ("max_requests",) if key in overrides}
    app = create_app(ApiDependencies(**(dependencies | overrides)), **limits)
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 40000), raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url=BASE, auth=("t-one", "s-one"))
    return ApiWorld(store, calls, app, client, account, stranger, media, clock, reported, flags)
