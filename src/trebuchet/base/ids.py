"""Identifiers: a prefix, a hyphen and 23 characters of `a-z2-7`, so that no id contains a slash."""

from typing import NewType

from trebuchet.base.rand import Rand

AccountId = NewType("AccountId", str)
CallId = NewType("CallId", str)
EventId = NewType("EventId", str)
RecordingId = NewType("RecordingId", str)
ApplicationId = NewType("ApplicationId", str)
NumberId = NewType("NumberId", str)
UserErrorId = NewType("UserErrorId", str)

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
LENGTH = 23
"""23 characters of five bits: 115 bits, far beyond guessing and beyond collision."""
_LETTERS = bytes(ord(ALPHABET[byte & 31]) for byte in range(256))
"""The letter for each random byte: its lower five bits count."""


class Ids:
    """Makes new identifiers from one source of randomness."""

    def __init__(self, rand: Rand) -> None:
        self._rand = rand

    def _new(self, prefix: str) -> str:
        return f"{prefix}-{self._rand.token(LENGTH).translate(_LETTERS).decode('ascii')}"

    def account(self) -> AccountId:
        return AccountId(self._new("u"))

    def call(self) -> CallId:
        return CallId(self._new("c"))

    def event(self) -> EventId:
        return EventId(self._new("ce"))

    def recording(self) -> RecordingId:
        return RecordingId(self._new("rec"))

    def application(self) -> ApplicationId:
        return ApplicationId(self._new("a"))

    def number(self) -> NumberId:
        return NumberId(self._new("n"))

    def user_error(self) -> UserErrorId:
        return UserErrorId(self._new("ue"))

    def token(self) -> str:
        """An API token: public, names the credentials."""
        return self._new("t")

    def secret(self) -> str:
        """An API secret: 115 bits, so that a plain hash of it cannot be reversed by search."""
        return self._new("s")
