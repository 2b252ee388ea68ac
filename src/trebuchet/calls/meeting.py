"""A call's side of its meeting: a bridge or a conference, one at a time.

A call enters when the meeting's owner asks it to, and from then on tells the owner what concerns it: that it was
answered, that it is gone, and in a conference that interprets keys which key was pressed. It leaves when the owner says
so, or by itself when it is transferred: whoever is connected with a new party is with nobody else.

Entering is checked here, by the call's own owner, so that two meetings can never both have a call.
"""

from datetime import datetime

from trebuchet.base.ids import ConferenceId
from trebuchet.base.values import replace
from trebuchet.calls import gather
from trebuchet.calls.effects import Effect, Leave, TellMeeting
from trebuchet.calls.meeting_commands import CallConnected, ConferenceMismatch
from trebuchet.calls.step import Status, Step
from trebuchet.calls.stimuli import CallGone, CallUp, EnterBridge, EnterConference, KeyFor, KeyPressed, LeaveMeeting


def enter_bridge(status: Status, wanted: EnterBridge, at: datetime) -> Step:
    """Also before the answer. Raises `CallConnected`."""
    _require_alone(status)
    call = replace(status.call, bridge_id=wanted.bridge_id)
    return Step(replace(status, call=call, meeting=wanted.bridge_id, loses_keys=False))


def enter_conference(status: Status, wanted: EnterConference, at: datetime) -> Step:
    """Raises `CallConnected`, `ConferenceMismatch`."""
    _require_alone(status)
    reserved = status.call.reserved_for
    if reserved is not None and reserved != wanted.conference_id:
        raise ConferenceMismatch(ConferenceId(reserved))
    call = replace(status.call, conference_id=wanted.conference_id)
    return Step(replace(status, call=call, meeting=wanted.conference_id, loses_keys=wanted.takes_keys))


def _require_alone(status: Status) -> None:
    if status.meeting is not None or status.other is not None:
        raise CallConnected(status.call.id)


def leave(status: Status, wanted: LeaveMeeting, at: datetime) -> Step:
    """The meeting has let go of the call; one that has left already stays where it is."""
    if status.meeting != wanted.meeting_id:
        return Step(status)
    return Step(_alone(status))


def _alone(status: Status) -> Status:
    """A conference stays noted in the call: its history can be asked for."""
    return replace(status, call=replace(status.call, bridge_id=None), meeting=None, loses_keys=False)


def leave_for_transfer(status: Status) -> Step:
    """The call goes to somebody else."""
    if status.meeting is None:
        return Step(status)
    told = TellMeeting(status.meeting, CallGone(status.call.id, has_ended=False))
    return Step(_alone(status), effects=(Leave(), told))


def tell_up(status: Status) -> tuple[Effect, ...]:
    """The call was answered."""
    return () if status.meeting is None else (TellMeeting(status.meeting, CallUp(status.call.id)),)


def tell_gone(status: Status) -> tuple[Effect, ...]:
    """The call has ended."""
    return () if status.meeting is None else (TellMeeting(status.meeting, CallGone(status.call.id)),)


def press_key(status: Status, pressed: KeyPressed, at: datetime) -> Step:
    """A conference may want the keys for itself; else they are the application's."""
    if status.meeting is None or not status.loses_keys:
        return gather.press_key(status, pressed, at)
    return Step(status, effects=(TellMeeting(status.meeting, KeyFor(status.call.id, pressed.digit)),))
