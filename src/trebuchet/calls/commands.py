"""What a client may ask of calls: the commands, what can be wrong with them, and the facade that takes them.

The API and BXML depend on this module alone; they turn these errors into the wire's codes. Prompt errors and
`LogUnavailable` pass through as call control's collaborators raise them, and can be imported from here.
"""

from dataclasses import field
from typing import Protocol

from trebuchet.base.errors import LocalError, RemoteError
from trebuchet.base.ids import AccountId, CallId, GatherId, RecordingId, TranscriptionId
from trebuchet.base.values import frozen_keywords
from trebuchet.calls.interfaces import LogUnavailable as LogUnavailable
from trebuchet.calls.interfaces import PromptError as PromptError
from trebuchet.calls.interfaces import PromptUnreachable as PromptUnreachable
from trebuchet.calls.interfaces import PromptUnsupported as PromptUnsupported
from trebuchet.calls.interfaces import PromptUrlInvalid as PromptUrlInvalid
from trebuchet.calls.interfaces import SilenceLimit as SilenceLimit
from trebuchet.calls.interfaces import SpeechFailed as SpeechFailed
from trebuchet.model import gather
from trebuchet.model.call import CallState, WebhookTarget
from trebuchet.model.prompt import Prompt
from trebuchet.model.recording import Recording, RecordingFormat, RecordingSettings
from trebuchet.model.transcription import Transcription

# --- what can be wrong ----------------------------------------------------------------------------------------------


class CommandError(RemoteError):
    """A command that was refused; nothing has changed."""

    code = "command-error"


class CallNotFound(CommandError):
    """No such call, or a call of another account."""

    code = "call-not-found"

    def __init__(self, call_id: str) -> None:
        super().__init__(call_id)
        self.call_id = call_id


class WrongCallState(CommandError):
    """The call is not in a state that allows the command."""

    code = "wrong-call-state"

    def __init__(self, call_id: CallId, state: CallState) -> None:
        super().__init__(f"{call_id} is {state}")
        self.call_id = call_id
        self.state = state


class AlreadyRecording(CommandError):
    """Recording was switched on while a recording runs."""

    code = "already-recording"


class RecordingLimitLocked(CommandError):
    """The maximum duration cannot change while a recording runs."""

    code = "recording-limit-locked"


class RecordingLimitTooLong(CommandError):
    """Above the platform's maximum."""

    code = "recording-limit-too-long"

    def __init__(self, limit_s: int) -> None:
        super().__init__(f"at most {limit_s} s")
        self.limit_s = limit_s


class RecordingNotComplete(CommandError):
    """Only finished recordings can be transcribed."""

    code = "recording-not-complete"

    def __init__(self, recording_id: RecordingId) -> None:
        super().__init__(recording_id)
        self.recording_id = recording_id


class RecordingNotTranscribable(CommandError):
    """Only wav can be transcribed."""

    code = "recording-not-transcribable"

    def __init__(self, recording_id: RecordingId, media_name: str) -> None:
        super().__init__(recording_id)
        self.recording_id = recording_id
        self.media_name = media_name


class CallerIdNotAllowed(CommandError):
    """The caller id of a transfer is neither private nor a number that the account may show."""

    code = "caller-id-not-allowed"

    def __init__(self, caller_id: str) -> None:
        super().__init__(caller_id)
        self.caller_id = caller_id


class NumberNotOwned(CommandError):
    code = "number-not-owned"

    def __init__(self, account_id: AccountId, number: str) -> None:
        super().__init__(number)
        self.account_id = account_id
        self.number = number


class NoNumbers(CommandError):
    """The account has no numbers at all."""

    code = "no-numbers"

    def __init__(self, account_id: AccountId) -> None:
        super().__init__(account_id)
        self.account_id = account_id


class CannotCall(CommandError):
    """The destination cannot or may not be dialled."""

    code = "cannot-call"

    def __init__(self, to: str) -> None:
        super().__init__(to)
        self.to = to


class DestinationDenied(CannotCall):
    """The operator's prefixes do not let calls go to this country or region."""

    code = "destination-denied"


class TooManyCalls(CommandError):
    """The account or the number dials faster than it may: calls a second, on average over `window_s`."""

    code = "too-many-calls"
    retryable = True

    def __init__(self, limit: float, window_s: float, rate: float) -> None:
        super().__init__(f"{rate:.1f} calls a second, at most {limit:g}")
        self.limit = limit
        self.window_s = window_s
        self.rate = rate


class TooManyCallsAtOnce(CommandError):
    """The account has as many outgoing calls as it may."""

    code = "too-many-calls-at-once"
    retryable = True

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit} calls at once")
        self.limit = limit


