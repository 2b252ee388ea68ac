"""The store in one SQLite file: write-ahead log, fsync before every acknowledgement, one writer, several readers.

Threads: the event loop's encodes batches and keeps what lives in memory (registry, open calls); the writer's commits;
the readers' look up. Memory is changed only after the commit, in the same callback that wakes the writers of the
batches, so whoever has seen a write return also sees it in every answer.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from trebuchet.base.errors import LocalError
from trebuchet.base.ids import (
    AccountId,
    ApplicationId,
    BridgeId,
    CallId,
    ConferenceId,
    EventId,
    GatherId,
    OwnerId,
    RecordingId,
    UserErrorId,
)
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.model.account import Account
from trebuchet.model.bridge import Bridge
from trebuchet.model.call import Call
from trebuchet.model.conference import Conference, Member
from trebuchet.model.delivery import Delivery
from trebuchet.model.event import LoggedEvent
from trebuchet.model.gather import Gather
from trebuchet.model.keyed_request import KeyedRequest
from trebuchet.model.recording import Recording
from trebuchet.model.user_error import UserError
from trebuchet.store import queries
from trebuchet.store.checkpoint import Checkpointer
from trebuchet.store.codec import (
    decode_account,
    decode_application,
    decode_binding,
    decode_bridge,
    decode_call,
    decode_conference,
    decode_delivery,
    decode_domain,
    decode_endpoint,
    decode_event,
    decode_gather,
    decode_keyed_request,
    decode_member,
    decode_number,
    decode_recording,
    decode_user_error,
)
from trebuchet.store.interface import NOTHING, Batch, CallFilter, Outdated, Page
from trebuchet.store.library_sqlite import LibraryReads
from trebuchet.store.migrate import upgrade_sqlite
from trebuchet.store.phone_interface import PhoneChanges
from trebuchet.store.phone_registry import PhoneReads
from trebuchet.store.reader import Readers
from trebuchet.store.registry import RegistryReads
from trebuchet.store.rows import Rows, from_ms, make_rows, to_ms
from trebuchet.store.statements import select_all, select_by
from trebuchet.store.writer import Job, Outcome, Writer

MAX_WAITING = 20_000
"""Batches that wait for the disk (about 2 kB each); beyond them the log says that it cannot keep up."""
MAX_OPEN_CALLS = 20_000
"""Calls kept in memory to be read without the disk; others are read from it."""
BUSY_S = 2.0
"""Longest wait for a lock another process holds on the file."""
RELOAD_S = 1.0
"""An unknown token makes the accounts be read again at most this often: the command line may have added one."""

Connect = Callable[[str], sqlite3.Connection]
"""Opens a connection to a SQLite URI; tests put failing ones in its place."""


@dataclass(slots=True)
class _Ticket:
    batch: Batch
    removed: ApplicationId | None
    waiting: asyncio.Future[None]
    then: Callable[[], None] | None = None


def _connect_plainly(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_S)


class SqliteStore(PhoneReads, RegistryReads, LibraryReads):
    """Implements `store.interface.Store`. Made by `open`; belongs to the event loop it was opened on."""

    def __init__(self, path: Path, connect: Connect) -> None:
        super().__init__()
        self._path = path
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._open_calls: dict[CallId, Call] = {}
        self._waiting = 0
        self._is_closed = False
        self._reloaded_at = 0.0
        self._readers = Readers(self._connect_reader)
        self._checkpointer = Checkpointer(self._connect_writer)
        self._writer: Writer[_Ticket] = Writer(self._connect_writer, self._settle, self._checkpointer)

    @classmethod
    async def open(
        cls, path: Path, *, connect: Connect = _connect_plainly, observe: Callable[[float, int], None] | None = None
    ) -> "SqliteStore":
        """Create or upgrade the file and load what is kept in memory. Raises `LogUnavailable`.

        `observe` is told, on the writer's thread, the seconds and the batches of each transaction.
        """
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, upgrade_sqlite, path)
        except Exception as error:
            raise LogUnavailable(f"cannot open {path}: {error}") from error
        store = cls(path, connect)
        try:
            await store._load_registry()
        except BaseException:
            await loop.run_in_executor(None, store._readers.close)
            raise
        if observe is not None:
            store._writer.observe = observe
        store._checkpointer.start()
        store._writer.start()
        return store

    async def close(self) -> None:
        """Store what is waiting, then let go of the file."""
        if self._is_closed:
            return
        self._is_closed = True
        await self._loop.run_in_executor(None, self._close)

    @property
    def healthy(self) -> bool:
        return not self._is_closed and self._writer.healthy

    @property
    def commit_age_s(self) -> float:
        """How long the commit under way has taken so far: what whoever writes now waits for at the least."""
        return self._writer.commit_age_s

    # --- writing ---

    async def write(self, batch: Batch, then: Callable[[], None] | None = None) -> None:
        await self._submit(batch, make_rows(batch), then=then)

    async def delete_application(self, application_id: ApplicationId, beside: Batch = NOTHING) -> None:
        freed = [replace(n, application_id=None) for n in self._registry.numbers_of_application(application_id)]
        unbound = [replace(e, application_id=None) for e in self.phones.endpoints_of_application(application_id)]
        batch = replace(beside, numbers=tuple(freed), phones=PhoneChanges(endpoints=tuple(unbound)))
        rows = make_rows(batch)
        rows.removed_applications = (application_id,)
        await self._submit(batch, rows, removed=application_id)

    async def _submit(
        self,
        batch: Batch,
        rows: Rows,
        removed: ApplicationId | None = None,
        then: Callable[[], None] | None = None,
    ) -> None:
        if self._is_closed:
            raise LogUnavailable("the log is closed")
        if self._waiting >= MAX_WAITING:
            raise LogUnavailable("the log cannot keep up")
        ticket = _Ticket(batch, removed, self._loop.create_future(), then)
        self._writer.submit(Job(rows, ticket))
        self._waiting += 1
        await ticket.waiting

    def _settle(self, outcomes: Sequence[Outcome[_Ticket]]) -> None:
        """On the writer's thread."""
        try:
            self._loop.call_soon_threadsafe(self._finish, outcomes)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _finish(self, outcomes: Sequence[Outcome[_Ticket]]) -> None:
        self._waiting -= len(outcomes)
        for job, error in outcomes:
            ticket = job.ticket
            if error is None:
                self._remember(ticket)
                if ticket.then is not None:
                    ticket.then()
            _resolve(ticket.waiting, error)

    def _remember(self, ticket: _Ticket) -> None:
        for call in ticket.batch.calls:
            if call.state.is_final:
                self._open_calls.pop(call.id, None)
                continue
            self._open_calls[call.id] = call
            if len(self._open_calls) > MAX_OPEN_CALLS:
                del self._open_calls[next(iter(self._open_calls))]
        self._registry.apply(ticket.batch)
        self.phones.apply(ticket.batch.phones)
        if ticket.removed is not None:
            self._registry.remove_application(ticket.removed)

    # --- reading ---

    async def account_by_token(self, token: str) -> Account | None:
        found = self._registry.account_by_token(token)
        if found is None and time.monotonic() - self._reloaded_at > RELOAD_S:
            self._reloaded_at = time.monotonic()
            await self._load_accounts()
            found = self._registry.account_by_token(token)
        return found

    async def call(self, call_id: CallId) -> Call | None:
        found = self._open_calls.get(call_id)
        if found is not None:
            return found
        docs = await self._fetch_by("calls", "id", call_id)
        return decode_call(docs[0]) if docs else None

    async def calls(self, account_id: AccountId, where: CallFilter, page: Page | None) -> list[Call]:
        text, values = queries.list_calls(account_id, where, page)
        return [decode_call(doc) for doc in await self._readers.fetch(text, values)]

    async def open_calls(self) -> list[Call]:
        return [decode_call(doc) for doc in await self._readers.fetch(queries.open_calls.text)]

    async def events(self, owner_id: OwnerId) -> list[LoggedEvent]:
        query = queries.events_of_owner
        return [decode_event(doc) for doc in await self._readers.fetch(query.text, query.bind(owner_id=owner_id))]

    async def event(self, owner_id: OwnerId, event_id: EventId) -> LoggedEvent | None:
        return next((event for event in await self.events(owner_id) if event.id == event_id), None)

    async def events_after(self, event: LoggedEvent, lane: str, limit: int) -> list[LoggedEvent]:
        query = queries.events_after
        values = query.bind(lane=lane, owner_id=event.owner_id, sequence=event.sequence, rows=limit)
        return [decode_event(doc) for doc in await self._readers.fetch(query.text, values)]

    async def queued_events(self, after: LoggedEvent | None, limit: int) -> list[LoggedEvent]:
        if after is None:
            text, values = queries.queued_events.text, queries.queued_events.bind(rows=limit)
        else:
            query = queries.queued_events_after
            text, values = query.text, query.bind(owner_id=after.owner_id, sequence=after.sequence, rows=limit)
        return [decode_event(doc) for doc in await self._readers.fetch(text, values)]

    async def log_position(self) -> int:
        ((position,),) = await self._readers.fetch_rows(queries.log_position.text, queries.log_position.bind())
        return int(position)

    async def log_after(self, position: int, limit: int) -> list[tuple[int, LoggedEvent]]:
        query = queries.log_after
        rows = await self._readers.fetch_rows(query.text, query.bind(after=position, rows=limit))
        return [(place, decode_event(doc)) for place, doc in rows]

    async def deliveries(self, owner_id: OwnerId) -> list[Delivery]:
        query = queries.deliveries_of_owner
        return [decode_delivery(doc) for doc in await self._readers.fetch(query.text, query.bind(owner_id=owner_id))]

    async def waiting_lanes(self) -> list[tuple[str, datetime]]:
        rows = await self._readers.fetch_rows(queries.waiting_lanes.text)
        return [(lane, from_ms(due)) for lane, due in rows]

    async def due_deliveries(self, lane: str, until: datetime, limit: int) -> list[tuple[Delivery, LoggedEvent]]:
        query = queries.due_deliveries
        rows = await self._readers.fetch_rows(query.text, query.bind(lane=lane, until=to_ms(until), rows=limit))
        return [(decode_delivery(delivery), decode_event(event)) for delivery, event in rows]

    async def next_due(self, lane: str) -> datetime | None:
        query = queries.next_due
        ((due,),) = await self._readers.fetch_rows(query.text, query.bind(lane=lane))
        return None if due is None else from_ms(due)

    async def has_outdated(self, outdated: Outdated) -> bool:
        query = queries.outdated
        values = query.bind(
            keys_before=int(outdated.keys_before.timestamp()),
            deliveries_before=int(outdated.deliveries_before.timestamp()),
        )
        return bool(await self._readers.fetch_rows(query.text, values))

    async def keyed_request(self, request_id: str) -> KeyedRequest | None:
        docs = await self._fetch_by("keyed_requests", "id", request_id)
        return decode_keyed_request(docs[0]) if docs else None

    async def recording(self, recording_id: RecordingId) -> Recording | None:
        docs = await self._fetch_by("recordings", "id", recording_id)
        return decode_recording(docs[0]) if docs else None

    async def recording_by_media_name(self, account_id: AccountId, media_name: str) -> Recording | None:
        query = queries.recording_by_media_name
        docs = await self._readers.fetch(query.text, query.bind(account_id=account_id, media_name=media_name))
        return decode_recording(docs[0]) if docs else None

    async def recordings(self, account_id: AccountId, page: Page) -> list[Recording]:
        query = queries.recordings_of_account
        values = query.bind(account_id=account_id, **queries.bind_page(page))
        return [decode_recording(doc) for doc in await self._readers.fetch(query.text, values)]

    async def recordings_of_call(self, call_id: CallId) -> list[Recording]:
        query = queries.recordings_of_call
        return [decode_recording(doc) for doc in await self._readers.fetch(query.text, query.bind(call_id=call_id))]

    async def unfinished_recordings(self) -> list[Recording]:
        return [decode_recording(doc) for doc in await self._readers.fetch(queries.unfinished_recordings.text)]

    async def gather(self, gather_id: GatherId) -> Gather | None:
        docs = await self._fetch_by("gathers", "id", gather_id)
        return decode_gather(docs[0]) if docs else None

    async def bridge(self, bridge_id: BridgeId) -> Bridge | None:
        docs = await self._fetch_by("bridges", "id", bridge_id)
        return decode_bridge(docs[0]) if docs else None

    async def bridges(self, account_id: AccountId, page: Page) -> list[Bridge]:
        query = queries.bridges_of_account
        values = query.bind(account_id=account_id, **queries.bind_page(page))
        return [decode_bridge(doc) for doc in await self._readers.fetch(query.text, values)]

    async def bridges_in_use(self) -> list[Bridge]:
        return [decode_bridge(doc) for doc in await self._readers.fetch(queries.bridges_in_use.text)]

    async def conference(self, conference_id: ConferenceId) -> Conference | None:
        docs = await self._fetch_by("conferences", "id", conference_id)
        return decode_conference(docs[0]) if docs else None

    async def conferences_in_use(self) -> list[Conference]:
        return [decode_conference(doc) for doc in await self._readers.fetch(queries.conferences_in_use.text)]

    async def members(self, conference_id: ConferenceId) -> list[Member]:
        query = queries.members_of_conference
        docs = await self._readers.fetch(query.text, query.bind(conference_id=conference_id))
        return [decode_member(doc) for doc in docs]

    async def user_error(self, error_id: UserErrorId) -> UserError | None:
        docs = await self._fetch_by("user_errors", "id", error_id)
        return decode_user_error(docs[0]) if docs else None

    async def user_errors(self, account_id: AccountId, page: Page) -> list[UserError]:
        query = queries.user_errors_of_account
        values = query.bind(account_id=account_id, **queries.bind_page(page))
        return [decode_user_error(doc) for doc in await self._readers.fetch(query.text, values)]

    # --- inside ---

    async def _fetch_by(self, table: str, column: str, key: str) -> list[bytes]:
        query = select_by(table, column)
        return await self._readers.fetch(query.text, query.bind(key=key))

    async def _load_registry(self) -> None:
        fetch = self._readers.fetch
        self._registry.apply(
            Batch(
                accounts=tuple(map(decode_account, await fetch(select_all("accounts").text))),
                applications=tuple(map(decode_application, await fetch(select_all("applications").text))),
                numbers=tuple(map(decode_number, await fetch(select_all("numbers").text))),
            )
        )

        self.phones.apply(
            PhoneChanges(
                domains=tuple(map(decode_domain, await fetch(select_all("domains").text))),
                endpoints=tuple(map(decode_endpoint, await fetch(select_all("endpoints").text))),
                bindings=tuple(map(decode_binding, await fetch(select_all("bindings").text))),
            )
        )

    async def _load_accounts(self) -> None:
        """Only accounts not known yet: what is known may be newer than what was read."""
        found = map(decode_account, await self._readers.fetch(select_all("accounts").text))
        self._registry.apply(Batch(accounts=tuple(a for a in found if self._registry.account(a.id) is None)))

    def _connect_writer(self) -> sqlite3.Connection:
        connection = self._connect(f"{self._path.absolute().as_uri()}?mode=rw")
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0", "cache_size = -32000"):
            connection.execute(f"PRAGMA {pragma}").close()
        return connection

    def _connect_reader(self) -> sqlite3.Connection:
        connection = self._connect(f"{self._path.absolute().as_uri()}?mode=rw")
        connection.execute("PRAGMA query_only = 1").close()
        return connection

    def _close(self) -> None:
        self._checkpointer.close()
        self._writer.close()
        self._readers.close()


def _resolve(waiting: asyncio.Future[None], error: LocalError | None) -> None:
    if waiting.done():  # its writer was cancelled
        return
    if error is None:
        waiting.set_result(None)
    else:
        waiting.set_exception(error)
