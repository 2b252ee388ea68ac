"""SQL text, composed by SQLAlchemy once and then reused: composing costs many times what running does."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, bindparam, func, select, text, tuple_
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import ScalarSelect

from trebuchet.store.schema import (
    accounts,
    applications,
    bridges,
    calls,
    conferences,
    deliveries,
    events,
    gathers,
    keyed_requests,
    members,
    numbers,
    recordings,
    user_errors,
)

Row = tuple[Any, ...]
"""Values in the order of the table's columns, without the one that counts up by itself."""

MAX_ROWS = 64
"""Rows in one INSERT. One statement for many rows lets go of the interpreter lock once, not for every row."""

_DIALECT = sqlite.dialect(paramstyle="qmark")


class Statement:
    """A statement with named parameters, ready to run."""

    def __init__(self, source: Executable) -> None:
        compiled = source.compile(dialect=_DIALECT)  # type: ignore[attr-defined]  # every statement has it
        assert isinstance(compiled, SQLCompiler)
        self.text = str(compiled)
        self._order: Sequence[str] = compiled.positiontup or ()
        self._fixed = compiled.params

    def bind(self, **values: Any) -> Row:
        """The parameters in the order of the text."""
        return tuple(values[name] if name in values else self._fixed[name] for name in self._order)


class RowInsert:
    """Inserts rows of one table, many at a time; with `updated`, a row whose `key` exists gets these columns anew."""

    def __init__(
        self,
        make_values: Callable[[str], dict[str, Any]],
        table: Any,
        updated: tuple[str, ...] = (),
        key: tuple[str, ...] = ("id",),
    ) -> None:
        self._key = key
        self._make_values = make_values
        self._table = table
        self._updated = updated
        self._texts: dict[int, str] = {}

    def pieces(self, rows: Sequence[Row]) -> Iterator[tuple[str, list[Any]]]:
        """(text, parameters) of as few statements as the sizes 64, 32 … 1 allow."""
        start = 0
        while start < len(rows):
            size = min(MAX_ROWS, 1 << (len(rows) - start).bit_length() - 1)
            yield self._text(size), [value for row in rows[start : start + size] for value in row]
            start += size

    def _text(self, size: int) -> str:
        text = self._texts.get(size)
        if text is None:
            text = self._texts[size] = self._compose(size)
        return text

    def _compose(self, size: int) -> str:
        statement = insert(self._table).values([self._make_values(f"_{index}") for index in range(size)])
        if self._updated:
            statement = statement.on_conflict_do_update(
                index_elements=self._key, set_={name: statement.excluded[name] for name in self._updated}
            )
        compiled = statement.compile(dialect=_DIALECT)
        assert isinstance(compiled, SQLCompiler)
        row_numbers = [int(name.rpartition("_")[2]) for name in compiled.positiontup or ()]
        assert row_numbers == sorted(row_numbers), "parameters must come row by row"
        return str(compiled)


def plain(*columns: str) -> Callable[[str], dict[str, Any]]:
    """Parameters that go into the columns as they are."""
    return lambda suffix: {name: bindparam(name + suffix) for name in columns}


def _sequence_of(table: Any, key: str) -> ScalarSelect[Any]:
    return select(table.c.sequence).where(table.c.id == bindparam(key)).scalar_subquery()


def owner_sequence(key: str) -> ColumnElement[int]:
    """The number under which an owner's events are kept; `key` names the parameter with its id. Calls are looked up
    first and nearly always found there."""
    return func.coalesce(_sequence_of(calls, key), -_sequence_of(conferences, key))


def _of_call(*columns: str) -> Callable[[str], dict[str, Any]]:
    """Where the table has the call's sequence, the parameter is the call's id."""
    own = plain(*columns)
    return lambda suffix: {"call_sequence": _sequence_of(calls, "call_id" + suffix)} | own(suffix)


