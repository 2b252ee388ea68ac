"""The facade of call control: takes clients' commands and the door's incoming calls, and keeps the living calls.

Checks that need to look around (whose number, which route, is there room, can the whisper be played) happen here,
before the call's actor is asked; the actor then decides alone.
"""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.ids import AccountId, BridgeId, CallId, ConferenceId, Ids
from trebuchet.calls.actor import CallActor, Collaborators, Departure
from trebuchet.calls.actor_commands import ActorCommands
from trebuchet.calls.admission import Admission, Signal
from trebuchet.calls.bridge_actor import BridgeControl
from trebuchet.calls.call_limits import CallLimits, CallMeter
from trebuchet.calls.callee import Callee, find_callee, unroutable
from trebuchet.calls.commands import (
    CallFailed,
    CallNotFound,
    CannotCall,
    CommandError,
    CreateCall,
    DestinationDenied,
    NoNumbers,
    NumberNotOwned,
    Overloaded,
    Transfer,
    TransferFailed,
    UpdateCall,
)
from trebuchet.calls.conference_actor import ConferenceControl
from trebuchet.calls.dial_rules import DialRules, Rule
from trebuchet.calls.interfaces import (
    Archive,
    CallPolicy,
    Change,
    Directory,
    IncomingCall,
    Leg,
    LegListener,
    Log,
    MediaPlane,
    MediaPort,
    MediaUnavailable,
    OutgoingCall,
    Prompts,
    RecordingFinisher,
    Refusal,
    SignallingError,
    SignallingPlane,
    UnitOfWork,
)
from trebuchet.calls.machine import Machine
from trebuchet.calls.meeting_actor import MeetingCollaborators, Meetings
from trebuchet.calls.reception import Reception
from trebuchet.calls.recording import RecordingRules
from trebuchet.calls.registry import Registry
from trebuchet.calls.step import Status
from trebuchet.calls.stimuli import Answer, Fail, HangUp, Reject, StartTransfer, Stimulus
from trebuchet.calls.transcribing import TranscriptionRules
from trebuchet.calls.transfer import CallerId, choose_caller_id, diversion_headers
from trebuchet.model.call import Call, CallState, Direction, TransferRequest, WebhookTarget
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import Created
from trebuchet.model.prompt import RenderedPrompt

logger = structlog.get_logger(__name__)

END_LIMIT_S = 5.0
"""How long ended calls may take to store their ends and save their recordings when the server stops."""
DEFAULT_RULES = DialRules()
NO_LIMITS = CallLimits()


