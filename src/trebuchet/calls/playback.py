"""The rules of playing: a call's party hears at most one file, sentence or gather prompt at a time; a new one replaces
it.

Files and sentences have a beginning and an end that are facts: one of each for every playback, whatever ended it (its
last sample, the customer, another playback, a transfer, the end of the call). A gather's prompt has neither; when it is
over, the gather begins to wait. Ringback and whispers belong to the transfer alone: they are not seen here, cannot be
stopped, and a playback that replaces a whisper ends it like its last sample would.
"""

from datetime import datetime

from trebuchet.base.values import replace
from trebuchet.calls.commands import NothingPlays
from trebuchet.calls.effects import Effect, Play, StartGatherTimer, StopPlayback
from trebuchet.calls.step import Status, Step
from trebuchet.calls.stimuli import BeginAudio, EndAudio, PlaybackEnded
from trebuchet.model.event import Fact, PlaybackChanged
from trebuchet.model.gather import Gather
from trebuchet.model.playback import Playback, PlaybackKind
from trebuchet.model.prompt import RenderedPrompt


def begin_audio(status: Status, wanted: BeginAudio, at: datetime) -> Step:
    """The customer's file or sentence plays from now on."""
    status = replace(status, following=())
    number = status.playbacks_made + 1
    playback = Playback(number=number, kind=wanted.kind, tag=wanted.tag, is_silent=wanted.is_silent)
    step = put_on(status, playback, wanted.prompt, is_looped=wanted.is_looped)
    return replace(step, facts=(*step.facts, _changed(playback, is_started=True)))


def end_audio(status: Status, wanted: EndAudio, at: datetime) -> Step:
    """Raises `NothingPlays`."""
    if status.call.playback is None:
        raise NothingPlays(status.call.id)
    step = take_off(status)
    return replace(step, effects=(*step.effects, StopPlayback()))


def playback_ended(status: Status, ended: PlaybackEnded, at: datetime) -> Step:
    """What is reported of an earlier playback is known already: it was stopped or replaced."""
    playing = status.call.playback
    if playing is None or playing.number != ended.number:
        return Step(status)
    return _prompt_ended(status) if playing.kind is PlaybackKind.PROMPT and status.following else take_off(status)


def _prompt_ended(status: Status) -> Step:
    """A gather's prompt is over, and others follow."""
    gather, pause_s = status.call.gather, status.following[0].pause_s
    if gather is None or pause_s <= 0:
        return play_following(status)
    status = replace(status, call=replace(status.call, playback=None))
    return Step(status, effects=(StartGatherTimer(gather.id, len(gather.digits), pause_s),))


def play_following(status: Status) -> Step:
    """The gather's next prompt instead of what plays; there is one."""
    first, *rest = status.following
    playback = Playback(number=status.playbacks_made + 1, kind=PlaybackKind.PROMPT)
    call = replace(status.call, playback=None)
    return put_on(replace(status, call=call, following=tuple(rest)), playback, first.prompt, is_looped=False)


def put_on(status: Status, playback: Playback, prompt: RenderedPrompt, *, is_looped: bool) -> Step:
    """Play instead of what plays now."""
    step = take_off(status)
    call = replace(step.status.call, playback=playback)
    status = replace(step.status, call=call, playbacks_made=playback.number)
    return Step(status, step.facts, (), (*step.effects, Play(playback.number, prompt, is_looped)))


def take_off(status: Status) -> Step:
    """Nothing counts as playing any more. What makes the port stop is up to the caller."""
    call = status.call
    effects: tuple[Effect, ...] = ()
    if call.playback is not None and call.playback.kind is PlaybackKind.PROMPT and call.gather is not None:
        effects = (await_key(call.gather),)
    return Step(replace(status, call=replace(call, playback=None)), end_facts(status), (), effects)


def end_facts(status: Status) -> tuple[Fact, ...]:
    """What is to be told when the playback of now is over."""
    playing = status.call.playback
    if playing is None or playing.kind is PlaybackKind.PROMPT:
        return ()
    return (_changed(playing, is_started=False),)


def await_key(gather: Gather) -> StartGatherTimer:
    """The wait for the gather's next key."""
    return StartGatherTimer(gather.id, len(gather.digits), gather.inter_digit_s)


def _changed(playback: Playback, *, is_started: bool) -> PlaybackChanged:
    return PlaybackChanged(playback.kind is PlaybackKind.SPEECH, is_started, playback.tag, playback.is_silent)
