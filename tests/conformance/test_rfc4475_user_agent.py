"""RFC 4475 through a whole user agent: the right answer, a call, or silence; nothing raised, nothing kept."""

import pytest
from torture import CASES, Case

from trebuchet.sip.core import UserAgentConfig
from trebuchet.sip.message import Response, parse_message
from trebuchet.sip.outputs import Address, IncomingInvite, OutOfDialogRequest
from trebuchet.testing.sip_party import SipParty

HERE: Address = ("192.0.2.1", 5060)
THERE: Address = ("192.0.2.9", 5060)
OTHERS = frozenset({"REGISTER", "MESSAGE", "REFER", "SUBSCRIBE", "NOTIFY", "PUBLISH"})


def _party(foreign: frozenset[str] = frozenset()) -> SipParty:
    config = UserAgentConfig(local_address=lambda transport, host: HERE, foreign_methods=foreign)
    return SipParty(HERE, config=config)


def _statuses(party: SipParty, data: bytes) -> list[int]:
    party.receive(data, THERE, 0.0)
    statuses = []
    while (datagram := party.poll_datagram()) is not None:
        answer = parse_message(datagram.data)
        assert isinstance(answer, Response), "nothing but an answer goes to a stranger"
        assert datagram.destination[0] == THERE[0], "answers go back to where the message came from"
        statuses.append(answer.status)
    return statuses


def _forget(party: SipParty) -> None:
    now = 0.0
    for _ in range(1000):
        deadline = party.poll_timeout()
        if deadline is None:
            break
        now = max(now, deadline)
        party.handle_timeout(now)
        party.process()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_right_answer_or_silence(case: Case) -> None:
    party = _party()
    statuses = _statuses(party, case.data)
    if case.is_call:
        assert statuses == [100]
        assert len(party.news_of(IncomingInvite)) == 1
    else:
        assert party.news == []
        if statuses or not case.may_be_silent:
            assert set(statuses) <= case.answers
            assert len(statuses) == (1 if case.answers else 0)
        assert party.ua.is_idle


@pytest.mark.parametrize("case", [case for case in CASES if case.is_for_others], ids=lambda case: case.name)
def test_methods_of_others_are_handed_on(case: Case) -> None:
    party = _party(OTHERS)
    statuses = _statuses(party, case.data)
    if not statuses:
        assert len(party.news_of(OutOfDialogRequest)) == 1
    else:
        assert set(statuses) <= case.answers


def test_all_of_them_at_once_leave_nothing() -> None:
    party = _party(OTHERS)
    for case in CASES + CASES:
        _statuses(party, case.data)
    for output in party.news_of(IncomingInvite):
        assert isinstance(output, IncomingInvite)
        party.ua.reject(output.leg, 486, 0.0)
    _forget(party)
    assert party.ua.is_idle
