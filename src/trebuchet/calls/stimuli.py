"""What can happen to a call: each is a *stimulus* that goes into the table of `machine`. And what a call tells its
meeting."""

from trebuchet.base.ids import BridgeId, CallId, ConferenceId, GatherId, MeetingId
from trebuchet.base.values import frozen
from trebuchet.calls.interfaces import SilenceLimit
from trebuchet.model.call import TransferRequest, WebhookTarget
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.gather import Gather
from trebuchet.model.playback import PlaybackKind
from trebuchet.model.prompt import RenderedPrompt
from trebuchet.model.recording import RecordingFormat


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
