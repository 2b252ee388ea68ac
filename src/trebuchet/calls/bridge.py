"""One bridge as a table: state × stimulus → rule.

Theory. A bridge is a set of at most two calls and a switch. Of each assigned call it knows whether it lives and whether
it was answered; who hears whom follows from that alone (`voices_of`): both parties each other, when both are answered
and the switch is on, else nobody anybody.

1. It becomes ACTIVE when its parties first hear each other, and stays so when one of them ends: the other may get a new
   partner.
2. Switching the audio off makes it HELD, also before anybody was there; switching it on leads back to where it would be
   without.
3. It ends when its last living call has ended or all were taken out. One that never had a call waits for ever.
4. A call that a client is about to create takes its place first (`Reserve`), so that nobody else can; when the call
   does not come about it gives the place back (`Withdraw`) as if nothing had been.

The rules are pure; the owner is `bridge_actor`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from trebuchet.base.ids import CallId
from trebuchet.base.values import frozen, replace
from trebuchet.calls.interfaces import PLAIN_VOICE, Voice
from trebuchet.calls.meeting_commands import BridgeEnded, BridgeFull
from trebuchet.calls.stimuli import CallGone, CallUp
from trebuchet.model.bridge import MAX_CALLS, Bridge, BridgeState


@frozen
class BridgeStatus:
    """All that its owner knows of a bridge between two stimuli."""

    bridge: Bridge
    living: tuple[CallId, ...] = ()
    """Assigned calls that have not ended."""
    up: tuple[CallId, ...] = ()
    """Those of them that were answered."""


@frozen
class Assign:
    """The client names all calls of the bridge; `living` and `up` are those of them that live and are answered."""

    call_ids: tuple[CallId, ...]
    living: tuple[CallId, ...]
    up: tuple[CallId, ...]


@frozen
class SwitchAudio:
    """The client switches the audio between the parties on or off."""

    is_on: bool


@frozen
class Reserve:
    """A call that is about to be created."""

    call_id: CallId


@frozen
class Withdraw:
    """The reserved call was not created."""

    call_id: CallId


BridgeStimulus = Assign | SwitchAudio | Reserve | Withdraw | CallUp | CallGone
Rule = Callable[[BridgeStatus, Any, datetime], BridgeStatus]

COMMANDS = (Assign, SwitchAudio, Reserve)
"""Refused by a bridge that has ended; everything else is ignored then."""


def decide(status: BridgeStatus, stimulus: BridgeStimulus, at: datetime) -> BridgeStatus:
    """The status that follows. Raises `BridgeEnded`, `BridgeFull`."""
    rule = TABLE[status.bridge.state].get(type(stimulus))
    if rule is not None:
        return rule(status, stimulus, at)
    if isinstance(stimulus, COMMANDS):
        raise BridgeEnded(status.bridge.id)
    return status


def voices_of(status: BridgeStatus) -> dict[CallId, Voice]:
    """Who is in the audio group of the bridge now."""
    if status.bridge.state.is_final or not _is_connected(status):
        return {}
    return dict.fromkeys(status.up, PLAIN_VOICE)


def _is_connected(status: BridgeStatus) -> bool:
    return status.bridge.has_audio and len(status.up) == MAX_CALLS


# --- rules ----------------------------------------------------------------------------------------------------------


def assign(status: BridgeStatus, stimulus: Assign, at: datetime) -> BridgeStatus:
    """Raises `BridgeFull`."""
    if len(stimulus.call_ids) > MAX_CALLS:
        raise BridgeFull(status.bridge.id)
    had_calls = bool(status.bridge.call_ids)
    bridge = replace(status.bridge, call_ids=stimulus.call_ids)
    status = BridgeStatus(bridge, stimulus.living, stimulus.up)
    if had_calls and not status.living:
        return _end(status, at)
    return _connect(status, at)


def switch_on(status: BridgeStatus, stimulus: SwitchAudio, at: datetime) -> BridgeStatus:
    if not stimulus.is_on:
        return replace(status, bridge=replace(status.bridge, has_audio=False, state=BridgeState.HELD))
    state = BridgeState.CREATED if status.bridge.activated_at is None else BridgeState.ACTIVE
    return _connect(replace(status, bridge=replace(status.bridge, has_audio=True, state=state)), at)


def reserve(status: BridgeStatus, stimulus: Reserve, at: datetime) -> BridgeStatus:
    """In the place of one that has ended, if there is no other. Raises `BridgeFull`."""
    if len(status.living) >= MAX_CALLS:
        raise BridgeFull(status.bridge.id)
    kept = status.bridge.call_ids if len(status.bridge.call_ids) < MAX_CALLS else status.living
    bridge = replace(status.bridge, call_ids=(*kept, stimulus.call_id))
    return replace(status, bridge=bridge, living=(*status.living, stimulus.call_id))


def withdraw(status: BridgeStatus, stimulus: Withdraw, at: datetime) -> BridgeStatus:
    bridge = replace(status.bridge, call_ids=_without(status.bridge.call_ids, stimulus.call_id))
    return BridgeStatus(bridge, _without(status.living, stimulus.call_id), _without(status.up, stimulus.call_id))


def call_up(status: BridgeStatus, stimulus: CallUp, at: datetime) -> BridgeStatus:
    if stimulus.call_id not in status.living or stimulus.call_id in status.up:
        return status
    return _connect(replace(status, up=(*status.up, stimulus.call_id)), at)


def call_gone(status: BridgeStatus, stimulus: CallGone, at: datetime) -> BridgeStatus:
    if stimulus.call_id not in status.living:
        return status
    living, up = _without(status.living, stimulus.call_id), _without(status.up, stimulus.call_id)
    bridge = status.bridge
    if not stimulus.has_ended:
        bridge = replace(bridge, call_ids=_without(bridge.call_ids, stimulus.call_id))
    status = BridgeStatus(bridge, living, up)
    return status if living else _end(status, at)


def _without(call_ids: tuple[CallId, ...], call_id: CallId) -> tuple[CallId, ...]:
    return tuple(other for other in call_ids if other != call_id)


def _connect(status: BridgeStatus, at: datetime) -> BridgeStatus:
    """Active from the moment its parties can hear each other."""
    if not _is_connected(status):
        return status
    bridge = replace(status.bridge, state=BridgeState.ACTIVE, activated_at=status.bridge.activated_at or at)
    return replace(status, bridge=bridge)


def _end(status: BridgeStatus, at: datetime) -> BridgeStatus:
    return BridgeStatus(replace(status.bridge, state=BridgeState.ENDED, ended_at=at))


_OPEN: Mapping[type[BridgeStimulus], Rule] = {
    Assign: assign,
    SwitchAudio: switch_on,
    Reserve: reserve,
    Withdraw: withdraw,
    CallUp: call_up,
    CallGone: call_gone,
}
TABLE: Mapping[BridgeState, Mapping[type[BridgeStimulus], Rule]] = {
    BridgeState.CREATED: _OPEN,
    BridgeState.ACTIVE: _OPEN,
    BridgeState.HELD: _OPEN,
    BridgeState.ENDED: {},
}
