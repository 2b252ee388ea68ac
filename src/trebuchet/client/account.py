"""The account: balance, what was charged, what went wrong, and everything that happens, live."""

import builtins
from collections.abc import Mapping
from datetime import UTC, datetime

from trebuchet.client.request import Answer, F, Request, Resource, listing, many, one, operation, streaming
from trebuchet.client.results import Account, LiveEvent, Transaction, UserError
from trebuchet.client.values import from_wire, to_wire


class Accounts(Resource[F]):
    """`client.account`."""

    @operation
    def get(self) -> Request[Account]:
        return Request("GET", self._path("account"), one(Account))

    @listing
    def transactions(
        self,
        *,
        max_items: int | None = None,
        from_date: datetime | None = None,
        to_date: datetime | None = None,
        type_: str | None = None,
        number: str | None = None,
        page: int | None = None,
        size: int | None = None,
    ) -> Request[builtins.list[Transaction]]:
        """What was charged or paid, newest first."""
        query = to_wire(
            max_items=max_items,
            from_date=_time(from_date),
            to_date=_time(to_date),
            type_=type_,
            number=number,
            page=page,
            size=size,
        )
        return Request("GET", self._path("account", "transactions"), many(Transaction), query=query)


class Errors(Resource[F]):
    """`client.errors`: failed requests, and webhooks that nobody took."""

    @listing
    def list(self, *, page: int | None = None, size: int | None = None) -> Request[builtins.list[UserError]]:
        """Newest first."""
        return Request("GET", self._path("errors"), many(UserError), query=to_wire(page=page, size=size))

    @operation
    def get(self, error_id: str) -> Request[UserError]:
        return Request("GET", self._path("errors", error_id), one(UserError))


class Events(Resource[F]):
    """`client.events`: everything that happens to the account's calls, as it happens."""

    @streaming
    def stream(self, *, after: int | None = None) -> Request[LiveEvent]:
        """Events from now on; with `after` first those after that position of the log, 0 being its beginning.

        Does not end: a broken connection is made again, and nothing is left out or told twice. Raises `ApiError` when
        the server refuses and `Unreachable` when it is not there to begin with."""
        headers: Mapping[str, str] = {} if after is None else {"last-event-id": str(after)}
        return Request("GET", self._path("events", "stream"), _live_event, headers=headers)


def _live_event(answer: Answer) -> LiveEvent:
    return from_wire(LiveEvent, answer.json())


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
