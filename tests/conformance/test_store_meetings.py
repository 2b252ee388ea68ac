"""Bridges, conferences and their members in every store: what `store.interface` promises."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trebuchet.base.ids import AccountId, BridgeId, ConferenceId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.model.bridge import Bridge, BridgeState
from trebuchet.model.call import Call, CallState, Direction, HttpMethod, WebhookTarget
from trebuchet.model.conference import Conference, ConferenceState, KeyProfile, Member
from trebuchet.model.delivery import DeliveryState
from trebuchet.model.event import LoggedEvent, OwnerKind
from trebuchet.store.errors import RowConflict
from trebuchet.store.interface import Batch, Page, Store, lane_of
from trebuchet.store.memory import MemoryStore
from trebuchet.store.sqlite import SqliteStore

AT = datetime(2016, 3, 2, 11, 0, 0, 5, UTC)
ME, OTHER = AccountId("u-me"), AccountId("u-other")
URL = "http://app.example:5000/conf"


@pytest.fixture
def ids() -> Ids:
    return Ids(SeededRand(11))


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else await SqliteStore.open(tmp_path / "log.db")
    yield opened
    await opened.close()


def make_conference(ids: Ids, state: ConferenceState = ConferenceState.CREATED) -> Conference:
    return Conference(id=ids.conference(), account_id=ME, from_="+19195550100", state=state, created_at=AT)


def make_call(ids: Ids) -> Call:
    return Call(
        id=ids.call(), account_id=ME, direction=Direction.IN, from_="+1", to="+2", state=CallState.ANSWERED,
        created_at=AT,
    )  # fmt: skip


def make_event(ids: Ids, owner: Conference | Call, sequence: int) -> LoggedEvent:
    return LoggedEvent(
        id=ids.event(),
        account_id=ME,
        owner_id=owner.id,
        owner_kind=OwnerKind.CONFERENCE if isinstance(owner, Conference) else OwnerKind.CALL,
        sequence=sequence,
        at=AT,
        name="conference",
        payload=b"{}",
        target=WebhookTarget(url=URL),
    )


async def test_a_conference_comes_back_exactly_as_it_went(store: Store, ids: Ids) -> None:
    full = replace(
        make_conference(ids, ConferenceState.ENDED),
        ended_at=AT + timedelta(seconds=5),
        active_members=3,
        is_held=True,
        is_muted=True,
        profile=KeyProfile.PASS_THROUGH,
        webhook_url=URL,
        webhook_method=HttpMethod.GET,
        webhook_timeout_ms=2000,
        fallback_url="http://spare.example/",
        tag="größe",
        events_logged=4,
    )
    await store.write(Batch(conferences=(full,)))
    assert await store.conference(full.id) == full
    assert await store.conference(ConferenceId("conf-nobody")) is None
    changed = replace(full, tag=None)
    await store.write(Batch(conferences=(changed,)))
    assert await store.conference(full.id) == changed


async def test_members_stay_listed_in_order_of_joining(store: Store, ids: Ids) -> None:
    conference, other = make_conference(ids), make_conference(ids)
    members = [
        Member(id=ids.member(), account_id=ME, conference_id=conference.id, call_id=ids.call(), added_at=AT)
        for _ in range(3)
    ]
    await store.write(Batch(conferences=(conference, other), members=tuple(members[:2])))
    left = replace(members[0], removed_at=AT, is_muted=True, is_held=True, has_join_tone=True, has_leave_tone=True)
    await store.write(Batch(members=(left, members[2])))
    assert await store.members(conference.id) == [left, members[1], members[2]]
    assert await store.members(other.id) == []


async def test_conferences_in_use_are_those_with_members(store: Store, ids: Ids) -> None:
    fresh, active, ended = (make_conference(ids, state) for state in ConferenceState)
    await store.write(Batch(conferences=(fresh, active, ended)))
    assert await store.conferences_in_use() == [active]
    await store.write(Batch(conferences=(replace(active, state=ConferenceState.ENDED),)))
    assert await store.conferences_in_use() == []


async def test_events_of_a_conference_and_of_a_call_never_mix(store: Store, ids: Ids) -> None:
    call, conference = make_call(ids), make_conference(ids)
    """Both are the first of their tables, so their sequences are the same."""
    of_call, of_conference = make_event(ids, call, 1), [make_event(ids, conference, n) for n in (1, 2)]
    await store.write(Batch(calls=(call,), conferences=(conference,), events=(of_conference[0], of_call)))
    await store.write(Batch(events=(of_conference[1],)))
    assert await store.events(call.id) == [of_call]
    assert await store.events(conference.id) == of_conference
    assert await store.event(conference.id, of_conference[1].id) == of_conference[1]
    with pytest.raises(RowConflict):
        await store.write(Batch(events=(make_event(ids, conference, 2),)))
    with pytest.raises(RowConflict):
        await store.write(Batch(events=(make_event(ids, make_conference(ids), 1),)))


async def test_deliveries_of_a_conference_are_queued_in_order_of_storing(store: Store, ids: Ids) -> None:
    call, conference = make_call(ids), make_conference(ids)
    events = [make_event(ids, owner, n) for n in (1, 2) for owner in (conference, call)]
    await store.write(Batch(calls=(call,), conferences=(conference,), events=tuple(events)))
    assert await store.queued_events(None, 10) == events
    assert await store.queued_events(events[0], 10) == events[1:]
    assert await store.events_after(events[2], lane_of(URL), 10) == [events[3]]
    begun = await store.deliveries(conference.id)
    assert [(d.owner_id, d.sequence, d.state) for d in begun] == [
        (conference.id, n, DeliveryState.QUEUED) for n in (1, 2)
    ]
    await store.write(Batch(deliveries=(replace(begun[0], state=DeliveryState.DELIVERED),)))
    assert await store.queued_events(None, 10) == events[1:]


async def test_bridges_are_listed_newest_first_for_their_account(store: Store, ids: Ids) -> None:
    made = [Bridge(id=ids.bridge(), account_id=ME, state=BridgeState.CREATED, created_at=AT) for _ in range(4)]
    theirs = Bridge(id=ids.bridge(), account_id=OTHER, state=BridgeState.CREATED, created_at=AT)
    await store.write(Batch(bridges=(*made, theirs)))
    full = replace(
        made[0],
        state=BridgeState.HELD,
        activated_at=AT,
        ended_at=AT,
        has_audio=False,
        call_ids=(ids.call(), ids.call()),
    )
    await store.write(Batch(bridges=(full,)))
    assert await store.bridge(full.id) == full
    assert await store.bridge(BridgeId("brg-nobody")) is None
    assert await store.bridges(ME, Page(0, 2)) == [made[3], made[2], made[1]]
    assert await store.bridges(ME, Page(1, 2)) == [made[1], full]
    assert await store.bridges(OTHER, Page()) == [theirs]


async def test_bridges_in_use_are_open_and_have_calls(store: Store, ids: Ids) -> None:
    call_ids = (ids.call(),)
    empty, used, ended = (
        Bridge(id=ids.bridge(), account_id=ME, state=state, created_at=AT, call_ids=calls)
        for state, calls in (
            (BridgeState.CREATED, ()),
            (BridgeState.CREATED, call_ids),
            (BridgeState.ENDED, call_ids),
        )
    )
    await store.write(Batch(bridges=(empty, used, ended)))
    assert await store.bridges_in_use() == [used]
