"""Why a call ended, and whose doing it was."""

from enum import StrEnum


class Cause(StrEnum):
    """One reason per ended call. The wire's spelling lives where payloads are made."""

    HANGUP = "hangup"
    """Somebody hung up an answered call, or we ended it in good order."""
    CANCELLED = "cancelled"
    """The calling side gave up before the answer."""
    BUSY = "busy"
    DECLINED = "declined"
    NO_SUCH_NUMBER = "no-such-number"
    NO_ANSWER = "no-answer"
    TEMPORARY_FAILURE = "temporary-failure"
    """The other side, or the way to it, failed for now."""
    CONGESTION = "congestion"
    """We, or the carrier, had no room for the call."""
    MEDIA_TIMEOUT = "media-timeout"
    """No audio arrived for the configured time, although it should have."""
    MEDIA_LOST = "media-lost"
    """The process that carried the call's audio died."""
    INTERNAL = "internal"
    """An error of ours ended the call."""
    RESTARTED = "restarted"
    """The server was killed while the call was up."""
    SHUTDOWN = "shutdown"
    """The server was stopped and the call outlived the drain time."""
    UNSPECIFIED = "unspecified"


class Blame(StrEnum):
    """Who caused the end."""

    US = "us"
    PEER = "peer"
    CARRIER = "carrier"
    CUSTOMER = "customer"
    UNKNOWN = "unknown"
