"""What call control needs of whoever makes audio of sentences and files."""

from typing import Protocol

from trebuchet.base.errors import RemoteError
from trebuchet.base.ids import AccountId
from trebuchet.model.prompt import Prompt, RenderedPrompt


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
