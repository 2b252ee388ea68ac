"""The rules of gathering: one gather at a time collects the party's keys until one of five things ends it.

The wait for a key begins when the prompt is over (at once without one), and anew with each key; the first key stops
the prompt, and nothing else that plays. Keys are told one by one as well, unless the gather keeps them to itself. The
end is one step: the gather leaves its call, becomes a resource of its own, and its fact says what was collected.
"""

from datetime import datetime

from trebuchet.base.values import replace
from trebuchet.calls import playback
from trebuchet.calls.commands import AlreadyGathering
from trebuchet.calls.effects import Effect, StopGatherTimer, StopPlayback
from trebuchet.calls.step import Status, Step
from trebuchet.calls.stimuli import BeginGather, CancelGather, GatherExpired, KeyPressed, SilenceKeys
from trebuchet.model.event import DigitPressed, GatherFinished
from trebuchet.model.gather import Gather, GatherReason
from trebuchet.model.playback import Playback, PlaybackKind


def begin_gather(status: Status, wanted: BeginGather, at: datetime) -> Step:
    """Raises `AlreadyGathering`."""
    if status.call.gather is not None:
        raise AlreadyGathering(status.call.id)
    gather = wanted.gather
    if wanted.prompt is None:
        call = replace(status.call, gather=gather)
        return Step(replace(status, call=call), effects=(playback.await_key(gather),))
    prompt = Playback(number=status.playbacks_made + 1, kind=PlaybackKind.PROMPT)
    step = playback.put_on(status, prompt, wanted.prompt, is_looped=wanted.is_looped)
    call = replace(step.status.call, gather=gather)
    return replace(step, status=replace(step.status, call=call, following=wanted.following))


def silence_keys(status: Status, wanted: SilenceKeys, at: datetime) -> Step:
    """The application is not told of single keys any more."""
    return Step(replace(status, are_keys_silent=True))


def press_key(status: Status, pressed: KeyPressed, at: datetime) -> Step:
    """A key is told, and collected if keys are gathered."""
    gather = status.call.gather
    step = Step(status)
    if gather is None or not gather.suppresses_digits:
        step = Step(status, (DigitPressed(pressed.digit, pressed.duration_ms, status.are_keys_silent),))
    if gather is None:
        return step
    return step.then(_collect(status, gather, pressed.digit, at))


def _collect(status: Status, gather: Gather, digit: str, at: datetime) -> Step:
    if digit in gather.terminators:
        return _finish(status, GatherReason.TERMINATING_DIGIT, at, digit)
    gather = replace(gather, digits=gather.digits + digit)
    status = replace(status, call=replace(status.call, gather=gather))
    if len(gather.digits) >= gather.max_digits:
        return _finish(status, GatherReason.MAX_DIGITS, at)
    quiet = _stop_prompt(status)
    return replace(quiet, effects=(*quiet.effects, playback.await_key(gather)))


def expire(status: Status, expired: GatherExpired, at: datetime) -> Step:
    """A wait that a key, or the end of the gather, came before means nothing."""
    gather = status.call.gather
    if gather is None or (gather.id, len(gather.digits)) != (expired.gather_id, expired.digits):
        return Step(status)
    if status.following and not gather.digits:
        return playback.play_following(status)
    return _finish(status, GatherReason.TIMEOUT, at)


def cancel(status: Status, wanted: CancelGather, at: datetime) -> Step:
    gather = status.call.gather
    if gather is None or gather.id != wanted.gather_id:
        return Step(status)
    return _finish(status, GatherReason.CANCELLED, at)


def end_with_call(status: Status, at: datetime) -> Step:
    """The call ends, and with it whatever plays and is gathered, in this order: the gather, the playback."""
    step = Step(status) if status.call.gather is None else _finish(status, GatherReason.CALL_ENDED, at)
    return step.then(replace(playback.take_off(step.status), effects=()))


def _finish(status: Status, reason: GatherReason, at: datetime, terminator: str | None = None) -> Step:
    gather = status.call.gather
    assert gather is not None, "only called while a gather runs"
    gather = replace(gather, reason=reason, completed_at=at)
    quiet = _stop_prompt(replace(status, call=replace(status.call, gather=None)))
    fact = GatherFinished(gather.id, gather.digits, reason, gather.tag, gather.is_silent, terminator)
    return Step(quiet.status, (fact,), (), (StopGatherTimer(), *quiet.effects), (gather,))


def _stop_prompt(status: Status) -> Step:
    status = replace(status, following=())
    playing = status.call.playback
    if playing is None or playing.kind is not PlaybackKind.PROMPT:
        return Step(status)
    stop: tuple[Effect, ...] = (StopPlayback(),)
    return Step(replace(status, call=replace(status.call, playback=None)), effects=stop)
