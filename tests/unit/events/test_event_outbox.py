"""What became of deliveries is written in batches, survives a failing log, and says what was attempted."""

import asyncio
from datetime import UTC, datetime

import pytest

from trebuchet.base.ids import AccountId, CallId, EventId
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.events import outbox as outbox_module
from trebuchet.events.outbox import Outbox
from trebuchet.events.webhook import Attempt, Verdict
from trebuchet.model.call import Call, CallState, Direction, WebhookTarget
from trebuchet.model.delivery import DeliveryState
from trebuchet.model.event import LoggedEvent
from trebuchet.store.interface import Batch
from trebuchet.store.memory import MemoryStore
from trebuchet.testing.clock import VirtualClock

ME, CALL = AccountId("u-me"), CallId("c-1")
AT = datetime(2020, 1, 1, tzinfo=UTC)
BROKEN = Attempt(url="http://me:secret@app.example/", verdict=Verdict.BROKEN, response_ms=2000)
DONE = Attempt(url="http://spare.example/", verdict=Verdict.ACKNOWLEDGED, request_ms=10, response_ms=990)


def make_event(sequence: int, url: str = "http://app.example/") -> LoggedEvent:
    return LoggedEvent(
        id=EventId(f"ce-{sequence}"),
        account_id=ME,
        owner_id=CALL,
        sequence=sequence,
        at=AT,
        name="answer",
        payload=b"{}",
        target=WebhookTarget(url=url),
    )


async def make_store(events: int) -> MemoryStore:
    store = MemoryStore()
    call = Call(
        id=CALL, account_id=ME, direction=Direction.IN, from_="+1", to="+2", state=CallState.RINGING, created_at=AT
    )
    await store.write(Batch(calls=(call,), events=tuple(map(make_event, range(1, events + 1)))))
    return store


async def test_a_round_is_described_without_credentials() -> None:
    store, clock = await make_store(2), VirtualClock()
    outbox = Outbox(store, clock)
    outbox.note_round(make_event(1), [BROKEN, DONE])
    outbox.note_round(make_event(2), [BROKEN])
    await outbox.close()
    first, second = await store.deliveries(CALL)
    assert (first.state, second.state) == (DeliveryState.DELIVERED, DeliveryState.FAILED)
    assert [(a.url, a.verdict, a.duration_ms) for a in first.attempts] == [
        ("http://app.example/", "broken", 2000),
        ("http://spare.example/", "acknowledged", 1000),
    ]
    assert [(clock.utc() - a.at).total_seconds() for a in first.attempts] == [3, 1]
    assert await store.queued_events(None, 10) == []


async def test_many_rounds_are_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "GATHER_S", 0.01)
    store, sizes = await make_store(50), []
    write = store.write

    async def counting_write(batch: Batch) -> None:
        sizes.append(len(batch.deliveries))
        await write(batch)

    store.write = counting_write  # type: ignore[method-assign]  # to count
    outbox = Outbox(store, VirtualClock())
    for number in range(1, 51):
        outbox.note_round(make_event(number), [DONE])
    async with asyncio.timeout(5):
        while await store.queued_events(None, 1):
            await asyncio.sleep(0)
    assert sizes == [50]
    await outbox.close()
    assert sizes == [50]


async def test_outcomes_wait_for_a_failing_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "GATHER_S", 0.001)
    monkeypatch.setattr(outbox_module, "WRITE_AGAIN_S", 0.001)
    store, failures = await make_store(1), []
    write = store.write

    async def failing_write(batch: Batch) -> None:
        if len(failures) < 3:
            failures.append(batch)
            raise LogUnavailable("disk full")
        await write(batch)

    store.write = failing_write  # type: ignore[method-assign]  # a disk that recovers
    outbox = Outbox(store, VirtualClock())
    outbox.note_round(make_event(1), [DONE])
    async with asyncio.timeout(5):
        while await store.queued_events(None, 1):
            await asyncio.sleep(0)
    assert len(failures) == 3
    await outbox.close()


async def test_memory_is_bounded_while_the_log_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MAX_GATHERED", 3)
    store = await make_store(5)
    outbox = Outbox(store, VirtualClock())
    for number in range(1, 6):
        outbox.note_round(make_event(number), [DONE])
    await outbox.close()
    assert [event.sequence for event in await store.queued_events(None, 10)] == [4, 5], "told again after a restart"
