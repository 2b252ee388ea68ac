"""One conference as a table: state × stimulus → rule.

Theory. A conference is a list of members, two switches for all, and at most one playback for all. Who may speak and who
may hear follows from the flags alone (`voices_of`):

    speaks   unless the member is muted or held, or the conference is
    hears    unless the member is held

A conference on hold therefore is one in which nobody speaks; what the application plays to it is still heard, so that
there can be music on hold. A member on hold hears only what is played to it alone.

1. The first member makes it ACTIVE, the last one's leaving ends it; before, it waits for ever.
2. Every change of a member is a fact with the member as it is then and the number of members then inside.
3. Terminating is everybody's leaving, and their calls are hung up; a member that leaves in any other way goes on as a
   call of its own.
4. Keys (profile INTERPRET) change the member that pressed them, like the API does. Volumes are steps of 3 dB; the
   *sensitivity* of a microphone is where its gate opens, steps of 6 dB: more sensitive lets quieter sounds through.

The rules are pure; the owner is `conference_actor`.
"""

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from trebuchet.base.ids import CallId, MemberId
from trebuchet.base.values import frozen, frozen_keywords, replace
from trebuchet.calls.interfaces import ConferenceChange, Tone, Voice
from trebuchet.calls.meeting_commands import ConferenceNotUsable, UpdateConference, UpdateMember
from trebuchet.calls.stimuli import CallGone, KeyFor
from trebuchet.model.conference import Conference, ConferenceState, Member
from trebuchet.model.event import ConferenceEnded, ConferenceFact, ConferencePlaybackChanged, MemberChanged
from trebuchet.model.prompt import RenderedPrompt

VOLUME_STEP_DB = 3.0
GATE_DBOV = -50.0
"""Where a microphone's gate is before anybody changes it: under quiet speech, over the noise of a line, of which a
conference would else add up one for each member."""
GATE_STEP_DB = 6.0
MAX_STEPS = 4
"""Each way: 12 dB of volume, 24 dB of sensitivity."""

# --- stimuli --------------------------------------------------------------------------------------------------------


@frozen
class AddMember:
    member: Member


@frozen
class BeginAll:
    """The client plays a file or a sentence to all members."""

    prompt: RenderedPrompt
    is_speech: bool
    is_looped: bool = False
    tag: str | None = None


@frozen
class EndAll:
    """The client stops what plays to all."""


@frozen
class AllEnded:
    """A playback to all reached its end."""

    number: int


ConferenceStimulus = AddMember | UpdateMember | UpdateConference | BeginAll | EndAll | AllEnded | CallGone | KeyFor

# --- status, effects and steps --------------------------------------------------------------------------------------


@frozen
class Knobs:
    """What a member has set by keys, in steps of -`MAX_STEPS` … `MAX_STEPS`."""

    mic: int = 0
    ear: int = 0
    sensitivity: int = 0


@frozen_keywords
class Announcement:
    """What plays to all."""

    number: int
    is_speech: bool
    tag: str | None = None


@frozen_keywords
class ConferenceStatus:
    """All that its owner knows of a conference between two stimuli."""

    conference: Conference
    members: tuple[Member, ...] = ()
    """Those inside, in order of joining."""
    knobs: dict[CallId, Knobs] = field(default_factory=dict)
    """Of those who have turned any."""
    playback: Announcement | None = None
    playbacks_made: int = 0


@frozen
class PlayAll:
    number: int
    prompt: RenderedPrompt
    is_looped: bool


@frozen
class StopAll:
    pass


@frozen
class Chime:
    tone: Tone


@frozen
class LetGo:
    """The call is in no conference any more."""

    call_id: CallId


@frozen
class HangUpCall:
    call_id: CallId


ConferenceEffect = PlayAll | StopAll | Chime | LetGo | HangUpCall


@frozen
class ConferenceStep:
    """A decision: nothing has happened yet. `members` are those that changed."""

    status: ConferenceStatus
    facts: tuple[ConferenceFact, ...] = ()
    members: tuple[Member, ...] = ()
    effects: tuple[ConferenceEffect, ...] = ()

    def then(self, following: "ConferenceStep") -> "ConferenceStep":
        """Both decisions as one. `following` was made from this step's status."""
        return ConferenceStep(
            following.status,
            self.facts + following.facts,
            self.members + following.members,
            self.effects + following.effects,
        )

    def change(self) -> ConferenceChange:
        """What to commit."""
        latest = {member.id: member for member in self.members}
        return ConferenceChange(self.status.conference, self.facts, tuple(latest.values()))

    def committed(self) -> ConferenceStatus:
        """The status once the log has numbered the facts."""
        logged = self.status.conference.events_logged + len(self.facts)
        return replace(self.status, conference=replace(self.status.conference, events_logged=logged))


Rule = Callable[[ConferenceStatus, Any, datetime], ConferenceStep]

