"""Puts rows into SQLite within one transaction. Blocks; runs on the writer thread."""

import sqlite3

from trebuchet.store.interface import MAX_USER_ERRORS
from trebuchet.store.rows import Rows
from trebuchet.store.statements import (
    RowInsert,
    delete_application,
    insert_accounts,
    insert_applications,
    insert_calls,
    insert_deliveries,
    insert_events,
    insert_numbers,
    insert_recordings,
    insert_user_errors,
    trim_user_errors,
)


def store_rows(connection: sqlite3.Connection, rows: Rows) -> None:
    """All of them, durably, or none. Raises `sqlite3.Error`; the caller rolls back."""
    execute = connection.execute
    execute("BEGIN IMMEDIATE")
    # Calls first: events, deliveries and recordings look their call's sequence up.
    for insert, values in (
        (insert_calls, rows.calls.values()),
        (insert_events, rows.events),
        (insert_deliveries, list(rows.deliveries.values())),
        (insert_recordings, rows.recordings.values()),
        (insert_accounts, rows.accounts.values()),
        (insert_applications, rows.applications.values()),
        (insert_numbers, rows.numbers.values()),
    ):
        if values:
            _insert(connection, insert, list(values))
    if rows.user_errors:
        _add_user_errors(connection, rows)
    for application_id in rows.removed_applications:
        execute(delete_application.text, delete_application.bind(key=application_id))
    execute("COMMIT")


def _insert(connection: sqlite3.Connection, insert: RowInsert, rows: "list[tuple[object, ...]]") -> None:
    for text, values in insert.pieces(rows):
        connection.execute(text, values)


def _add_user_errors(connection: sqlite3.Connection, rows: Rows) -> None:
    _insert(connection, insert_user_errors, rows.user_errors)
    for account_id in {row[1] for row in rows.user_errors}:
        values = trim_user_errors.bind(account_id=account_id, kept=MAX_USER_ERRORS)
        connection.execute(trim_user_errors.text, values)


def probe(connection: sqlite3.Connection) -> None:
    """A write that changes nothing but must reach the disk. Raises `sqlite3.Error`."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("COMMIT")
