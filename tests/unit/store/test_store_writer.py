"""The SQLite store when the disk, a lock or a batch is at fault: nothing is acknowledged that is not stored."""

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from trebuchet.base.ids import AccountId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.model.account import Account
from trebuchet.model.call import Call, CallState, Direction
from trebuchet.store import sqlite as sqlite_module
from trebuchet.store import writer as writer_module
from trebuchet.store.checkpoint import Checkpointer
from trebuchet.store.errors import RowConflict, RowUnstorable
from trebuchet.store.interface import Batch, CallFilter
from trebuchet.store.rows import Rows, make_rows
from trebuchet.store.sqlite import SqliteStore
from trebuchet.store.writer import Job, Outcome, Writer

ME = AccountId("u-me")
IDS = Ids(SeededRand(3))


def make_call(**changes: Any) -> Call:
    base = Call(
        id=IDS.call(),
        account_id=ME,
        direction=Direction.IN,
        from_="+1",
        to="+2",
        state=CallState.RINGING,
        created_at=datetime(2020, 1, 1, tzinfo=UTC),
    )
    return replace(base, **changes)


class FaultyConnection(sqlite3.Connection):
    """Fails the statements that begin with `failing`, as a broken disk would."""

    failing: ClassVar[str | None] = None
    error: ClassVar[Exception] = sqlite3.OperationalError("disk I/O error")

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        if self.failing is not None and sql.startswith(self.failing):
            raise self.error
        return super().execute(sql, parameters)


def connect_faulty(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, factory=FaultyConnection)


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> type[FaultyConnection]:
    monkeypatch.setattr(writer_module, "PROBE_S", 0.01)
    monkeypatch.setattr(FaultyConnection, "failing", None)
    return FaultyConnection


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT", "COMMIT"])
@pytest.mark.parametrize(
    "error",
    [sqlite3.OperationalError("database or disk is full"), sqlite3.DatabaseError("malformed"), OSError("gone")],
)
async def test_a_failing_disk_acknowledges_nothing_and_recovers(
    tmp_path: Path, fault: type[FaultyConnection], monkeypatch: pytest.MonkeyPatch, statement: str, error: Exception
) -> None:
    store = await SqliteStore.open(tmp_path / "log.db", connect=connect_faulty)
    before, during, after = make_call(), [make_call() for _ in range(5)], make_call()
    await store.write(Batch(calls=(before,)))
    monkeypatch.setattr(fault, "failing", statement)
    monkeypatch.setattr(fault, "error", error)
    results = await asyncio.gather(*(store.write(Batch(calls=(c,))) for c in during), return_exceptions=True)
    assert [type(result) for result in results] == [LogUnavailable] * 5
    assert not store.healthy
    assert await store.calls(ME, CallFilter(), None) == [before]
    assert await store.call(during[0].id) is None, "what failed is not in memory either"
    monkeypatch.setattr(fault, "failing", None)
    await until(lambda: store.healthy)
    await store.write(Batch(calls=(after,)))
    assert await store.calls(ME, CallFilter(), None) == [after, before]
    await store.close()


async def test_a_locked_database_acknowledges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "BUSY_S", 0.05)
    monkeypatch.setattr(writer_module, "PROBE_S", 0.01)
    store = await SqliteStore.open(tmp_path / "log.db")
    call = make_call()
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LogUnavailable):
            await store.write(Batch(calls=(call,)))
        assert not store.healthy
        other.execute("ROLLBACK")
    await until(lambda: store.healthy)
    assert await store.call(call.id) is None
    await store.write(Batch(calls=(call,)))
    await store.close()


async def test_readers_that_fail_say_so_and_recover(
    tmp_path: Path, fault: type[FaultyConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqliteStore.open(tmp_path / "log.db", connect=connect_faulty)
    call = make_call(state=CallState.ENDED)
    await store.write(Batch(calls=(call,)))
    monkeypatch.setattr(fault, "failing", "SELECT")
    with pytest.raises(LogUnavailable):
        await store.call(call.id)
    monkeypatch.setattr(fault, "failing", None)
    assert await store.call(call.id) == call
    await store.close()


async def test_a_batch_that_cannot_be_stored_fails_alone(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "log.db")
    good = [make_call() for _ in range(3)]
    writes: list[Awaitable[None]] = [store.write(Batch(calls=(call,))) for call in good]
    writes.insert(1, store.write(Batch(calls=(make_call(tag="\ud800"),))))
    writes.insert(3, store.write(Batch(calls=(make_call(from_="\udcff"),))))
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), RowUnstorable, type(None), RowUnstorable, type(None)]
    assert await store.calls(ME, CallFilter(is_ascending=True), None) == good
    assert await store.calls(ME, CallFilter(from_="\udcff"), None) == []
    assert store.healthy
    await store.close()


async def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "log.db")
    calls = [make_call(), make_call(state=CallState.ENDED)]
    account = Account(id=ME, token="t", secret_sha256="x", created_at=datetime(2020, 1, 1, tzinfo=UTC))
    await store.write(Batch(calls=tuple(calls), accounts=(account,)))
    await store.close()
    assert not store.healthy
    with pytest.raises(LogUnavailable):
        await store.write(Batch(calls=(make_call(),)))
    with pytest.raises(LogUnavailable):
        await store.call(calls[1].id)
    again = await SqliteStore.open(tmp_path / "log.db")
    assert await again.calls(ME, CallFilter(is_ascending=True), None) == calls
    assert await again.account_by_token("t") == account
    assert await again.open_calls() == calls[:1]
    await again.close()


