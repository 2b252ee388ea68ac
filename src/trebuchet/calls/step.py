"""What comes out of the table of `machine`: the call's next status, the facts and recordings to commit with it, and
the effects that the actor performs once they are stored."""

from dataclasses import field

from trebuchet.base.ids import CallId, MeetingId
from trebuchet.base.values import frozen, replace
from trebuchet.calls.effects import Effect
from trebuchet.calls.interfaces import Change, UnitOfWork
from trebuchet.calls.stimuli import Following
from trebuchet.model.call import Call, WebhookTarget
from trebuchet.model.event import Fact
from trebuchet.model.gather import Gather
from trebuchet.model.recording import Recording
from trebuchet.model.transcription import Transcription


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
    also: tuple[CallId, ...] = ()
    """Further calls that ring for this one beside `target`."""
    told: WebhookTarget | None = None
    """Who is told when the transfer that runs, or its connection, is over."""
    partner: tuple[str, str] | None = None
    """The parties (from, to) of the target that answered."""
    are_keys_silent: bool = False
    following: tuple[Following, ...] = ()
    """Prompts of the gather that have not been played yet."""
    meeting: MeetingId | None = None
    """The bridge or conference it is in now."""
    loses_keys: bool = False
    """Whether its keys are the conference's."""
    playbacks_made: int = 0
    """Playbacks started so far."""
    dialling_until: float = 0.0
    """When all keys given to the port will have been sent, monotonic seconds."""


@frozen
class Step:
    """A decision: nothing has happened yet."""

    status: Status
    facts: tuple[Fact, ...] = ()
    recordings: tuple[Recording, ...] = ()
    effects: tuple[Effect, ...] = field(default=())
    gathers: tuple[Gather, ...] = ()
    """Those that ended."""
    transcriptions: tuple[Transcription, ...] = ()
    """Those that are to be made, or have been."""

    def then(self, following: "Step") -> "Step":
        """Both decisions as one. `following` was made from this step's status."""
        return Step(
            following.status,
            self.facts + following.facts,
            self.recordings + following.recordings,
            self.effects + following.effects,
            self.gathers + following.gathers,
            self.transcriptions + following.transcriptions,
        )

    def unit(self, *more: Change) -> UnitOfWork:
        """What to commit; `more` are changes of other calls that belong to the same decision."""
        latest = {recording.id: recording for recording in self.recordings}
        changes = (Change(self.status.call, self.facts), *more)
        return UnitOfWork(
            changes=changes,
            recordings=tuple(latest.values()),
            gathers=self.gathers,
            transcriptions=self.transcriptions,
        )

    def committed(self) -> Status:
        """The status once the log has numbered the facts."""
        logged = self.status.call.events_logged + len(self.facts)
        return replace(self.status, call=replace(self.status.call, events_logged=logged))
