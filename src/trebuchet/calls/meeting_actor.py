"""What the owners of bridges and conferences have in common: one thing after the other, and calls that come and go.

An owner sleeps in the store: it comes to life when somebody wants something of it, and goes when it has no living calls
and nothing is waiting. Calls never wait for their meeting, they only tell it; meetings may wait for calls. So no circle
of waiting can come about.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar, cast

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.errors import TrebuchetError
from trebuchet.base.ids import AccountId, CallId, Ids, MeetingId
from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.calls.actor import STORE_RETRY_S, CallActor
from trebuchet.calls.actor_commands import ActorCommands
from trebuchet.calls.commands import CallNotReady, CommandError, Overloaded, WrongCallState
from trebuchet.calls.inbox import Inbox
from trebuchet.calls.interfaces import (
    Archive,
    CallPolicy,
    Directory,
    Log,
    LogUnavailable,
    MediaPlane,
    Prompts,
    UnitOfWork,
)
from trebuchet.calls.meeting_commands import CallIdUnknown
from trebuchet.calls.stimuli import EnterBridge, EnterConference, LeaveMeeting

logger = structlog.get_logger(__name__)

T = TypeVar("T")


@frozen_keywords
class MeetingCollaborators:
    """What every owner of a bridge or conference works with."""

    calls: ActorCommands
    media: MediaPlane
    log: Log
    archive: Archive
    directory: Directory
    prompts: Prompts
    ids: Ids
    clock: Clock
    policy: CallPolicy


@frozen
class _Turn:
    """A command: what is to be done when its turn has come."""

    work: Callable[[], Awaitable[Any]]
    done: "asyncio.Future[Any]"


class MeetingActor(ABC):
    """Owns one bridge or conference."""

    def __init__(self, meeting_id: MeetingId, account_id: AccountId, with_: MeetingCollaborators) -> None:
        self.id = meeting_id
        self.account_id = account_id
        self.forget: Callable[[], None] = lambda: None
        """Called when nothing is left to do; set by whoever keeps the owners."""
        self._with = with_
        self._inbox: Inbox[Any] = Inbox()
        self._task: asyncio.Task[None] | None = None

    @property
    @abstractmethod
    def has_calls(self) -> bool:
        """Whether anything can happen without a command."""

    @abstractmethod
    async def _hear(self, news: Any) -> None:
        """Something happened to a call or to the audio."""

    def tell(self, news: object) -> None:
        """Something that must not be lost."""
        self._inbox.put(news)
        self._wake()

    async def in_turn(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work` when its turn has come. Raises `Overloaded` when too many wait, and whatever `work` raises."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if not self._inbox.offer(_Turn(work, done)):
            raise Overloaded
        self._wake()
        return cast(T, await done)

    def _wake(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._live(), name=self.id)

    async def _live(self) -> None:
        while self.has_calls or not self._inbox.is_empty:
            message = await self._inbox.get()
            if isinstance(message, _Turn):
                await _take_turn(message)
                continue
            try:
                await self._hear(message)
            except Exception:
                logger.exception("meeting failed inside", meeting_id=self.id)
        self._task = None
        self.forget()

    # --- storing ----------------------------------------------------------------------------------------------------

    async def _store(self, unit: UnitOfWork) -> None:
        """What has already happened, however long that takes."""
        attempt = 0
        while True:
            try:
                await self._with.log.commit(unit)
                return
            except LogUnavailable:
                await asyncio.sleep(STORE_RETRY_S[min(attempt, len(STORE_RETRY_S) - 1)])
                attempt += 1

    # --- calls ------------------------------------------------------------------------------------------------------

    async def _claim(self, call_id: CallId, entry: EnterBridge | EnterConference) -> CallActor:
        """The call enters this meeting. Raises `CallIdUnknown`, `WrongCallState` (it has ended), `CallNotReady` and
        what its rule raises."""
        actor = self._with.calls.calls.get(call_id)
        if actor is None:
            past = await self._with.archive.call(call_id)
            if past is None or past.account_id != self.account_id:
                raise CallIdUnknown(call_id)
            if past.state.is_final:
                raise WrongCallState(call_id, past.state)
            raise CallNotReady(call_id)
        if actor.status.call.account_id != self.account_id:
            raise CallIdUnknown(call_id)
        await actor.ask(entry)
        return actor

    async def _let_go(self, call_ids: Iterable[CallId]) -> None:
        """These calls are in no meeting any more; it is so when this returns, or will be."""
        leaving = LeaveMeeting(self.id)
        for call_id in call_ids:
            actor = self._with.calls.calls.get(call_id)
            if actor is None:
                continue
            try:
                with suppress(CommandError):
                    await actor.ask(leaving)
            except LogUnavailable:
                actor.tell(leaving)


async def _take_turn(turn: _Turn) -> None:
    try:
        result = await turn.work()
    except Exception as error:
        if not isinstance(error, TrebuchetError):
            logger.exception("meeting failed inside")
        if not turn.done.done():
            turn.done.set_exception(error)
    else:
        if not turn.done.done():
            turn.done.set_result(result)


class Meetings:
    """The living owners of this process."""

    def __init__(self) -> None:
        self._actors: dict[MeetingId, MeetingActor] = {}
        self._reviving = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._actors)

    def add(self, actor: MeetingActor) -> None:
        self._actors[actor.id] = actor
        actor.forget = lambda: self._forget(actor)

    def _forget(self, actor: MeetingActor) -> None:
        if self._actors.get(actor.id) is actor:
            del self._actors[actor.id]

    def tell(self, meeting_id: MeetingId, news: object) -> None:
        if (actor := self._actors.get(meeting_id)) is not None:
            actor.tell(news)

    async def find(
        self, meeting_id: MeetingId, revive: Callable[[], Awaitable[MeetingActor | None]]
    ) -> MeetingActor | None:
        """The living owner, or the one that `revive` makes of what is stored."""
        found = self._actors.get(meeting_id)
        if found is not None:
            return found
        async with self._reviving:  # nobody else may come to life, act and go between the reading and the adding
            found = self._actors.get(meeting_id)
            if found is None and (found := await revive()) is not None:
                self.add(found)
        return found

    async def wait_idle(self, timeout_s: float) -> None:
        """Wait until nothing is left to store, at most so long."""
        tasks = [actor._task for actor in self._actors.values() if actor._task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
