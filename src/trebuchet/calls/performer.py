"""The hands of an actor: performs the effects of its steps on the call's leg and media port.

Nothing here decides. A leg or port that is gone makes its effects no-ops, so that the order in which planes fail does
not matter.
"""

import asyncio
from collections.abc import Callable

from trebuchet.base.ids import CallId, MeetingId
from trebuchet.calls.effects import (
    AnswerLeg,
    CloseMedia,
    Effect,
    HangUpLeg,
    Join,
    Leave,
    OfferJoin,
    Play,
    PlayRingback,
    RejectLeg,
    SendKeys,
    StartGatherTimer,
    StartRecorder,
    StopGatherTimer,
    StopPlayback,
    StopRecorder,
    StopRingTimer,
    Tell,
    TellMeeting,
)
from trebuchet.calls.interfaces import Leg, MediaPort, NoCommonCodec, Refusal
from trebuchet.calls.stimuli import Fail, GatherExpired, MeetingNews, PlaybackEnded, RingExpired, Stimulus, TargetReady
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.media_description import MediaDescription
from trebuchet.model.prompt import RenderedPrompt


class EffectsPerformer:
    """`post` puts a stimulus into the call's own inbox; `tell` into another call's; `tell_meeting` tells the owner of a
    bridge or conference."""

    def __init__(
        self,
        call_id: CallId,
        tell: Callable[[CallId, Stimulus], None],
        port_of: Callable[[CallId], MediaPort | None],
        post: Callable[[Stimulus], None],
        tell_meeting: Callable[[MeetingId, MeetingNews], None],
    ) -> None:
        self.port: MediaPort | None = None
        self._call_id = call_id
        self._tell = tell
        self._port_of = port_of
        self._post = post
        self._tell_meeting = tell_meeting
        self._leg: Leg | None = None
        self._offer: MediaDescription | None = None
        self._whispers: list[RenderedPrompt] = []
        """What is still to be whispered, in order."""
        self._whispering: tuple[int, CallId] | None = None
        """The playback of the running whisper, and who waits for its end."""
        self._playing: dict[int, int] = {}
        """Playbacks that the port has not reported done: its number, and the call's."""
        self._has_unconfirmed_answer = False
        self._ring_timer: asyncio.TimerHandle | None = None
        self._gather_timer: asyncio.TimerHandle | None = None

    def begin(
        self, leg: Leg, offer: MediaDescription | None, *, is_incoming: bool, whispers: tuple[RenderedPrompt, ...] = ()
    ) -> None:
        """The call has a leg. An incoming one rings at once: its caller must hear something."""
        self._leg, self._offer, self._whispers = leg, offer, list(whispers)
        if is_incoming:
            leg.ring()

    def dialog(self) -> bytes | None:
        return self._leg.dialog_snapshot() if self._leg is not None else None

    def early_dialog(self) -> bytes | None:
        return self._leg.early_snapshot() if self._leg is not None else None

    def start_ring_timer(self, seconds: float) -> None:
        self._ring_timer = asyncio.get_running_loop().call_later(seconds, self._post, RingExpired())

    def _stop_ring_timer(self) -> None:
        if self._ring_timer is not None:
            self._ring_timer.cancel()
            self._ring_timer = None

    def _start_gather_timer(self, wait: StartGatherTimer) -> None:
        self._stop_gather_timer()
        expired = GatherExpired(wait.gather_id, wait.digits)
        self._gather_timer = asyncio.get_running_loop().call_later(wait.seconds, self._post, expired)

    def _stop_gather_timer(self) -> None:
        if self._gather_timer is not None:
            self._gather_timer.cancel()
            self._gather_timer = None

    def hold_answer(self, limit_s: float) -> None:
        """The callee answered, and hears that we know (ACK) at the next `confirm`, after `limit_s` in any case."""
        self._has_unconfirmed_answer = True
        asyncio.get_running_loop().call_later(limit_s, self.confirm)

    def confirm(self) -> None:
        if self._has_unconfirmed_answer and self._leg is not None:
            self._has_unconfirmed_answer = False
            self._leg.confirm()

    def refuse_unstored(self) -> None:
        """The incoming call cannot be stored: the caller may try again later."""
        if (leg := self._take_leg()) is not None:
            leg.reject(Refusal.OVERLOADED)
        self.close()

    def _take_leg(self) -> Leg | None:
        """The leg, for the last word it is told."""
        leg, self._leg = self._leg, None
        return leg

    def close(self) -> None:
        """Let go of everything; a leg that is still up is hung up."""
        self._stop_ring_timer()
        self._stop_gather_timer()
        if (leg := self._take_leg()) is not None:
            leg.hang_up()
        if self.port is not None:
            self.port.close()
            self.port = None

    def playback_done(self, playback: int) -> None:
        """Pass on what the port reports. After the whisper the new party can be joined."""
        number = self._playing.pop(playback, None)
        if number is not None:
            self._post(PlaybackEnded(number))
        if self._whispering is not None and self._whispering[0] == playback:
            other = self._whispering[1]
            self._whispering = None
            self._offer_join(other)

    def perform(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case AnswerLeg():
                self._answer()
            case RejectLeg(refusal):
                if (leg := self._take_leg()) is not None:
                    leg.reject(refusal)
            case HangUpLeg():
                if (leg := self._take_leg()) is not None:
                    leg.hang_up()
            case StopRingTimer():
                self._stop_ring_timer()
            case StartGatherTimer():
                self._start_gather_timer(effect)
            case StopGatherTimer():
                self._stop_gather_timer()
            case Tell(to, stimulus):
                self._tell(to, stimulus)
            case TellMeeting(owner, news):
                self._tell_meeting(owner, news)
            case OfferJoin(other):
                self._offer_join(other)
            case _:
                if self.port is not None:
                    self._perform_media(effect, self.port)

    def _perform_media(self, effect: Effect, port: MediaPort) -> None:
        match effect:
            case StartRecorder(recording, limit_s, channels, silence):
                port.start_recorder(
                    recording.id,
                    recording.media_name,
                    recording.account_id,
                    max_duration_s=limit_s,
                    channels=channels,
                    silence=silence,
                )
            case StopRecorder():
                port.stop_recorder()
            case PlayRingback():
                port.play_ringback()
            case StopPlayback():
                port.stop_playback()
            case Play(number, prompt, is_looped):
                self._playing[port.play(prompt, is_looped=is_looped)] = number
            case SendKeys(digits):
                port.send_digits(digits)
            case Join(other):
                if (joined := self._port_of(other)) is not None:
                    port.connect(joined)
            case Leave():
                port.disconnect()
            case CloseMedia():
                self.port = None
                port.close()

    def _answer(self) -> None:
        if self._leg is None or self.port is None:
            return
        try:
            description = self.port.offer() if self._offer is None else self.port.answer(self._offer)
        except NoCommonCodec:
            self._post(Fail(Cause.UNSPECIFIED, Blame.PEER, "no common codec"))
            return
        self._leg.answer(description)

    def _offer_join(self, other: CallId) -> None:
        """After the next whisper, or at once when there is none left."""
        if not self._whispers or self.port is None:
            self._tell(other, TargetReady(self._call_id))
        else:
            self._whispering = (self.port.play(self._whispers.pop(0)), other)