class CallControl(ActorCommands):
    """Implements `CallCommands` and `IncomingCallHandler`. `signalling` and `media` are set up around it."""

    def __init__(
        self,
        *,
        signalling: SignallingPlane,
        media: MediaPlane,
        prompts: Prompts,
        log: Log,
        directory: Directory,
        archive: Archive,
        finisher: RecordingFinisher,
        ids: Ids,
        clock: Clock,
        policy: CallPolicy,
        dial_rules: DialRules = DEFAULT_RULES,
        call_limits: CallLimits = NO_LIMITS,
        signals: Sequence[Signal] = (),
    ) -> None:
        self._rules = RecordingRules(ids, policy.max_recording_s)
        super().__init__(Registry(), Machine(self._rules), prompts=prompts, archive=archive, ids=ids, clock=clock)
        self._signalling, self._media = signalling, media
        self._log, self._directory, self._policy = log, directory, policy
        self.admission = Admission(policy, media, signals, clock.now)
        self._dial_rules, self._meter = dial_rules, CallMeter(call_limits)
        self.meetings = Meetings()
        meeting_with = MeetingCollaborators(
            calls=self,
            media=media,
            log=log,
            archive=archive,
            directory=directory,
            prompts=prompts,
            ids=ids,
            clock=clock,
            policy=policy,
        )
        self.bridges = BridgeControl(self.meetings, meeting_with)
        self.conferences = ConferenceControl(self.meetings, meeting_with)
        self._with = Collaborators(
            machine=self.machine,
            log=log,
            signalling=signalling,
            finisher=finisher,
            transcribing=TranscriptionRules(ids),
            clock=clock,
            policy=policy,
            tell=self.calls.tell,
            port_of=self.calls.port_of,
            forget=self.calls.forget,
            tell_meeting=self.meetings.tell,
        )

    def has_room(self) -> bool:
        """Whether a new call would be taken at all; the door asks before it reads an INVITE."""
        return self.admission.has_room(len(self.calls))

    # --- incoming ---------------------------------------------------------------------------------------------------

    def handle_incoming(self, call: IncomingCall, leg: Leg) -> LegListener | None:
        """A fresh INVITE: refused at once when there is no room, else looked up and given to its application."""
        try:
            self.admission.check(len(self.calls))
        except Overloaded:
            leg.reject(Refusal.OVERLOADED)
            return None
        reception = Reception(leg)
        reception.start(lambda: self._receive(call, leg, reception))
        return reception

    async def _receive(self, incoming: IncomingCall, leg: Leg, reception: Reception) -> CallActor | None:
        callee = await find_callee(incoming, self._directory)
        if reception.is_gone:
            return None
        if callee is None:
            leg.reject(Refusal.NOT_FOUND)
            return None
        call_id = self._ids.call()
        target = callee.application.webhook_target() if callee.application is not None else None
        if callee.application is None or target is None:
            leg.reject(Refusal.UNAVAILABLE)
            await self._log.report(unroutable(callee, self._ids.user_error(), call_id, self._clock.utc()))
            return None
        actor = CallActor(Status(self._incoming_call(call_id, incoming, callee, target)), self._with)
        if not self._give_port(actor, incoming, leg):
            return None
        self.calls.add(actor)
        actor.begin_incoming(incoming, leg, is_auto_answered=callee.application.auto_answer)
        return actor

    def _give_port(self, actor: CallActor, incoming: IncomingCall, leg: Leg) -> bool:
        is_ipv6 = incoming.offer is not None and ":" in incoming.offer.address
        try:
            port = self._media.open_port(actor, wants_ipv6=is_ipv6, is_encrypted=incoming.wants_encryption)
        except MediaUnavailable:
            leg.reject(Refusal.OVERLOADED)
            return False
        if incoming.offer is not None and not port.supports(incoming.offer):
            port.close()
            leg.reject(Refusal.NOT_ACCEPTABLE)
            return False
        actor.use_port(port)
        return True

    def _incoming_call(self, call_id: CallId, incoming: IncomingCall, callee: Callee, target: WebhookTarget) -> Call:
        return Call(
            id=call_id,
            account_id=callee.account_id,
            direction=Direction.IN,
            from_=incoming.from_,
            to=incoming.to,
            state=CallState.RINGING,
            created_at=self._clock.utc(),
            webhook=target,
            application_id=callee.application_id,
            sip_headers=incoming.sip_headers,
            diversion=incoming.diversion,
            display_name=incoming.display_name,
            preferred_id=incoming.preferred_id,
            withholds_number=incoming.withholds_number,
            withholds_name=incoming.withholds_name,
        )

    async def handle_undeliverable(self, call_id: CallId) -> None:
        """Nobody could be told of the incoming call: hand it to the number's fallback number, if it has one."""
        actor = self.calls.get(call_id)
        if actor is None or actor.status.call.direction is not Direction.IN:
            return
        if actor.incoming is not None and actor.incoming.endpoint_id is not None:
            return  # a phone's call was never one for the number it dialled
        call = actor.status.call
        route = await self._directory.find_number(call.to)
        if route is None or route.number.fallback_number is None:
            return
        transfer = Transfer(to=route.number.fallback_number)
        change = UpdateCall(account_id=call.account_id, call_id=call_id)
        try:
            await self.update(replace(change, state=CallState.ANSWERED))
            await self.update(replace(change, state=CallState.TRANSFERRING, transfer=transfer))
        except (CommandError, Overloaded) as error:
            logger.warning("fallback number could not be called", call_id=call_id, error=error.code)

    # --- commands ---------------------------------------------------------------------------------------------------

    async def create(self, command: CreateCall) -> CallId:
        """See `CallCommands.create`."""
        self._rules.check_duration(command.recording.max_duration_s)
        if not await self._directory.owns_number(command.account_id, command.from_):
            if not await self._directory.has_numbers(command.account_id):
                raise NoNumbers(command.account_id)
            raise NumberNotOwned(command.account_id, command.from_)
        if command.conference_id is not None:
            await self.conferences.check_open(command.account_id, ConferenceId(command.conference_id))
        trunk = self._route(command.account_id, command.to)
        self.admission.check(len(self.calls))
        self._count_dialled(command.account_id, command.from_)
        actor = CallActor(Status(self._outgoing_call(command)), self._with)
        port = self._open_port(actor, command.to, None)
        invite = OutgoingCall(
            from_=command.from_, to=command.to, trunk=trunk, offer=port.offer(), sip_headers=command.sip_headers
        )
        try:
            await self._store_new(actor, None if command.bridge_id is None else BridgeId(command.bridge_id))
        except Exception:
            actor.discard()
            raise
        try:
            actor.begin_outgoing(Departure(actor, invite))
        except SignallingError as error:
            raise CallFailed(command.from_, command.to) from error
        return actor.id

    async def _store_new(self, actor: CallActor, bridge_id: BridgeId | None) -> None:
        """With its place in a bridge, if it is to have one. Raises what `BridgeControl.reserve` does."""
        if bridge_id is not None:
            await self.bridges.reserve(actor.status.call.account_id, bridge_id, actor.id)
            actor.status = replace(actor.status, meeting=bridge_id)
        try:
            await self._log.commit(UnitOfWork(changes=(Change(actor.status.call, (Created(),)),)))
        except Exception:
            if bridge_id is not None:
                self.bridges.withdraw(bridge_id, actor.id)
            raise

    def _outgoing_call(self, command: CreateCall) -> Call:
        return Call(
            id=command.call_id or self._ids.call(),
            account_id=command.account_id,
            direction=Direction.OUT,
            from_=command.from_,
            to=command.to,
            state=CallState.RINGING,
            created_at=self._clock.utc(),
            ring_timeout_s=command.ring_timeout_s,
            webhook=command.webhook,
            tag=command.tag,
            sip_headers=command.sip_headers,
            recording=command.recording,
            is_transcribed=command.is_transcribed,
            bridge_id=command.bridge_id,
            conference_id=command.conference_id,
            reserved_for=command.conference_id,
        )

    async def update(self, command: UpdateCall) -> CallId | None:
        """See `CallCommands.update`."""
        actor = self.calls.get(command.call_id)
        if actor is None:
            await self._update_past(command)
            return None
        if actor.status.call.account_id != command.account_id:
            raise CallNotFound(command.call_id)
        if command.transfer is None:
            await actor.obey(command)
            return None
        departures = await self._prepare_transfer(actor, command, command.transfer)
        try:
            await actor.obey(command, departures)
        except TransferFailed:
            raise
        except Exception:
            _discard(departures)
            raise
        return departures[0].actor.id

    async def _update_past(self, command: UpdateCall) -> None:
        call = await self._past_call(command.account_id, command.call_id)
        stimulus = _STIMULI[command.state] if command.state is not None else None
        self.machine.update(Status(call), command, stimulus, self._clock.utc())

    async def _prepare_transfer(
        self, actor: CallActor, command: UpdateCall, transfer: Transfer
    ) -> tuple[Departure, ...]:
        """Everything that can be wrong with a transfer is found here, before anything changes."""
        call = actor.status.call
        caller_id = await choose_caller_id(call, transfer, self._directory)
        destinations = (transfer.to, *transfer.also_to)
        trunks = [self._route(call.account_id, to) for to in destinations]
        self.machine.update(actor.status, command, _STIMULI[CallState.TRANSFERRING], self._clock.utc())
        first = () if transfer.whisper is None else (transfer.whisper,)
        whispers = [
            await self._prompts.render(whisper, call.account_id) for whisper in (*first, *transfer.further_whispers)
        ]
        made: list[Departure] = []
        try:
            for to, trunk in zip(destinations, trunks, strict=True):
                wanted = replace(transfer, to=to, new_call_id=None if made else transfer.new_call_id)
                made.append(self._prepare_departure(actor, wanted, caller_id, trunk, tuple(whispers)))
        except Exception:
            _discard(made)
            raise
        return tuple(made)

    def _prepare_departure(
        self,
        actor: CallActor,
        transfer: Transfer,
        caller_id: CallerId,
        trunk: str | None,
        whispers: tuple[RenderedPrompt, ...],
    ) -> Departure:
        """Raises `Overloaded`, `TooManyCalls`, `TooManyCallsAtOnce`."""
        call = actor.status.call
        self.admission.check(len(self.calls))
        self._count_dialled(call.account_id, None)
        target = CallActor(Status(self._target_call(call, transfer, caller_id), other=call.id), self._with)
        port = self._open_port(target, transfer.to, actor.port)
        received, uri = self._diversion(actor)
        invite = OutgoingCall(
            from_=caller_id.number,
            to=transfer.to,
            trunk=trunk,
            offer=port.offer(),
            is_private=caller_id.is_private,
            diversion_headers=diversion_headers(transfer, received, uri),
        )
        return Departure(target, invite, whispers)

    @staticmethod
    def _diversion(actor: CallActor) -> tuple[tuple[str, ...], str]:
        incoming = actor.incoming
        return (incoming.diversion_headers, incoming.request_uri) if incoming is not None else ((), "")

    def _target_call(self, call: Call, transfer: Transfer, caller_id: CallerId) -> Call:
        webhook = None
        if transfer.webhook_url is not None:
            webhook = WebhookTarget(url=transfer.webhook_url)
            if call.webhook is not None:
                webhook = replace(webhook, method=call.webhook.method, timeout_ms=call.webhook.timeout_ms)
        return Call(
            id=transfer.new_call_id or self._ids.call(),
            account_id=call.account_id,
            direction=Direction.OUT,
            from_=caller_id.shown,
            to=transfer.to,
            state=CallState.RINGING,
            created_at=self._clock.utc(),
            ring_timeout_s=transfer.ring_timeout_s or self._policy.transfer_ring_limit_s,
            webhook=webhook,
            tag=transfer.tag,
            connected_to=call.id,
        )

    def _route(self, account_id: AccountId, to: str) -> str | None:
        """The trunk to a destination that may be dialled. Raises `DestinationDenied`, `CannotCall`."""
        verdict = self._dial_rules.judge(to)
        if not verdict.is_allowed:
            logger.warning(
                "destination denied", account_id=account_id, rule=verdict.rule, pii_match=verdict.match, pii_number=to
            )
            raise DestinationDenied(to) if verdict.rule is Rule.PREFIX else CannotCall(to)
        try:
            return self._signalling.check_destination(to)
        except SignallingError as error:
            logger.warning("no way to destination", account_id=account_id, pii_reason=str(error), pii_number=to)
            raise CannotCall(to) from error

    def _count_dialled(self, account_id: AccountId, from_: str | None) -> None:
        """Raises `TooManyCalls`, `TooManyCallsAtOnce`."""
        self._meter.admit(account_id, from_, self.calls.outgoing(account_id), self._clock.now())

    def _open_port(self, actor: CallActor, to: str, near: MediaPort | None) -> MediaPort:
        try:
            port = self._media.open_port(
                actor, near=near, wants_ipv6="@[" in to, is_encrypted=self._signalling.wants_encryption(to)
            )
        except MediaUnavailable as error:
            raise Overloaded from error
        actor.use_port(port)
        self.calls.add(actor)
        return port

    # --- start and stop ---------------------------------------------------------------------------------------------

    def begin_drain(self) -> None:
        """Refuse new calls from now on; running ones go on."""
        self.admission.is_draining = True

    async def close(self, drain_s: float) -> None:
        """Let running calls end by themselves for `drain_s`, then end the rest in good order."""
        self.begin_drain()
        if not await self.calls.wait_empty(drain_s):
            for actor in self.calls:
                actor.tell(Fail(Cause.SHUTDOWN, Blame.US))
            await self.calls.wait_empty(END_LIMIT_S)
        await self.meetings.wait_idle(END_LIMIT_S)


def _discard(departures: Sequence[Departure]) -> None:
    for departure in departures:
        departure.actor.discard()


_STIMULI: dict[CallState, Stimulus] = {
    CallState.ANSWERED: Answer(),
    CallState.REJECTED: Reject(),
    CallState.ENDED: HangUp(),
    CallState.TRANSFERRING: StartTransfer(CallId(""), TransferRequest(to="")),
}
"""For a decision that is only tried: whether the state allows the command."""
