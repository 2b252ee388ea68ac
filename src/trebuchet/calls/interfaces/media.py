"""What call control needs of the media plane, of recordings' files and of transcription engines."""

from enum import StrEnum
from typing import Protocol

from trebuchet.base.errors import LocalError, RemoteError
from trebuchet.base.ids import AccountId, RecordingId
from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.model.media_description import MediaDescription
from trebuchet.model.prompt import RenderedPrompt
from trebuchet.model.recording import Recording
from trebuchet.model.transcription import Transcription


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
