"""Calls led by documents, put together: the event log shows their calls, the relay brings what applications answer."""

import asyncio
from collections.abc import Sequence

from trebuchet.base.clock import Clock
from trebuchet.base.ids import CallId, Ids
from trebuchet.bxml.runner import Surroundings
from trebuchet.bxml.scripts import Scripts
from trebuchet.calls.commands import CallCommands
from trebuchet.events.log import EventLog
from trebuchet.events.payload import ANSWER
from trebuchet.events.questions import Questions, Reply
from trebuchet.events.signing import Sign
from trebuchet.events.webhook import Attempt, Verdict
from trebuchet.fetch.client import GuardedClient
from trebuchet.model.event import LoggedEvent
from trebuchet.store.interface import Store


class Scripting:
    """`react` is told of every round of webhook attempts."""

    def __init__(
        self,
        commands: CallCommands,
        client: GuardedClient,
        log: EventLog,
        store: Store,
        ids: Ids,
        clock: Clock,
        *,
        base_url: str,
        sign: Sign,
    ) -> None:
        questions = Questions(client, ids, clock, base_url, log.report, sign)
        around = Surroundings(commands, questions, log.report, ids, clock)
        self.scripts = Scripts(around, store.application)
        self._end_watch = log.watch(self.scripts.see)
        self._tasks: set[asyncio.Task[None]] = set()

    def react(self, event: LoggedEvent, attempts: Sequence[Attempt]) -> None:
        """Returns at once."""
        if event.name != ANSWER or not attempts:
            return
        last = attempts[-1]
        is_heard = last.verdict is Verdict.ACKNOWLEDGED and last.answer is not None
        reply = Reply(last.url, last.answer.body) if is_heard and last.answer is not None else None
        task = asyncio.get_running_loop().create_task(self.scripts.begin(CallId(event.owner_id), reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Scripts stop; their calls go on."""
        self._end_watch()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.scripts.close()
