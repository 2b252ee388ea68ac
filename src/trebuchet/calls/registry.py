"""The living calls of this process."""

import asyncio
from collections.abc import Iterator

from trebuchet.base.ids import CallId
from trebuchet.calls.actor import CallActor
from trebuchet.calls.interfaces import MediaPort
from trebuchet.calls.stimuli import Stimulus


class Registry:
    """Finds the actor of a call; knows when the last one is gone."""

    def __init__(self) -> None:
        self._actors: dict[CallId, CallActor] = {}
        self._emptied: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._actors)

    def __iter__(self) -> Iterator[CallActor]:
        return iter(list(self._actors.values()))

    def add(self, actor: CallActor) -> None:
        self._actors[actor.id] = actor

    def get(self, call_id: CallId) -> CallActor | None:
        return self._actors.get(call_id)

    def forget(self, call_id: CallId) -> None:
        self._actors.pop(call_id, None)
        if not self._actors and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

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
