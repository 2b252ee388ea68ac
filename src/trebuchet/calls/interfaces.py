"""What call control needs from the rest of the house, as protocols. Adapters implement them; tests replace them.

Everything here runs on one event loop. Plain methods return at once and never block; what takes time is a coroutine,
or comes back later through a listener. Listener methods must return at once and must not raise.
"""

from dataclasses import field
from enum import StrEnum
from typing import Protocol

from trebuchet.base.errors import LocalError, RemoteError
from trebuchet.base.ids import AccountId, BridgeId, CallId, ConferenceId, EndpointId, RecordingId
from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.model.application import Application
from trebuchet.model.bridge import Bridge
from trebuchet.model.call import Call, Diversion
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.conference import Conference, Member
from trebuchet.model.endpoint import Endpoint
from trebuchet.model.event import ConferenceFact, Fact
from trebuchet.model.gather import Gather
from trebuchet.model.media_description import MediaDescription
from trebuchet.model.number import PhoneNumber
from trebuchet.model.prompt import Prompt, RenderedPrompt
from trebuchet.model.recording import Recording
from trebuchet.model.transcription import Transcription
from trebuchet.model.user_error import UserError

# --- signalling ------------------------------------------------------------------------------------------------------


class Refusal(StrEnum):
    """Why an incoming call is not taken; the signalling plane knows the SIP status."""

    DECLINED = "declined"  # 603
    BUSY = "busy"  # 486
    UNAVAILABLE = "unavailable"  # 480
    NOT_FOUND = "not-found"  # 404
    FORBIDDEN = "forbidden"  # 403
    NOT_ACCEPTABLE = "not-acceptable"  # 488
    OVERLOADED = "overloaded"  # 503 with Retry-After
    INTERNAL = "internal"  # 500


@frozen_keywords
class IncomingCall:
    """A fresh INVITE that passed the door (allowed source, well-formed, offer readable)."""

    from_: str
    """E.164 number when the user part is one, else the SIP address `sip:user@host`; `anonymous` when withheld."""
    to: str
    """E.164 number when the Request-URI's user part is one, else the SIP address."""
    offer: MediaDescription | None
    """`None`: the INVITE had no offer, ours goes into the answer (RFC 3264 4)."""
    display_name: str | None = None
    preferred_id: str | None = None
    withholds_number: bool = False
    withholds_name: bool = False
    sip_headers: dict[str, str] = field(default_factory=dict)
    """`X-` headers."""
    diversion: Diversion | None = None
    diversion_headers: tuple[str, ...] = ()
    """Raw Diversion values, topmost first, for `propagate` and `stack` in a transfer."""
    request_uri: str = ""
    trunk: str | None = None
    """Name of the trunk it came from; `None` for phones, loopback and configured hosts."""
    endpoint_id: EndpointId | None = None
    """The phone that places it, which has proved who it is; `from_` is then its address."""
    wants_encryption: bool = False
    """Whether an offer of ours must be encrypted."""


@frozen_keywords
class OutgoingCall:
    """An INVITE to send. No string may hold CR, LF or NUL (`Unprintable` is raised, nothing is sent)."""

    from_: str
    """E.164 number or SIP address shown to the callee."""
    to: str
    """E.164 number (then `trunk` is set) or `sip:` URI."""
    trunk: str | None
    """Name of the trunk that carries it; `None`: direct to the URI's host."""
    offer: MediaDescription
    is_private: bool = False
    """Hide the caller: RFC 3323/3325 anonymous From, `Privacy: id`; the number only in
    P-Asserted-Identity, and that to a trunk alone."""
    sip_headers: dict[str, str] = field(default_factory=dict)
    diversion_headers: tuple[str, ...] = ()


class Leg(Protocol):
    """The signalling side of one call. After `LegListener.handle_ended` every method is a no-op."""

    def ring(self) -> None:
        """Tell the caller that it rings (180)."""
        ...

    def answer(self, description: MediaDescription) -> None:
        """Answer the incoming call (200): our answer, or our offer when the INVITE had none."""
        ...

    def reject(self, refusal: Refusal) -> None:
        """Refuse the incoming call. `handle_ended` follows."""
        ...

    def hang_up(self) -> None:
        """End the call in whatever state it is (CANCEL, BYE or a final 480). `handle_ended` follows."""
        ...

    def dialog_snapshot(self) -> bytes | None:
        """What `SignallingPlane.hang_up_from_snapshot` needs after a restart; `None` before there is a dialog."""
        ...

    def early_snapshot(self) -> bytes | None:
        """The same for a call that is not answered: an outgoing one once it rings, an incoming one from the start."""
        ...


