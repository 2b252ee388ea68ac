"""What the API needs of the live feed."""

from typing import Protocol

from trebuchet.base.ids import AccountId
from trebuchet.model.event import LoggedEvent


class LiveReader(Protocol):
    """One client's place in the log."""

    @property
    def position(self) -> int: ...

    async def read(self, timeout_s: float) -> list[tuple[int, LoggedEvent]] | None:
        """The account's next events with their places; empty when none came in time, `None` at the end."""
        ...

    async def rest(self) -> None:
        """To be awaited between two reads."""
        ...

    def close(self) -> None: ...


class LiveFeed(Protocol):
    async def open(self, account_id: AccountId, position: int | None) -> LiveReader | None:
        """A reader from this place on (`None`: from now on), or `None` when there are too many."""
        ...
