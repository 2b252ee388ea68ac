"""What can happen to a call, and what follows for the planes.

A *stimulus* goes into the table of `machine`; a *step* comes out: the call's next status, the facts and recordings to
commit with it, and the *effects* that the actor performs once they are stored.
"""

from dataclasses import field

from trebuchet.base.ids import BridgeId, CallId, ConferenceId, GatherId, MeetingId, RecordingId
from trebuchet.base.values import frozen, replace
from trebuchet.calls.interfaces import Change as Change
from trebuchet.calls.interfaces import Refusal, SilenceLimit, UnitOfWork
from trebuchet.model.call import Call, TransferRequest, WebhookTarget
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import Fact
from trebuchet.model.gather import Gather
from trebuchet.model.playback import PlaybackKind
from trebuchet.model.prompt import RenderedPrompt
from trebuchet.model.recording import Recording, RecordingFormat
from trebuchet.model.transcription import Transcription

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
    also: tuple[CallId, ...] = ()
    """Further ones that are set up at the same time: the first to answer is the target, the others are given up."""
    told: WebhookTarget | None = None
    """Who is told when the connected parties part; `None`: nobody."""


@frozen
class LegRang:
    """The callee rings."""

    dialog: bytes | None = None


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
class TargetAnswered:
    """A new call of a transfer was answered; it may hear its whisper first."""

    other: CallId
    from_: str
    to: str


@frozen
class OtherEnded:
    """A call we are joined with, or wait for, has ended, or has left us for somebody else."""

    other: CallId


@frozen
class BeginRecording:
    """The client records the call, with settings for this recording alone."""

    format: RecordingFormat
    max_duration_s: int | None = None
    channels: int | None = None
    """`None`: as the server records anyway."""
    silence: SilenceLimit | None = None
    is_silent: bool = False
    webhook: WebhookTarget | None = None
    transcript_webhook: WebhookTarget | None = None


@frozen
class SilenceKeys:
    """Keys that the party presses go to the log alone from now on."""


@frozen
class BeginAudio:
    """The client plays a file or a sentence."""

    kind: PlaybackKind
    prompt: RenderedPrompt
    is_looped: bool = False
    tag: str | None = None
    is_silent: bool = False


@frozen
class EndAudio:
    """The client stops what plays."""


@frozen
class PlaybackEnded:
    """A playback reached its end."""

    number: int


@frozen
class DialDigits:
    """The client sends keys to the party."""

    digits: str
    now: float
    """Monotonic seconds."""


@frozen
class KeyPressed:
    """The party pressed a key."""

    digit: str
    duration_ms: int | None = None


@frozen
class BeginGather:
    """The client collects keys; with a prompt it is played until the first one."""

    gather: Gather
    prompt: RenderedPrompt | None = None
    is_looped: bool = False
    following: tuple["Following", ...] = ()
    """What is played after it, until the first key."""


@frozen
class Following:
    """A gather's further prompt, and the wait for a key before it."""

    prompt: RenderedPrompt
    pause_s: float = 0.0


@frozen
class CancelGather:
    """The client stops a gather; one that is over already stays as it is."""

    gather_id: GatherId


@frozen
class GatherExpired:
    """No key came in time after the first `digits` ones."""

    gather_id: GatherId
    digits: int


@frozen
class EnterBridge:
    """The call becomes one of the bridge's two."""

    bridge_id: BridgeId


@frozen
class EnterConference:
    """The call becomes a member of the conference."""

    conference_id: ConferenceId
    takes_keys: bool
    """Whether the keys are the conference's, not the application's."""


@frozen
class LeaveMeeting:
    """The bridge or conference has let go of the call."""

    meeting_id: MeetingId


Stimulus = (
    Answer
    | Reject
    | HangUp
    | StartTransfer
    | LegRang
    | LegAnswered
    | LegEnded
    | RingExpired
    | Fail
    | TargetReady
    | TargetAnswered
    | OtherEnded
    | BeginRecording
    | SilenceKeys
    | BeginAudio
    | EndAudio
    | PlaybackEnded
    | DialDigits
    | KeyPressed
    | BeginGather
    | CancelGather
    | GatherExpired
    | EnterBridge
    | EnterConference
    | LeaveMeeting
)

# --- what a call tells its meeting ----------------------------------------------------------------------------------


@frozen
class CallUp:
    """The call was answered."""

    call_id: CallId


@frozen
class CallGone:
    """The call has ended, or has left for somebody else."""

    call_id: CallId
    has_ended: bool = True


@frozen
class KeyFor:
    """A member of the conference pressed a key."""

    call_id: CallId
    digit: str


MeetingNews = CallUp | CallGone | KeyFor

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
    channels: int | None = None
    silence: SilenceLimit | None = None


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
class Play:
    """Play to the party; its end comes back as `PlaybackEnded` with this number."""

    number: int
    prompt: RenderedPrompt
    is_looped: bool = False


@frozen
class SendKeys:
    digits: str


@frozen
class StartGatherTimer:
    """`GatherExpired` unless a key comes in time; replaces the timer that runs."""

    gather_id: GatherId
    digits: int
    """How many there are so far."""
    seconds: float


@frozen
class StopGatherTimer:
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
    stimulus: TargetReady | TargetAnswered | OtherEnded


@frozen
class TellMeeting:
    """Tell the owner of a bridge or conference."""

    to: MeetingId
    news: MeetingNews


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
    | Play
    | SendKeys
    | StartGatherTimer
    | StopGatherTimer
    | Join
    | Leave
    | OfferJoin
    | Tell
    | TellMeeting
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
