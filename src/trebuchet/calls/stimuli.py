"""What can happen to a call, and what follows for the planes.

A *stimulus* goes into the table of `machine`; a *step* comes out: the call's next status, the facts and recordings to
commit with it, and the *effects* that the actor performs once they are stored.
"""

from dataclasses import field

from trebuchet.base.ids import CallId, RecordingId
from trebuchet.base.values import frozen, replace
from trebuchet.calls.interfaces import Change as Change
from trebuchet.calls.interfaces import Refusal, UnitOfWork
from trebuchet.model.call import Call, TransferRequest
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import Fact
from trebuchet.model.recording import Recording

# --- stimuli --------------------------------------------------------------------------------------------------------


@frozen
class Answer:
    """The client answers the incoming call."""

    dialog: bytes | None = None


@frozen
class Reject:
    """The client refuses the incoming call."""


@frozen
class HangUp:
    """The client ends the call."""


@frozen
class StartTransfer:
    """The client connects the call with a new one, `target`, that is being set up."""

    target: CallId
    request: TransferRequest


@frozen
class LegAnswered:
    """The callee answered our INVITE."""

    dialog: bytes | None = None


@frozen
class LegEnded:
    """The peer, or the way to it, ended the call; the leg is gone already."""

    cause: Cause
    blame: Blame
    detail: str | None = None


@frozen
class RingExpired:
    """Nobody answered in time."""


@frozen
class Fail:
    """Something of ours ends the call: lost audio, shutdown, an error."""

    cause: Cause
    blame: Blame
    detail: str | None = None


@frozen
class TargetReady:
    """The new call of a transfer was answered and has heard its whisper: it can be joined."""

    other: CallId


@frozen
class OtherEnded:
    """A call we are joined with, or wait for, has ended, or has left us for somebody else."""

    other: CallId


Stimulus = (
    Answer | Reject | HangUp | StartTransfer | LegAnswered | LegEnded | RingExpired | Fail | TargetReady | OtherEnded
)

# --- effects --------------------------------------------------------------------------------------------------------


@frozen
class AnswerLeg:
    pass


@frozen
class RejectLeg:
    refusal: Refusal


@frozen
class HangUpLeg:
    pass


@frozen
class StopRingTimer:
    pass


@frozen
class StartRecorder:
    recording: Recording
    max_duration_s: int


@frozen
class StopRecorder:
    recording_id: RecordingId


@frozen
class CloseMedia:
    pass


@frozen
class PlayRingback:
    pass


@frozen
class StopPlayback:
    pass


@frozen
class Join:
    """Let the two parties hear each other."""

    other: CallId


@frozen
class Leave:
    """Take this party out of its bridge."""


@frozen
class OfferJoin:
    """Whisper to this party if there is a whisper, then tell `other` that it can be joined."""

    other: CallId


@frozen
class Tell:
    """Pass a stimulus to another call."""

    to: CallId
    stimulus: TargetReady | OtherEnded


Effect = (
    AnswerLeg
    | RejectLeg
    | HangUpLeg
    | StopRingTimer
    | StartRecorder
    | StopRecorder
    | CloseMedia
    | PlayRingback
    | StopPlayback
    | Join
    | Leave
    | OfferJoin
    | Tell
)

# --- status and step ------------------------------------------------------------------------------------------------


@frozen
class Status:
    """All that call control knows of one call between two stimuli."""

    call: Call
    recording: Recording | None = None
    """The recording that runs now."""
    other: CallId | None = None
    """The call this one is joined with, or (for the new call of a transfer) waits to be joined with."""
    target: CallId | None = None
    """The new call that is being set up for this one while it is transferring."""


@frozen
class Step:
    """A decision: nothing has happened yet."""

    status: Status
    facts: tuple[Fact, ...] = ()
    recordings: tuple[Recording, ...] = ()
    effects: tuple[Effect, ...] = field(default=())

    def then(self, following: "Step") -> "Step":
        """Both decisions as one. `following` was made from this step's status."""
        return Step(
            following.status,
            self.facts + following.facts,
            self.recordings + following.recordings,
            self.effects + following.effects,
        )

    def unit(self, *more: Change) -> UnitOfWork:
        """What to commit; `more` are changes of other calls that belong to the same decision."""
        latest = {recording.id: recording for recording in self.recordings}
        changes = (Change(self.status.call, self.facts), *more)
        return UnitOfWork(changes=changes, recordings=tuple(latest.values()))

    def committed(self) -> Status:
        """The status once the log has numbered the facts."""
        logged = self.status.call.events_logged + len(self.facts)
        return replace(self.status, call=replace(self.status.call, events_logged=logged))