async def test_closing_stores_what_waits(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "log.db")
    calls = [make_call() for _ in range(50)]
    writes = [asyncio.ensure_future(store.write(Batch(calls=(call,)))) for call in calls]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writes)
    again = await SqliteStore.open(tmp_path / "log.db")
    assert await again.open_calls() == calls
    await again.close()


async def test_a_cancelled_writer_disturbs_nobody(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "log.db")
    calls = [make_call() for _ in range(3)]
    writes = [asyncio.ensure_future(store.write(Batch(calls=(call,)))) for call in calls]
    await asyncio.sleep(0)
    writes[1].cancel()
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), asyncio.CancelledError, type(None)]
    assert len(await store.open_calls()) == 3
    assert await store.call(calls[1].id) == calls[1]
    await store.close()


async def test_an_account_added_by_another_process_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "RELOAD_S", 0.0)
    server = await SqliteStore.open(tmp_path / "log.db")
    assert await server.account_by_token("t-new") is None
    command = await SqliteStore.open(tmp_path / "log.db")
    account = Account(id=ME, token="t-new", secret_sha256="x", created_at=datetime(2020, 1, 1, tzinfo=UTC))
    await command.write(Batch(accounts=(account,)))
    await command.close()
    assert await server.account_by_token("t-new") == account
    await server.close()


async def test_a_full_queue_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "MAX_WAITING", 10)
    store = await SqliteStore.open(tmp_path / "log.db")
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        writes = [asyncio.ensure_future(store.write(Batch(calls=(make_call(),)))) for _ in range(10)]
        await asyncio.sleep(0)
        with pytest.raises(LogUnavailable):
            await store.write(Batch(calls=(make_call(),)))
        other.execute("ROLLBACK")
    await asyncio.gather(*writes)
    await store.write(Batch(calls=(make_call(),)))
    await store.close()


async def test_open_calls_in_memory_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "MAX_OPEN_CALLS", 5)
    store = await SqliteStore.open(tmp_path / "log.db")
    calls = [make_call() for _ in range(12)]
    for call in calls:
        await store.write(Batch(calls=(call,)))
    assert [await store.call(call.id) for call in calls] == calls
    assert len(store._open_calls) == 5
    await store.close()


async def test_the_write_ahead_log_is_moved_into_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trebuchet.store.checkpoint.PAUSE_S", 0.01)
    monkeypatch.setattr("trebuchet.store.checkpoint.RESTART_FRAMES", 50)
    store = await SqliteStore.open(tmp_path / "log.db")
    wal = tmp_path / "log.db-wal"
    big = "x" * 20_000
    written = 0
    for _ in range(300):
        await store.write(Batch(calls=(make_call(tag=big),)))
        written += len(big)
    assert wal.stat().st_size < written / 2, "it must begin afresh under steady load"
    await store.close()


class Ticket:
    pass


def test_a_dead_writer_hangs_nobody(tmp_path: Path) -> None:
    """Whatever kills the thread: those who wait are told, and so is everyone after them."""
    outcomes: list[Outcome[Ticket]] = []
    holding, told = threading.Event(), threading.Event()

    def connect() -> sqlite3.Connection:
        holding.wait(10)
        raise SystemExit("no ordinary error")

    def settle(found: Any) -> None:
        outcomes.extend(found)
        told.set()

    writer: Writer[Ticket] = Writer(connect, settle, Checkpointer(connect))
    jobs = [Job(make_rows(Batch(calls=(make_call(),))), Ticket()) for _ in range(3)]
    writer.start()
    for job in jobs:
        writer.submit(job)
    holding.set()
    assert told.wait(10)
    writer.close()
    assert {id(job) for job, _ in outcomes} == {id(job) for job in jobs}
    assert all(isinstance(error, LogUnavailable) for _, error in outcomes)
    assert not writer.healthy
    with pytest.raises(LogUnavailable):
        writer.submit(jobs[0])


def test_a_stalled_disk_is_not_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "STALL_S", 0.05)
    entered, release = threading.Event(), threading.Event()

    def connect() -> sqlite3.Connection:
        entered.set()
        release.wait(10)
        raise sqlite3.OperationalError("at last")

    writer: Writer[Ticket] = Writer(connect, lambda _: None, Checkpointer(connect))
    writer.start()
    writer.submit(Job(Rows(), Ticket()))
    assert entered.wait(10)
    with suppress(TimeoutError):
        threading.Event().wait(0.1)
    assert not writer.healthy
    release.set()
    writer.close()


async def test_conflicts_are_found_by_the_database_too(tmp_path: Path) -> None:
    """Two processes: the registry in memory of one does not know what the other wrote."""
    first = await SqliteStore.open(tmp_path / "log.db")
    second = await SqliteStore.open(tmp_path / "log.db")
    account = Account(id=ME, token="t", secret_sha256="x", created_at=datetime(2020, 1, 1, tzinfo=UTC))
    await first.write(Batch(accounts=(account,)))
    with pytest.raises(RowConflict):
        await second.write(Batch(accounts=(replace(account, id=AccountId("u-2")),)))
    await first.close()
    await second.close()
