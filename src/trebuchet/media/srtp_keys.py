"""Which keys protect a port's audio: offer and answer of RFC 4568 5.1, and no way back to plain audio.

A port makes its own keys once, one for each suite, and keeps them: using one key again from packet number 0 would give
away what it protects.
"""

from dataclasses import dataclass, field

from trebuchet.base.rand import Rand
from trebuchet.calls.interfaces import NoCommonCodec
from trebuchet.model.media_description import SRTP_KEY_BYTES, SRTP_SUITES, SrtpKey


class ProtectionMismatch(NoCommonCodec):
    """The peer leaves the audio unprotected where it must not, or protects it in a way we cannot."""

    code = "protection-mismatch"


@dataclass(frozen=True, slots=True)
class Protection:
    """What both sides have agreed on: the suite, our key for what we send and theirs for what comes."""

    suite: str
    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)


class PortKeys:
    """`is_required`: this port's audio is never plain. It becomes so with the first protected answer."""

    def __init__(self, rand: Rand, *, is_required: bool) -> None:
        self._rand = rand
        self._own: dict[str, bytes] = {}
        self.is_required = is_required

    def _key(self, suite: str) -> bytes:
        if suite not in self._own:
            self._own[suite] = self._rand.token(SRTP_KEY_BYTES)
        return self._own[suite]

    def offer(self) -> tuple[SrtpKey, ...]:
        """A key for each suite, none for a port that need not be protected."""
        if not self.is_required:
            return ()
        return tuple(SrtpKey(tag, suite, self._key(suite)) for tag, suite in enumerate(SRTP_SUITES, 1))

    def check_offer(self, offered: tuple[SrtpKey, ...]) -> SrtpKey | None:
        """The offered key an answer would take, `None` for plain audio. Raises `ProtectionMismatch`."""
        chosen = next((key for key in offered if key.suite in SRTP_SUITES and len(key.key) == SRTP_KEY_BYTES), None)
        if chosen is None and (offered or self.is_required):
            raise ProtectionMismatch("no way to protect the audio in common")
        return chosen

    def answer(self, chosen: SrtpKey) -> tuple[SrtpKey, Protection]:
        """Our line of the answer to an offered key, and what it means."""
        ours = self._key(chosen.suite)
        return SrtpKey(chosen.tag, chosen.suite, ours), Protection(chosen.suite, ours, chosen.key)

    def accept(self, answered: tuple[SrtpKey, ...]) -> Protection | None:
        """What the answer to `offer` means, `None` for plain audio. Raises `ProtectionMismatch`."""
        if not self.is_required and not answered:
            return None
        ours = {key.tag: key for key in self.offer()}
        if len(answered) != 1 or answered[0].tag not in ours or ours[answered[0].tag].suite != answered[0].suite:
            raise ProtectionMismatch("the answer takes none of the offered keys")
        (theirs,) = answered
        return Protection(theirs.suite, ours[theirs.tag].key, theirs.key)
