"""The tables between SIP statuses and our causes and refusals (calls.md 16, events.md 4)."""

import pytest

from trebuchet.calls.interfaces import Refusal
from trebuchet.model.cause import Blame, Cause
from trebuchet.signalling.causes import REFUSAL_STATUS, cause_of_end, cause_of_status, detail_of_end
from trebuchet.sip.outputs import Ended, EndReason, LegId

LEG = LegId(1)


@pytest.mark.parametrize(
    ("statuses", "cause"),
    [
        ((486, 600), Cause.BUSY),
        ((603, 401, 403, 407), Cause.DECLINED),
        ((404, 410, 484, 485, 604), Cause.NO_SUCH_NUMBER),
        ((480, 408), Cause.NO_ANSWER),
        ((487,), Cause.CANCELLED),
        ((400, 481, 500, 502, 504, 580), Cause.TEMPORARY_FAILURE),
        ((503,), Cause.CONGESTION),
        ((402, 415, 488, 606, 699), Cause.UNSPECIFIED),
    ],
)
def test_final_answers_to_our_invite(statuses: tuple[int, ...], cause: Cause) -> None:
    assert {cause_of_status(status)[0] for status in statuses} == {cause}


def test_every_final_status_has_a_cause() -> None:
    assert all(cause_of_status(status) for status in range(300, 700))


def test_every_refusal_has_a_final_status_and_a_cause_of_its_own_leg() -> None:
    assert set(REFUSAL_STATUS) == set(Refusal)
    assert all(400 <= status < 700 for status in REFUSAL_STATUS.values())
    ended = Ended(LEG, 603, EndReason.LOCAL)
    causes = {
        refusal: cause_of_end(ended, is_outgoing=False, was_answered=False, refusal=refusal) for refusal in Refusal
    }
    assert causes[Refusal.DECLINED] == (Cause.DECLINED, Blame.US)
    assert causes[Refusal.BUSY] == (Cause.BUSY, Blame.US)
    assert {blame for _, blame in causes.values()} == {Blame.US}


def test_every_end_has_a_cause() -> None:
    for reason in EndReason:
        for is_outgoing in (True, False):
            for was_answered in (True, False):
                ended = Ended(LEG, None, reason)
                cause, blame = cause_of_end(ended, is_outgoing=is_outgoing, was_answered=was_answered)
                assert cause in Cause and blame in Blame


@pytest.mark.parametrize(
    ("ended", "is_outgoing", "was_answered", "expected"),
    [
        (Ended(LEG, None, EndReason.PEER_BYE), True, True, (Cause.HANGUP, Blame.PEER)),
        (Ended(LEG, None, EndReason.LOCAL), True, True, (Cause.HANGUP, Blame.US)),
        (Ended(LEG, None, EndReason.LOCAL), True, False, (Cause.CANCELLED, Blame.US)),
        (Ended(LEG, 480, EndReason.LOCAL), False, False, (Cause.HANGUP, Blame.US)),
        (Ended(LEG, 487, EndReason.PEER_CANCEL), False, False, (Cause.CANCELLED, Blame.PEER)),
        (Ended(LEG, 486, EndReason.REFUSED), True, False, (Cause.BUSY, Blame.PEER)),
        (Ended(LEG, 408, EndReason.TIMEOUT), True, False, (Cause.NO_ANSWER, Blame.PEER)),
        (Ended(LEG, None, EndReason.TIMEOUT), True, False, (Cause.TEMPORARY_FAILURE, Blame.CARRIER)),
        (Ended(LEG, 487, EndReason.TIMEOUT), False, False, (Cause.NO_ANSWER, Blame.US)),
        (Ended(LEG, 408, EndReason.TIMEOUT), True, True, (Cause.TEMPORARY_FAILURE, Blame.CARRIER)),
        (Ended(LEG, None, EndReason.NO_ACK), False, True, (Cause.TEMPORARY_FAILURE, Blame.PEER)),
    ],
)
def test_ends(ended: Ended, is_outgoing: bool, was_answered: bool, expected: tuple[Cause, Blame]) -> None:
    assert cause_of_end(ended, is_outgoing=is_outgoing, was_answered=was_answered) == expected


def test_the_detail_explains_without_being_trusted() -> None:
    assert detail_of_end(Ended(LEG, 486, EndReason.REFUSED)) == "486 Busy Here"
    assert detail_of_end(Ended(LEG, 499, EndReason.REFUSED)) == "499"
    assert detail_of_end(Ended(LEG, None, EndReason.PEER_BYE)) is None
    reason = 'Q.850;cause=16;text="' + "x" * 1000
    detail = detail_of_end(Ended(LEG, None, EndReason.PEER_BYE, (("Reason", reason),)))
    assert detail is not None and detail.startswith("Q.850;cause=16") and len(detail) <= 200
    assert detail_of_end(Ended(LEG, None, EndReason.TRANSPORT)) == "transport"
