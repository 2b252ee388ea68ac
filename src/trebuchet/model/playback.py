"""What a call's party hears by order of the customer."""

from enum import StrEnum

from trebuchet.base.values import frozen_keywords


class PlaybackKind(StrEnum):
    FILE = "file"
    SPEECH = "speech"
    PROMPT = "prompt"
    """Of a gather, file or sentence; its beginning and end are nobody's business."""


@frozen_keywords
class Playback:
    """One thing that plays; a call plays one at a time."""

    number: int
    """1, 2, 3 … for each call: tells the end of this playback from that of an earlier one."""
    kind: PlaybackKind
    tag: str | None = None
    is_silent: bool = False
    """Whether its beginning and end go to the log alone, not to the application."""
