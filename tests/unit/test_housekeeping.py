"""What is kept long enough goes, in pieces; the rest stays."""

from datetime import timedelta

from trebuchet.base.ids import AccountId, CallId, EventId
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.events.retries import settle
from trebuchet.housekeeping import Housekeeping
from trebuchet.model.call import Call, CallState, Direction, WebhookTarget
from trebuchet.model.delivery import DeliveryState
from trebuchet.model.event import LoggedEvent
from trebuchet.model.keyed_request import LIFETIME, KeyedRequest
from trebuchet.store.interface import MAX_PURGED, Batch
from trebuchet.store.memory import MemoryStore
from trebuchet.testing.clock import VirtualClock

KEEP = timedelta(days=3)


async def add_deliveries(store: MemoryStore, clock: VirtualClock, count: int) -> CallId:
    call = Call(
        id=CallId("c-1"),
        account_id=AccountId("u-1"),
        direction=Direction.IN,
        from_="+1",
        to="+2",
        state=CallState.ENDED,
        created_at=clock.utc(),
    )
    events = tuple(
        LoggedEvent(
            id=EventId(f"ce-{number}"),
            account_id=call.account_id,
            owner_id=call.id,
            sequence=number,
            at=clock.utc(),
            name="dtmf",
            payload=b"{}",
            target=WebhookTarget(url="http://a/"),
        )
        for number in range(1, count + 1)
    )
    await store.write(Batch(calls=(call,), events=events))
    return call.id


async def test_settled_deliveries_go_after_their_time_and_others_stay() -> None:
    store, clock = MemoryStore(), VirtualClock()
    call_id = await add_deliveries(store, clock, 2)
    first, second = await store.deliveries(call_id)
    await store.write(Batch(deliveries=(settle(first, DeliveryState.DELIVERED, clock.utc()),)))
    housekeeping = Housekeeping(store, clock, KEEP)
    clock.advance(KEEP.total_seconds())
    assert not await housekeeping.remove_piece()
    clock.advance(1)
    assert await housekeeping.remove_piece()
    assert await store.deliveries(call_id) == [second]
    assert len(await store.events(call_id)) == 2, "the log itself stays"
    assert not await housekeeping.remove_piece()


async def test_much_goes_in_pieces() -> None:
    store, clock = MemoryStore(), VirtualClock()
    call_id = await add_deliveries(store, clock, MAX_PURGED + 1)
    done = tuple(settle(item, DeliveryState.FAILED, clock.utc()) for item in await store.deliveries(call_id))
    await store.write(Batch(deliveries=done))
    clock.advance(KEEP.total_seconds() + 1)
    housekeeping = Housekeeping(store, clock, KEEP)
    left = []
    while await housekeeping.remove_piece():
        left.append(len(await store.deliveries(call_id)))
    assert left == [1, 0]


async def test_keys_go_after_a_day() -> None:
    store, clock = MemoryStore(), VirtualClock()
    request = KeyedRequest(id="k", fingerprint="f", reserved="r", begun_at=clock.utc())
    await store.write(Batch(keyed_requests=(request,)))
    housekeeping = Housekeeping(store, clock, KEEP)
    clock.advance(LIFETIME.total_seconds())
    assert not await housekeeping.remove_piece()
    clock.advance(1)
    assert await housekeeping.remove_piece()
    assert await store.keyed_request("k") is None


async def test_a_log_that_fails_is_left_for_later() -> None:
    store, clock = MemoryStore(), VirtualClock()
    store.fail_with = LogUnavailable("full")
    assert not await Housekeeping(store, clock, KEEP).remove_piece()
