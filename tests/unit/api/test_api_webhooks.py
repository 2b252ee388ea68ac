"""Deliveries as clients see them, delivering again, and the signing secret."""

from datetime import timedelta
from pathlib import Path

import pytest

from support.api_world import CALL_ID, START, USER, ApiWorld, an_event, make_world
from trebuchet.base.values import replace
from trebuchet.model.account import WEBHOOK_SECRET_GRACE
from trebuchet.model.call import WebhookTarget
from trebuchet.model.delivery import Delivery, DeliveryAttempt, DeliveryState
from trebuchet.secret_key import KEY_BYTES
from trebuchet.store.interface import Batch
from trebuchet.webhook_secrets import WebhookSecrets

PATH = f"/calls/{CALL_ID}/deliveries"
REFUSED = DeliveryAttempt(at=START, url="http://app.example/", verdict="refused", status=500, duration_ms=12)
BROKEN = DeliveryAttempt(at=START + timedelta(seconds=1), url="http://spare.example/", verdict="broken")


@pytest.fixture
async def world(tmp_path: Path) -> ApiWorld:
    return await make_world(tmp_path)


async def add_delivery(world: ApiWorld, state: DeliveryState) -> Delivery:
    call = await world.add_call()
    event = an_event(2, "answer", payload=b"{}", target=WebhookTarget(url="http://me:pw@app.example/"))
    await world.store.write(Batch(events=(an_event(1, "create"), event)))
    (begun,) = await world.store.deliveries(call.id)
    if state is DeliveryState.QUEUED:
        return begun
    is_over = state is not DeliveryState.WAITING
    later = START + timedelta(seconds=30)
    made = replace(
        begun,
        state=state,
        attempts=(REFUSED, BROKEN),
        due_at=None if is_over else later,
        settled_at=later if is_over else None,
    )
    await world.store.write(Batch(deliveries=(made,)))
    return made


async def test_attempts_are_shown(world: ApiWorld) -> None:
    await add_delivery(world, DeliveryState.WAITING)
    (shown,) = (await world.get(PATH)).json()
    assert shown == {
        "eventId": "ce-2",
        "eventType": "answer",
        "sequence": 2,
        "state": "waiting",
        "attempts": [
            {
                "time": "2016-03-02T10:00:00Z",
                "url": "http://app.example/",
                "result": "refused",
                "statusCode": 500,
                "duration": 12,
            },
            {"time": "2016-03-02T10:00:01Z", "url": "http://spare.example/", "result": "broken", "duration": 0},
        ],
        "nextAttemptTime": "2016-03-02T10:00:30Z",
    }
    assert (await world.get(f"{PATH}/ce-2")).json() == shown


@pytest.mark.parametrize("state", [DeliveryState.DELIVERED, DeliveryState.FAILED])
async def test_what_is_over_says_when(world: ApiWorld, state: DeliveryState) -> None:
    await add_delivery(world, state)
    shown = (await world.get(f"{PATH}/ce-2")).json()
    assert (shown["state"], shown["completedTime"]) == (state.value, "2016-03-02T10:00:30Z")
    assert "nextAttemptTime" not in shown


async def test_what_is_being_delivered_has_no_attempts_yet(world: ApiWorld) -> None:
    await add_delivery(world, DeliveryState.QUEUED)
    shown = (await world.get(f"{PATH}/ce-2")).json()
    assert (shown["state"], shown["attempts"]) == ("queued", [])


@pytest.mark.parametrize("state", [DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.WAITING])
async def test_delivering_again(world: ApiWorld, state: DeliveryState) -> None:
    delivery = await add_delivery(world, state)
    answer = await world.post(f"{PATH}/ce-2", {})
    assert (answer.status_code, answer.content) == (200, b"")
    assert world.asked_again == [delivery]


async def test_not_while_it_is_being_delivered(world: ApiWorld) -> None:
    await add_delivery(world, DeliveryState.QUEUED)
    answer = await world.post(f"{PATH}/ce-2", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "delivery-in-progress")
    assert world.asked_again == []


@pytest.mark.parametrize("event_id", ["ce-1", "ce-nothing"])
async def test_events_without_a_delivery(world: ApiWorld, event_id: str) -> None:
    await add_delivery(world, DeliveryState.DELIVERED)
    for answer in (await world.get(f"{PATH}/{event_id}"), await world.post(f"{PATH}/{event_id}", {})):
        assert (answer.status_code, answer.json()["code"]) == (404, "delivery-not-found")


async def test_other_accounts_calls_are_unknown(world: ApiWorld) -> None:
    await add_delivery(world, DeliveryState.DELIVERED)
    call = await world.store.call(an_event(1, "x").owner_id)  # type: ignore[arg-type]  # it is a call's
    assert call is not None
    await world.store.write(Batch(calls=(replace(call, account_id=world.stranger.id),)))
    for answer in (await world.get(PATH), await world.get(f"{PATH}/ce-2"), await world.post(f"{PATH}/ce-2", {})):
        assert (answer.status_code, answer.json()["code"]) == (404, "call-not-found")
    assert world.asked_again == []


async def test_the_signing_secret_is_read_and_changed(world: ApiWorld) -> None:
    secrets = WebhookSecrets(b"k" * KEY_BYTES)
    first = (await world.get("/webhookSecret")).json()
    assert first == {"secret": secrets.current(world.account)}
    answer = await world.post("/webhookSecret", {})
    assert (answer.status_code, answer.content) == (200, b"")
    changed = await world.store.account(world.account.id)
    assert changed is not None
    second = (await world.get("/webhookSecret")).json()
    assert second == {
        "secret": secrets.current(changed),
        "changedTime": "2016-03-02T10:00:00Z",
        "previousValidUntil": "2016-03-03T10:00:00Z",
    }
    assert second["secret"] != first["secret"]
    world.clock.moment = START + WEBHOOK_SECRET_GRACE
    assert "previousValidUntil" not in (await world.get("/webhookSecret")).json()
    stranger = ("t-two", "s-two")
    theirs = await world.client.get(f"/v1/users/{world.stranger.id}/webhookSecret", auth=stranger)
    assert theirs.json()["secret"] not in (first["secret"], second["secret"])
    assert (await world.client.get(f"/v1/users/{USER}/webhookSecret", auth=stranger)).status_code == 401