COMMANDS = (AddMember, UpdateMember, UpdateConference, BeginAll, EndAll)
"""Refused where the table has no rule; everything else is ignored there."""


def decide(status: ConferenceStatus, stimulus: ConferenceStimulus, at: datetime) -> ConferenceStep:
    """The step that follows. Raises `ConferenceNotUsable`."""
    rule = TABLE[status.conference.state].get(type(stimulus))
    if rule is not None:
        return rule(status, stimulus, at)
    if isinstance(stimulus, COMMANDS):
        raise ConferenceNotUsable(status.conference.id, status.conference.state)
    return ConferenceStep(status)


def voices_of(status: ConferenceStatus) -> dict[CallId, Voice]:
    """Who is in the audio group of the conference now, and as what."""
    return {member.call_id: _voice(status, member) for member in status.members}


def _voice(status: ConferenceStatus, member: Member) -> Voice:
    conference, knobs = status.conference, status.knobs.get(member.call_id, Knobs())
    is_silenced = member.is_muted or member.is_held or conference.is_muted or conference.is_held
    return Voice(
        can_speak=not is_silenced,
        can_hear=not member.is_held,
        mic_db=VOLUME_STEP_DB * knobs.mic,
        ear_db=VOLUME_STEP_DB * knobs.ear,
        gate_dbov=GATE_DBOV - GATE_STEP_DB * knobs.sensitivity,
    )


# --- members --------------------------------------------------------------------------------------------------------


def add_member(status: ConferenceStatus, stimulus: AddMember, at: datetime) -> ConferenceStep:
    member = stimulus.member
    members = (*status.members, member)
    conference = replace(status.conference, state=ConferenceState.ACTIVE, active_members=len(members))
    chime: tuple[ConferenceEffect, ...] = (Chime(Tone.JOINED),) if member.has_join_tone else ()
    status = replace(status, conference=conference, members=members)
    return ConferenceStep(status, (MemberChanged(member, len(members)),), (member,), chime)


def update_member(status: ConferenceStatus, stimulus: UpdateMember, at: datetime) -> ConferenceStep:
    """Raises `ConferenceNotUsable` for a member that has left."""
    member = _find(status, stimulus.member_id)
    if member is None:
        raise ConferenceNotUsable(status.conference.id, status.conference.state)
    step = _change(status, member, _flagged(member, stimulus))
    if not stimulus.is_removed:
        return step
    return step.then(_remove(step.status, _flagged(member, stimulus), at))


def _flagged(member: Member, wanted: UpdateMember) -> Member:
    return replace(
        member,
        is_muted=member.is_muted if wanted.is_muted is None else wanted.is_muted,
        is_held=member.is_held if wanted.is_held is None else wanted.is_held,
        has_join_tone=member.has_join_tone if wanted.has_join_tone is None else wanted.has_join_tone,
        has_leave_tone=member.has_leave_tone if wanted.has_leave_tone is None else wanted.has_leave_tone,
    )


def _find(status: ConferenceStatus, member_id: MemberId) -> Member | None:
    return next((member for member in status.members if member.id == member_id), None)


def _change(status: ConferenceStatus, old: Member, new: Member) -> ConferenceStep:
    """Only what others notice is told."""
    if new == old:
        return ConferenceStep(status)
    status = replace(status, members=tuple(new if member is old else member for member in status.members))
    is_told = (new.is_muted, new.is_held) != (old.is_muted, old.is_held)
    facts = (MemberChanged(new, len(status.members)),) if is_told else ()
    return ConferenceStep(status, facts, (new,))


def call_gone(status: ConferenceStatus, stimulus: CallGone, at: datetime) -> ConferenceStep:
    """The member's call has ended, or has gone to somebody else."""
    member = _member_of(status, stimulus.call_id)
    return ConferenceStep(status) if member is None else _remove(status, member, at)


def _member_of(status: ConferenceStatus, call_id: CallId) -> Member | None:
    return next((member for member in status.members if member.call_id == call_id), None)


def _remove(status: ConferenceStatus, member: Member, at: datetime) -> ConferenceStep:
    """The last one to leave ends the conference."""
    step = _take_out(status, member, at)
    if not step.status.members:
        return step.then(_end(step.status, at))
    if member.has_leave_tone:
        return replace(step, effects=(*step.effects, Chime(Tone.LEFT)))
    return step


def _take_out(status: ConferenceStatus, member: Member, at: datetime) -> ConferenceStep:
    left = replace(member, removed_at=at)
    members = tuple(other for other in status.members if other.id != member.id)
    knobs = {call_id: knob for call_id, knob in status.knobs.items() if call_id != member.call_id}
    conference = replace(status.conference, active_members=len(members))
    status = replace(status, conference=conference, members=members, knobs=knobs)
    return ConferenceStep(status, (MemberChanged(left, len(members)),), (left,), (LetGo(member.call_id),))


