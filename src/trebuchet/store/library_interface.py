"""The part of a store beside calls and their log: transcriptions, uploaded files, the operator's stock, charges."""

from datetime import datetime
from typing import Protocol

from trebuchet.base.ids import AccountId, CallId, RecordingId, TranscriptionId
from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.model.charge import Charge
from trebuchet.model.media_file import MediaFile
from trebuchet.model.stock import CallerName, StockKind, StockNumber
from trebuchet.model.transcription import Transcription


@frozen
class Page:
    """`page` counts from 0. To learn whether another page follows, stores return up to `size + 1` rows."""

    page: int = 0
    size: int = 25


@frozen_keywords
class LibraryChanges:
    """Rows of one batch, to insert or replace; charges are inserted only."""

    transcriptions: tuple[Transcription, ...] = ()
    media_files: tuple[MediaFile, ...] = ()
    """Each replaces the one of the same account and name."""
    removed_media: tuple[MediaFile, ...] = ()
    """Only the file of that id: one that was uploaded meanwhile under the name stays."""
    stock: tuple[StockNumber, ...] = ()
    removed_stock: tuple[str, ...] = ()
    caller_names: tuple[CallerName, ...] = ()
    charges: tuple[Charge, ...] = ()


NO_CHANGES = LibraryChanges()


@frozen_keywords
class StockFilter:
    """Which numbers of the stock; at least the kind."""

    kind: StockKind
    area_code: str | None = None
    region: str | None = None
    zip_code: str | None = None


@frozen_keywords
class ChargeFilter:
    after: datetime | None = None
    before: datetime | None = None
    """Both exclusive."""
    number: str | None = None


class LibraryStore(Protocol):
    """Raises as `store.interface.Store` does."""

    async def transcription(self, transcription_id: TranscriptionId) -> Transcription | None: ...

    async def transcriptions_of_recording(self, recording_id: RecordingId, page: Page | None) -> list[Transcription]:
        """In order of creation; `page=None`: all of them."""
        ...

    async def transcriptions_of_call(self, call_id: CallId) -> list[Transcription]:
        """In order of creation."""
        ...

    async def unfinished_transcriptions(self, limit: int) -> list[Transcription]:
        """Of all accounts, the oldest ones: what must still be done, also by a restarted server."""
        ...

    async def media_file(self, account_id: AccountId, name: str) -> MediaFile | None: ...

    async def media_files(self, account_id: AccountId) -> list[MediaFile]: ...

    async def stock(self, where: StockFilter) -> list[StockNumber]:
        """In order of adding, whether somebody has the number or not."""
        ...

    async def stock_number(self, number: str) -> StockNumber | None: ...

    async def caller_name(self, number: str) -> CallerName | None: ...

    async def caller_names(self) -> list[CallerName]: ...

    async def charges(self, account_id: AccountId, where: ChargeFilter, page: Page) -> list[Charge]:
        """Newest first."""
        ...
