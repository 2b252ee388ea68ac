"""What follows from a stimulus for the planes: the actor performs each *effect* once its step is stored."""

from trebuchet.base.ids import CallId, GatherId, MeetingId, RecordingId
from trebuchet.base.values import frozen
from trebuchet.calls.interfaces import Refusal, SilenceLimit
from trebuchet.calls.stimuli import MeetingNews, OtherEnded, TargetAnswered, TargetReady
from trebuchet.model.prompt import RenderedPrompt
from trebuchet.model.recording import Recording


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
