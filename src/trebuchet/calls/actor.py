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
from trebuchet.base.ids import CallId, MeetingId, RecordingId
from trebuchet.base.units import RATE_HZ
from trebuchet.base.values import frozen
from trebuchet.calls.commands import CallNotReady, TransferFailed, UpdateCall, WrongCallState
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
from trebuchet.calls.performer import EffectsPerformer
from trebuchet.calls.recording import RecordingRules
from trebuchet.calls.step import Status, Step
from trebuchet.calls.stimuli import (
    Answer,
    Fail,
    HangUp,
    KeyPressed,
    LegAnswered,
    LegEnded,
    LegRang,
    MeetingNews,
    Reject,
    StartTransfer,
    Stimulus,
)
from trebuchet.calls.transcribing import TranscriptionRules
from trebuchet.model.call import CallState, TransferRequest
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import Arrived, Created, Fact, RecordingFinished
from trebuchet.model.media_description import MediaDescription
from trebuchet.model.prompt import RenderedPrompt
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.transcription import Transcription

logger = structlog.get_logger(__name__)

STORE_RETRY_S = (0.05, 0.2, 1.0, 5.0)
"""Waits between attempts to store what has already happened; the last one repeats."""
ACK_LIMIT_S = 2.0
"""A callee's answer is acknowledged once it is stored, so that none talks to nobody after a crash: what is not
acknowledged ends by itself. It is not kept waiting longer than this, nor by a log that fails."""
STUCK = "an earlier event of the call is not stored yet"
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
    transcribing: TranscriptionRules
    clock: Clock
    policy: CallPolicy
    tell: Callable[[CallId, Stimulus], None]
    """Pass a stimulus to another call, if it lives."""
    port_of: Callable[[CallId], MediaPort | None]
    """The media port of another call, to be joined with."""
    forget: Callable[[CallId], None]
    """The actor has finished."""
    tell_meeting: Callable[[MeetingId, MeetingNews], None] = lambda meeting_id, news: None
    """Tell the owner of a bridge or conference, if it lives."""


@frozen
class Departure:
    """A new call that is ready to be dialled: its actor, its INVITE, what it hears first."""

    actor: "CallActor"
    invite: OutgoingCall
    whispers: tuple[RenderedPrompt, ...] = ()


@frozen
class _Command:
    command: UpdateCall
    departures: tuple[Departure, ...]
    """The prepared new calls of a transfer."""
    done: "asyncio.Future[None]"


@frozen
class _Request:
    """Anything else that a client wants of the call."""

    stimulus: Stimulus
    done: "asyncio.Future[None]"


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


@frozen
class _Note:
    """Something that happened beside the call and belongs into its log."""

    fact: Fact
    transcription: Transcription
    done: "asyncio.Future[None]"


_Message = Stimulus | _Command | _Request | _PlaybackDone | _RecorderStopped | _RecordingSaved | _Note


def _refuse(message: _Command | _Request | _Note, error: Exception) -> None:
    if not message.done.done():
        message.done.set_exception(error)


