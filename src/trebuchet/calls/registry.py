"""The living calls of this process."""

import asyncio
from collections import Counter
from collections.abc import Iterator

from trebuchet.base.ids import AccountId, CallId
from trebuchet.calls.actor import CallActor
from trebuchet.calls.interfaces import MediaPort
from trebuchet.calls.stimuli import Stimulus
from trebuchet.model.call import Direction


class Registry:
    """Finds the actor of a call; knows when the last one is gone."""

    def __init__(self) -> None:
        self._actors: dict[CallId, CallActor] = {}
        self._outgoing: Counter[AccountId] = Counter()
        self._emptied: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._actors)

    def __iter__(self) -> Iterator[CallActor]:
        return iter(list(self._actors.values()))

    def add(self, actor: CallActor) -> None:
        self._actors[actor.id] = actor
        if actor.status.call.direction is Direction.OUT:
            self._outgoing[actor.status.call.account_id] += 1

    def outgoing(self, account_id: AccountId) -> int:
        """How many living calls the account has placed."""
        return self._outgoing[account_id]

    def get(self, call_id: CallId) -> CallActor | None:
        return self._actors.get(call_id)

    def forget(self, call_id: CallId) -> None:
        actor = self._actors.pop(call_id, None)
        if actor is not None and actor.status.call.direction is Direction.OUT:
            self._count_down(actor.status.call.account_id)
        if not self._actors and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    def _count_down(self, account_id: AccountId) -> None:
        self._outgoing[account_id] -= 1
        if not self._outgoing[account_id]:
            del self._outgoing[account_id]

    def tell(self, call_id: CallId, stimulus: Stimulus) -> None:
        if (actor := self._actors.get(call_id)) is not None:
            actor.tell(stimulus)

    def port_of(self, call_id: CallId) -> MediaPort | None:
        actor = self._actors.get(call_id)
        return actor.port if actor is not None else None

    async def wait_empty(self, timeout_s: float) -> bool:
        """Wait until no call is left; says whether that came true in time."""
        if not self._actors:
            return True
        self._emptied = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._emptied], timeout=timeout_s)
        return not self._actors
