"""The live feed: everything, in order, once, however readers come and go."""

import asyncio
from collections.abc import Callable

import pytest

from support.api_world import CALL_ID, a_call, an_account, an_event
from trebuchet.base.ids import AccountId, CallId, EventId
from trebuchet.base.values import replace
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.events import feed as module
from trebuchet.events.feed import Feed, FeedReader
from trebuchet.events.log import Subscriber
from trebuchet.model.event import LoggedEvent
from trebuchet.store.interface import Batch
from trebuchet.store.memory import MemoryStore

MINE, OTHERS = AccountId("u-fiction"), AccountId("u-other")
SOON_S = 10.0


class Log:
    """A log as the feed sees it: what is stored is told."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.subscribers: list[Subscriber] = []
        self.feed = Feed(self.subscribe, self.store)
        self.logged: dict[CallId, int] = {}

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        self.subscribers.append(subscriber)
        return lambda: self.subscribers.remove(subscriber)

    async def add(self, account_id: AccountId = MINE, times: int = 1) -> None:
        call_id = CallId(f"{CALL_ID}-{account_id}")
        call = replace(a_call(), id=call_id, account_id=account_id)
        first = self.logged.get(call_id, 0) + 1
        self.logged[call_id] = first + times - 1
        events = tuple(
            replace(an_event(n, "dtmf"), owner_id=call_id, account_id=account_id, id=EventId(f"ce-{account_id}-{n}"))
            for n in range(first, first + times)
        )
        await self.store.write(Batch(calls=(call,), events=events))
        for event in events:
            for subscriber in self.subscribers:
                subscriber(call, event)

    async def open(self, position: int | None = None, account_id: AccountId = MINE) -> FeedReader:
        reader = await self.feed.open(account_id, position)
        assert reader is not None
        return reader


def places(read: list[tuple[int, LoggedEvent]] | None) -> list[int]:
    assert read is not None
    return [position for position, _ in read]


@pytest.fixture
async def log() -> Log:
    log = Log()
    await log.store.write(Batch(accounts=(an_account(MINE, "t-1", "s"), an_account(OTHERS, "t-2", "s"))))
    return log


async def test_a_reader_hears_what_comes_after_it(log: Log) -> None:
    await log.add(times=3)
    reader = await log.open()
    assert reader.position == 3
    reading = asyncio.create_task(reader.read(SOON_S))
    await asyncio.sleep(0)
    await log.add()
    assert places(await reading) == [4]


async def test_a_reader_goes_on_from_its_place(log: Log) -> None:
    await log.add(times=5)
    reader = await log.open(2)
    assert places(await reader.read(SOON_S)) == [3, 4, 5]
    assert places(await (await log.open(0)).read(SOON_S)) == [1, 2, 3, 4, 5]


async def test_a_place_beyond_the_log_is_its_end(log: Log) -> None:
    await log.add()
    reader = await log.open(10**17)
    await log.add()
    assert places(await reader.read(SOON_S)) == [2]


async def test_nobody_hears_of_others(log: Log) -> None:
    reader = await log.open(0)
    await log.add(OTHERS, times=3)
    await log.add(MINE)
    await log.add(OTHERS)
    read = await reader.read(SOON_S)
    assert places(read) == [4]
    assert read is not None and {event.account_id for _, event in read} == {MINE}


async def test_a_long_log_is_read_in_pieces(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 4)
    reader = await log.open(0)
    await log.add(OTHERS, times=9)
    await log.add(MINE, times=9)
    found: list[int] = []
    while len(found) < 9:
        piece = places(await reader.read(SOON_S))
        assert 0 < len(piece) <= 4
        found += piece
    assert found == list(range(10, 19))


async def test_silence_is_told(log: Log) -> None:
    reader = await log.open()
    assert await reader.read(0.001) == []
    await log.add()
    assert places(await reader.read(SOON_S)) == [1]


async def test_nothing_is_lost_when_time_runs_out_while_the_log_is_read(log: Log) -> None:
    reader = await log.open()
    slow = asyncio.Event()
    log_after = log.store.log_after

    async def stall(position: int, limit: int) -> list[tuple[int, LoggedEvent]]:
        await slow.wait()
        return await log_after(position, limit)

    log.store.log_after = stall  # type: ignore[method-assign]  # a disk that takes its time
    await log.add()
    assert await reader.read(0.01) == []
    slow.set()
    assert places(await reader.read(SOON_S)) == [1]


async def test_readers_are_bounded(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_READERS_OF_ACCOUNT", 2)
    monkeypatch.setattr(module, "MAX_READERS", 3)
    first, _ = await log.open(), await log.open()
    assert await log.feed.open(MINE, None) is None
    await log.open(account_id=OTHERS)
    assert await log.feed.open(OTHERS, None) is None
    first.close()
    first.close()
    await log.open()
    assert await log.feed.open(MINE, None) is None


async def test_the_end_wakes_everybody(log: Log) -> None:
    readers = [await log.open() for _ in range(3)]
    for reader in readers:
        assert await reader.read(0.001) == []
    reading = [asyncio.create_task(reader.read(SOON_S)) for reader in readers]
    await asyncio.sleep(0)
    log.feed.close()
    assert await asyncio.gather(*reading) == [None, None, None]
    assert not log.subscribers


async def test_a_log_that_cannot_be_read_is_an_error(log: Log) -> None:
    reader = await log.open()
    log.store.fail_with = LogUnavailable("no disk")
    with pytest.raises(LogUnavailable):
        await reader.read(SOON_S)
    with pytest.raises(LogUnavailable):
        await log.feed.open(MINE, None)