class CallActor:
    """One call. Also the listener of its leg and of its media port: those methods only fill the inbox."""

    def __init__(self, status: Status, with_: Collaborators) -> None:
        self.status = status
        self.id = status.call.id
        self.incoming: IncomingCall | None = None
        self._with = with_
        self._inbox: Inbox[_Message] = Inbox()
        self._planes = EffectsPerformer(self.id, with_.tell, with_.port_of, self._inbox.put, with_.tell_meeting)
        self._saving: dict[RecordingId, Recording] = {}
        """Recordings whose file is not downloadable yet; the actor outlives its call for them."""
        self._savers: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_gone = False
        """Nobody reads the inbox any more."""
        self._is_stuck = False
        """Something has happened that the log cannot store yet."""

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
        call = replace(self.status.call, dialog=self._planes.early_dialog())
        self.status = replace(self.status, call=call)
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
            self._planes.begin(leg, None, is_incoming=False, whispers=departure.whispers)
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
            self._is_gone = True
            self._refuse_rest()
            self._with.forget(self.id)

    @property
    def _is_finished(self) -> bool:
        return self.status.call.state.is_final and not self._saving

    def _check_lives(self) -> None:
        """Whoever prepared a command for a while may come too late. Raises `WrongCallState`, `CallNotReady`."""
        if self._is_gone and self.status.call.state.is_final:
            raise WrongCallState(self.id, self.status.call.state)
        if self._is_gone:
            raise CallNotReady(self.id)

    def _refuse_rest(self) -> None:
        for message in self._inbox.rest():
            if isinstance(message, _Command | _Request | _Note):
                _refuse(message, CallNotReady(self.id))

    # --- what arrives -----------------------------------------------------------------------------------------------

    async def obey(self, command: UpdateCall, departures: tuple[Departure, ...] = ()) -> None:
        """A client's update, in turn. Raises what `CallCommands.update` names."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._check_lives()
        if self._is_stuck:
            raise LogUnavailable(STUCK)
        if not self._inbox.offer(_Command(command, departures, done)):
            raise CallNotReady(self.id)
        await done

    async def note(self, fact: Fact, transcription: Transcription) -> None:
        """Store a fact from beside the call, in turn. Raises `CallNotReady` when the call is gone, and then nothing
        of it will be stored here."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._is_gone:
            raise CallNotReady(self.id)
        self._inbox.put(_Note(fact, transcription, done))
        await done

    async def ask(self, stimulus: Stimulus) -> None:
        """A client's command that is one stimulus, in turn. Raises what the stimulus' rule raises, `WrongCallState`,
        `CallNotReady` and `LogUnavailable`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._check_lives()
        if self._is_stuck:
            raise LogUnavailable(STUCK)
        if not self._inbox.offer(_Request(stimulus, done)):
            raise CallNotReady(self.id)
        await done

    def tell(self, stimulus: Stimulus) -> None:
        """Something that another call, or the server as a whole, has to say."""
        self._inbox.put(stimulus)

    def handle_ringing(self) -> None:
        """The callee rings: nothing changes for the API."""
        self._inbox.put(LegRang(self._planes.early_dialog()))

    def handle_answered(self, answer: MediaDescription | None) -> None:
        if self._accept(answer):
            self._inbox.put(LegAnswered(self._planes.dialog()))
            self._planes.hold_answer(ACK_LIMIT_S)
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
        self._inbox.offer(KeyPressed(digit, duration_ms))

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
            case _Command() | _Request():
                await self._obey(message)
            case _PlaybackDone(playback):
                self._planes.playback_done(playback)
            case _RecorderStopped():
                await self._recorder_stopped(message)
            case _RecordingSaved(recording):
                await self._recording_saved(recording)
            case _Note():
                await self._take_note(message)
            case LegAnswered():
                await self._follow(self._decide(message), self._planes.confirm)
            case _:
                await self._follow(self._decide(message))

    def _decide(self, stimulus: Stimulus) -> Step:
        return self._with.machine.decide(self.status, stimulus, self._with.clock.utc())

    async def _obey(self, message: _Command | _Request) -> None:
        try:
            await (self._execute(message) if isinstance(message, _Command) else self._comply(message.stimulus))
        except TrebuchetError as error:
            _refuse(message, error)
        except Exception as error:
            _refuse(message, error)  # whoever waits must be told, before the call ends for it
            raise
        else:
            if not message.done.done():
                message.done.set_result(None)

    async def _execute(self, message: _Command) -> None:
        departures, command = message.departures, message.command
        stimulus = self._stimulus(command, departures)
        step = self._with.machine.update(self.status, command, stimulus, self._with.clock.utc())
        created = tuple(Change(departure.actor.status.call, (Created(),)) for departure in departures)
        if step != Step(self.status) or created:
            await self._with.log.commit(step.unit(*created))
        self._adopt(step)
        self._planes.perform(step.effects)
        self._depart(departures)

    def _depart(self, departures: tuple[Departure, ...]) -> None:
        """Dial the new calls of a transfer. Raises `TransferFailed` when none could be."""
        failed: list[SignallingError] = []
        for departure in departures:
            try:
                departure.actor.begin_outgoing(departure)
            except SignallingError as error:
                failed.append(error)
        if departures and len(failed) == len(departures):
            raise TransferFailed(self.id, departures[0].actor.status.call.to) from failed[0]

    async def _comply(self, stimulus: Stimulus) -> None:
        step = self._decide(stimulus)
        if step.unit() != Step(self.status).unit():
            await self._with.log.commit(step.unit())
        self._adopt(step)
        self._planes.perform(step.effects)

    def _stimulus(self, command: UpdateCall, departures: tuple[Departure, ...]) -> Stimulus | None:
        if command.transfer is not None and departures:
            wanted = command.transfer
            request = TransferRequest(to=wanted.to, caller_id=wanted.caller_id, whisper=wanted.whisper)
            target, *also = (departure.actor.id for departure in departures)
            return StartTransfer(target, request, tuple(also), wanted.told)
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
        fact = RecordingFinished(
            recording.id, is_complete, recording.started_at, ended_at, recording.is_silent, recording.webhook
        )
        automatic = self._with.transcribing.automatic(self.status.call, recording, self._with.clock.utc())
        await self._follow(Step(self.status, (fact,), (recording,), transcriptions=automatic))
        self._saving.pop(recording.id, None)

    async def _take_note(self, note: _Note) -> None:
        await self._follow(Step(self.status, (note.fact,), transcriptions=(note.transcription,)))
        if not note.done.done():
            note.done.set_result(None)

    # --- storing ----------------------------------------------------------------------------------------------------

    async def _follow(self, step: Step, after_try: Callable[[], None] = lambda: None) -> None:
        """Something has happened: perform its effects now, and store it however long that takes. `after_try`: once it
        is stored, and each time it could not be."""
        if step == Step(self.status):
            return
        self._adopt(step)
        self._planes.perform(step.effects)
        unit, attempt = step.unit(), 0
        while not await self._try_commit(unit):
            after_try()
            self._is_stuck = True
            self._refuse_clients()
            await asyncio.sleep(STORE_RETRY_S[min(attempt, len(STORE_RETRY_S) - 1)])
            attempt += 1
        self._is_stuck = False
        after_try()

    def _refuse_clients(self) -> None:
        """Nothing can be stored: clients who wait are told so, what planes reported is kept."""
        for message in self._inbox.rest():
            if isinstance(message, _Command | _Request):
                _refuse(message, LogUnavailable(STUCK))
            else:
                self._inbox.put(message)

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
