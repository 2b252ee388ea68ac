"""Transcriptions, uploaded files, stock and charges in every store: what `store.library_interface` promises."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from trebuchet.base.ids import AccountId, CallId, Ids, RecordingId, TranscriptionId
from trebuchet.base.rand import SeededRand
from trebuchet.base.values import replace
from trebuchet.model.call import WebhookTarget
from trebuchet.model.charge import Charge, Product
from trebuchet.model.media_file import MediaFile
from trebuchet.model.stock import CallerName, StockKind, StockNumber, stock_kind
from trebuchet.model.transcription import Transcription, TranscriptionState
from trebuchet.store.interface import Batch, ChargeFilter, LibraryChanges, Page, StockFilter, Store
from trebuchet.store.memory import MemoryStore
from trebuchet.store.sqlite import SqliteStore

AT = datetime(2016, 3, 2, 11, 0, 0, 5, UTC)
ME, OTHER = AccountId("u-me"), AccountId("u-other")


@pytest.fixture
def ids() -> Ids:
    return Ids(SeededRand(5))


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else await SqliteStore.open(tmp_path / "log.db")
    yield opened
    await opened.close()


async def write(store: Store, **changes: object) -> None:
    await store.write(Batch(library=replace(LibraryChanges(), **changes)))


def a_transcription(ids: Ids, recording: str = "rec-1", call: str = "c-1", **more: object) -> Transcription:
    base = Transcription(
        id=ids.transcription(),
        account_id=ME,
        call_id=CallId(call),
        recording_id=RecordingId(recording),
        created_at=AT,
    )
    return replace(base, **more)


def a_file(ids: Ids, name: str = "été/1.wav", account: AccountId = ME) -> MediaFile:
    return MediaFile(
        id=ids.media_file(),
        account_id=account,
        name=name,
        size_bytes=3,
        content_type="audio/wav",
        cache_control=None,
        uploaded_at=AT,
    )


async def test_transcriptions(store: Store, ids: Ids) -> None:
    first = a_transcription(ids, webhook=WebhookTarget(url="http://app.example/"), duration_ms=7)
    second, third = a_transcription(ids, "rec-2"), a_transcription(ids, "rec-3", "c-2")
    await write(store, transcriptions=(first, second))
    await write(store, transcriptions=(third,))
    assert await store.transcription(first.id) == first
    assert await store.transcription(TranscriptionId("t-nope")) is None
    assert await store.transcriptions_of_recording(RecordingId("rec-1"), None) == [first]
    assert await store.transcriptions_of_call(CallId("c-1")) == [first, second]
    assert await store.unfinished_transcriptions(2) == [first, second]
    done = replace(first, state=TranscriptionState.COMPLETED, excerpt="ü", text_chars=1)
    await write(store, transcriptions=(done,))
    assert await store.transcription(first.id) == done
    assert await store.unfinished_transcriptions(9) == [second, third]


async def test_pages_of_transcriptions(store: Store, ids: Ids) -> None:
    made = tuple(a_transcription(ids) for _ in range(5))
    await write(store, transcriptions=made)
    assert await store.transcriptions_of_recording(RecordingId("rec-1"), Page(0, 2)) == list(made[:3])
    assert await store.transcriptions_of_recording(RecordingId("rec-1"), Page(2, 2)) == list(made[4:])


async def test_media_files_are_found_by_account_and_name(store: Store, ids: Ids) -> None:
    mine, theirs, another = a_file(ids), a_file(ids, account=OTHER), a_file(ids, "b")
    await write(store, media_files=(mine, theirs, another))
    assert await store.media_file(ME, "été/1.wav") == mine
    assert await store.media_file(OTHER, "été/1.wav") == theirs
    assert await store.media_file(OTHER, "b") is None
    assert {file.id for file in await store.media_files(ME)} == {mine.id, another.id}


async def test_a_file_replaces_the_one_of_its_name(store: Store, ids: Ids) -> None:
    old, new = a_file(ids), a_file(ids)
    await write(store, media_files=(old,))
    await write(store, media_files=(new,))
    assert await store.media_files(ME) == [new]
    await write(store, removed_media=(old,))
    assert await store.media_files(ME) == [new], "removing the old one leaves the new one alone"
    await write(store, removed_media=(new,))
    assert await store.media_files(ME) == []


def a_number(number: str, **more: object) -> StockNumber:
    return replace(StockNumber(number=number, kind=stock_kind(number), added_at=AT), **more)


async def test_stock(store: Store) -> None:
    cary = a_number("+19195550100", city="Cary", region="NC", zip_code="27513", price="0.60")
    york, free = a_number("+12125550100", region="NY"), a_number("+18005550100")
    abroad = a_number("+442079460000")
    await write(store, stock=(cary, york, free, abroad))
    local = StockKind.LOCAL
    assert await store.stock(StockFilter(kind=local)) == [cary, york, abroad]
    assert await store.stock(StockFilter(kind=local, area_code="919")) == [cary]
    assert await store.stock(StockFilter(kind=local, region="NY")) == [york]
    assert await store.stock(StockFilter(kind=local, zip_code="27513")) == [cary]
    assert await store.stock(StockFilter(kind=StockKind.TOLL_FREE)) == [free]
    moved = replace(york, city="New York", zip_code="10001")
    await write(store, stock=(moved,), removed_stock=(cary.number,))
    assert await store.stock_number(york.number) == moved
    assert await store.stock_number(cary.number) is None
    assert await store.stock(StockFilter(kind=local, zip_code="10001")) == [moved]


async def test_caller_names(store: Store) -> None:
    old = CallerName(number="+1", name="OLD", created_at=AT, updated_at=AT)
    new = replace(old, name="NEW", updated_at=AT + timedelta(days=1))
    await write(store, caller_names=(old,))
    await write(store, caller_names=(new,))
    assert await store.caller_name("+1") == new and await store.caller_names() == [new]
    assert await store.caller_name("+2") is None


async def test_charges(store: Store, ids: Ids) -> None:
    made = [
        Charge(
            id=ids.charge(),
            account_id=ME if place < 4 else OTHER,
            at=AT + timedelta(minutes=place),
            product=Product.CALL_IN,
            units=place,
            amount=Decimal("0.01") * place,
            number="+1" if place % 2 else None,
        )
        for place in range(5)
    ]
    await write(store, charges=tuple(made[:2]))
    await write(store, charges=tuple(made[2:]))
    newest = [made[3], made[2], made[1], made[0]]
    assert await store.charges(ME, ChargeFilter(), Page()) == newest
    assert await store.charges(ME, ChargeFilter(), Page(1, 2)) == newest[2:]
    assert await store.charges(ME, ChargeFilter(number="+1"), Page()) == [made[3], made[1]]
    assert await store.charges(ME, ChargeFilter(after=made[1].at), Page()) == newest[:2]
    assert await store.charges(ME, ChargeFilter(before=made[1].at), Page()) == [made[0]]
    assert await store.charges(ME, ChargeFilter(after=made[0].at, before=made[2].at, number="+1"), Page()) == [made[1]]


async def test_the_library_survives_the_process(tmp_path: Path, ids: Ids) -> None:
    file, unfinished = a_file(ids), a_transcription(ids)
    store = await SqliteStore.open(tmp_path / "log.db")
    await write(store, media_files=(file,), transcriptions=(unfinished,))
    await store.close()
    store = await SqliteStore.open(tmp_path / "log.db")
    assert (await store.media_files(ME), await store.unfinished_transcriptions(1)) == ([file], [unfinished])
    await store.close()
