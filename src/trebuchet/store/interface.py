"""What a store does, whichever engine is behind it. Rows are the values of `model`; nothing of SQL crosses the border.

Writes go in batches (`Batch`): everything of a batch is stored together, durably (fsync) when `write` returns.
Many batches may be written at once by one group commit. Reads see every write that has returned.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Protocol
from urllib.parse import urlsplit

from trebuchet.base.ids import (
    AccountId,
    ApplicationId,
    BridgeId,
    CallId,
    ConferenceId,
    EventId,
    GatherId,
    NumberId,
    OwnerId,
    RecordingId,
    UserErrorId,
)
from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.calls.interfaces import Directory
from trebuchet.model.account import Account
from trebuchet.model.application import Application
from trebuchet.model.bridge import Bridge
from trebuchet.model.call import Call
from trebuchet.model.conference import Conference, Member
from trebuchet.model.delivery import Delivery
from trebuchet.model.event import LoggedEvent
from trebuchet.model.gather import Gather
from trebuchet.model.keyed_request import KeyedRequest
from trebuchet.model.number import NumberState, PhoneNumber
from trebuchet.model.recording import Recording
from trebuchet.model.user_error import UserError
from trebuchet.store.library_interface import NO_CHANGES as NO_CHANGES
from trebuchet.store.library_interface import ChargeFilter as ChargeFilter
from trebuchet.store.library_interface import LibraryChanges as LibraryChanges
from trebuchet.store.library_interface import LibraryStore
from trebuchet.store.library_interface import Page as Page
from trebuchet.store.library_interface import StockFilter as StockFilter
from trebuchet.store.phone_interface import NO_PHONE_CHANGES, PhoneStore
from trebuchet.store.phone_interface import PhoneChanges as PhoneChanges

MAX_PURGED = 2000
"""Rows of one table that one batch removes: some 10 ms, as other batches wait for it."""
MAX_USER_ERRORS = 1000
"""Newest entries kept of each account's error list: a month of ordinary trouble, 500 kB of the worst."""


