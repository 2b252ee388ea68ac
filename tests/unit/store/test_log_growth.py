"""What a reading statement does does not grow with the log: SQLite counts the steps of its virtual machine."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trebuchet.base.ids import AccountId
from trebuchet.store import queries
from trebuchet.store.interface import CallFilter, Page
from trebuchet.store.library_interface import ChargeFilter
from trebuchet.store.library_sqlite import list_charges
from trebuchet.store.migrate import upgrade_sqlite
from trebuchet.store.statements import Statement, select_by

SMALL, LARGE = 400, 4_000
"""Calls. Ten times as many are found with a few more steps down a tree, but not with ten times the steps."""
SLACK_STEPS = 40
EVENTS_PER_CALL = 4
LANE = "http://127.0.0.1:80"
PAGE = Page(0, 25)
ACCOUNT = AccountId("u-1")
ONE_NUMBER = "+15551230002"
"""Takes part in every call: as the called party of the one half, as the caller of the other."""


def fill(path: Path, calls: int) -> None:
    """Calls that are over, their events, and webhooks that are delivered."""
    numbers = range(1, calls + 1)
    upgrade_sqlite(path)
    with closing(sqlite3.connect(path)) as database:
        database.executemany(
            "INSERT INTO calls (sequence, id, account_id, from_party, to_party, is_open, doc) VALUES (?,?,?,?,?,0,'')",
            [
                (n, f"c-{n}", ACCOUNT, *((f"+1555{n:07}", ONE_NUMBER) if n % 2 else (ONE_NUMBER, f"+1555{n:07}")))
                for n in numbers
            ],
        )
        keys = [(n, sequence) for n in numbers for sequence in range(1, EVENTS_PER_CALL + 1)]
        database.executemany(
            "INSERT INTO events (owner_sequence, sequence, lane, doc) VALUES (?, ?, ?, '')",
            [(*key, LANE if key[1] > 1 else None) for key in keys],
        )
        database.executemany(
            "INSERT INTO deliveries (owner_sequence, sequence, is_queued, settled, doc) VALUES (?, ?, 0, 1000, '')",
            [key for key in keys if key[1] > 1],
        )
        database.executemany(
            "INSERT INTO charges (sequence, id, account_id, at_ms, number, doc) VALUES (?, ?, ?, ?, ?, '')",
            [(n, f"chg-{n}", ACCOUNT, 1000 * n, ONE_NUMBER if n % 2 else f"+1555{n:07}") for n in numbers],
        )
        database.commit()


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    folder = tmp_path_factory.mktemp("logs")
    for calls in (SMALL, LARGE):
        fill(folder / f"{calls}.db", calls)
    with (
        closing(sqlite3.connect(folder / f"{SMALL}.db")) as small,
        closing(sqlite3.connect(folder / f"{LARGE}.db")) as large,
    ):
        yield small, large


def steps(database: sqlite3.Connection, text: str, values: tuple[Any, ...]) -> int:
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    database.set_progress_handler(step, 1)
    database.execute(text, values).fetchall()
    database.set_progress_handler(None, 1)
    return count


def of(statement: Statement, **values: Any) -> tuple[str, tuple[Any, ...]]:
    return statement.text, statement.bind(**values)


def of_calls(**wanted: str) -> tuple[str, tuple[Any, ...]]:
    return queries.list_calls(ACCOUNT, CallFilter(**wanted), PAGE)


def of_charges(**wanted: Any) -> tuple[str, tuple[Any, ...]]:
    statement, values = list_charges(ACCOUNT, ChargeFilter(**wanted), PAGE)
    return of(statement, **values)


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


READS = {
    "start: open calls": of(queries.open_calls),
    "start: webhooks whose first round is to come": of(queries.queued_events, rows=100),
    "start: webhooks to try again": of(queries.waiting_lanes),
    "start: unfinished recordings": of(queries.unfinished_recordings),
    "start: bridges": of(queries.bridges_in_use),
    "start: conferences": of(queries.conferences_in_use),
    "what is too old": of(queries.outdated, keys_before=500, deliveries_before=500),
    "webhooks that are due": of(queries.due_deliveries, lane=LANE, until=1, rows=100),
    "the next webhook that is due": of(queries.next_due, lane=LANE),
    "the log's end": of(queries.log_position),
    "what was logged after an event": of(queries.log_after, after=100, rows=100),
    "the newest calls": of_calls(),
    "calls from a number with many": of_calls(from_=ONE_NUMBER),
    "calls from a number with one": of_calls(from_="+15550000007"),
    "calls to a number with many": of_calls(to=ONE_NUMBER),
    "calls between two with many": of_calls(from_=ONE_NUMBER, to=ONE_NUMBER),
    "calls from one of the many": of_calls(from_="+15550000007", to=ONE_NUMBER),
    "calls to one of the many": of_calls(from_=ONE_NUMBER, to="+15550000008"),
    "calls of a bridge": of_calls(bridge_id="brg-1"),
    "calls of a conference": of_calls(conference_id="conf-1"),
    "the newest charges": of_charges(),
    "charges of a number with many": of_charges(number=ONE_NUMBER),
    "charges of a number with one": of_charges(number="+15550000008"),
    "charges of an hour long ago": of_charges(after=at(100), before=at(200)),
    "charges of a number in an hour long ago": of_charges(after=at(100), before=at(200), number=ONE_NUMBER),
    "a call": of(select_by("calls", "id"), key="c-7"),
    "a call's events": of(queries.events_of_owner, owner_id="c-7"),
    "a call's deliveries": of(queries.deliveries_of_owner, owner_id="c-7"),
    "a call's recordings": of(queries.recordings_of_call, call_id="c-7"),
}


@pytest.mark.parametrize("name", READS)
def test_a_longer_log_takes_no_more_steps(logs: tuple[sqlite3.Connection, sqlite3.Connection], name: str) -> None:
    small, large = (steps(log, *READS[name]) for log in logs)
    assert large <= small + SLACK_STEPS, f"{small} steps with {SMALL} calls, {large} with {LARGE}"


def test_walking_the_log_would_be_noticed(logs: tuple[sqlite3.Connection, sqlite3.Connection]) -> None:
    small, large = (steps(log, "SELECT count(*) FROM events WHERE doc = 'x'", ()) for log in logs)
    assert large > small + SLACK_STEPS


def test_the_oldest_queued_webhook_is_found(logs: tuple[sqlite3.Connection, sqlite3.Connection]) -> None:
    """In the middle of the log, after which all that is queued comes in the log's order."""
    _, log = logs
    log.execute("UPDATE deliveries SET is_queued = 1 WHERE owner_sequence IN (2000, 2001) AND sequence = 3")
    log.execute("UPDATE events SET doc = owner_sequence WHERE owner_sequence IN (2000, 2001)")
    rows = log.execute(*of(queries.queued_events, rows=100)).fetchall()
    log.rollback()
    assert [int(doc) for (doc,) in rows] == [2000, 2001]
