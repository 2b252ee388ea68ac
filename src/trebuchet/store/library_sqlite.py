"""Reading the library from SQLite."""

from functools import cache
from typing import Any

from sqlalchemy import bindparam, select, text

from trebuchet.base.ids import AccountId, CallId, RecordingId, TranscriptionId
from trebuchet.model.charge import Charge
from trebuchet.model.media_file import MediaFile
from trebuchet.model.stock import CallerName, StockNumber
from trebuchet.model.transcription import Transcription
from trebuchet.store.codec import (
    decode_caller_name,
    decode_charge,
    decode_media_file,
    decode_stock_number,
    decode_transcription,
)
from trebuchet.store.library_interface import ChargeFilter, Page, StockFilter
from trebuchet.store.library_rows import to_ms
from trebuchet.store.reader import Readers
from trebuchet.store.schema import charges, media_files, stock, transcriptions
from trebuchet.store.statements import Row, Statement, select_all, select_by


def _rows_of(table: Any, column: str, *, is_paged: bool = False) -> Statement:
    """Documents by one column (parameter `key`), in order of insertion."""
    query = select(table.c.doc).where(table.c[column] == bindparam("key")).order_by(table.c.sequence)
    return Statement(query.limit(bindparam("rows")).offset(bindparam("skipped")) if is_paged else query)


_of_recording = _rows_of(transcriptions, "recording_id")
_page_of_recording = _rows_of(transcriptions, "recording_id", is_paged=True)
_of_call = _rows_of(transcriptions, "call_id")
_unfinished = Statement(
    select(transcriptions.c.doc)
    .where(text("is_unfinished = 1"))
    .order_by(transcriptions.c.sequence)
    .limit(bindparam("rows"))
)
_files_of_account = _rows_of(media_files, "account_id")
_file_by_name = Statement(
    select(media_files.c.doc).where(
        media_files.c.account_id == bindparam("account_id"), media_files.c.name == bindparam("name")
    )
)


@cache
def _stock_by(columns: tuple[str, ...]) -> Statement:
    conditions = [stock.c[name] == bindparam(name) for name in columns]
    return Statement(select(stock.c.doc).where(*conditions).order_by(stock.c.sequence))


@cache
def _charges_by(has_after: bool, has_before: bool, has_number: bool) -> Statement:
    conditions = [charges.c.account_id == bindparam("account_id")]
    conditions += [charges.c.at_ms > bindparam("after")] if has_after else []
    conditions += [charges.c.at_ms < bindparam("before")] if has_before else []
    conditions += [charges.c.number == bindparam("number")] if has_number else []
    query = select(charges.c.doc).where(*conditions).order_by(charges.c.at_ms.desc(), charges.c.sequence.desc())
    return Statement(query.limit(bindparam("rows")).offset(bindparam("skipped")))


def list_charges(account_id: AccountId, where: ChargeFilter, page: Page) -> tuple[Statement, dict[str, Any]]:
    """The statement, and its parameters."""
    wanted: dict[str, Any] = {
        "after": None if where.after is None else to_ms(where.after),
        "before": None if where.before is None else to_ms(where.before),
        "number": where.number,
    }
    statement = _charges_by(*(value is not None for value in wanted.values()))
    return statement, {"account_id": account_id} | wanted | _bind_page(page)


def _bind_page(page: Page) -> dict[str, int]:
    return {"rows": page.size + 1, "skipped": page.page * page.size}


class LibraryReads:
    """The methods of `LibraryStore`; the SQLite store inherits them and has the readers."""

    _readers: Readers

    async def transcription(self, transcription_id: TranscriptionId) -> Transcription | None:
        docs = await self._by_id("transcriptions", transcription_id)
        return decode_transcription(docs[0]) if docs else None

    async def transcriptions_of_recording(self, recording_id: RecordingId, page: Page | None) -> list[Transcription]:
        if page is None:
            docs = await self._query(_of_recording, key=recording_id)
        else:
            docs = await self._query(_page_of_recording, key=recording_id, **_bind_page(page))
        return [decode_transcription(doc) for doc in docs]

    async def transcriptions_of_call(self, call_id: CallId) -> list[Transcription]:
        return [decode_transcription(doc) for doc in await self._query(_of_call, key=call_id)]

    async def unfinished_transcriptions(self, limit: int) -> list[Transcription]:
        return [decode_transcription(doc) for doc in await self._query(_unfinished, rows=limit)]

    async def media_file(self, account_id: AccountId, name: str) -> MediaFile | None:
        docs = await self._query(_file_by_name, account_id=account_id, name=name)
        return decode_media_file(docs[0]) if docs else None

    async def media_files(self, account_id: AccountId) -> list[MediaFile]:
        return [decode_media_file(doc) for doc in await self._query(_files_of_account, key=account_id)]

    async def stock(self, where: StockFilter) -> list[StockNumber]:
        values = {"area_code": where.area_code, "region": where.region, "zip_code": where.zip_code}
        wanted = {"kind": where.kind.value} | {name: value for name, value in values.items() if value is not None}
        return [decode_stock_number(doc) for doc in await self._query(_stock_by(tuple(wanted)), **wanted)]

    async def stock_number(self, number: str) -> StockNumber | None:
        docs = await self._by_id("stock", number)
        return decode_stock_number(docs[0]) if docs else None

    async def caller_name(self, number: str) -> CallerName | None:
        docs = await self._by_id("caller_names", number)
        return decode_caller_name(docs[0]) if docs else None

    async def caller_names(self) -> list[CallerName]:
        return [decode_caller_name(doc) for doc in await self._query(select_all("caller_names"))]

    async def charges(self, account_id: AccountId, where: ChargeFilter, page: Page) -> list[Charge]:
        statement, values = list_charges(account_id, where, page)
        return [decode_charge(doc) for doc in await self._query(statement, **values)]

    async def _by_id(self, table: str, key: str) -> list[bytes]:
        return await self._query(select_by(table, "id"), key=key)

    async def _query(self, statement: Statement, **values: Any) -> list[bytes]:
        row: Row = statement.bind(**values)
        return await self._readers.fetch(statement.text, row)
