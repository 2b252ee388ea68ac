"""The owner of one bridge, and the facade that finds it."""

from trebuchet.base.ids import AccountId, BridgeId, CallId
from trebuchet.calls.bridge import (
    Assign,
    BridgeStatus,
    BridgeStimulus,
    Reserve,
    SwitchAudio,
    Withdraw,
    decide,
    voices_of,
)
from trebuchet.calls.commands import NothingPlays, PlayAudio, StopAudio, WrongCallState
from trebuchet.calls.interfaces import MediaUnavailable, UnitOfWork
from trebuchet.calls.meeting_actor import MeetingActor, MeetingCollaborators, Meetings
from trebuchet.calls.meeting_audio import MeetingAudio
from trebuchet.calls.meeting_commands import (
    BridgeCreationFailed,
    BridgeEnded,
    BridgeFailed,
    BridgeFull,
    BridgeNotFound,
    BridgeSilent,
    CreateBridge,
    PlayToBridge,
    UpdateBridge,
)
from trebuchet.calls.stimuli import EnterBridge
from trebuchet.model.bridge import MAX_CALLS, Bridge, BridgeState


class BridgeActor(MeetingActor):
    """One bridge. `bridge` has no living calls."""

    def __init__(self, bridge: Bridge, with_: MeetingCollaborators) -> None:
        super().__init__(bridge.id, bridge.account_id, with_)
        self.status = BridgeStatus(bridge)
        self.bridge_id = bridge.id
        self._audio = MeetingAudio(with_.media, with_.calls.calls.port_of, lambda _: None)

    @property
    def has_calls(self) -> bool:
        return bool(self.status.living)

    # --- commands, each in its turn ---------------------------------------------------------------------------------

    async def update(self, call_ids: tuple[CallId, ...] | None, has_audio: bool | None) -> None:
        """New calls enter before anything is decided; if it comes to nothing they leave again. Raises what
        `BridgeCommands` names, and `MediaUnavailable`."""
        self._check(call_ids)
        claimed: list[CallId] = []
        try:
            await self._claim_new(call_ids, claimed)
            status = self._decide(call_ids, has_audio)
            self._audio.prepare(voices_of(status))
            await self._with.log.commit(UnitOfWork(bridges=(status.bridge,)))
        except Exception:
            self._audio.settle(voices_of(self.status))
            await self._let_go(claimed)
            raise
        removed = [call_id for call_id in self.status.living if call_id not in status.bridge.call_ids]
        self._adopt(status)
        await self._let_go(removed)

    def _check(self, call_ids: tuple[CallId, ...] | None) -> None:
        if self.status.bridge.state.is_final:
            raise BridgeEnded(self.bridge_id)
        if call_ids is not None and len(call_ids) > MAX_CALLS:
            raise BridgeFull(self.bridge_id)

    async def _claim_new(self, call_ids: tuple[CallId, ...] | None, claimed: list[CallId]) -> None:
        for call_id in call_ids or ():
            if call_id not in (*self.status.living, *self.status.bridge.call_ids):
                await self._claim(call_id, EnterBridge(self.bridge_id))
                claimed.append(call_id)

    def _decide(self, call_ids: tuple[CallId, ...] | None, has_audio: bool | None) -> BridgeStatus:
        status, at = self.status, self._with.clock.utc()
        if has_audio is not None and has_audio is not status.bridge.has_audio:
            status = decide(status, SwitchAudio(has_audio), at)
        if call_ids is None:
            return status
        living = [(call_id, self._with.calls.calls.get(call_id)) for call_id in call_ids]
        known = [(call_id, actor.status) for call_id, actor in living if actor is not None]
        here = [(call_id, call.call) for call_id, call in known if call.meeting == self.bridge_id]
        up = tuple(call_id for call_id, call in here if call.state.is_up)
        return decide(status, Assign(call_ids, tuple(call_id for call_id, _ in here), up), at)

    async def reserve(self, call_id: CallId) -> None:
        """A call that is about to be created takes its place. Raises `BridgeEnded`, `BridgeFull`."""
        status = decide(self.status, Reserve(call_id), self._with.clock.utc())
        await self._with.log.commit(UnitOfWork(bridges=(status.bridge,)))
        self._adopt(status)

    async def play(self, command: PlayToBridge) -> None:
        """Each party hears it by itself, and its call tells of it: bridges have no events. Raises `BridgeEnded`,
        `BridgeSilent` and what playing to a call raises."""
        if self.status.bridge.state.is_final:
            raise BridgeEnded(self.bridge_id)
        if not self.status.up:
            raise BridgeSilent(self.bridge_id)
        for call_id in self.status.up:
            try:
                await self._play_to(call_id, command)
            except (NothingPlays, WrongCallState):
                continue  # this one is silent already, or has just gone

    async def _play_to(self, call_id: CallId, command: PlayToBridge) -> None:
        if command.prompt is None:
            await self._with.calls.stop_audio(StopAudio(account_id=self.account_id, call_id=call_id))
            return
        await self._with.calls.play_audio(
            PlayAudio(
                account_id=self.account_id,
                call_id=call_id,
                prompt=command.prompt,
                is_looped=command.is_looped,
                tag=command.tag,
            )
        )

    # --- what calls tell --------------------------------------------------------------------------------------------

    async def _hear(self, news: BridgeStimulus) -> None:
        before = self.status.bridge
        self._adopt(decide(self.status, news, self._with.clock.utc()))
        if self.status.bridge != before:
            await self._store(UnitOfWork(bridges=(self.status.bridge,)))

    def _adopt(self, status: BridgeStatus) -> None:
        self.status = status
        self._audio.settle(voices_of(status))


