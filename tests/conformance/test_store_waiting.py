"""What every store promises of deliveries that wait, of keyed requests, and of what is outdated."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trebuchet.base.ids import AccountId, ApplicationId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.base.values import replace
from trebuchet.events.retries import settle
from trebuchet.model.account import Account
from trebuchet.model.application import Application
from trebuchet.model.call import Call, CallState, Direction, WebhookTarget
from trebuchet.model.delivery import DeliveryState
from trebuchet.model.event import LoggedEvent
from trebuchet.model.keyed_request import KeyedRequest, StoredAnswer
from trebuchet.store.interface import MAX_PURGED, Batch, Outdated, Store, lane_of
from trebuchet.store.memory import MemoryStore
from trebuchet.store.sqlite import SqliteStore

AT = datetime(2026, 3, 2, 10, 0, 0, 123000, UTC)
ME = AccountId("u-me")
ONE, TWO = "http://one.example/hooks", "https://two.example/"
NEVER = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else await SqliteStore.open(tmp_path / "log.db")
    yield opened
    await opened.close()


def in_s(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


async def add_events(store: Store, *urls: str) -> tuple[Call, list[LoggedEvent]]:
    ids = Ids(SeededRand(7))
    call = Call(
        id=ids.call(), account_id=ME, direction=Direction.IN, from_="a", to="b", state=CallState.ENDED, created_at=AT
    )
    events = [
        LoggedEvent(
            id=ids.event(),
            account_id=ME,
            owner_id=call.id,
            sequence=number,
            at=AT,
            name="hangup",
            payload=b"{}",
            target=WebhookTarget(url=url),
        )
        for number, url in enumerate(urls, 1)
    ]
    await store.write(Batch(calls=(call,), events=tuple(events)))
    return call, events


async def make_wait(store: Store, call: Call, *due_s: float) -> None:
    deliveries = await store.deliveries(call.id)
    waiting = [
        replace(item, state=DeliveryState.WAITING, due_at=in_s(seconds))
        for item, seconds in zip(deliveries, due_s, strict=True)
    ]
    await store.write(Batch(deliveries=tuple(waiting)))


async def test_what_waits_is_found_by_lane_and_time(store: Store) -> None:
    call, events = await add_events(store, ONE, ONE + "/other", TWO, ONE)
    assert await store.waiting_lanes() == []
    assert await store.next_due(lane_of(ONE)) is None
    await make_wait(store, call, 30, 10, 5, 20)
    assert sorted(await store.waiting_lanes()) == [(lane_of(ONE), in_s(10)), (lane_of(TWO), in_s(5))]
    assert await store.next_due(lane_of(ONE)) == in_s(10)
    assert await store.due_deliveries(lane_of(ONE), in_s(9.999), 10) == []
    due = await store.due_deliveries(lane_of(ONE), in_s(20), 10)
    assert [event for _, event in due] == [events[1], events[3]]
    assert [delivery.due_at for delivery, _ in due] == [in_s(10), in_s(20)]
    assert [event for _, event in await store.due_deliveries(lane_of(ONE), in_s(99), 2)] == [events[1], events[3]]


async def test_what_waits_is_not_queued_and_what_is_settled_does_not_wait(store: Store) -> None:
    call, _ = await add_events(store, ONE)
    await make_wait(store, call, 0)
    assert await store.queued_events(None, 10) == []
    (waiting,) = await store.deliveries(call.id)
    await store.write(Batch(deliveries=(settle(waiting, DeliveryState.DELIVERED, AT),)))
    assert await store.waiting_lanes() == []
    assert await store.due_deliveries(lane_of(ONE), in_s(99), 10) == []


async def test_settled_deliveries_are_removed_and_nothing_else(store: Store) -> None:
    call, events = await add_events(store, ONE, ONE, ONE, ONE)
    old, young, waiting, queued = await store.deliveries(call.id)
    old, young = settle(old, DeliveryState.FAILED, AT), settle(young, DeliveryState.DELIVERED, in_s(60))
    waiting = replace(waiting, state=DeliveryState.WAITING, due_at=AT)
    await store.write(Batch(deliveries=(old, young, waiting)))
    outdated = Outdated(keys_before=NEVER, deliveries_before=in_s(30))
    assert not await store.has_outdated(replace(outdated, deliveries_before=AT - timedelta(seconds=1)))
    assert await store.has_outdated(outdated)
    await store.write(Batch(outdated=outdated))
    assert not await store.has_outdated(outdated)
    assert await store.deliveries(call.id) == [young, waiting, queued]
    assert await store.events(call.id) == events


def make_request(number: int, begun_at: datetime = AT) -> KeyedRequest:
    return KeyedRequest(id=f"{number:064x}", fingerprint="f", reserved="r", begun_at=begun_at)


async def test_an_application_is_deleted_together_with_the_answer(store: Store) -> None:
    application = Application(id=ApplicationId("a-1"), account_id=ME, name="one", created_at=AT)
    await store.write(Batch(applications=(application,)))
    request = replace(make_request(1), answer=StoredAnswer(status=200, headers=(), body="", left_out="ab"))
    await store.delete_application(application.id, Batch(keyed_requests=(request,)))
    assert await store.application(application.id) is None
    assert await store.keyed_request(request.id) == request


async def test_keyed_requests_come_back_exactly_as_they_went(store: Store) -> None:
    request = make_request(1)
    assert await store.keyed_request(request.id) is None
    await store.write(Batch(keyed_requests=(request,)))
    assert await store.keyed_request(request.id) == request
    headers = (("location", "http://h/ü"), ("x", ""))
    answered = replace(request, answer=StoredAnswer(status=201, headers=headers, body='{"größe": "\u2028"}'))
    await store.write(Batch(keyed_requests=(answered,)))
    assert await store.keyed_request(request.id) == answered
    await store.write(Batch(forgotten_requests=(request.id,)))
    assert await store.keyed_request(request.id) is None
    await store.write(Batch(forgotten_requests=(request.id,)))


async def test_old_keys_are_removed_in_pieces(store: Store) -> None:
    young = make_request(0, in_s(60))
    await store.write(Batch(keyed_requests=(young, *(make_request(n + 1) for n in range(MAX_PURGED + 1)))))
    outdated = Outdated(keys_before=in_s(30), deliveries_before=NEVER)
    rounds = 0
    while await store.has_outdated(outdated):
        await store.write(Batch(outdated=outdated))
        rounds += 1
    assert rounds == 2
    assert await store.keyed_request(young.id) == young


async def test_accounts_remember_their_signing_secret(store: Store) -> None:
    account = Account(
        id=ME, token="t", secret_sha256="0", created_at=AT, webhook_generation=3, webhook_secret_changed_at=in_s(5)
    )
    await store.write(Batch(accounts=(account,)))
    assert await store.account(ME) == account
