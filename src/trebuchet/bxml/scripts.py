"""The door to scripts: which calls may be led by documents, and which script hears of what.

An application opts in by taking its events as GET requests; what it answers to a call's `answer` event is the call's
first document. A call that nobody gives instructions to ends after a while, unless it is somebody else's: another
call's new party, a member of a bridge or a conference, or a call that the application answers by itself over the API.
"""

from collections.abc import Awaitable, Callable

from trebuchet.base.ids import ApplicationId, CallId
from trebuchet.bxml.orders import DocumentBad, DocumentCame
from trebuchet.bxml.runner import Reply, ScriptRunner, Surroundings, read_reply
from trebuchet.model.application import Application
from trebuchet.model.call import Call, Direction, HttpMethod
from trebuchet.model.event import Answered, Ended, Fact

FindApplication = Callable[[ApplicationId], Awaitable[Application | None]]


class Scripts:
    """All scripts of this server. Nothing here outlives its call."""

    def __init__(self, with_: Surroundings, find_application: FindApplication) -> None:
        self._with = with_
        self._find_application = find_application
        self._expected: dict[CallId, Call] = {}
        """Answered calls whose application has not reacted yet."""
        self._runners: dict[CallId, ScriptRunner] = {}

    def __len__(self) -> int:
        return len(self._runners)

    def see(self, call: Call, facts: tuple[Fact, ...]) -> None:
        """A change of any call; returns at once."""
        if (any(isinstance(fact, Answered) for fact in facts) and may_be_led(call)) or call.id in self._expected:
            self._expected[call.id] = call
        if any(isinstance(fact, Ended) for fact in facts):
            self._expected.pop(call.id, None)
        if (runner := self._runners.get(call.id)) is not None:
            runner.see(call, facts)

    async def begin(self, call_id: CallId, reply: Reply | None) -> None:
        """The application has reacted to the call's `answer` event; `None`: it could not be told."""
        if call_id not in self._expected:
            return
        first = read_reply(reply)
        is_document = isinstance(first, DocumentCame | DocumentBad)
        if not is_document and not await self._needs_instructions(self._expected[call_id]):
            self._expected.pop(call_id, None)
            return
        call = self._expected.pop(call_id, None)
        if call is None:  # it ended meanwhile
            return
        self._runners[call_id] = ScriptRunner(call, first, self._with, lambda: self._forget(call_id))

    async def _needs_instructions(self, call: Call) -> bool:
        if call.bridge_id is not None or call.conference_id is not None:
            return False
        if call.direction is Direction.OUT or call.application_id is None:
            return True
        application = await self._find_application(call.application_id)
        return application is not None and application.auto_answer

    def _forget(self, call_id: CallId) -> None:
        self._runners.pop(call_id, None)

    async def close(self) -> None:
        for runner in list(self._runners.values()):
            await runner.close()


def may_be_led(call: Call) -> bool:
    """Whether the answer to the call's `answer` event may be a document: its events are GET requests, and it is no
    new party of another call."""
    return call.webhook is not None and call.webhook.method is HttpMethod.GET and call.connected_to is None