class BridgeControl:
    """Implements `BridgeCommands`."""

    def __init__(self, meetings: Meetings, with_: MeetingCollaborators) -> None:
        self._meetings = meetings
        self._with = with_

    async def create(self, command: CreateBridge) -> BridgeId:
        """See `BridgeCommands.create`."""
        bridge = Bridge(
            id=command.bridge_id or self._with.ids.bridge(),
            account_id=command.account_id,
            state=BridgeState.CREATED if command.has_audio else BridgeState.HELD,
            created_at=self._with.clock.utc(),
            has_audio=command.has_audio,
        )
        actor = BridgeActor(bridge, self._with)
        self._meetings.add(actor)
        try:
            await actor.in_turn(lambda: actor.update(command.call_ids, None))
        except MediaUnavailable as error:
            raise BridgeCreationFailed(command.call_ids) from error
        return bridge.id

    async def update(self, command: UpdateBridge) -> None:
        """See `BridgeCommands.update`."""
        actor = await self._find(command.account_id, command.bridge_id)
        try:
            await actor.in_turn(lambda: actor.update(command.call_ids, command.has_audio))
        except MediaUnavailable as error:
            raise BridgeFailed(command.bridge_id) from error

    async def play(self, command: PlayToBridge) -> None:
        """See `BridgeCommands.play`."""
        actor = await self._find(command.account_id, command.bridge_id)
        await actor.in_turn(lambda: actor.play(command))

    async def reserve(self, account_id: AccountId, bridge_id: BridgeId, call_id: CallId) -> None:
        """For a call that is about to be created. Raises `BridgeNotFound`, `BridgeEnded`, `BridgeFull`,
        `LogUnavailable`."""
        actor = await self._find(account_id, bridge_id)
        await actor.in_turn(lambda: actor.reserve(call_id))

    def withdraw(self, bridge_id: BridgeId, call_id: CallId) -> None:
        """The reserved call was not created."""
        self._meetings.tell(bridge_id, Withdraw(call_id))

    async def _find(self, account_id: AccountId, bridge_id: BridgeId) -> BridgeActor:
        actor = await self._meetings.find(bridge_id, lambda: self._revive(account_id, bridge_id))
        if not isinstance(actor, BridgeActor) or actor.account_id != account_id:
            raise BridgeNotFound(bridge_id)
        return actor

    async def _revive(self, account_id: AccountId, bridge_id: BridgeId) -> BridgeActor | None:
        bridge = await self._with.archive.bridge(bridge_id)
        if bridge is None or bridge.account_id != account_id:
            return None
        return BridgeActor(bridge, self._with)
