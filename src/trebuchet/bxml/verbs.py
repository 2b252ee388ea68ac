"""What a document can ask for, as values in our own words. Ranges are checked where they are read (`wire`)."""

from trebuchet.base.values import frozen_keywords
from trebuchet.model.prompt import Prompt
from trebuchet.model.recording import RecordingFormat

REQUEST_TIMEOUT_MS = 30_000
"""How long a verb's web server may take, unless the verb says otherwise."""


@frozen_keywords
class Callback:
    """A request that a verb makes; the URL is absolute."""

    url: str
    timeout_ms: int = REQUEST_TIMEOUT_MS


@frozen_keywords
class Play:
    """A sentence or a file."""

    prompt: Prompt
    times: int = 1
    pause_s: int = 0
    """Between repetitions, and only while digits are collected."""


@frozen_keywords
class Collect:
    """Digits, while the prompts play and after them."""

    prompts: tuple[Play, ...] = ()
    callback: Callback | None = None
    """`None`: nobody is told."""
    terminators: str = "#"
    max_digits: int = 128
    inter_digit_s: int = 5
    tag: str | None = None


@frozen_keywords
class HangUp:
    pass


@frozen_keywords
class Pause:
    seconds: int = 1


@frozen_keywords
class Record:
    callback: Callback | None = None
    format: RecordingFormat = RecordingFormat.WAV
    transcript_url: str | None = None
    """Where the transcription goes by POST; `None`: there is none."""
    is_stereo: bool = False
    """Both parties apart; only inside a transfer."""
    max_duration_s: int = 60
    """Does not hold inside a transfer, nor do the following."""
    silence_s: int = 3
    silence_threshold: int = 100
    terminator: str | None = None
    """The key that ends it."""


@frozen_keywords
class Redirect:
    callback: Callback


@frozen_keywords
class SendDigits:
    digits: str


@frozen_keywords
class Connect:
    """Call all of `to` at once; who answers first hears the whispers and is joined with the call."""

    to: tuple[str, ...]
    caller_id: str | None = None
    """`None`: the number of the original call."""
    ring_s: int = 60
    callback: Callback | None = None
    tag: str | None = None
    diversion_treatment: str = "none"
    diversion_reason: str = "unknown"
    whispers: tuple[Play, ...] = ()
    recording: Record | None = None


Verb = Play | Collect | HangUp | Pause | Record | Redirect | SendDigits | Connect
Document = tuple[Verb, ...]
