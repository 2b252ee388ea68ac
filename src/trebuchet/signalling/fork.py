"""A call to an endpoint: all its phones ring, the first that answers has it (RFC 3261 16.7, as one caller).

Call control sees one leg. Behind it is one leg for each phone; the others hear CANCEL when one answers, and one that
answers too late hears BYE.
"""

from collections.abc import Callable

import msgspec

from trebuchet.calls.interfaces import Leg, LegListener, Refusal
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.media_description import MediaDescription
from trebuchet.sip.errors import Malformed

_TELLING = (Cause.DECLINED, Cause.BUSY, Cause.NO_ANSWER, Cause.CANCELLED)
"""Of several ends the one that says most is reported: a person's word before a phone that cannot be reached."""

_BEGINNING = b"several "
"""Of a snapshot that holds those of several legs; others are JSON from their first byte."""

End = tuple[Cause, Blame, str | None]
NOBODY: End = (Cause.NO_ANSWER, Blame.PEER, "480 no phone is registered")


class ForkLeg:
    """Implements `calls.interfaces.Leg` over the legs that `add` places; `begin` says that no more come."""

    def __init__(self, listener: LegListener) -> None:
        self._listener: LegListener | None = listener
        self._legs: dict[_Branch, Leg] = {}
        self._winner: _Branch | None = None
        self._has_begun = False
        self._best: End | None = None

    def add(self, place: Callable[[LegListener], Leg]) -> None:
        """One more phone. Passes on what `place` raises; its news must come later, not from within."""
        branch = _Branch(self)
        self._legs[branch] = place(branch)

    def begin(self) -> None:
        """From now on the call ends with its last phone; at once when there is none."""
        self._has_begun = True
        self._end_if_alone()

    # --- commands

    def ring(self) -> None:
        """Never for an outgoing call."""

    def answer(self, description: MediaDescription) -> None:
        """Never for an outgoing call."""

    def reject(self, refusal: Refusal) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        for leg in list(self._legs.values()):
            leg.hang_up()

    def confirm(self) -> None:
        if (leg := self._winning_leg()) is not None:
            leg.confirm()

    def dialog_snapshot(self) -> bytes | None:
        leg = self._winning_leg()
        return None if leg is None else leg.dialog_snapshot()

    def _winning_leg(self) -> Leg | None:
        return None if self._winner is None else self._legs.get(self._winner)

    def early_snapshot(self) -> bytes | None:
        """Of all phones that ring, as one; see `parts_of`."""
        early = [part for leg in self._legs.values() if (part := leg.early_snapshot()) is not None]
        return _BEGINNING + msgspec.json.encode(early) if early else None

    # --- news of the phones

    def handle_ringing(self) -> None:
        """Told of each phone, since each is one more that a restarted server would have to cancel."""
        if self._winner is None and self._listener is not None:
            self._listener.handle_ringing()

    def handle_answered(self, branch: "_Branch", answer: MediaDescription | None) -> None:
        if self._winner is not None:
            self._legs[branch].hang_up()
            return
        self._winner = branch
        for other, leg in list(self._legs.items()):
            if other is not branch:
                leg.hang_up()
        if self._listener is not None:
            self._listener.handle_answered(answer)

    def listener_of(self, branch: "_Branch") -> LegListener | None:
        """Who hears of what the phone does once it has the call."""
        return self._listener if branch is self._winner else None

    def handle_ended(self, branch: "_Branch", end: End) -> None:
        self._legs.pop(branch, None)
        if branch is self._winner:
            self._end(end)
        elif self._winner is None:
            self._best = end if self._best is None else min(self._best, end, key=_rank)
            if end[0] is Cause.DECLINED:  # a person has decided, for all phones (RFC 3261 16.7, 6xx)
                self.hang_up()
            self._end_if_alone()

    def _end_if_alone(self) -> None:
        if self._has_begun and not self._legs:
            self._end(self._best or NOBODY)

    def _end(self, end: End) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.handle_ended(*end)


def parts_of(snapshot: bytes) -> tuple[bytes, ...]:
    """The snapshots of the legs that one snapshot of a call stands for: its own unless it was a `ForkLeg`'s. Raises
    `Malformed`."""
    if not snapshot.startswith(_BEGINNING):
        return (snapshot,)
    try:
        return msgspec.json.decode(snapshot.removeprefix(_BEGINNING), type=tuple[bytes, ...])
    except msgspec.MsgspecError as error:
        raise Malformed("not a snapshot of several legs") from error


def _rank(end: End) -> int:
    return _TELLING.index(end[0]) if end[0] in _TELLING else len(_TELLING)


class _Branch:
    """Listens to one phone."""

    __slots__ = ("_fork",)

    def __init__(self, fork: ForkLeg) -> None:
        self._fork = fork

    def handle_ringing(self) -> None:
        self._fork.handle_ringing()

    def handle_answered(self, answer: MediaDescription | None) -> None:
        self._fork.handle_answered(self, answer)

    def handle_confirmed(self, answer: MediaDescription | None) -> None:
        listener = self._fork.listener_of(self)
        if listener is not None:
            listener.handle_confirmed(answer)

    def handle_offer(self, offer: MediaDescription | None) -> MediaDescription | None:
        listener = self._fork.listener_of(self)
        return None if listener is None else listener.handle_offer(offer)

    def handle_digit(self, digit: str, duration_ms: int | None) -> None:
        listener = self._fork.listener_of(self)
        if listener is not None:
            listener.handle_digit(digit, duration_ms)

    def handle_ended(self, cause: Cause, blame: Blame, detail: str | None) -> None:
        self._fork.handle_ended(self, (cause, blame, detail))