def _of_owner(*columns: str) -> Callable[[str], dict[str, Any]]:
    own = plain(*columns)
    return lambda suffix: {"owner_sequence": owner_sequence("owner_id" + suffix)} | own(suffix)


def _of_conference(*columns: str) -> Callable[[str], dict[str, Any]]:
    own = plain(*columns)
    return lambda suffix: {"conference_sequence": _sequence_of(conferences, "conference_id" + suffix)} | own(suffix)


insert_calls = RowInsert(
    plain("id", "account_id", "from_party", "to_party", "bridge_id", "conference_id", "is_open", "doc"),
    calls,
    updated=("bridge_id", "conference_id", "is_open", "doc"),
)
insert_events = RowInsert(_of_owner("sequence", "lane", "doc"), events)
insert_deliveries = RowInsert(
    _of_owner("sequence", "is_queued", "lane", "due", "settled", "doc"),
    deliveries,
    updated=("is_queued", "lane", "due", "settled", "doc"),
    key=("owner_sequence", "sequence"),
)
insert_recordings = RowInsert(
    _of_call("id", "account_id", "media_name", "is_unfinished", "doc"),
    recordings,
    updated=("is_unfinished", "doc"),
)
insert_gathers = RowInsert(plain("id", "doc"), gathers, updated=("doc",))
insert_bridges = RowInsert(plain("id", "account_id", "is_in_use", "doc"), bridges, updated=("is_in_use", "doc"))
insert_conferences = RowInsert(plain("id", "account_id", "is_in_use", "doc"), conferences, updated=("is_in_use", "doc"))
insert_members = RowInsert(_of_conference("id", "doc"), members, updated=("doc",))
insert_accounts = RowInsert(plain("id", "token", "doc"), accounts, updated=("token", "doc"))
insert_applications = RowInsert(plain("id", "account_id", "doc"), applications, updated=("doc",))
insert_numbers = RowInsert(
    plain("id", "account_id", "number", "is_enabled", "doc"), numbers, updated=("number", "is_enabled", "doc")
)
insert_user_errors = RowInsert(plain("id", "account_id", "doc"), user_errors)

insert_keyed_requests = RowInsert(plain("id", "begun", "doc"), keyed_requests, updated=("begun", "doc"))

delete_keyed_request = Statement(keyed_requests.delete().where(keyed_requests.c.id == bindparam("key")))
purge_keyed_requests = Statement(
    keyed_requests.delete().where(
        keyed_requests.c.id.in_(
            select(keyed_requests.c.id).where(keyed_requests.c.begun < bindparam("before")).limit(bindparam("rows"))
        )
    )
)
_delivery_key = tuple_(deliveries.c.owner_sequence, deliveries.c.sequence)
purge_deliveries = Statement(
    deliveries.delete().where(
        _delivery_key.in_(
            select(deliveries.c.owner_sequence, deliveries.c.sequence)
            .where(text("settled IS NOT NULL"), deliveries.c.settled < bindparam("before"))
            .limit(bindparam("rows"))
        )
    )
)
delete_application = Statement(applications.delete().where(applications.c.id == bindparam("key")))
trim_user_errors = Statement(
    user_errors.delete().where(
        user_errors.c.account_id == bindparam("account_id"),
        user_errors.c.sequence
        <= select(user_errors.c.sequence)
        .where(user_errors.c.account_id == bindparam("account_id"))
        .order_by(user_errors.c.sequence.desc())
        .limit(1)
        .offset(bindparam("kept"))
        .scalar_subquery(),
    )
)


@cache
def select_by(table_name: str, column: str) -> Statement:
    """The document of one row; parameter `key`."""
    table = calls.metadata.tables[table_name]
    return Statement(select(table.c.doc).where(table.c[column] == bindparam("key")))


@cache
def select_all(table_name: str) -> Statement:
    table = calls.metadata.tables[table_name]
    return Statement(select(table.c.doc).order_by(table.c.sequence))
