"""One call's script at work: performs its orders through the commands that clients of the API use, and brings it what
happens to the call.

One task for each script. Orders that take long (requests to the application) have tasks of their own, so that the end
of the call is always heard.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.errors import TrebuchetError
from trebuchet.base.ids import Ids
from trebuchet.base.values import frozen
from trebuchet.bxml import orders as o
from trebuchet.bxml.commands import gather_command, play_command, recording_command, transfer_command
from trebuchet.bxml.errors import DocumentError
from trebuchet.bxml.parse import looks_like_xml
from trebuchet.bxml.script import Connecting, Over, Script, decide
from trebuchet.bxml.wire import read_document
from trebuchet.calls.commands import CallCommands, SendDigits, UpdateCall
from trebuchet.model.call import Call, CallState
from trebuchet.model.event import (
    DigitPressed,
    Ended,
    Fact,
    GatherFinished,
    PlaybackChanged,
    TransferChanged,
)
from trebuchet.model.user_error import UserError

logger = structlog.get_logger(__name__)

CATEGORY = "bad-request"
"""Of entries in the customer's error list: what was asked for cannot be done."""


class Reply(Protocol):
    """What a web server answered with success."""

    @property
    def url(self) -> str: ...

    @property
    def body(self) -> bytes: ...


class Questions(Protocol):
    """Requests to the application; `None`: nobody answered, and the customer's error list says why."""

    async def tell_gather(self, call: Call, url: str, timeout_ms: int, gather: GatherFinished) -> Reply | None: ...

    async def ask_for_document(self, call: Call, url: str, timeout_ms: int) -> Reply | None: ...


@frozen
class Surroundings:
    """What every script works with."""

    commands: CallCommands
    questions: Questions
    report: Callable[[UserError], Awaitable[None]]
    ids: Ids
    clock: Clock


def read_reply(reply: Reply | None) -> o.Arrival:
    """What an answer means to a script."""
    if reply is None:
        return o.RequestFailed()
    if not looks_like_xml(reply.body):
        return o.NothingCame()
    try:
        return o.DocumentCame(read_document(reply.body, reply.url))
    except DocumentError as error:
        return o.DocumentBad(str(error))


