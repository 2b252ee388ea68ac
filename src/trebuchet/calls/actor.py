"""The owner of one call: the only task that changes it.

Whatever happens to the call arrives in the inbox, one message after the other: commands of clients (with a future for
the answer), what the leg and the media port report, what other calls tell. For each the machine decides; the step is
committed; then its effects are performed and the client is answered. A command whose step cannot be stored changes
nothing. What a plane reports has already happened: its effects are performed at once, and its step is stored as soon
as the log can.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.errors import TrebuchetError
from trebuchet.base.ids import CallId, RecordingId
from trebuchet.base.units import RATE_HZ
from trebuchet.base.values import frozen
from trebuchet.calls.commands import CallNotReady, TransferFailed, UpdateCall
from trebuchet.calls.effects import EffectsPerformer
from trebuchet.calls.inbox import Inbox
from trebuchet.calls.interfaces import (
    CallPolicy,
    Change,
    IncomingCall,
    Leg,
    Log,
    LogUnavailable,
    MediaPort,
    NoCommonCodec,
    OutgoingCall,
    RecordingFinisher,
    SignallingError,
    SignallingPlane,
    StopReason,
    UnitOfWork,
)
from trebuchet.calls.machine import Machine
from trebuchet.calls.recording import RecordingRules
from trebuchet.calls.stimuli import (
    Answer,
    Fail,
    HangUp,
    LegAnswered,
    LegEnded,
    Reject,
    StartTransfer,
    Status,
    Step,
    Stimulus,
)
from trebuchet.model.call import CallState, TransferRequest
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import Arrived, Created, DigitPressed, RecordingFinished
from trebuchet.model.media_description import MediaDescription
from trebuchet.model.prompt import RenderedPrompt
from trebuchet.model.recording import Recording, RecordingState

logger = structlog.get_logger(__name__)

STORE_RETRY_S = (0.05, 0.2, 1.0, 5.0)
"""Waits between attempts to store what has already happened; the last one repeats."""
MAX_ERRORS = 3
"""Errors of ours in one call's handling after which the call is dropped without further ado: the first already ends
it in good order, the others leave room for its recordings."""


@frozen
class Collaborators:
    """What every actor works with."""

    machine: Machine
    log: Log
    signalling: SignallingPlane
    finisher: RecordingFinisher
    clock: Clock
    policy: CallPolicy
    tell: Callable[[CallId, Stimulus], None]
    """Pass a stimulus to another call, if it lives."""
    port_of: Callable[[CallId], MediaPort | None]
    """The media port of another call, to be joined with."""
    forget: Callable[[CallId], None]
    """The actor has finished."""


@frozen
class Departure:
    """A new call that is ready to be dialled: its actor, its INVITE, what it hears first."""

    actor: "CallActor"
    invite: OutgoingCall
    whisper: RenderedPrompt | None = None


@frozen
class _Command:
    command: UpdateCall
    departure: Departure | None
    """The prepared new call of a transfer."""
    done: "asyncio.Future[None]"


@frozen
class _Digit:
    digit: str
    duration_ms: int | None


@frozen
class _PlaybackDone:
    playback: int


@frozen
class _RecorderStopped:
    recording_id: RecordingId
    samples: int
    reason: StopReason


@frozen
class _RecordingSaved:
    recording: Recording


_Message = Stimulus | _Command | _Digit | _PlaybackDone | _RecorderStopped | _RecordingSaved


class CallActor:
    """One call. Also the listener of its leg and of its media port: those methods only fill the inbox."""

    def __init__(self, status: Status, with_: Collaborators) -> None:
        self.status = status
        self.id = status.call.id
        self.incoming: IncomingCall | None = None
        self._with = with_
        self._inbox: Inbox[_Message] = Inbox()
        self._planes = EffectsPerformer(self.id, with_.tell, with_.port_of, self._inbox.put)
        self._saving: dict[RecordingId, Recording] = {}
        """Recordings whose file is not downloadable yet; the actor outlives its call for them."""
        self._savers: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> MediaPort | None:
        return self._planes.port

    def use_port(self, port: MediaPort) -> None:
        """The media port of this call, opened with the actor as its listener."""
        self._planes.port = port

    # --- beginnings and the end -------------------------------------------------------------------------------------

    def begin_incoming(self, incoming: IncomingCall, leg: Leg, *, is_auto_answered: bool) -> None:
        """Start as an incoming call: it is stored, and the application is told or the call answered at once."""
        self.incoming = incoming
        self._planes.begin(leg, incoming.offer, is_incoming=True)
        self._planes.start_ring_timer(self._with.policy.ring_limit_s)
        self._task = asyncio.get_running_loop().create_task(self._arrive(is_auto_answered), name=self.id)

    def begin_outgoing(self, departure: Departure) -> None:
        """Send the INVITE of a call that was stored with its `Created`. Raises `SignallingError`; the stored call
        is ended then."""
        self._adopt(Step(self.status, (Created(),)))
        try:
            leg = self._with.signalling.place_call(departure.invite, self)
        except SignallingError as error:
            self._inbox.put(LegEnded(Cause.TEMPORARY_FAILURE, Blame.US, str(error)))
            raise
        else:
            self._planes.begin(leg, None, is_incoming=False, whisper=departure.whisper)
            self._planes.start_ring_timer(float(self.status.call.ring_timeout_s or self._with.policy.ring_limit_s))
        finally:
            self._task = asyncio.get_running_loop().create_task(self._live(), name=self.id)

    def discard(self) -> None:
        """The prepared call is not wanted after all: nothing was stored or sent."""
        self._planes.close()
        self._with.forget(self.id)

    async def _arrive(self, is_auto_answered: bool) -> None:
        step = Step(self.status, (Created(), Arrived()))
        if is_auto_answered:
            answer = Answer(self._planes.dialog())
            step = step.then(self._with.machine.decide(self.status, answer, self._with.clock.utc()))
        try:
            await self._with.log.commit(step.unit())
        except LogUnavailable:
            self._planes.refuse_unstored()
            self._with.forget(self.id)
            return
        self._adopt(step)
        self._planes.perform(step.effects)
        await self._live()

    async def _live(self) -> None:
        errors = 0
        try:
            while not self._is_finished and errors < MAX_ERRORS:
                try:
                    await self._take(await self._inbox.get())
                except Exception as error:
                    errors += 1
                    logger.exception("call failed inside", call_id=self.id)
                    self._inbox.put(Fail(Cause.INTERNAL, Blame.US, type(error).__name__))
        finally:
            self._planes.close()
            self._refuse_rest()
            self._with.forget(self.id)

    @property
    def _is_finished(self) -> bool:
        return self.status.call.state.is_final and not self._saving

    def _refuse_rest(self) -> None:
        for message in self._inbox.rest():
            if isinstance(message, _Command) and not message.done.done():
                message.done.set_exception(CallNotReady(self.id))

    # --- what arrives -----------------------------------------------------------------------------------------------

    async def obey(self, command: UpdateCall, departure: Departure | None = None) -> None:
        """A client's update, in turn. Raises what `CallCommands.update` names."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._inbox.offer(_Command(command, departure, done)):
            raise CallNotReady(self.id)
        await done

    def tell(self, stimulus: Stimulus) -> None:
        """Something that another call, or the server as a whole, has to say."""
        self._inbox.put(stimulus)

    def handle_ringing(self) -> None:
        """The callee rings: nothing changes for the API."""

    def handle_answered(self, answer: MediaDescription | None) -> None:
        if self._accept(answer):
            self._inbox.put(LegAnswered(self._planes.dialog()))
        else:
            self._inbox.put(Fail(Cause.UNSPECIFIED, Blame.PEER, "no usable answer"))

    def handle_confirmed(self, answer: MediaDescription | None) -> None:
        is_ours = self.incoming is not None and self.incoming.offer is None
        if is_ours and not self._accept(answer):
            self._inbox.put(Fail(Cause.UNSPECIFIED, Blame.PEER, "no usable answer"))

    def _accept(self, answer: MediaDescription | None) -> bool:
        if answer is None or self.port is None:
            return False
        try:
            self.port.accept(answer)
        except NoCommonCodec:
            return False
        return True

    def handle_offer(self, offer: MediaDescription | None) -> MediaDescription | None:
        if self.port is None:
            return None
        try:
            return self.port.offer() if offer is None else self.port.answer(offer)
        except NoCommonCodec:
            return None

    def handle_digit(self, digit: str, duration_ms: int | None) -> None:
        self._inbox.offer(_Digit(digit, duration_ms))

    handle_media_digit = handle_digit

    def handle_ended(self, cause: Cause, blame: Blame, detail: str | None) -> None:
        self._inbox.put(LegEnded(cause, blame, detail))

    def handle_playback_done(self, playback: int) -> None:
        self._inbox.put(_PlaybackDone(playback))

    def handle_recorder_stopped(self, recording_id: RecordingId, samples: int, reason: StopReason) -> None:
        self._inbox.put(_RecorderStopped(recording_id, samples, reason))

    def handle_media_timeout(self) -> None:
        self._inbox.put(Fail(Cause.MEDIA_TIMEOUT, Blame.PEER))

    def handle_media_lost(self) -> None:
        self._inbox.put(Fail(Cause.MEDIA_LOST, Blame.US))

    # --- one message at a time --------------------------------------------------------------------------------------

    async def _take(self, message: _Message) -> None:
        match message:
            case _Command():
                await self._obey(message)
            case _Digit(digit, duration_ms):
                if self.status.call.state.is_up:
                    await self._follow(Step(self.status, (DigitPressed(digit, duration_ms),)))
            case _PlaybackDone(playback):
                self._planes.playback_done(playback)
            case _RecorderStopped():
                await self._recorder_stopped(message)
            case _RecordingSaved(recording):
                await self._recording_saved(recording)
            case _:
                await self._follow(self._with.machine.decide(self.status, message, self._with.clock.utc()))

    async def _obey(self, message: _Command) -> None:
        try:
            await self._execute(message)
        except TrebuchetError as error:
            if not message.done.done():
                message.done.set_exception(error)
        else:
            if not message.done.done():
                message.done.set_result(None)

    async def _execute(self, message: _Command) -> None:
        departure, command = message.departure, message.command
        stimulus = self._stimulus(command, departure)
        step = self._with.machine.update(self.status, command, stimulus, self._with.clock.utc())
        created = () if departure is None else (Change(departure.actor.status.call, (Created(),)),)
        if step != Step(self.status) or created:
            await self._with.log.commit(step.unit(*created))
        self._adopt(step)
        self._planes.perform(step.effects)
        if departure is not None:
            try:
                departure.actor.begin_outgoing(departure)
            except SignallingError as error:
                raise TransferFailed(self.id, departure.actor.status.call.to) from error

    def _stimulus(self, command: UpdateCall, departure: Departure | None) -> Stimulus | None:
        if command.transfer is not None and departure is not None:
            wanted = command.transfer
            request = TransferRequest(to=wanted.to, caller_id=wanted.caller_id, whisper=wanted.whisper)
            return StartTransfer(departure.actor.id, request)
        match command.state:
            case CallState.ANSWERED:
                return Answer(self._planes.dialog())
            case CallState.REJECTED:
                return Reject()
            case CallState.ENDED:
                return HangUp()
            case _:
                return None

    async def _recorder_stopped(self, message: _RecorderStopped) -> None:
        running = self.status.recording
        if running is not None and running.id == message.recording_id:
            await self._follow(RecordingRules.stopped_by_itself(self.status, self._with.clock.utc()))
        recording = self._saving.get(message.recording_id)
        if recording is None:
            return
        recording = replace(recording, duration_ms=message.samples * 1000 // RATE_HZ)
        saver = asyncio.get_running_loop().create_task(self._save(recording, message.reason))
        self._savers.add(saver)
        saver.add_done_callback(self._savers.discard)

    async def _save(self, recording: Recording, reason: StopReason) -> None:
        is_complete = reason is not StopReason.FAILED and await self._with.finisher.finish(recording)
        state = RecordingState.COMPLETE if is_complete else RecordingState.ERROR
        self._inbox.put(_RecordingSaved(replace(recording, state=state)))

    async def _recording_saved(self, recording: Recording) -> None:
        ended_at = recording.ended_at or self._with.clock.utc()
        is_complete = recording.state is RecordingState.COMPLETE
        fact = RecordingFinished(recording.id, is_complete, recording.started_at, ended_at)
        await self._follow(Step(self.status, (fact,), (recording,)))
        self._saving.pop(recording.id, None)

    # --- storing ----------------------------------------------------------------------------------------------------

    async def _follow(self, step: Step) -> None:
        """Something has happened: perform its effects now, and store it however long that takes."""
        if step == Step(self.status):
            return
        self._adopt(step)
        self._planes.perform(step.effects)
        unit, attempt = step.unit(), 0
        while not await self._try_commit(unit):
            await asyncio.sleep(STORE_RETRY_S[min(attempt, len(STORE_RETRY_S) - 1)])
            attempt += 1

    async def _try_commit(self, unit: UnitOfWork) -> bool:
        try:
            await self._with.log.commit(unit)
        except LogUnavailable:
            return False
        return True

    def _adopt(self, step: Step) -> None:
        self.status = step.committed()
        for recording in step.recordings:
            if recording.state is RecordingState.SAVING:
                self._saving[recording.id] = recording
