"""The library's part of a batch as rows, and how they get into SQLite."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam

from trebuchet.model.charge import Charge
from trebuchet.model.stock import StockNumber
from trebuchet.model.transcription import Transcription, TranscriptionState
from trebuchet.store.codec import encode
from trebuchet.store.library_interface import NO_CHANGES, LibraryChanges
from trebuchet.store.schema import caller_names, charges, media_files, stock, transcriptions
from trebuchet.store.statements import Row, RowInsert, Statement, plain

_insert_transcriptions = RowInsert(
    plain("id", "recording_id", "call_id", "is_unfinished", "doc"), transcriptions, updated=("is_unfinished", "doc")
)
_insert_media_files = RowInsert(
    plain("id", "account_id", "name", "doc"), media_files, updated=("id", "doc"), key=("account_id", "name")
)
_insert_stock = RowInsert(
    plain("id", "kind", "area_code", "region", "zip_code", "doc"),
    stock,
    updated=("kind", "area_code", "region", "zip_code", "doc"),
)
_insert_caller_names = RowInsert(plain("id", "doc"), caller_names, updated=("doc",))
_insert_charges = RowInsert(plain("id", "account_id", "at_ms", "number", "doc"), charges)
_delete_media_file = Statement(media_files.delete().where(media_files.c.id == bindparam("key")))
_delete_stock = Statement(stock.delete().where(stock.c.id == bindparam("key")))


@dataclass(slots=True)
class LibraryRows:
    """Table by table; of one key the later row counts."""

    transcriptions: dict[str, Row] = field(default_factory=dict)
    media_files: dict[tuple[str, str], Row] = field(default_factory=dict)
    stock: dict[str, Row] = field(default_factory=dict)
    caller_names: dict[str, Row] = field(default_factory=dict)
    charges: list[Row] = field(default_factory=list)
    removed_media: tuple[str, ...] = ()
    removed_stock: tuple[str, ...] = ()

    def add(self, later: "LibraryRows") -> None:
        self.transcriptions |= later.transcriptions
        self.media_files |= later.media_files
        self.stock |= later.stock
        self.caller_names |= later.caller_names
        self.charges += later.charges
        self.removed_media += later.removed_media
        self.removed_stock += later.removed_stock


def make_library_rows(changes: LibraryChanges) -> LibraryRows | None:
    """`None` when nothing changes, as in most batches."""
    if changes is NO_CHANGES:
        return None
    return LibraryRows(
        transcriptions={t.id: _transcription_row(t) for t in changes.transcriptions},
        media_files={(f.account_id, f.name): (f.id, f.account_id, f.name, encode(f)) for f in changes.media_files},
        stock={n.number: _stock_row(n) for n in changes.stock},
        caller_names={c.number: (c.number, encode(c)) for c in changes.caller_names},
        charges=[_charge_row(c) for c in changes.charges],
        removed_media=tuple(f.id for f in changes.removed_media),
        removed_stock=changes.removed_stock,
    )


def join_library_rows(earlier: LibraryRows | None, later: LibraryRows | None) -> LibraryRows | None:
    """The rows of two batches as those of one. `earlier` is changed."""
    if earlier is None or later is None:
        return earlier or later
    earlier.add(later)
    return earlier


def store_library(connection: sqlite3.Connection, rows: LibraryRows) -> None:
    """Within the caller's transaction. Raises `sqlite3.Error`."""
    for statement, keys in ((_delete_media_file, rows.removed_media), (_delete_stock, rows.removed_stock)):
        for key in keys:
            connection.execute(statement.text, statement.bind(key=key))
    for insert, values in _tables(rows):
        for text, parameters in insert.pieces(values):
            connection.execute(text, parameters)


def _tables(rows: LibraryRows) -> Iterator[tuple[RowInsert, Sequence[Row]]]:
    yield _insert_transcriptions, list(rows.transcriptions.values())
    yield _insert_media_files, list(rows.media_files.values())
    yield _insert_stock, list(rows.stock.values())
    yield _insert_caller_names, list(rows.caller_names.values())
    yield _insert_charges, rows.charges


def _transcription_row(transcription: Transcription) -> Row:
    is_unfinished = transcription.state is TranscriptionState.TRANSCRIBING
    ids = (transcription.id, transcription.recording_id, transcription.call_id)
    return (*ids, 1 if is_unfinished else 0, encode(transcription))


def _stock_row(number: StockNumber) -> Row:
    return (number.number, number.kind.value, number.area_code, number.region, number.zip_code, encode(number))


def _charge_row(charge: Charge) -> Row:
    return (charge.id, charge.account_id, to_ms(charge.at), charge.number, encode(charge))


def to_ms(at: datetime) -> int:
    """Milliseconds since the epoch."""
    return round(at.timestamp() * 1000)
