"""The owner of one conference, and the facade that finds it."""

import asyncio
from collections.abc import Iterable

from trebuchet.base.ids import AccountId, CallId, ConferenceId, MemberId
from trebuchet.calls.actor import CallActor
from trebuchet.calls.commands import CallNotReady, NoNumbers, NumberNotOwned, Overloaded, PlayAudio, StopAudio
from trebuchet.calls.conference import (
    AddMember,
    AllEnded,
    BeginAll,
    Chime,
    ConferenceEffect,
    ConferenceStatus,
    ConferenceStep,
    ConferenceStimulus,
    EndAll,
    HangUpCall,
    LetGo,
    PlayAll,
    StopAll,
    decide,
    voices_of,
)
from trebuchet.calls.interfaces import ConferenceChange, LogUnavailable, MediaUnavailable, UnitOfWork
from trebuchet.calls.meeting_actor import MeetingActor, MeetingCollaborators, Meetings
from trebuchet.calls.meeting_audio import MeetingAudio
from trebuchet.calls.meeting_commands import (
    ConferenceFull,
    ConferenceMismatch,
    ConferenceNotFound,
    ConferenceNotUsable,
    CreateConference,
    CreateMember,
    MemberNotFound,
    PlayToConference,
    PlayToMember,
    UpdateConference,
    UpdateMember,
)
from trebuchet.calls.stimuli import EnterConference, Fail, HangUp
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.conference import Conference, ConferenceState, KeyProfile, Member
from trebuchet.model.event import ConferenceCreated
from trebuchet.model.prompt import Sentence


class ConferenceActor(MeetingActor):
    """One conference. `conference` has no members."""

    def __init__(self, conference: Conference, with_: MeetingCollaborators) -> None:
        super().__init__(conference.id, conference.account_id, with_)
        self.status = ConferenceStatus(conference=conference)
        self.conference_id = conference.id
        self._audio = MeetingAudio(with_.media, with_.calls.calls.port_of, lambda n: self.tell(AllEnded(n)))

    @property
    def has_calls(self) -> bool:
        return bool(self.status.members)

    @property
    def _is_interpreting(self) -> bool:
        return self.status.conference.profile is KeyProfile.INTERPRET

    # --- commands, each in its turn ---------------------------------------------------------------------------------

    async def update(self, command: UpdateConference | UpdateMember | EndAll) -> None:
        """Raises `ConferenceNotUsable`, `MemberNotFound`, `LogUnavailable`."""
        if isinstance(command, UpdateMember):
            await self._check_member(command.member_id)
        await self._command(decide(self.status, command, self._with.clock.utc()))

    async def _check_member(self, member_id: MemberId) -> None:
        """Raises `MemberNotFound`. Members of the past are in the store alone."""
        if any(member.id == member_id for member in self.status.members):
            return
        past = await self._with.archive.members(self.conference_id)
        if all(member.id != member_id for member in past):
            raise MemberNotFound(member_id)

    async def _command(self, step: ConferenceStep) -> None:
        if step.change() != ConferenceStep(self.status).change():
            await self._with.log.commit(UnitOfWork(conferences=(step.change(),)))
        await self._perform(step)

    async def add_member(self, member: Member) -> None:
        """The call enters first, silently; if the entry cannot be stored it leaves again. Raises what
        `ConferenceCommands.add_member` names."""
        self._check_room()
        await self._claim(member.call_id, EnterConference(self.conference_id, self._is_interpreting))
        try:
            step = decide(self.status, AddMember(member), self._with.clock.utc())
            self._audio.prepare((member.call_id,))
            await self._with.log.commit(UnitOfWork(conferences=(step.change(),)))
        except Exception as error:
            self._audio.settle(voices_of(self.status))
            await self._let_go((member.call_id,))
            if isinstance(error, MediaUnavailable):
                raise Overloaded from error
            raise
        await self._perform(step)

    def _check_room(self) -> None:
        conference = self.status.conference
        if conference.state.is_final:
            raise ConferenceNotUsable(conference.id, conference.state)
        if len(self.status.members) >= self._with.policy.max_conference_members:
            raise ConferenceFull(conference.id)

    async def play(self, command: PlayToConference) -> None:
        """Raises `ConferenceNotUsable` and every kind of `PromptError`."""
        if command.prompt is None:
            await self.update(EndAll())
            return
        conference = self.status.conference
        if conference.state is not ConferenceState.ACTIVE:
            raise ConferenceNotUsable(conference.id, conference.state)
        prompt = await self._with.prompts.render(command.prompt, self.account_id)
        is_speech = isinstance(command.prompt, Sentence)
        begin = BeginAll(prompt, is_speech, command.is_looped, command.tag)
        await self._command(decide(self.status, begin, self._with.clock.utc()))

    async def call_of(self, member_id: MemberId) -> CallId:
        """The call of a member that is inside. Raises `MemberNotFound`, `ConferenceNotUsable`."""
        for member in self.status.members:
            if member.id == member_id:
                return member.call_id
        await self._check_member(member_id)
        raise ConferenceNotUsable(self.conference_id, self.status.conference.state)

    async def has_ended(self) -> bool:
        return self.status.conference.state.is_final

    # --- what calls and the audio tell ------------------------------------------------------------------------------

    async def _hear(self, news: ConferenceStimulus) -> None:
        step = decide(self.status, news, self._with.clock.utc())
        self._settle(step)
        if step.change() != ConferenceChange(self.status.conference):
            await self._store(UnitOfWork(conferences=(step.change(),)))
        await self._perform(step)

    def _settle(self, step: ConferenceStep) -> None:
        self._audio.settle(voices_of(step.status))

    async def _perform(self, step: ConferenceStep) -> None:
        self.status = step.committed()
        self._settle(step)
        for effect in step.effects:
            self._sound(effect)
        await self._let_go(effect.call_id for effect in step.effects if isinstance(effect, LetGo))
        await self._hang_up(effect.call_id for effect in step.effects if isinstance(effect, HangUpCall))

    def _sound(self, effect: ConferenceEffect) -> None:
        match effect:
            case PlayAll(number, prompt, is_looped):
                self._audio.play(number, prompt, is_looped=is_looped)
            case StopAll():
                self._audio.stop_playback()
            case Chime(tone):
                self._audio.play_tone(tone)
            case _:
                pass

    async def _hang_up(self, call_ids: Iterable[CallId]) -> None:
        """All at once."""
        actors = [self._with.calls.calls.get(call_id) for call_id in call_ids]
        await asyncio.gather(*(_end(actor) for actor in actors if actor is not None), return_exceptions=True)


