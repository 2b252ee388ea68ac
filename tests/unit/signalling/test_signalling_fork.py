"""Many phones as one leg: who hears what, in every order of their news."""

import pytest

from trebuchet.calls.interfaces import LegListener
from trebuchet.model.cause import Blame, Cause
from trebuchet.signalling.fork import NOBODY, ForkLeg, parts_of
from trebuchet.sip.errors import Malformed

BUSY = (Cause.BUSY, Blame.PEER, "486 Busy Here")
DECLINED = (Cause.DECLINED, Blame.PEER, "603 Decline")
SILENT = (Cause.NO_ANSWER, Blame.PEER, "480")
LOST = (Cause.TEMPORARY_FAILURE, Blame.CARRIER, None)
CANCELLED = (Cause.CANCELLED, Blame.US, None)
HANGUP = (Cause.HANGUP, Blame.PEER, None)


class Phone:
    """One leg; tells its listener when the test says so."""

    def __init__(self, fork: ForkLeg) -> None:
        self.is_hung_up = False
        self.is_confirmed = False
        self.early: bytes | None = None
        self.listener: LegListener
        fork.add(self._place)

    def _place(self, listener: LegListener) -> "Phone":
        self.listener = listener
        return self

    def end(self, end: tuple[Cause, Blame, str | None]) -> None:
        self.listener.handle_ended(*end)

    def hang_up(self) -> None:
        self.is_hung_up = True

    def confirm(self) -> None:
        self.is_confirmed = True

    def dialog_snapshot(self) -> bytes | None:
        return b"dialog"

    def early_snapshot(self) -> bytes | None:
        return self.early

    ring = answer = reject = lambda self, *_: None


class Caller:
    """What the call behind the fork is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def handle_ringing(self) -> None:
        self.told.append("ringing")

    def handle_answered(self, answer: object) -> None:
        self.told.append("answered")

    def handle_confirmed(self, answer: object) -> None:
        self.told.append("confirmed")

    def handle_offer(self, offer: object) -> None:
        self.told.append("offer")

    def handle_digit(self, digit: str, duration_ms: int | None) -> None:
        self.told.append(digit)

    def handle_ended(self, cause: Cause, blame: Blame, detail: str | None) -> None:
        self.told.append((cause, blame, detail))


def scene(phones: int) -> tuple[Caller, ForkLeg, list[Phone]]:
    caller = Caller()
    fork = ForkLeg(caller)
    made = [Phone(fork) for _ in range(phones)]
    fork.begin()
    return caller, fork, made


def test_each_ringing_is_told_and_the_first_answer_wins() -> None:
    caller, fork, (desk, mobile, home) = scene(3)
    for phone in (desk, mobile):
        phone.listener.handle_ringing()
    assert fork.dialog_snapshot() is None
    fork.confirm()
    mobile.listener.handle_answered(None)
    assert (desk.is_hung_up, mobile.is_hung_up, home.is_hung_up) == (True, False, True)
    assert fork.dialog_snapshot() == b"dialog"
    fork.confirm()
    assert (desk.is_confirmed, mobile.is_confirmed, home.is_confirmed) == (False, True, False)
    desk.end(CANCELLED)
    home.end(CANCELLED)
    mobile.listener.handle_digit("5", None)
    mobile.listener.handle_offer(None)
    mobile.end(HANGUP)
    assert caller.told == ["ringing", "ringing", "answered", "5", "offer", HANGUP]


def test_the_snapshot_of_a_ringing_call_is_that_of_every_phone_that_rings() -> None:
    _, fork, (desk, mobile, home) = scene(3)
    assert fork.early_snapshot() is None
    desk.early, home.early = b'["early","ours"]\nINVITE', '["early"]\nÄ'.encode()
    snapshot = fork.early_snapshot()
    assert snapshot is not None and parts_of(snapshot) == (desk.early, home.early)
    mobile.early = b"m"
    desk.end(BUSY)
    snapshot = fork.early_snapshot()
    assert snapshot is not None and parts_of(snapshot) == (mobile.early, home.early)


def test_a_snapshot_of_one_leg_stands_for_itself() -> None:
    assert parts_of(b'["early","ours"]\nINVITE') == (b'["early","ours"]\nINVITE',)
    for damaged in (b"several ", b"several [1]", b'several ["?"]', b"several {}"):
        with pytest.raises(Malformed):
            parts_of(damaged)


def test_an_answer_that_comes_too_late_is_hung_up_and_not_heard_of() -> None:
    caller, _, (desk, mobile) = scene(2)
    desk.listener.handle_answered(None)
    mobile.is_hung_up = False
    mobile.listener.handle_answered(None)
    mobile.listener.handle_digit("1", None)
    assert mobile.listener.handle_offer(None) is None
    assert mobile.is_hung_up
    mobile.end(HANGUP)
    assert caller.told == ["answered"]


def test_the_end_that_says_most_is_told_when_all_have_ended() -> None:
    caller, _, (desk, mobile, home) = scene(3)
    desk.end(LOST)
    mobile.end(BUSY)
    assert caller.told == []
    home.end(SILENT)
    assert caller.told == [BUSY]


def test_who_declines_decides_for_all_phones() -> None:
    caller, _, (desk, mobile) = scene(2)
    desk.end(DECLINED)
    assert mobile.is_hung_up
    mobile.end(CANCELLED)
    assert caller.told == [DECLINED]


def test_hanging_up_reaches_all() -> None:
    caller, fork, phones = scene(2)
    fork.hang_up()
    assert all(phone.is_hung_up for phone in phones)
    for phone in phones:
        phone.end(CANCELLED)
    assert caller.told == [CANCELLED]


def test_without_a_phone_nobody_answers() -> None:
    assert scene(0)[0].told == [NOBODY]


def test_nothing_ends_before_all_phones_are_there() -> None:
    caller = Caller()
    fork = ForkLeg(caller)
    Phone(fork).end(LOST)
    assert caller.told == []
    Phone(fork).end(BUSY)
    fork.begin()
    assert caller.told == [BUSY]