@lru_cache(maxsize=4096)
def lane_of(url: str) -> str:
    """The web server a webhook goes to, as `scheme://host:port` without credentials: what queues are kept by."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "invalid:"
    return f"{parts.scheme}://{parts.hostname}:{port}"


def queued_delivery(event: LoggedEvent) -> Delivery | None:
    """How the delivery of a new event begins; `None` when it has no webhook."""
    if event.target is None or event.payload is None:
        return None
    return Delivery(
        account_id=event.account_id,
        owner_id=event.owner_id,
        event_id=event.id,
        sequence=event.sequence,
        event_name=event.name,
        server=lane_of(event.target.url),
        begun_at=event.at,
    )


@frozen_keywords
class Batch:
    """Rows to insert or replace together. Events are inserted only; one with a webhook brings its queued delivery."""

    calls: tuple[Call, ...] = ()
    events: tuple[LoggedEvent, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    """What became of earlier events."""
    recordings: tuple[Recording, ...] = ()
    gathers: tuple[Gather, ...] = ()
    """Those that ended."""
    bridges: tuple[Bridge, ...] = ()
    conferences: tuple[Conference, ...] = ()
    members: tuple[Member, ...] = ()
    accounts: tuple[Account, ...] = ()
    applications: tuple[Application, ...] = ()
    numbers: tuple[PhoneNumber, ...] = ()
    user_errors: tuple[UserError, ...] = ()
    keyed_requests: tuple[KeyedRequest, ...] = ()
    forgotten_requests: tuple[str, ...] = ()
    """Ids of keyed requests that are as if they had never come."""
    outdated: "Outdated | None" = None
    library: LibraryChanges = NO_CHANGES
    phones: PhoneChanges = NO_PHONE_CHANGES


NOTHING = Batch()


@frozen
class Outdated:
    """What has been kept long enough: keyed requests begun and deliveries settled before these times. One batch
    removes at most `MAX_PURGED` of each."""

    keys_before: datetime
    deliveries_before: datetime


@frozen_keywords
class CallFilter:
    from_: str | None = None
    to: str | None = None
    bridge_id: str | None = None
    conference_id: str | None = None
    is_ascending: bool = False
    """By creation; newest first otherwise."""


@frozen_keywords
class NumberFilter:
    """Exact matches; `name`, `city` and `region` without regard to case."""

    application_id: ApplicationId | None = None
    region: str | None = None
    name: str | None = None
    city: str | None = None
    state: NumberState = NumberState.ENABLED


class Store(Directory, LibraryStore, PhoneStore, Protocol):
    """Raises `calls.interfaces.LogUnavailable` from any method when the engine cannot serve, and from `write`
    `store.errors.RowConflict` or `RowUnstorable` when the batch itself is at fault."""

    @property
    def healthy(self) -> bool:
        """Whether writes succeed, as far as is known now; readiness shows it."""
        ...

    async def write(self, batch: Batch, then: Callable[[], None] | None = None) -> None:
        """Durable when it returns. `then` is called as soon as it is durable, before this returns and before later
        batches are announced, and also when the caller was cancelled while the batch was on its way. It must not
        raise."""
        ...

    async def account(self, account_id: AccountId) -> Account | None: ...

    async def account_by_token(self, token: str) -> Account | None: ...

    async def accounts(self) -> list[Account]: ...

    async def call(self, call_id: CallId) -> Call | None: ...

    async def calls(self, account_id: AccountId, where: CallFilter, page: Page | None) -> list[Call]:
        """`page=None`: all of them."""
        ...

    async def open_calls(self) -> list[Call]:
        """Calls that are not final, of all accounts: what a restarted server must end."""
        ...

    async def events(self, owner_id: OwnerId) -> list[LoggedEvent]:
        """In order of `sequence`."""
        ...

    async def event(self, owner_id: OwnerId, event_id: EventId) -> LoggedEvent | None: ...

    async def events_after(self, event: LoggedEvent, lane: str, limit: int) -> list[LoggedEvent]:
        """Events with a queued delivery to this lane (`lane_of`) that were stored after `event`, in order of storing,
        at most `limit`: the queue of a web server that has fallen behind is read from here."""
        ...

    async def queued_events(self, after: LoggedEvent | None, limit: int) -> list[LoggedEvent]:
        """Events with a queued delivery that were stored after `after`, or all of them, in order of storing, at most
        `limit`: what a restarted server must still tell."""
        ...

    async def log_position(self) -> int:
        """The place of the newest event of the whole log; 0 when there is none. Places rise in the order of storing."""
        ...

    async def log_after(self, position: int, limit: int) -> list[tuple[int, LoggedEvent]]:
        """Events of all accounts that were stored after the one at this place, with their places, at most `limit`."""
        ...

    async def deliveries(self, owner_id: OwnerId) -> list[Delivery]:
        """In order of their events."""
        ...

    async def waiting_lanes(self) -> list[tuple[str, datetime]]:
        """Each lane with deliveries that wait for another round, and when the first of them is due."""
        ...

    async def due_deliveries(self, lane: str, until: datetime, limit: int) -> list[tuple[Delivery, LoggedEvent]]:
        """Deliveries of the lane that are due by `until`, the earliest first, with their events."""
        ...

    async def next_due(self, lane: str) -> datetime | None:
        """When the lane's first waiting delivery is due."""
        ...

    async def has_outdated(self, outdated: Outdated) -> bool:
        """Whether a batch with this would remove anything."""
        ...

    async def keyed_request(self, request_id: str) -> KeyedRequest | None: ...

    async def recording(self, recording_id: RecordingId) -> Recording | None: ...

    async def recording_by_media_name(self, account_id: AccountId, media_name: str) -> Recording | None: ...

    async def recordings(self, account_id: AccountId, page: Page) -> list[Recording]:
        """Newest first."""
        ...

    async def recordings_of_call(self, call_id: CallId) -> list[Recording]:
        """In order of start."""
        ...

    async def unfinished_recordings(self) -> list[Recording]:
        """Neither complete nor failed, of all accounts: what a restarted server must salvage."""
        ...

    async def gather(self, gather_id: GatherId) -> Gather | None:
        """One that ended."""
        ...

    async def bridge(self, bridge_id: BridgeId) -> Bridge | None: ...

    async def bridges(self, account_id: AccountId, page: Page) -> list[Bridge]:
        """Newest first."""
        ...

    async def bridges_in_use(self) -> list[Bridge]:
        """Open ones with calls, of all accounts: what a restarted server must end."""
        ...

    async def conference(self, conference_id: ConferenceId) -> Conference | None: ...

    async def conferences_in_use(self) -> list[Conference]:
        """Those with members, of all accounts: what a restarted server must end."""
        ...

    async def members(self, conference_id: ConferenceId) -> list[Member]:
        """Also those that have left, in order of joining."""
        ...

    async def application(self, application_id: ApplicationId) -> Application | None: ...

    async def applications(self, account_id: AccountId, page: Page) -> list[Application]:
        """Newest first."""
        ...

    async def delete_application(self, application_id: ApplicationId, beside: Batch = NOTHING) -> None:
        """Its numbers and endpoints lose the binding in the same unit of work, in which `beside`, which holds none of
        these, is written as well."""
        ...

    async def number(self, number_id: NumberId) -> PhoneNumber | None: ...

    async def number_by_e164(self, number: str) -> PhoneNumber | None:
        """The enabled one, of any account."""
        ...

    async def numbers(self, account_id: AccountId, where: NumberFilter, page: Page) -> list[PhoneNumber]: ...

    async def user_error(self, error_id: UserErrorId) -> UserError | None: ...

    async def user_errors(self, account_id: AccountId, page: Page) -> list[UserError]:
        """Newest first; the store keeps a bounded number for each account."""
        ...

    async def close(self) -> None: ...
