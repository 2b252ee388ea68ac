"""One suite for every store: what `store.interface` promises, on memory and on SQLite."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trebuchet.base.ids import AccountId, CallId, GatherId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.model.account import Account
from trebuchet.model.application import Application
from trebuchet.model.call import Call, CallState, Direction, Diversion, HttpMethod, TransferRequest, WebhookTarget
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.delivery import DeliveryAttempt, DeliveryState
from trebuchet.model.event import LoggedEvent
from trebuchet.model.gather import Gather, GatherReason
from trebuchet.model.number import NumberState, PhoneNumber
from trebuchet.model.playback import Playback, PlaybackKind
from trebuchet.model.prompt import AudioFile, Gender, Sentence
from trebuchet.model.recording import Recording, RecordingFormat, RecordingSettings, RecordingState
from trebuchet.model.user_error import UserError
from trebuchet.store.errors import RowConflict
from trebuchet.store.interface import MAX_USER_ERRORS, Batch, CallFilter, NumberFilter, Page, Store, lane_of
from trebuchet.store.memory import MemoryStore
from trebuchet.store.sqlite import SqliteStore

AT = datetime(2016, 3, 2, 10, 0, 0, 123456, UTC)
ME = AccountId("u-me")
OTHER = AccountId("u-other")
URL = "http://app.example:5000/calls"


@pytest.fixture
def ids() -> Ids:
    return Ids(SeededRand(7))


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else await SqliteStore.open(tmp_path / "log.db")
    yield opened
    await opened.close()


def make_call(ids: Ids, **changes: object) -> Call:
    base = Call(
        id=ids.call(),
        account_id=ME,
        direction=Direction.IN,
        from_="+19195550188",
        to="+19195550100",
        state=CallState.RINGING,
        created_at=AT,
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # names are checked by replace itself


def make_event(
    ids: Ids, call: Call, sequence: int, url: str | None = None, payload: bytes | None = b"{}"
) -> LoggedEvent:
    return LoggedEvent(
        id=ids.event(),
        account_id=call.account_id,
        owner_id=call.id,
        sequence=sequence,
        at=AT + timedelta(seconds=sequence),
        name="answer",
        data="start",
        payload=payload,
        target=WebhookTarget(url=url, method=HttpMethod.GET, timeout_ms=500) if url else None,
    )


def make_recording(ids: Ids, call: Call, number: int, state: RecordingState = RecordingState.COMPLETE) -> Recording:
    return Recording(
        id=ids.recording(),
        account_id=call.account_id,
        call_id=call.id,
        media_name=f"{call.id}-{number}.wav",
        state=state,
        started_at=AT,
    )


def make_number(ids: Ids, number: str, **changes: object) -> PhoneNumber:
    base = PhoneNumber(id=ids.number(), account_id=ME, number=number, created_at=AT)
    return replace(base, **changes)  # type: ignore[arg-type]  # names are checked by replace itself


def make_error(ids: Ids, code: str, account: AccountId = ME) -> UserError:
    return UserError(
        id=ids.user_error(),
        account_id=account,
        at=AT,
        category="unavailable",
        code=code,
        message="Ü",
        details=(("callId", "c-1"), ("a", "b")),
    )


async def test_a_call_comes_back_exactly_as_it_went(store: Store, ids: Ids) -> None:
    full = make_call(
        ids,
        state=CallState.ENDED,
        answered_at=AT,
        ended_at=AT + timedelta(seconds=1),
        cause=Cause.BUSY,
        blame=Blame.PEER,
        ring_timeout_s=30,
        webhook=WebhookTarget(url="https://u:p@h/", method=HttpMethod.GET, timeout_ms=5, fallback_url="http://f/"),
        application_id=ids.application(),
        tag="größe \u2028 \U0001f600",
        sip_headers={"X-One": "1", "X-Two": ""},
        recording=RecordingSettings(is_enabled=True, format=RecordingFormat.MP3, max_duration_s=10),
        recordings_made=2,
        is_transcribed=True,
        bridge_id="brg-1",
        conference_id="conf-1",
        transfer=TransferRequest(to="+1", caller_id="private", whisper=Sentence(text="Hi", gender=Gender.MALE)),
        connected_to=ids.call(),
        diversion=Diversion(original_to="+1", limit=5, parameters=(("x", "y"),)),
        display_name="Bob",
        preferred_id="+2",
        withholds_number=True,
        withholds_name=False,
        playback=Playback(number=3, kind=PlaybackKind.SPEECH, tag="greeting", is_silent=True),
        gather=make_gather(ids, "c-1"),
        dialog=b"\x00\xff",
        events_logged=3,
    )
    other = make_call(
        ids, state=CallState.REJECTED, transfer=TransferRequest(to="x", whisper=AudioFile(url="http://a/"))
    )
    await store.write(Batch(calls=(full, other)))
    assert await store.call(full.id) == full
    assert await store.call(other.id) == other
    assert await store.call(CallId("c-nobody")) is None


async def test_a_call_changes_and_keeps_its_place(store: Store, ids: Ids) -> None:
    first, second = make_call(ids), make_call(ids)
    await store.write(Batch(calls=(first,)))
    await store.write(Batch(calls=(second,)))
    answered = replace(first, state=CallState.ANSWERED, bridge_id="brg-1")
    await store.write(Batch(calls=(answered,)))
    assert await store.call(first.id) == answered
    assert await store.calls(ME, CallFilter(), None) == [second, answered]
    assert await store.calls(ME, CallFilter(is_ascending=True), None) == [answered, second]


async def test_calls_are_filtered(store: Store, ids: Ids) -> None:
    plain = make_call(ids)
    dialled = make_call(ids, from_="sip:bob@x", to="+1")
    bridged = make_call(ids, bridge_id="brg-1", conference_id="conf-1")
    foreign = make_call(ids, account_id=OTHER, bridge_id="brg-1")
    await store.write(Batch(calls=(plain, dialled, bridged, foreign)))
    assert await store.calls(ME, CallFilter(from_="sip:bob@x"), None) == [dialled]
    assert await store.calls(ME, CallFilter(to="+19195550100"), None) == [bridged, plain]
    assert await store.calls(ME, CallFilter(bridge_id="brg-1"), None) == [bridged]
    assert await store.calls(ME, CallFilter(conference_id="conf-1"), None) == [bridged]
    assert await store.calls(ME, CallFilter(from_="sip:bob@x", bridge_id="brg-1"), None) == []


async def test_pages_hold_one_more_row_when_there_are_more(store: Store, ids: Ids) -> None:
    made = [make_call(ids) for _ in range(5)]
    await store.write(Batch(calls=tuple(made)))
    where = CallFilter(is_ascending=True)
    assert await store.calls(ME, where, Page(0, 2)) == made[:3]
    assert await store.calls(ME, where, Page(1, 2)) == made[2:5]
    assert await store.calls(ME, where, Page(2, 2)) == made[4:]
    assert await store.calls(ME, where, Page(3, 2)) == []


async def test_open_calls_are_those_that_are_not_final(store: Store, ids: Ids) -> None:
    ringing, answered = make_call(ids), make_call(ids, account_id=OTHER, state=CallState.TRANSFERRING)
    ended = make_call(ids, state=CallState.ENDED)
    await store.write(Batch(calls=(ringing, answered, ended)))
    assert await store.open_calls() == [ringing, answered]
    await store.write(Batch(calls=(replace(ringing, state=CallState.REJECTED),)))
    assert await store.open_calls() == [answered]


async def test_events_come_back_in_order(store: Store, ids: Ids) -> None:
    call, other = make_call(ids, events_logged=3), make_call(ids)
    made = [make_event(ids, call, n, url="http://a/", payload=b'{"x":"\xc3\xbc"}') for n in (1, 2, 3)]
    await store.write(Batch(calls=(call, other), events=(made[0], make_event(ids, other, 1))))
    await store.write(Batch(events=(made[1], made[2])))
    assert await store.events(call.id) == made
    assert await store.event(call.id, made[1].id) == made[1]
    assert await store.event(other.id, made[1].id) is None
    assert await store.events(CallId("c-nobody")) == []


async def test_the_whole_log_is_read_from_a_place_on(store: Store, ids: Ids) -> None:
    assert (await store.log_position(), await store.log_after(0, 9)) == (0, [])
    mine, others = make_call(ids), make_call(ids, account_id=OTHER)
    stored = [make_event(ids, mine, 1), make_event(ids, others, 1), make_event(ids, mine, 2), make_event(ids, mine, 3)]
    await store.write(Batch(calls=(mine, others), events=tuple(stored[:2])))
    await store.write(Batch(events=tuple(stored[2:])))
    placed = await store.log_after(0, 9)
    places = [place for place, _ in placed]
    assert [event for _, event in placed] == stored
    assert places == sorted(set(places)) and places[0] > 0
    assert await store.log_position() == places[-1]
    assert await store.log_after(places[1], 1) == placed[2:3]
    assert await store.log_after(places[-1], 9) == []


async def test_an_event_number_is_given_once(store: Store, ids: Ids) -> None:
    call = make_call(ids)
    await store.write(Batch(calls=(call,), events=(make_event(ids, call, 1),)))
    ended = replace(call, state=CallState.ENDED)
    with pytest.raises(RowConflict):
        await store.write(Batch(calls=(ended,), events=(make_event(ids, call, 1),)))
    assert await store.call(call.id) == call, "nothing of the batch may stay"
    with pytest.raises(RowConflict):
        await store.write(Batch(events=(make_event(ids, make_call(ids), 1),)))


async def test_a_wrong_batch_does_not_spoil_its_neighbours(store: Store, ids: Ids) -> None:
    call = make_call(ids)
    await store.write(Batch(calls=(call,), events=(make_event(ids, call, 1),)))
    good = [make_call(ids) for _ in range(20)]
    batches = [Batch(calls=(c,), events=(make_event(ids, c, 1),)) for c in good]
    batches.insert(10, Batch(events=(make_event(ids, call, 1),)))
    results = await asyncio.gather(*map(store.write, batches), return_exceptions=True)
    assert [type(result) for result in results].count(RowConflict) == 1
    assert isinstance(results[10], RowConflict)
    assert all([len(await store.events(c.id)) == 1 for c in good])


async def test_what_follows_a_write_happens_once_it_is_stored_whoever_still_waits(store: Store, ids: Ids) -> None:
    told: list[str] = []
    call, other = make_call(ids), make_call(ids)
    writes = [
        asyncio.create_task(store.write(Batch(calls=(call,)), lambda: told.append("first"))),
        asyncio.create_task(store.write(Batch(calls=(other,)), lambda: told.append("second"))),
    ]
    await asyncio.sleep(0)
    writes[0].cancel()
    await asyncio.gather(*writes, return_exceptions=True)
    assert told == ["first", "second"]
    assert await store.call(call.id) == call
    with pytest.raises(RowConflict):
        clash = (make_event(ids, call, 1), make_event(ids, call, 1))
        await store.write(Batch(events=clash), lambda: told.append("never"))
    assert told == ["first", "second"]


async def test_many_batches_at_once_keep_the_order_of_each_call(store: Store, ids: Ids) -> None:
    async def live() -> Call:
        call = make_call(ids)
        for n in range(1, 8):
            call = replace(call, events_logged=n, state=CallState.ENDED if n == 7 else CallState.ANSWERED)
            await store.write(Batch(calls=(call,), events=(make_event(ids, call, n),)))
            assert await store.call(call.id) == call, "a read sees every write that has returned"
        return call

    for call in await asyncio.gather(*(live() for _ in range(40))):
        assert [event.sequence for event in await store.events(call.id)] == list(range(1, 8))


async def test_the_queue_of_a_lane_is_read_from_the_log(store: Store, ids: Ids) -> None:
    call, other = make_call(ids), make_call(ids)
    here = [make_event(ids, call, n, url=URL) for n in range(1, 5)]
    batch = Batch(
        calls=(call, other),
        events=(
            here[0],
            make_event(ids, other, 1, url="http://elsewhere/"),
            here[1],
            make_event(ids, other, 2, url=URL, payload=None),
            make_event(ids, other, 3),
            here[2],
            here[3],
        ),
    )
    await store.write(batch)
    assert await store.events_after(here[0], lane_of(URL + "?other=path"), 10) == here[1:]
    assert await store.events_after(here[0], lane_of(URL), 2) == here[1:3]
    assert await store.events_after(here[3], lane_of(URL), 10) == []


async def test_recordings(store: Store, ids: Ids) -> None:
    call, foreign = make_call(ids), make_call(ids, account_id=OTHER)
    first, second = make_recording(ids, call, 1, RecordingState.RECORDING), make_recording(ids, call, 2)
    theirs = make_recording(ids, foreign, 1, RecordingState.SAVING)
    await store.write(Batch(calls=(call, foreign), recordings=(first, theirs)))
    await store.write(Batch(recordings=(second,)))
    assert await store.recording(first.id) == first
    assert await store.recording_by_media_name(ME, second.media_name) == second
    assert await store.recording_by_media_name(OTHER, second.media_name) is None
    assert await store.recordings(ME, Page()) == [second, first]
    assert await store.recordings(ME, Page(1, 1)) == [first]
    assert await store.recordings_of_call(call.id) == [first, second]
    assert await store.unfinished_recordings() == [first, theirs]
    done = replace(first, state=RecordingState.ERROR, ended_at=AT, duration_ms=5)
    await store.write(Batch(recordings=(done,)))
    assert await store.recording(first.id) == done
    assert await store.unfinished_recordings() == [theirs]
    with pytest.raises(RowConflict):
        await store.write(Batch(recordings=(make_recording(ids, call, 2),)))


def make_gather(ids: Ids, call_id: str, **more: object) -> Gather:
    base = Gather(id=ids.gather(), account_id=ME, call_id=CallId(call_id), created_at=AT, tag="pin")
    return replace(base, **more)  # type: ignore[arg-type]  # likewise


async def test_gathers_that_ended(store: Store, ids: Ids) -> None:
    gather = make_gather(
        ids,
        "c-1",
        max_digits=4,
        inter_digit_s=0.5,
        terminators="*#",
        suppresses_digits=True,
        digits="12",
        reason=GatherReason.CALL_ENDED,
        completed_at=AT + timedelta(seconds=3),
    )
    await store.write(Batch(calls=(make_call(ids),), gathers=(gather, make_gather(ids, "c-2"))))
    assert await store.gather(gather.id) == gather
    assert await store.gather(GatherId("gtr-nope")) is None
    await store.write(Batch(gathers=(replace(gather, digits="123"),)))
    assert await store.gather(gather.id) == replace(gather, digits="123")


async def test_accounts(store: Store, ids: Ids) -> None:
    account = Account(id=ids.account(), token="t-1", secret_sha256="00", created_at=AT)
    await store.write(Batch(accounts=(account,)))
    assert await store.account(account.id) == account
    assert await store.account_by_token("t-1") == account
    assert await store.account_by_token("t-2") is None
    renewed = replace(account, token="t-2")
    await store.write(Batch(accounts=(renewed,)))
    assert await store.account_by_token("t-1") is None
    assert await store.account_by_token("t-2") == renewed
    assert await store.accounts() == [renewed]
    with pytest.raises(RowConflict):
        await store.write(Batch(accounts=(replace(account, id=ids.account(), token="t-2"),)))


async def test_applications_and_the_numbers_bound_to_them(store: Store, ids: Ids) -> None:
    first, second = (
        Application(id=ids.application(), account_id=ME, name=name, created_at=AT) for name in ("one", "two")
    )
    number = make_number(ids, "+19195550100", application_id=first.id)
    await store.write(Batch(applications=(first, second), numbers=(number,)))
    assert await store.applications(ME, Page()) == [second, first]
    assert await store.applications(OTHER, Page()) == []
    route = await store.find_number("+19195550100")
    assert route is not None
    assert (route.number, route.application) == (number, first)
    await store.delete_application(first.id)
    assert await store.application(first.id) is None
    assert await store.applications(ME, Page()) == [second]
    assert await store.number(number.id) == replace(number, application_id=None)
    route = await store.find_number("+19195550100")
    assert route is not None
    assert route.application is None


async def test_numbers(store: Store, ids: Ids) -> None:
    mine = make_number(ids, "+19195550100", name="Desk", city="Cary", region="NC")
    theirs = make_number(ids, "+19195550101", account_id=OTHER)
    gone = make_number(ids, "+19195550102", state=NumberState.RELEASED)
    await store.write(Batch(numbers=(mine, theirs, gone)))
    assert await store.number_by_e164("+19195550100") == mine
    assert await store.number_by_e164("+19195550102") is None
    assert await store.find_number("+19195550102") is None
    assert await store.owns_number(ME, "+19195550100")
    assert not await store.owns_number(ME, "+19195550101")
    assert not await store.owns_number(ME, "+19195550102")
    assert await store.has_numbers(ME)
    assert not await store.has_numbers(AccountId("u-nobody"))
    assert await store.numbers(ME, NumberFilter(), Page()) == [mine]
    assert await store.numbers(ME, NumberFilter(name="dESK", city="cary", region="nc"), Page()) == [mine]
    assert await store.numbers(ME, NumberFilter(name="Des"), Page()) == []
    assert await store.numbers(ME, NumberFilter(state=NumberState.RELEASED), Page()) == [gone]
    assert await store.numbers(ME, NumberFilter(application_id=ids.application()), Page()) == []


async def test_a_number_has_one_owner_at_a_time(store: Store, ids: Ids) -> None:
    old = make_number(ids, "+19195550100")
    new = make_number(ids, "+19195550100", account_id=OTHER)
    await store.write(Batch(numbers=(old,)))
    with pytest.raises(RowConflict):
        await store.write(Batch(numbers=(new,)))
    assert not await store.owns_number(OTHER, "+19195550100")
    await store.write(Batch(numbers=(new, replace(old, state=NumberState.RELEASED))))
    assert await store.number_by_e164("+19195550100") == new
    assert not await store.has_numbers(ME)


async def test_user_errors_are_bounded_for_each_account(store: Store, ids: Ids) -> None:
    theirs = make_error(ids, "theirs", OTHER)
    await store.write(Batch(user_errors=(theirs,)))
    made = [make_error(ids, f"code-{n}") for n in range(MAX_USER_ERRORS + 30)]
    for start in range(0, len(made), 103):
        await store.write(Batch(user_errors=tuple(made[start : start + 103])))
    assert await store.user_errors(ME, Page(0, 2000)) == made[: -MAX_USER_ERRORS - 1 : -1]
    assert await store.user_errors(ME, Page(1, 2)) == [made[-3], made[-4], made[-5]]
    assert await store.user_error(made[0].id) is None
    assert await store.user_error(made[-1].id) == made[-1]
    assert await store.user_errors(OTHER, Page()) == [theirs]


async def test_it_is_healthy(store: Store) -> None:
    assert store.healthy


async def test_deliveries_are_queued_with_their_events_until_they_are_known(store: Store, ids: Ids) -> None:
    call, other = make_call(ids), make_call(ids)
    events = tuple(make_event(ids, call, number, URL) for number in (1, 2, 3))
    quiet = (make_event(ids, call, 4), make_event(ids, call, 5, URL, payload=None))
    await store.write(Batch(calls=(call,), events=(*events, *quiet)))
    later = make_event(ids, other, 1, "http://other.example/")
    await store.write(Batch(calls=(other,), events=(later,)))
    begun = await store.deliveries(call.id)
    assert [(d.event_id, d.sequence, d.server, d.state) for d in begun] == [
        (event.id, event.sequence, lane_of(URL), DeliveryState.QUEUED) for event in events
    ]
    assert await store.queued_events(None, 10) == [*events, later]
    assert await store.queued_events(None, 2) == list(events[:2])
    assert await store.queued_events(events[1], 10) == [events[2], later]
    attempt = DeliveryAttempt(at=AT, url="http://x.example/", verdict="acknowledged", status=200, duration_ms=5)
    told = replace(begun[1], state=DeliveryState.DELIVERED, attempts=(attempt,))
    await store.write(Batch(deliveries=(told,)))
    assert await store.deliveries(call.id) == [begun[0], told, begun[2]]
    assert await store.queued_events(None, 10) == [events[0], events[2], later]
    assert await store.events_after(events[0], lane_of(URL), 10) == [events[2]]
    assert await store.deliveries(CallId("c-unknown")) == []
