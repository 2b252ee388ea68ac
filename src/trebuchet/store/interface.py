"""What a store does, whichever engine is behind it. Rows are the values of `model`; nothing of SQL crosses the border.

Writes go in batches (`Batch`): everything of a batch is stored together, durably (fsync) when `write` returns.
Many batches may be written at once by one group commit. Reads see every write that has returned.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Protocol
from urllib.parse import urlsplit

from trebuchet.base.ids import (
    AccountId,
    ApplicationId,
    CallId,
    EventId,
    NumberId,
    RecordingId,
    UserErrorId,
)
from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.calls.interfaces import Directory
from trebuchet.model.account import Account
from trebuchet.model.application import Application
from trebuchet.model.call import Call
from trebuchet.model.delivery import Delivery
from trebuchet.model.event import LoggedEvent
from trebuchet.model.number import NumberState, PhoneNumber
from trebuchet.model.recording import Recording
from trebuchet.model.user_error import UserError

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
        call_id=event.call_id,
        event_id=event.id,
        sequence=event.sequence,
        event_name=event.name,
        server=lane_of(event.target.url),
    )


@frozen_keywords
class Batch:
    """Rows to insert or replace together. Events are inserted only; one with a webhook brings its queued delivery."""

    calls: tuple[Call, ...] = ()
    events: tuple[LoggedEvent, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    """What became of earlier events."""
    recordings: tuple[Recording, ...] = ()
    accounts: tuple[Account, ...] = ()
    applications: tuple[Application, ...] = ()
    numbers: tuple[PhoneNumber, ...] = ()
    user_errors: tuple[UserError, ...] = ()


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


@frozen
class Page:
    """`page` counts from 0. To learn whether another page follows, stores return up to `size + 1` rows."""

    page: int = 0
    size: int = 25


class Store(Directory, Protocol):
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

    async def events(self, call_id: CallId) -> list[LoggedEvent]:
        """In order of `sequence`."""
        ...

    async def event(self, call_id: CallId, event_id: EventId) -> LoggedEvent | None: ...

    async def events_after(self, event: LoggedEvent, lane: str, limit: int) -> list[LoggedEvent]:
        """Events with a queued delivery to this lane (`lane_of`) that were stored after `event`, in order of storing,
        at most `limit`: the queue of a web server that has fallen behind is read from here."""
        ...

    async def queued_events(self, after: LoggedEvent | None, limit: int) -> list[LoggedEvent]:
        """Events with a queued delivery that were stored after `after`, or all of them, in order of storing, at most
        `limit`: what a restarted server must still tell."""
        ...

    async def deliveries(self, call_id: CallId) -> list[Delivery]:
        """In order of their events."""
        ...

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

    async def application(self, application_id: ApplicationId) -> Application | None: ...

    async def applications(self, account_id: AccountId, page: Page) -> list[Application]:
        """Newest first."""
        ...

    async def delete_application(self, application_id: ApplicationId) -> None:
        """Its numbers lose the binding in the same unit of work."""
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
