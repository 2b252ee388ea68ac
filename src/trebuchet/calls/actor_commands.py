"""Commands for one living call that its actor alone decides: play, stop, send keys, gather.

What has to be found out around them is little: does the call live and belong to the account, can the prompt be played.
"""

from trebuchet.base.clock import Clock
from trebuchet.base.ids import AccountId, CallId, GatherId, Ids
from trebuchet.base.values import replace
from trebuchet.calls.actor import CallActor
from trebuchet.calls.commands import (
    CallNotFound,
    CallNotReady,
    PlayAudio,
    SendDigits,
    StartGather,
    StartRecording,
    StopAudio,
    StopGather,
)
from trebuchet.calls.interfaces import Archive, Prompts
from trebuchet.calls.machine import Machine
from trebuchet.calls.registry import Registry
from trebuchet.calls.step import Status
from trebuchet.calls.stimuli import (
    BeginAudio,
    BeginGather,
    BeginRecording,
    CancelGather,
    DialDigits,
    EndAudio,
    Following,
    SilenceKeys,
    Stimulus,
)
from trebuchet.model.call import Call
from trebuchet.model.gather import Gather
from trebuchet.model.playback import PlaybackKind
from trebuchet.model.prompt import Prompt, RenderedPrompt, Sentence

NOT_RENDERED = RenderedPrompt("", 0)
"""Stands for a prompt while it is only tried whether the call's state allows to play it."""


class ActorCommands:
    """The part of `CallCommands` that asks one actor. Its methods are documented there."""

    def __init__(
        self, calls: Registry, machine: Machine, *, prompts: Prompts, archive: Archive, ids: Ids, clock: Clock
    ) -> None:
        self.calls = calls
        self.machine = machine
        self._prompts, self._archive, self._ids, self._clock = prompts, archive, ids, clock

    async def play_audio(self, command: PlayAudio) -> None:
        """See `CallCommands.play_audio`."""
        kind = PlaybackKind.SPEECH if isinstance(command.prompt, Sentence) else PlaybackKind.FILE
        wanted = BeginAudio(kind, NOT_RENDERED, command.is_looped, command.tag, command.is_silent)
        actor = await self._actor_for(command.account_id, command.call_id, wanted)
        prompt = await self._prompts.render(command.prompt, command.account_id)
        await actor.ask(replace(wanted, prompt=prompt))

    async def stop_audio(self, command: StopAudio) -> None:
        """See `CallCommands.stop_audio`."""
        await self._ask(command.account_id, command.call_id, EndAudio())

    async def send_digits(self, command: SendDigits) -> None:
        """See `CallCommands.send_digits`."""
        await self._ask(command.account_id, command.call_id, DialDigits(command.digits, self._clock.now()))

    async def start_gather(self, command: StartGather) -> GatherId:
        """See `CallCommands.start_gather`."""
        gather = Gather(
            id=command.gather_id or self._ids.gather(),
            account_id=command.account_id,
            call_id=command.call_id,
            created_at=self._clock.utc(),
            max_digits=command.max_digits,
            inter_digit_s=command.inter_digit_s,
            terminators=command.terminators,
            suppresses_digits=command.suppresses_digits,
            is_silent=command.is_silent,
            tag=command.tag,
        )
        wanted = BeginGather(gather, None, command.is_looped)
        actor = await self._actor_for(command.account_id, command.call_id, wanted)
        if command.prompt is not None:
            wanted = replace(
                wanted,
                prompt=await self._prompts.render(command.prompt, command.account_id),
                following=await self._render_following(command),
            )
        await actor.ask(wanted)
        return gather.id

    async def _render_following(self, command: StartGather) -> tuple[Following, ...]:
        rendered: dict[Prompt, RenderedPrompt] = {}
        for further in command.further_prompts:
            if further.prompt not in rendered:
                rendered[further.prompt] = await self._prompts.render(further.prompt, command.account_id)
        return tuple(Following(rendered[further.prompt], further.pause_s) for further in command.further_prompts)

    async def start_recording(self, command: StartRecording) -> None:
        """See `CallCommands.start_recording`."""
        wanted = BeginRecording(
            command.format,
            command.max_duration_s,
            command.channels,
            command.silence,
            command.is_silent,
            command.webhook,
            command.transcript_webhook,
        )
        await self._ask(command.account_id, command.call_id, wanted)

    async def silence_keys(self, account_id: AccountId, call_id: CallId) -> None:
        """See `CallCommands.silence_keys`."""
        await self._ask(account_id, call_id, SilenceKeys())

    async def stop_gather(self, command: StopGather) -> None:
        """See `CallCommands.stop_gather`."""
        await self._ask(command.account_id, command.call_id, CancelGather(command.gather_id))

    async def _ask(self, account_id: AccountId, call_id: CallId, stimulus: Stimulus) -> None:
        if (actor := await self._find_actor(account_id, call_id, stimulus)) is not None:
            await actor.ask(stimulus)

    async def _actor_for(self, account_id: AccountId, call_id: CallId, stimulus: Stimulus) -> CallActor:
        """The call that a stimulus may be for, found out before anything is rendered for it: raises what the stimulus'
        rule raises now. The actor decides anew when its turn has come."""
        actor = await self._find_actor(account_id, call_id, stimulus)
        if actor is None:
            raise CallNotReady(call_id)
        self.machine.decide(actor.status, stimulus, self._clock.utc())
        return actor

    async def _find_actor(self, account_id: AccountId, call_id: CallId, stimulus: Stimulus) -> CallActor | None:
        """`None` for a call of the past to which the stimulus means nothing. Raises `CallNotFound`, `CallNotReady` and
        what the stimulus' rule raises for a call that is over."""
        actor = self.calls.get(call_id)
        if actor is None:
            self.machine.decide(Status(await self._past_call(account_id, call_id)), stimulus, self._clock.utc())
        elif actor.status.call.account_id != account_id:
            raise CallNotFound(call_id)
        return actor

    async def _past_call(self, account_id: AccountId, call_id: CallId) -> Call:
        call = await self._archive.call(call_id)
        if call is None or call.account_id != account_id:
            raise CallNotFound(call_id)
        if not call.state.is_final:
            raise CallNotReady(call.id)
        return call