class LegListener(Protocol):
    """What a leg tells its call."""

    def handle_ringing(self) -> None:
        """The callee rings (180/183)."""
        ...

    def handle_answered(self, answer: MediaDescription | None) -> None:
        """The callee answered our INVITE (the ACK is already on its way); `None`: without a usable answer."""
        ...

    def handle_confirmed(self, answer: MediaDescription | None) -> None:
        """The caller confirmed our 200 with ACK; `answer` is set when the offer was ours."""
        ...

    def handle_offer(self, offer: MediaDescription | None) -> MediaDescription | None:
        """The peer changes the stream (hold, resume, address, codec). Returns our answer at once, or, for `None`
        (offerless re-INVITE), our offer. Returning `None` refuses it (488) and leaves everything as it was."""
        ...

    def handle_digit(self, digit: str, duration_ms: int | None) -> None:
        """A key sent in signalling (INFO), not in the audio stream."""
        ...

    def handle_ended(self, cause: Cause, blame: Blame, detail: str | None) -> None:
        """The leg is over. Sent exactly once, last, whoever ended it. `detail`: e.g. `486 Busy Here`.
        `Cause.DECLINED` is used for 603 and 401/403/407."""
        ...


class IncomingCallHandler(Protocol):
    """Call control's door for new calls; set on the signalling plane by the composition root."""

    def handle_incoming(self, call: IncomingCall, leg: Leg) -> LegListener | None:
        """Take the call (100 is already sent) and return its listener, or `None` after having refused it."""
        ...


class SignallingError(RemoteError):
    """The INVITE cannot be sent: no route, unknown trunk, destination not allowed or not resolvable."""

    code = "signalling-error"


class DestinationForbidden(SignallingError):
    """A `sip:` URI whose host is neither loopback nor configured."""

    code = "destination-forbidden"


class SignallingPlane(Protocol):
    def place_call(self, call: OutgoingCall, listener: LegListener) -> Leg:
        """Send an INVITE. Raises `SignallingError`, `DestinationForbidden` or `sip.errors.Unprintable`."""
        ...

    def check_destination(self, to: str) -> str | None:
        """The trunk name for a number, `None` for a permitted SIP URI. Raises `SignallingError` when nothing leads
        there and `DestinationForbidden` when it may not be called. Sends nothing."""
        ...

    def wants_encryption(self, to: str) -> bool:
        """Whether audio to a destination that `check_destination` passed must be encrypted: then only an encrypted
        offer is sent there."""
        ...

    def hang_up_from_snapshot(self, snapshot: bytes) -> None:
        """After a restart: end a call that an earlier process had (BYE, CANCEL, or a refusal)."""
        ...


# --- media -----------------------------------------------------------------------------------------------------------


class MediaError(LocalError):
    """The media plane cannot serve the request."""

    code = "media-error"


class MediaUnavailable(MediaError):
    """No port or no worker is free."""

    code = "media-unavailable"
    retryable = True


class NoCommonCodec(RemoteError):
    """The offer or answer holds no audio format of ours (488)."""

    code = "no-common-codec"


class StopReason(StrEnum):
    """Why a recorder stopped."""

    ASKED = "asked"
    MAX_DURATION = "max-duration"
    SILENCE = "silence"
    """The party said nothing for as long as the recorder's limit."""
    CLOSED = "closed"
    FAILED = "failed"
    """The file could not be written; what was written stays playable."""
    LOST = "lost"
    """The process that recorded died; its file lacks at most the last second."""


@frozen
class SilenceLimit:
    """A recorder stops when its party has been silent for so long."""

    seconds: int
    threshold: int
    """What still counts as silence: 100 is -40 dBov, and it is proportional to the amplitude."""


class MediaListener(Protocol):
    """What a media port tells its call."""

    def handle_media_digit(self, digit: str, duration_ms: int | None) -> None: ...

    def handle_playback_done(self, playback: int) -> None:
        """The playback reached its end, was stopped or was replaced. Sent once for each `play`, except by `close`."""
        ...

    def handle_recorder_stopped(self, recording_id: RecordingId, samples: int, reason: StopReason) -> None:
        """The wav file is closed and playable. Sent once for each `start_recorder`, also after `close`."""
        ...

    def handle_media_timeout(self) -> None:
        """No audio for the configured time while the peer should have been sending. Sent once."""
        ...

    def handle_media_lost(self) -> None:
        """The worker died; the port is gone."""
        ...


@frozen_keywords
class Voice:
    """What a party may do in its group, and how loud."""

    can_speak: bool = True
    can_hear: bool = True
    mic_db: float = 0.0
    """Changes how loud the others hear it."""
    ear_db: float = 0.0
    """Changes how loud it hears the others."""
    gate_dbov: float | None = None
    """Below this peak it is not heard at all; `None`: always heard."""


PLAIN_VOICE = Voice()


class Tone(StrEnum):
    """Built-in sounds of a conference."""

    JOINED = "joined"
    LEFT = "left"


