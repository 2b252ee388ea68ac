"""Puts rows into SQLite within one transaction. Blocks; runs on the writer thread."""

import sqlite3

from trebuchet.store.interface import MAX_PURGED, MAX_USER_ERRORS, Outdated
from trebuchet.store.library_rows import store_library
from trebuchet.store.phone_rows import store_phones
from trebuchet.store.rows import Rows
from trebuchet.store.statements import (
    RowInsert,
    delete_application,
    delete_keyed_request,
    insert_accounts,
    insert_applications,
    insert_bridges,
    insert_calls,
    insert_conferences,
    insert_deliveries,
    insert_events,
    insert_gathers,
    insert_keyed_requests,
    insert_members,
    insert_numbers,
    insert_recordings,
    insert_user_errors,
    purge_deliveries,
    purge_keyed_requests,
    trim_user_errors,
)


def store_rows(connection: sqlite3.Connection, rows: Rows) -> None:
    """All of them, durably, or none. Raises `sqlite3.Error`; the caller rolls back."""
    execute = connection.execute
    execute("BEGIN IMMEDIATE")
    # Owners first: events, deliveries, recordings and members look their sequence up.
    for insert, values in (
        (insert_calls, rows.calls.values()),
        (insert_conferences, rows.conferences.values()),
        (insert_events, rows.events),
        (insert_deliveries, list(rows.deliveries.values())),
        (insert_recordings, rows.recordings.values()),
        (insert_gathers, rows.gathers.values()),
        (insert_bridges, rows.bridges.values()),
        (insert_members, rows.members.values()),
        (insert_accounts, rows.accounts.values()),
        (insert_applications, rows.applications.values()),
        (insert_numbers, rows.numbers.values()),
        (insert_keyed_requests, rows.keyed_requests.values()),
    ):
        if values:
            _insert(connection, insert, list(values))
    if rows.user_errors:
        _add_user_errors(connection, rows)
    for application_id in rows.removed_applications:
        execute(delete_application.text, delete_application.bind(key=application_id))
    for request_id in rows.forgotten_requests:
        execute(delete_keyed_request.text, delete_keyed_request.bind(key=request_id))
    if rows.library is not None:
        store_library(connection, rows.library)
    if rows.phones is not None:
        store_phones(connection, rows.phones)
    if rows.outdated is not None:
        _purge(connection, rows.outdated)
    execute("COMMIT")


def _purge(connection: sqlite3.Connection, outdated: Outdated) -> None:
    for statement, before in (
        (purge_keyed_requests, outdated.keys_before),
        (purge_deliveries, outdated.deliveries_before),
    ):
        connection.execute(statement.text, statement.bind(before=int(before.timestamp()), rows=MAX_PURGED))


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
