"""A process that died while a call was being set up: its heir cancels, refuses, or ends what was answered meanwhile."""

import pytest
from sip_pair import CALLEE, CALLER, Lone, Pair, first, methods, only, place, request, response, silent, statuses

from trebuchet.sip.early_snapshot import is_early
from trebuchet.sip.errors import Malformed
from trebuchet.sip.outputs import Acked, Ended, EndReason, IncomingInvite, LegId, Output, Progress
from trebuchet.testing.sip_party import SipParty


def ringing(party: SipParty, output: Output, now: float) -> None:
    if isinstance(output, IncomingInvite):
        party.ua.ring(output.leg, now)


def ringing_pair() -> tuple[Pair, LegId]:
    pair = Pair(callee=ringing)
    leg = pair.caller.call(CALLEE, 0.0)
    pair.wait_news(pair.caller, Progress)
    return pair, leg


def inherit(pair: Pair, dead: SipParty, snapshot: bytes | None) -> SipParty:
    """A fresh process takes the place of the dead one and ends what the snapshot is of."""
    assert snapshot is not None and is_early(snapshot)
    heir = SipParty(dead.address, seed=77)
    heir.now = pair.network.now
    heir.ua.give_up_from_snapshot(snapshot, pair.network.now)
    return heir


def test_a_callee_that_rings_is_cancelled() -> None:
    pair, leg = ringing_pair()
    pair.caller = inherit(pair, pair.caller, pair.caller.ua.early_snapshot(leg))
    assert pair.wait_news(pair.callee, Ended).reason is EndReason.PEER_CANCEL
    pair.finish()
    assert {data.split()[0] for data in pair.caller.wire} == {b"CANCEL", b"BYE", b"ACK"}, "nobody is rung again"


def test_a_callee_that_picked_up_meanwhile_hears_bye() -> None:
    pair, leg = ringing_pair()
    snapshot = pair.caller.ua.early_snapshot(leg)
    pair.callee.ua.answer(only(pair.callee.news, IncomingInvite).leg, b"v=0 answer", pair.network.now)
    pair.caller = inherit(pair, pair.caller, snapshot)
    assert pair.wait_news(pair.callee, Ended).reason is EndReason.PEER_BYE
    pair.finish()


def test_a_callee_that_was_answered_for_just_before_the_end_hears_bye() -> None:
    """Its answer was acknowledged, but not stored any more."""
    pair, leg = ringing_pair()
    snapshot = pair.caller.ua.early_snapshot(leg)
    pair.callee.ua.answer(only(pair.callee.news, IncomingInvite).leg, b"v=0 answer", pair.network.now)
    pair.wait_news(pair.callee, Acked)
    pair.caller = inherit(pair, pair.caller, snapshot)
    assert pair.wait_news(pair.callee, Ended).reason is EndReason.PEER_BYE
    pair.finish()


def test_a_callee_that_is_gone_costs_nothing_for_long() -> None:
    pair, leg = ringing_pair()
    snapshot = pair.caller.ua.early_snapshot(leg)
    assert snapshot is not None
    heir = Lone()
    heir.ua.give_up_from_snapshot(snapshot, 0.0)
    assert methods(heir.sent()) == ["CANCEL", "BYE"]
    heir.finish()
    assert heir.news == []


def test_a_caller_that_waits_is_refused_with_the_tag_it_knows() -> None:
    lone = Lone()
    lone.send(request())
    leg = only(lone.news, IncomingInvite).leg
    lone.ua.ring(leg, 0.0)
    (rung,) = lone.sent()
    snapshot = lone.ua.early_snapshot(leg)
    assert snapshot is not None
    heir = Lone()
    heir.ua.give_up_from_snapshot(snapshot, 0.0)
    ((refusal, place_),) = heir.sent_to()
    assert statuses([refusal]) == [503] and place_ == CALLER
    assert refusal.to.tag == rung.to.tag
    assert statuses(heir.wait(1.0)) == [503], "until it is acknowledged"
    assert heir.send(request("ACK", to_tag=refusal.to.tag)) == []
    heir.finish()
    assert heir.news == []


def test_there_is_one_only_while_a_call_is_being_set_up() -> None:
    lone = Lone(silent)
    leg = place(lone)
    assert lone.ua.early_snapshot(leg) is None, "nobody may be cancelled before any answer (RFC 3261 9.1)"
    invite = first(lone.sent(), "INVITE")
    lone.send(response(invite, 180))
    snapshot = lone.ua.early_snapshot(leg)
    assert snapshot is not None and b"v=0" not in snapshot
    lone.send(response(invite, 200, body="v=0"))
    assert lone.ua.early_snapshot(leg) is None


def test_of_a_stream_only_what_we_sent_can_be_taken_up() -> None:
    lone = Lone(transport="tcp")
    lone.send(request())
    assert lone.ua.early_snapshot(only(lone.news, IncomingInvite).leg) is None


@pytest.mark.parametrize(
    "rubbish",
    [
        b'["early","ours"]\n',
        b'["early"\nINVITE x SIP/2.0\r\n\r\n',
        b'["early","ours","h",1,"udp"]\nSIP/2.0 200 OK\r\nVia: x\r\n\r\n',
        b'["early","peer",1,2,3,4]\nINVITE sip:x SIP/2.0\r\n\r\n',
        b'["early","ours","h",1,"udp",[2]]\nINVITE sip:x@y SIP/2.0\r\nTo: x\r\n\r\n',
        b'["early","ours","h",1,"udp",2]\nINVITE sip:x@y SIP/2.0\r\nTo: x\r\n\r\n',
    ],
)
def test_rubbish_is_refused(rubbish: bytes) -> None:
    lone = Lone()
    with pytest.raises(Malformed):
        lone.ua.give_up_from_snapshot(rubbish, 0.0)
    assert lone.sent() == []