class MediaPort(Protocol):
    """The audio side of one call: an RTP/RTCP socket pair and a row of the media arrays.
    Commands take effect in order, within one tick; after `close` every method is a no-op."""

    def offer(self) -> MediaDescription:
        """Our side for an offer: every codec we have, our address and port."""
        ...

    def supports(self, offer: MediaDescription) -> bool:
        """Whether `answer` would find a codec. Changes nothing."""
        ...

    def answer(self, offer: MediaDescription) -> MediaDescription:
        """Choose a codec of the peer's offer, apply its address and direction, and return our answer.
        Also for re-offers. Raises `NoCommonCodec`, and then nothing has changed."""
        ...

    def accept(self, answer: MediaDescription) -> None:
        """Apply the peer's answer to our offer. Raises `NoCommonCodec`."""
        ...

    def connect(self, other: "MediaPort") -> None:
        """Bridge: the two parties hear each other. Both ports must be on one worker (`open_port(near=…)`)."""
        ...

    def disconnect(self) -> None:
        """Leave the bridge."""
        ...

    def play(self, prompt: RenderedPrompt, *, is_looped: bool = False) -> int:
        """Play to this party alone, mixed over what it hears; replaces a running playback. Returns its number."""
        ...

    def play_ringback(self) -> int:
        """Play the ringback tone until stopped or replaced."""
        ...

    def stop_playback(self) -> None: ...

    def send_digits(self, digits: str) -> None:
        """Send `0-9*#A-D` as RFC 4733 events; `,`/`w` pause 0.5 s, `W` 1 s."""
        ...

    def start_recorder(
        self,
        recording_id: RecordingId,
        media_name: str,
        account_id: AccountId,
        *,
        max_duration_s: int,
        channels: int | None = None,
        silence: SilenceLimit | None = None,
    ) -> None:
        """Record this party and what it hears into the account's media folder as a wav that stays valid as it grows.
        A media name ending in `.mp3` is recorded as wav beside it and encoded by `RecordingFinisher`."""
        ...

    def stop_recorder(self) -> None: ...

    def close(self) -> None: ...


class AudioGroupListener(Protocol):
    """What a group of parties tells its owner."""

    def handle_group_playback_done(self, playback: int) -> None:
        """The playback for all reached its end, was stopped or was replaced. Sent once for each `play`, except by
        `close`."""
        ...


class AudioGroup(Protocol):
    """Parties who hear each other, nobody himself, on any workers. After `close` every method is a no-op."""

    def join(self, port: MediaPort, voice: Voice = PLAIN_VOICE) -> None:
        """The party leaves whatever group or bridge it is in, and enters this one. Raises `MediaUnavailable` when its
        worker cannot be reached from the others'; nothing has changed then."""
        ...

    def set_voice(self, port: MediaPort, voice: Voice) -> None:
        """For a party that is in the group."""
        ...

    def leave(self, port: MediaPort) -> None: ...

    def play(self, prompt: RenderedPrompt, *, is_looped: bool = False) -> int:
        """Play to all who can hear; replaces a running playback. Returns its number. Raises `MediaUnavailable`."""
        ...

    def stop_playback(self) -> None: ...

    def play_tone(self, tone: Tone) -> None:
        """To all who can hear, beside whatever plays. Best effort."""
        ...

    def close(self) -> None:
        """Everybody leaves."""
        ...


class MediaPlane(Protocol):
    def open_port(
        self,
        listener: MediaListener,
        *,
        near: MediaPort | None = None,
        wants_ipv6: bool = False,
        is_encrypted: bool = False,
    ) -> MediaPort:
        """A fresh port, on the worker of `near` if given; `is_encrypted`: its offers are, and plain ones are refused.
        A port becomes so by answering an encrypted offer. Raises `MediaUnavailable`. Returns at once."""
        ...

    def open_group(self, listener: AudioGroupListener) -> AudioGroup:
        """A group that nobody is in yet."""
        ...

    @property
    def load(self) -> float:
        """Share of the tick budget the busiest worker uses, 0–1 and above; admission looks at it."""
        ...


class RecordingFinisher(Protocol):
    async def finish(self, recording: Recording) -> bool:
        """Make the finished recording downloadable under its media name: nothing to do for wav, encoding in a child
        process for mp3. Returns whether the file is complete; never raises."""
        ...


class TranscriptionFailed(LocalError):
    """The recording cannot be turned into text: no audio, no engine, or it took too long."""

    code = "transcription-failed"


class Listening(Protocol):
    async def listen(self, transcription: Transcription, recording: Recording) -> str:
        """The text of the recording's audio, which is also stored as the transcription's media file. May take many
        minutes, never on the event loop. Raises `TranscriptionFailed`."""
        ...


# --- prompts ---------------------------------------------------------------------------------------------------------


