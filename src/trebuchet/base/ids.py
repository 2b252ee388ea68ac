"""Identifiers: a prefix, a hyphen and 23 characters of `a-z2-7`, so that no id contains a slash."""

import hashlib
from typing import NewType

from trebuchet.base.rand import Rand

AccountId = NewType("AccountId", str)
CallId = NewType("CallId", str)
EventId = NewType("EventId", str)
RecordingId = NewType("RecordingId", str)
BridgeId = NewType("BridgeId", str)
ConferenceId = NewType("ConferenceId", str)
MemberId = NewType("MemberId", str)
ApplicationId = NewType("ApplicationId", str)
NumberId = NewType("NumberId", str)
UserErrorId = NewType("UserErrorId", str)
GatherId = NewType("GatherId", str)
TranscriptionId = NewType("TranscriptionId", str)
MediaFileId = NewType("MediaFileId", str)
ChargeId = NewType("ChargeId", str)
DomainId = NewType("DomainId", str)
EndpointId = NewType("EndpointId", str)

MeetingId = BridgeId | ConferenceId
"""What calls are connected in."""
OwnerId = CallId | ConferenceId
"""Whose event log it is."""

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
LENGTH = 23
"""23 characters of five bits: 115 bits, far beyond guessing and beyond collision."""
_LETTERS = bytes(ord(ALPHABET[byte & 31]) for byte in range(256))
"""The letter for each random byte: its lower five bits count."""


def as_letters(random: bytes) -> str:
    """The random part of an id, from the first `LENGTH` bytes."""
    return random[:LENGTH].translate(_LETTERS).decode("ascii")


class Ids:
    """Makes new identifiers from one source of randomness."""

    def __init__(self, rand: Rand) -> None:
        self._rand = rand

    def random_part(self) -> str:
        """What follows the prefix."""
        return as_letters(self._rand.token(LENGTH))

    def _new(self, prefix: str) -> str:
        return f"{prefix}-{self.random_part()}"

    def _new_secret(self, prefix: str) -> str:
        return self._new(prefix)

    def account(self) -> AccountId:
        return AccountId(self._new("u"))

    def call(self) -> CallId:
        return CallId(self._new("c"))

    def event(self) -> EventId:
        return EventId(self._new("ce"))

    def recording(self) -> RecordingId:
        return RecordingId(self._new("rec"))

    def gather(self) -> GatherId:
        return GatherId(self._new("gtr"))

    def bridge(self) -> BridgeId:
        return BridgeId(self._new("brg"))

    def conference(self) -> ConferenceId:
        return ConferenceId(self._new("conf"))

    def member(self) -> MemberId:
        return MemberId(self._new("member"))

    def application(self) -> ApplicationId:
        return ApplicationId(self._new("a"))

    def number(self) -> NumberId:
        return NumberId(self._new("n"))

    def user_error(self) -> UserErrorId:
        return UserErrorId(self._new("ue"))

    def transcription(self) -> TranscriptionId:
        return TranscriptionId(self._new("t"))

    def media_file(self) -> MediaFileId:
        return MediaFileId(self._new("m"))

    def charge(self) -> ChargeId:
        return ChargeId(self._new("tx"))

    def domain(self) -> DomainId:
        return DomainId(self._new("rd"))

    def endpoint(self) -> EndpointId:
        return EndpointId(self._new("re"))

    def endpoint_token(self) -> str:
        """A password for a while: 115 bits, so that hashes of it cannot be reversed by search."""
        return self._new_secret("et")

    def token(self) -> str:
        """An API token: public, names the credentials."""
        return self._new("t")

    def secret(self) -> str:
        """An API secret: 115 bits, so that a plain hash of it cannot be reversed by search."""
        return self._new_secret("s")


class ReservedIds(Ids):
    """Ids for one piece of work that may be done again: they follow from what was reserved for it, so the same ones
    come again in the same order. `secret_part`: what its one secret is made of; whoever reads what was reserved must
    not be able to tell it."""

    def __init__(self, others: Ids, random_part: str, secret_part: str) -> None:
        super().__init__(others._rand)
        self._reserved, self._secret_part = random_part, secret_part
        self._given: dict[str, int] = {}

    def _new(self, prefix: str) -> str:
        """The reserved part itself, then as unguessable ones that are made from it."""
        place = self._given.get(prefix, 0)
        self._given[prefix] = place + 1
        if place == 0:
            return f"{prefix}-{self._reserved}"
        made = hashlib.sha256(f"{self._reserved}/{place}".encode()).digest()
        return f"{prefix}-{as_letters(made)}"

    def _new_secret(self, prefix: str) -> str:
        return f"{prefix}-{self._secret_part}"