class CallFailed(CommandError):
    """The INVITE of a new call could not be sent at all."""

    code = "call-failed"
    retryable = True

    def __init__(self, from_: str, to: str) -> None:
        super().__init__(f"{from_} -> {to}")
        self.from_ = from_
        self.to = to


class TransferFailed(CommandError):
    """The INVITE of a transfer could not be sent at all; the call is as it was."""

    code = "transfer-failed"
    retryable = True

    def __init__(self, call_id: CallId, to: str) -> None:
        super().__init__(f"{call_id} -> {to}")
        self.call_id = call_id
        self.to = to


class CallNotReady(CommandError):
    """The call is being set up and cannot be changed yet."""

    code = "call-not-ready"
    retryable = True

    def __init__(self, call_id: CallId) -> None:
        super().__init__(call_id)
        self.call_id = call_id


class NothingPlays(CommandError):
    """Playing was to be stopped, but nothing plays."""

    code = "nothing-plays"

    def __init__(self, call_id: CallId) -> None:
        super().__init__(call_id)
        self.call_id = call_id


class DigitsNotSent(CommandError):
    """Too many digits wait to be sent already."""

    code = "digits-not-sent"
    retryable = True

    def __init__(self, call_id: CallId, digits: str) -> None:
        super().__init__(call_id)
        self.call_id = call_id
        self.digits = digits


class AlreadyGathering(CommandError):
    """The call gathers digits; one gather at a time."""

    code = "already-gathering"

    def __init__(self, call_id: CallId) -> None:
        super().__init__(call_id)
        self.call_id = call_id


class Overloaded(LocalError):
    """No room for a new call, or the server is draining."""

    code = "overloaded"
    retryable = True

    def __init__(self, retry_after_s: int = 5) -> None:
        super().__init__(f"retry after {retry_after_s} s")
        self.retry_after_s = retry_after_s


# --- what may be asked ----------------------------------------------------------------------------------------------


@frozen_keywords
class CreateCall:
    """Place a call. Values are checked for form already (numbers, URLs, ranges); ownership and routes are not."""

    account_id: AccountId
    from_: str
    to: str
    ring_timeout_s: int = 60
    webhook: WebhookTarget | None = None
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    is_transcribed: bool = False
    tag: str | None = None
    sip_headers: dict[str, str] = field(default_factory=dict)
    bridge_id: str | None = None
    conference_id: str | None = None
    call_id: CallId | None = None
    """The id the new call gets; `None`: any."""


@frozen_keywords
class Transfer:
    """Connect the call with another party. `caller_id`: a number, `private`, or `None` for the default."""

    to: str
    caller_id: str | None = None
    whisper: Prompt | None = None
    webhook_url: str | None = None
    """Where the new call's events go; method and timeout are the original call's."""
    tag: str | None = None
    diversion_treatment: str = "none"
    """`none`, `propagate` or `stack`."""
    diversion_reason: str = "unknown"
    new_call_id: CallId | None = None
    """The id the new call gets; `None`: any."""
    also_to: tuple[str, ...] = ()
    """Further parties that ring at the same time; the first to answer is connected."""
    ring_timeout_s: int | None = None
    """`None`: the server's own."""
    further_whispers: tuple[Prompt, ...] = ()
    """What the party hears after `whisper`."""
    told: WebhookTarget | None = None
    """Who is told when the connected parties part; `None`: nobody."""


@frozen_keywords
class UpdateCall:
    """Change a call. `None` everywhere means: leave as it is. Recording settings apply first, then `state`."""

    account_id: AccountId
    call_id: CallId
    state: CallState | None = None
    """`ANSWERED` (answer), `REJECTED`, `ENDED` (hang up) or `TRANSFERRING` (then `transfer` is set)."""
    is_recording: bool | None = None
    recording_format: RecordingFormat | None = None
    recording_max_duration_s: int | None = None
    transfer: Transfer | None = None

    @property
    def concerns_recording(self) -> bool:
        """Whether any of the recording settings is to change."""
        return (
            self.is_recording is not None
            or self.recording_format is not None
            or self.recording_max_duration_s is not None
        )


@frozen_keywords
class PlayAudio:
    """Play to the call's party; replaces what plays now."""

    account_id: AccountId
    call_id: CallId
    prompt: Prompt
    is_looped: bool = False
    """Until it is stopped."""
    tag: str | None = None
    is_silent: bool = False
    """Whether its beginning and end go to the log alone, not to the application."""


@frozen_keywords
class StopAudio:
    """Stop what plays, whatever it is."""

    account_id: AccountId
    call_id: CallId