class ScriptRunner:
    """`see` is told of every change of the call."""

    def __init__(self, call: Call, first: o.Arrival, with_: Surroundings, forget: Callable[[], None]) -> None:
        self._call = call
        self._script = Script()
        self._with = with_
        self._inbox: asyncio.Queue[o.Arrival] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        self._requests: set[asyncio.Task[None]] = set()
        self._gather: GatherFinished | None = None
        self._recordings_before: int | None = None
        """How many recordings the call had before the one that the script waits for; `None`: it waits for none."""
        self._inbox.put_nowait(first)
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"script {call.id}")
        self._task.add_done_callback(lambda _: forget())

    def see(self, call: Call, facts: tuple[Fact, ...]) -> None:
        """Returns at once."""
        self._call = call
        arrivals = [arrival for fact in facts if (arrival := self._translate(fact)) is not None]
        if self._has_recorded(call):
            arrivals.append(o.RecordingOver())
        if any(isinstance(arrival, o.TakenOver) for arrival in arrivals):
            arrivals = [o.TakenOver()]  # nothing else of it may start another verb first
        for arrival in arrivals:
            self._inbox.put_nowait(arrival)

    async def close(self) -> None:
        """Stop at once; the call goes on without a script."""
        tasks = [self._task, *self._requests]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- arrivals ---------------------------------------------------------------------------------------------------

    def _translate(self, fact: Fact) -> o.Arrival | None:
        match fact:
            case PlaybackChanged(is_silent=True, is_started=False):
                return o.PlaybackOver()
            case GatherFinished(is_silent=True):
                self._gather = fact
                return o.GatherOver(fact.gather_id, fact.digits, fact.reason, fact.terminator)
            case PlaybackChanged(is_silent=False, is_started=True) | GatherFinished():
                return o.TakenOver()
            case DigitPressed(digit=digit):
                return o.KeyCame(digit)
            case TransferChanged(phase="started"):
                return None if isinstance(self._script.waits, Connecting) else o.TakenOver()
            case TransferChanged(phase="connected"):
                return o.TransferJoined()
            case TransferChanged():
                return o.TransferFailed()
            case Ended():
                return o.CallOver()
            case _:
                return None

    def _has_recorded(self, call: Call) -> bool:
        before = self._recordings_before
        is_over = before is not None and call.recordings_made > before and not call.recording.is_enabled
        if is_over:
            self._recordings_before = None
        return is_over

    # --- the task ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not isinstance(self._script.waits, Over):
                arrival = await self._inbox.get()
                if isinstance(arrival, o.DocumentCame) and self._script.verbs_run == 0:
                    await self._attempt(self._with.commands.silence_keys(self._call.account_id, self._call.id))
                self._script, orders = decide(self._script, arrival)
                for order in orders:
                    await self._perform(order)
            await self._last_requests()
        except Exception:
            logger.exception("script failed inside", call_id=self._call.id)
            await self._attempt(self._with.commands.update(self._update(state=CallState.ENDED)))
        finally:
            if self._timer is not None:
                self._timer.cancel()

    async def _last_requests(self) -> None:
        """A script that is over still tells what was gathered."""
        if self._requests:
            await asyncio.wait(self._requests)

    async def _attempt(self, command: Awaitable[object]) -> None:
        """A command whose refusal changes nothing: the call is over, or was not ours to end."""
        try:
            await command
        except TrebuchetError as error:
            logger.info("script's command was refused", call_id=self._call.id, code=error.code)

    async def _perform(self, order: o.Order) -> None:
        match order:
            case o.Wait(number, seconds):
                self._start_timer(number, seconds)
            case o.TellGather():
                self._spawn(self._tell_gather(order))
            case o.AskForDocument():
                self._spawn(self._ask_for_document(order))
            case o.Complain(code, text):
                await self._complain(code, text)
            case o.EndCall():
                await self._attempt(self._with.commands.update(self._update(state=CallState.ENDED)))
            case _:
                await self._command(order)

    async def _command(
        self, order: o.Say | o.StartGather | o.StartRecording | o.StopRecording | o.StartTransfer | o.Dial
    ) -> None:
        try:
            await self._give(order)
        except TrebuchetError as error:
            self._inbox.put_nowait(o.Refused(error.code))

    async def _give(
        self, order: o.Say | o.StartGather | o.StartRecording | o.StopRecording | o.StartTransfer | o.Dial
    ) -> None:
        commands, call = self._with.commands, self._call
        match order:
            case o.Say(prompt):
                await commands.play_audio(play_command(call, prompt))
            case o.StartGather(wanted):
                await commands.start_gather(gather_command(call, wanted))
            case o.StartRecording(wanted, is_alone):
                self._recordings_before = call.recordings_made if is_alone else None
                await commands.start_recording(recording_command(call, wanted, is_alone=is_alone))
            case o.StopRecording():
                await commands.update(self._update(is_recording=False))
            case o.StartTransfer(wanted):
                transfer = transfer_command(call, wanted)
                await commands.update(self._update(state=CallState.TRANSFERRING, transfer=transfer))
            case o.Dial(digits):
                await commands.send_digits(SendDigits(account_id=call.account_id, call_id=call.id, digits=digits))

    def _update(self, **changes: object) -> UpdateCall:
        return UpdateCall(account_id=self._call.account_id, call_id=self._call.id, **changes)  # type: ignore[arg-type]  # names are checked by the constructor

    def _start_timer(self, number: int, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._inbox.put_nowait, o.TimerOver(number))

    # --- the application --------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _tell_gather(self, order: o.TellGather) -> None:
        assert self._gather is not None, "what is told has been gathered"
        gather = GatherFinished(
            self._gather.gather_id,
            order.result.digits,
            order.result.reason,
            order.tag,
            terminator=order.result.terminator,
        )
        callback = order.callback
        asking = self._with.questions.tell_gather(self._call, callback.url, callback.timeout_ms, gather)
        arrival = await self._answer(asking)
        if order.is_answered:
            self._inbox.put_nowait(arrival)

    async def _ask_for_document(self, order: o.AskForDocument) -> None:
        callback = order.callback
        asking = self._with.questions.ask_for_document(self._call, callback.url, callback.timeout_ms)
        self._inbox.put_nowait(await self._answer(asking))

    async def _answer(self, asking: Awaitable[Reply | None]) -> o.Arrival:
        try:
            return read_reply(await asking)
        except Exception:  # an error of ours must not leave the call waiting for ever
            logger.exception("script's request failed inside", call_id=self._call.id)
            return o.RequestFailed()

    async def _complain(self, code: str, text: str) -> None:
        call = self._call
        await self._with.report(
            UserError(
                id=self._with.ids.user_error(),
                account_id=call.account_id,
                at=self._with.clock.utc(),
                category=CATEGORY,
                code=code,
                message=f"The BXML of call {call.id} could not be followed: {text}",
                details=(("callId", call.id),),
            )
        )
