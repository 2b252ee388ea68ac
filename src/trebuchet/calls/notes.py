"""Facts that come from beside a call, often long after its end, and still belong into its log in order."""

import asyncio

from trebuchet.base.ids import CallId
from trebuchet.calls.commands import CallNotReady
from trebuchet.calls.interfaces import Archive, Change, Log, UnitOfWork
from trebuchet.calls.registry import Registry
from trebuchet.model.event import Fact
from trebuchet.model.transcription import Transcription


class CallNotes:
    """A living call stores such facts itself, in its turn; for one that is gone they are stored from here, one after
    the other, because two commits of one call must not overlap."""

    def __init__(self, calls: Registry, archive: Archive, log: Log) -> None:
        self._calls, self._archive, self._log = calls, archive, log
        self._turn = asyncio.Lock()

    async def add(self, call_id: CallId, fact: Fact, transcription: Transcription) -> None:
        """Store the fact and the transcription together. Raises `LogUnavailable`, and then nothing is stored."""
        actor = self._calls.get(call_id)
        if actor is not None:
            try:
                await actor.note(fact, transcription)
            except CallNotReady:  # it ended meanwhile, and its actor with it
                pass
            else:
                return
        async with self._turn:
            call = await self._archive.call(call_id)
            changes = () if call is None else (Change(call, (fact,)),)
            await self._log.commit(UnitOfWork(changes=changes, transcriptions=(transcription,)))