def _end(status: ConferenceStatus, at: datetime) -> ConferenceStep:
    silence = _stop_playing(status)
    conference = replace(status.conference, state=ConferenceState.ENDED, ended_at=at)
    status = replace(silence.status, conference=conference)
    return silence.then(ConferenceStep(status, (ConferenceEnded(),)))


# --- the conference -------------------------------------------------------------------------------------------------


def update_conference(status: ConferenceStatus, stimulus: UpdateConference, at: datetime) -> ConferenceStep:
    conference = status.conference
    names = ("is_held", "is_muted", "webhook_url", "webhook_method", "webhook_timeout_ms", "fallback_url", "tag")
    wanted: dict[str, Any] = {name: getattr(stimulus, name) for name in names}
    changes = {name: value for name, value in wanted.items() if value is not None}
    step = ConferenceStep(replace(status, conference=replace(conference, **changes)))
    return step.then(terminate(step.status, at)) if stimulus.is_terminated else step


def terminate(status: ConferenceStatus, at: datetime) -> ConferenceStep:
    """Everybody leaves, and their calls are hung up."""
    step = ConferenceStep(status)
    for member in status.members:
        step = step.then(_take_out(step.status, member, at))
    hang_up = tuple(HangUpCall(member.call_id) for member in status.members)
    return step.then(replace(_end(step.status, at), effects=hang_up))


def begin_all(status: ConferenceStatus, stimulus: BeginAll, at: datetime) -> ConferenceStep:
    """Instead of what plays now."""
    quiet = _stop_playing(status)
    number = status.playbacks_made + 1
    playback = Announcement(number=number, is_speech=stimulus.is_speech, tag=stimulus.tag)
    fact = ConferencePlaybackChanged(playback.is_speech, True, playback.tag)
    play = PlayAll(number, stimulus.prompt, stimulus.is_looped)
    status = replace(quiet.status, playback=playback, playbacks_made=number)
    return quiet.then(ConferenceStep(status, (fact,), (), (play,)))


def end_all(status: ConferenceStatus, stimulus: EndAll, at: datetime) -> ConferenceStep:
    """Nothing happens when nothing plays."""
    step = _stop_playing(status)
    return replace(step, effects=(StopAll(),)) if status.playback is not None else step


def all_ended(status: ConferenceStatus, stimulus: AllEnded, at: datetime) -> ConferenceStep:
    """What is reported of an earlier playback is known already."""
    if status.playback is None or status.playback.number != stimulus.number:
        return ConferenceStep(status)
    return _stop_playing(status)


def _stop_playing(status: ConferenceStatus) -> ConferenceStep:
    playing = status.playback
    if playing is None:
        return ConferenceStep(status)
    fact = ConferencePlaybackChanged(playing.is_speech, False, playing.tag)
    return ConferenceStep(replace(status, playback=None), (fact,))


# --- keys -----------------------------------------------------------------------------------------------------------


def press_key(status: ConferenceStatus, stimulus: KeyFor, at: datetime) -> ConferenceStep:
    """What the key does is done to the member that pressed it; other keys mean nothing."""
    member = _member_of(status, stimulus.call_id)
    if member is None:
        return ConferenceStep(status)
    match stimulus.digit:
        case "0":
            return _change(status, member, replace(member, is_muted=not member.is_muted))
        case "*":
            return _change(status, member, replace(member, is_held=not member.is_held))
        case "#":
            return _remove(status, member, at)
        case digit:
            return _turn(status, member.call_id, digit)


_TURNS: Mapping[str, tuple[str, int]] = {
    "1": ("mic", -1),
    "2": ("mic", 0),
    "3": ("mic", 1),
    "4": ("ear", -1),
    "5": ("ear", 0),
    "6": ("ear", 1),
    "7": ("sensitivity", 1),
    "8": ("sensitivity", 0),
    "9": ("sensitivity", -1),
}
"""Key: which knob, and how far; 0 turns it back."""


def _turn(status: ConferenceStatus, call_id: CallId, digit: str) -> ConferenceStep:
    if digit not in _TURNS:
        return ConferenceStep(status)
    name, by = _TURNS[digit]
    knobs = status.knobs.get(call_id, Knobs())
    steps = max(-MAX_STEPS, min(MAX_STEPS, getattr(knobs, name) + by)) if by else 0
    changes: dict[str, Any] = {name: steps}
    return ConferenceStep(replace(status, knobs={**status.knobs, call_id: replace(knobs, **changes)}))


TABLE: Mapping[ConferenceState, Mapping[type[ConferenceStimulus], Rule]] = {
    ConferenceState.CREATED: {
        AddMember: add_member,
        UpdateConference: update_conference,
        EndAll: end_all,
    },
    ConferenceState.ACTIVE: {
        AddMember: add_member,
        UpdateMember: update_member,
        UpdateConference: update_conference,
        BeginAll: begin_all,
        EndAll: end_all,
        AllEnded: all_ended,
        CallGone: call_gone,
        KeyFor: press_key,
    },
    ConferenceState.ENDED: {},
}
