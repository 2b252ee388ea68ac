"""The library in memory."""

from collections.abc import Callable
from itertools import islice

from trebuchet.base.ids import AccountId, CallId, RecordingId, TranscriptionId
from trebuchet.model.charge import Charge
from trebuchet.model.media_file import MediaFile
from trebuchet.model.stock import CallerName, StockNumber
from trebuchet.model.transcription import Transcription, TranscriptionState
from trebuchet.store.library_interface import ChargeFilter, LibraryChanges, Page, StockFilter
from trebuchet.store.registry import slice_page


class MemoryLibrary:
    """The methods of `LibraryStore`; the store in memory inherits them."""

    _check_failure: Callable[[], None]

    def __init__(self) -> None:
        super().__init__()
        self._transcriptions: dict[TranscriptionId, Transcription] = {}
        self._media_files: dict[tuple[AccountId, str], MediaFile] = {}
        self._stock: dict[str, StockNumber] = {}
        self._caller_names: dict[str, CallerName] = {}
        self._charges: list[Charge] = []

    def _write_library(self, changes: LibraryChanges) -> None:
        for file in changes.removed_media:
            if self._media_files.get((file.account_id, file.name)) == file:
                del self._media_files[file.account_id, file.name]
        for number in changes.removed_stock:
            self._stock.pop(number, None)
        self._transcriptions.update({t.id: t for t in changes.transcriptions})
        self._media_files.update({(f.account_id, f.name): f for f in changes.media_files})
        self._stock.update({n.number: n for n in changes.stock})
        self._caller_names.update({c.number: c for c in changes.caller_names})
        self._charges.extend(changes.charges)

    async def transcription(self, transcription_id: TranscriptionId) -> Transcription | None:
        self._check_failure()
        return self._transcriptions.get(transcription_id)

    async def transcriptions_of_recording(self, recording_id: RecordingId, page: Page | None) -> list[Transcription]:
        self._check_failure()
        found = [t for t in self._transcriptions.values() if t.recording_id == recording_id]
        return found if page is None else slice_page(found, page)

    async def transcriptions_of_call(self, call_id: CallId) -> list[Transcription]:
        self._check_failure()
        return [t for t in self._transcriptions.values() if t.call_id == call_id]

    async def unfinished_transcriptions(self, limit: int) -> list[Transcription]:
        self._check_failure()
        found = (t for t in self._transcriptions.values() if t.state is TranscriptionState.TRANSCRIBING)
        return list(islice(found, limit))

    async def media_file(self, account_id: AccountId, name: str) -> MediaFile | None:
        self._check_failure()
        return self._media_files.get((account_id, name))

    async def media_files(self, account_id: AccountId) -> list[MediaFile]:
        self._check_failure()
        return [file for file in self._media_files.values() if file.account_id == account_id]

    async def stock(self, where: StockFilter) -> list[StockNumber]:
        self._check_failure()
        return [
            number
            for number in self._stock.values()
            if number.kind is where.kind
            and where.area_code in (None, number.area_code)
            and where.region in (None, number.region)
            and where.zip_code in (None, number.zip_code)
        ]

    async def stock_number(self, number: str) -> StockNumber | None:
        self._check_failure()
        return self._stock.get(number)

    async def caller_name(self, number: str) -> CallerName | None:
        self._check_failure()
        return self._caller_names.get(number)

    async def caller_names(self) -> list[CallerName]:
        self._check_failure()
        return list(self._caller_names.values())

    async def charges(self, account_id: AccountId, where: ChargeFilter, page: Page) -> list[Charge]:
        self._check_failure()
        found = [
            charge
            for charge in sorted(self._charges, key=lambda charge: charge.at)[::-1]
            if charge.account_id == account_id
            and (where.after is None or charge.at > where.after)
            and (where.before is None or charge.at < where.before)
            and where.number in (None, charge.number)
        ]
        return slice_page(found, page)