@frozen_keywords
class SendDigits:
    """Send keys to the call's party: `0-9*#A-D`, `,` and `w` pause 0.5 s, `W` 1 s; at most `MAX_SENT_DIGITS`."""

    account_id: AccountId
    call_id: CallId
    digits: str


MAX_SENT_DIGITS = 92
"""Most characters of one `SendDigits` (API rule)."""


@frozen_keywords
class StartGather:
    """Collect keys of the call's party. Ranges as in `model.gather.Gather`, checked already."""

    account_id: AccountId
    call_id: CallId
    gather_id: GatherId | None = None
    """The id the gather gets; `None`: any."""
    max_digits: int = gather.MAX_DIGITS
    inter_digit_s: float = gather.DEFAULT_INTER_DIGIT_S
    terminators: str = gather.DEFAULT_TERMINATORS
    suppresses_digits: bool = False
    tag: str | None = None
    prompt: Prompt | None = None
    """Played until the first key."""
    is_looped: bool = False
    """Whether the prompt is repeated until then."""
    further_prompts: tuple["GatherPrompt", ...] = ()
    """Played after it, until the first key."""
    is_silent: bool = False
    """Whether the end goes to the log alone, not to the application."""


@frozen_keywords
class StopGather:
    """End the gather now; nothing happens when it has ended, or is unknown."""

    account_id: AccountId
    call_id: CallId
    gather_id: GatherId


@frozen_keywords
class GatherPrompt:
    """A prompt of a gather after its first one. Without a key in `pause_s` before it, it is played."""

    prompt: Prompt
    pause_s: float = 0.0


@frozen_keywords
class StartRecording:
    """Record the call now, with settings for this recording alone."""

    account_id: AccountId
    call_id: CallId
    format: RecordingFormat = RecordingFormat.WAV
    max_duration_s: int | None = None
    """`None`: the server's maximum."""
    channels: int | None = None
    """1: mixed; 2: each party has its own; `None`: as the server records anyway."""
    silence: SilenceLimit | None = None
    is_silent: bool = False
    """Whether its end goes to the log alone, not to the application."""
    webhook: WebhookTarget | None = None
    """Where its event goes instead of the call's own target."""
    transcript_webhook: WebhookTarget | None = None
    """Set: it is transcribed, and that event goes here."""


class CallCommands(Protocol):
    """The facade of call control. Every method raises `CallNotFound`, `CallNotReady` and `LogUnavailable`."""

    async def create(self, command: CreateCall) -> CallId:
        """Committed before it returns; the INVITE follows at once. Raises `NoNumbers`, `NumberNotOwned`,
        `RecordingLimitTooLong`, `CannotCall`, `DestinationDenied`, `TooManyCalls`, `TooManyCallsAtOnce`, `CallFailed`,
        `Overloaded`, `LogUnavailable`."""
        ...

    async def update(self, command: UpdateCall) -> CallId | None:
        """The new state is in force and committed when it returns. Returns the new call's id for a transfer.
        Raises the errors above; nothing has changed then."""
        ...

    async def play_audio(self, command: PlayAudio) -> None:
        """The prompt is rendered first; when this returns, it plays and its `PlaybackChanged` is committed. Raises
        `WrongCallState` and every kind of `PromptError`."""
        ...

    async def stop_audio(self, command: StopAudio) -> None:
        """Raises `NothingPlays`, `WrongCallState`."""
        ...

    async def send_digits(self, command: SendDigits) -> None:
        """They go out after those being sent. Raises `DigitsNotSent`, `WrongCallState`."""
        ...

    async def start_gather(self, command: StartGather) -> GatherId:
        """Committed when it returns. Raises `AlreadyGathering`, `WrongCallState` and every kind of `PromptError`."""
        ...

    async def stop_gather(self, command: StopGather) -> None:
        """The end is committed when it returns."""
        ...

    async def start_recording(self, command: StartRecording) -> None:
        """Raises `AlreadyRecording`, `RecordingLimitTooLong`, `WrongCallState`."""
        ...

    async def silence_keys(self, account_id: AccountId, call_id: CallId) -> None:
        """Keys that the party presses go to the log alone from now on. Raises `WrongCallState`."""
        ...


class TranscriptionCommands(Protocol):
    async def transcribe(
        self,
        recording: Recording,
        webhook: WebhookTarget | None = None,
        transcription_id: TranscriptionId | None = None,
    ) -> Transcription:
        """Stored when it returns, made some time later. `webhook`: where its event goes instead of the call's own
        target. `transcription_id`: the id it is to have. Raises `RecordingNotComplete`, `RecordingNotTranscribable`,
        `Overloaded`, `LogUnavailable`."""
        ...
