"""SQL text, composed by SQLAlchemy once and then reused: composing costs many times what running does."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Executable, bindparam, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import ScalarSelect

from trebuchet.store.schema import accounts, applications, calls, deliveries, events, numbers, recordings, user_errors

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


def _plain(*columns: str) -> Callable[[str], dict[str, Any]]:
    return lambda suffix: {name: bindparam(name + suffix) for name in columns}


def _call_sequence(suffix: str) -> ScalarSelect[Any]:
    return select(calls.c.sequence).where(calls.c.id == bindparam("call_id" + suffix)).scalar_subquery()


def _of_call(*columns: str) -> Callable[[str], dict[str, Any]]:
    """Where the table has the call's sequence, the parameter is the call's id."""
    plain = _plain(*columns)
    return lambda suffix: {"call_sequence": _call_sequence(suffix)} | plain(suffix)


insert_calls = RowInsert(
    _plain("id", "account_id", "from_party", "to_party", "bridge_id", "conference_id", "is_open", "doc"),
    calls,
    updated=("bridge_id", "conference_id", "is_open", "doc"),
)
insert_events = RowInsert(_of_call("sequence", "lane", "doc"), events)
insert_deliveries = RowInsert(
    _of_call("sequence", "is_queued", "doc"),
    deliveries,
    updated=("is_queued", "doc"),
    key=("call_sequence", "sequence"),
)
insert_recordings = RowInsert(
    _of_call("id", "account_id", "media_name", "is_unfinished", "doc"),
    recordings,
    updated=("is_unfinished", "doc"),
)
insert_accounts = RowInsert(_plain("id", "token", "doc"), accounts, updated=("token", "doc"))
insert_applications = RowInsert(_plain("id", "account_id", "doc"), applications, updated=("doc",))
insert_numbers = RowInsert(
    _plain("id", "account_id", "number", "is_enabled", "doc"), numbers, updated=("number", "is_enabled", "doc")
)
insert_user_errors = RowInsert(_plain("id", "account_id", "doc"), user_errors)

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