class PromptError(RemoteError):
    """A prompt that cannot be played. `subject` is the URL or the sentence's start."""

    code = "prompt-error"

    def __init__(self, subject: str, text: str = "") -> None:
        super().__init__(text or f"cannot play {subject!r}")
        self.subject = subject


class PromptUrlInvalid(PromptError):
    """Not an http(s) URL we may fetch."""

    code = "prompt-url-invalid"


class PromptUnreachable(PromptError):
    """The file could not be fetched (connection, status, time, size)."""

    code = "prompt-unreachable"
    retryable = True


class PromptUnsupported(PromptError):
    """Fetched, but not audio we can decode."""

    code = "prompt-unsupported"


class SpeechFailed(PromptError):
    """The speech engine failed."""

    code = "speech-failed"
    retryable = True


class Prompts(Protocol):
    async def render(self, prompt: Prompt, account_id: AccountId) -> RenderedPrompt:
        """Speak or fetch and decode, cached. Raises `PromptError` (one of its kinds)."""
        ...


# --- log and directory -----------------------------------------------------------------------------------------------


@frozen
class Change:
    """A call's new state and the facts that led to it, in order."""

    call: Call
    facts: tuple[Fact, ...] = ()


@frozen
class ConferenceChange:
    """A conference's new state, the facts that led to it, in order, and the members that changed."""

    conference: Conference
    facts: tuple[ConferenceFact, ...] = ()
    members: tuple[Member, ...] = ()


@frozen_keywords
class UnitOfWork:
    """What is stored together or not at all."""

    changes: tuple[Change, ...] = ()
    recordings: tuple[Recording, ...] = ()
    """New or changed recordings."""
    transcriptions: tuple[Transcription, ...] = ()
    """New or changed transcriptions."""
    gathers: tuple[Gather, ...] = ()
    """Those that ended; one that runs is part of its call."""
    conferences: tuple[ConferenceChange, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    """New or changed bridges; they have no events of their own."""


class LogUnavailable(LocalError):
    """The log cannot store anything now (disk full, failing fsync, locked): nothing was acknowledged."""

    code = "log-unavailable"
    retryable = True


class Log(Protocol):
    """The spine. `events_logged` of what changes is the number *before* the change; the log numbers the new events."""

    async def commit(self, unit: UnitOfWork) -> None:
        """Store durably, then start the webhooks. Raises `LogUnavailable`, and then nothing was stored."""
        ...

    async def report(self, error: UserError) -> None:
        """Add to the customer's error list; best effort, never raises."""
        ...


@frozen
class NumberRoute:
    """Where calls to a number lead."""

    number: PhoneNumber
    application: Application | None


@frozen
class EndpointRoute:
    """Who is told of the calls of an endpoint."""

    endpoint: Endpoint
    application: Application | None


class Directory(Protocol):
    """Who owns what; answers come from memory or a fast read."""

    async def find_endpoint(self, endpoint_id: EndpointId) -> EndpointRoute | None: ...

    async def find_number(self, number: str) -> NumberRoute | None:
        """An enabled number of any account with its application."""
        ...

    async def owns_number(self, account_id: AccountId, number: str) -> bool: ...

    async def has_numbers(self, account_id: AccountId) -> bool: ...


@frozen_keywords
class CallPolicy:
    """The operator's choices that call control obeys."""

    ring_limit_s: float = 60.0
    """An incoming call that nobody answers ends after this."""
    transfer_ring_limit_s: int = 60
    max_recording_s: int = 3600
    max_conference_members: int = 20
    """Members of a conference at once."""
    max_calls: int = 2000
    """Calls at once; beyond it new ones are refused early."""
    max_load: float = 0.9
    """Share of the media tick above which new calls are refused."""


class Archive(Protocol):
    """What call control reads of the past; a store has all of it."""

    async def call(self, call_id: CallId) -> Call | None: ...

    async def open_calls(self) -> list[Call]:
        """Calls that are not final: after a start, those an earlier process left behind."""
        ...

    async def unfinished_recordings(self) -> list[Recording]:
        """Neither complete nor failed."""
        ...

    async def bridge(self, bridge_id: BridgeId) -> Bridge | None: ...

    async def bridges_in_use(self) -> list[Bridge]:
        """Open ones with calls."""
        ...

    async def conference(self, conference_id: ConferenceId) -> Conference | None: ...

    async def conferences_in_use(self) -> list[Conference]:
        """Those with members."""
        ...

    async def members(self, conference_id: ConferenceId) -> list[Member]:
        """Also those that have left, in order of joining."""
        ...


class TranscriptionArchive(Protocol):
    """What transcription reads of a store."""

    async def unfinished_transcriptions(self, limit: int) -> list[Transcription]:
        """Of all accounts, the oldest ones."""
        ...

    async def recording(self, recording_id: RecordingId) -> Recording | None: ...