async def _end(actor: CallActor) -> None:
    """The conference is over, so the call ends also when the log cannot store it now; one that has ended by itself is
    fine."""
    try:
        await actor.ask(HangUp())
    except (LogUnavailable, CallNotReady):
        actor.tell(Fail(Cause.HANGUP, Blame.CUSTOMER))


class ConferenceControl:
    """Implements `ConferenceCommands`."""

    def __init__(self, meetings: Meetings, with_: MeetingCollaborators) -> None:
        self._meetings = meetings
        self._with = with_

    async def create(self, command: CreateConference) -> ConferenceId:
        """See `ConferenceCommands.create`."""
        directory = self._with.directory
        if not await directory.owns_number(command.account_id, command.from_):
            if not await directory.has_numbers(command.account_id):
                raise NoNumbers(command.account_id)
            raise NumberNotOwned(command.account_id, command.from_)
        conference = Conference(
            id=command.conference_id or self._with.ids.conference(),
            account_id=command.account_id,
            from_=command.from_,
            state=ConferenceState.CREATED,
            created_at=self._with.clock.utc(),
            profile=command.profile,
            webhook_url=command.webhook_url,
            webhook_method=command.webhook_method,
            webhook_timeout_ms=command.webhook_timeout_ms,
            fallback_url=command.fallback_url,
            tag=command.tag,
        )
        change = ConferenceChange(conference, (ConferenceCreated(),))
        await self._with.log.commit(UnitOfWork(conferences=(change,)))
        return conference.id

    async def update(self, command: UpdateConference) -> None:
        """See `ConferenceCommands.update`."""
        actor = await self._find(command.account_id, command.conference_id)
        await actor.in_turn(lambda: actor.update(command))

    async def play(self, command: PlayToConference) -> None:
        """See `ConferenceCommands.play`."""
        actor = await self._find(command.account_id, command.conference_id)
        await actor.in_turn(lambda: actor.play(command))

    async def add_member(self, command: CreateMember) -> MemberId:
        """See `ConferenceCommands.add_member`."""
        actor = await self._find(command.account_id, command.conference_id)
        member = Member(
            id=command.member_id or self._with.ids.member(),
            account_id=command.account_id,
            conference_id=command.conference_id,
            call_id=command.call_id,
            added_at=self._with.clock.utc(),
            is_muted=command.is_muted,
            is_held=command.is_held,
            has_join_tone=command.has_join_tone,
            has_leave_tone=command.has_leave_tone,
        )
        await actor.in_turn(lambda: actor.add_member(member))
        return member.id

    async def update_member(self, command: UpdateMember) -> None:
        """See `ConferenceCommands.update_member`."""
        actor = await self._find(command.account_id, command.conference_id)
        await actor.in_turn(lambda: actor.update(command))

    async def play_to_member(self, command: PlayToMember) -> None:
        """See `ConferenceCommands.play_to_member`. Heard by one alone, so it is the call's matter."""
        actor = await self._find(command.account_id, command.conference_id)
        call_id = await actor.in_turn(lambda: actor.call_of(command.member_id))
        if command.prompt is None:
            await self._with.calls.stop_audio(StopAudio(account_id=command.account_id, call_id=call_id))
            return
        await self._with.calls.play_audio(
            PlayAudio(
                account_id=command.account_id,
                call_id=call_id,
                prompt=command.prompt,
                is_looped=command.is_looped,
                tag=command.tag,
            )
        )

    async def check_open(self, account_id: AccountId, conference_id: ConferenceId) -> None:
        """Whether calls may be created for it. Raises `ConferenceMismatch`."""
        try:
            actor = await self._find(account_id, conference_id)
        except ConferenceNotFound:
            raise ConferenceMismatch(conference_id) from None
        if await actor.in_turn(actor.has_ended):
            raise ConferenceMismatch(conference_id)

    async def _find(self, account_id: AccountId, conference_id: ConferenceId) -> ConferenceActor:
        actor = await self._meetings.find(conference_id, lambda: self._revive(account_id, conference_id))
        if not isinstance(actor, ConferenceActor) or actor.account_id != account_id:
            raise ConferenceNotFound(conference_id)
        return actor

    async def _revive(self, account_id: AccountId, conference_id: ConferenceId) -> ConferenceActor | None:
        conference = await self._with.archive.conference(conference_id)
        if conference is None or conference.account_id != account_id:
            return None
        return ConferenceActor(conference, self._with)
