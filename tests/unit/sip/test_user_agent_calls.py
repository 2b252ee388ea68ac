"""Calls from INVITE to BYE, and every way of giving up in between."""

import pytest
from sip_pair import (
    CALLEE,
    Lone,
    Pair,
    answering,
    first,
    methods,
    only,
    place,
    request,
    response,
    silent,
    to_tag,
)

from trebuchet.sip.errors import Unprintable
from trebuchet.sip.message import Request, Response
from trebuchet.sip.outputs import Acked, Answered, Ended, EndReason, IncomingInvite, Offered, Output, Progress
from trebuchet.sip.timers import TimerValues
from trebuchet.testing.sip_party import SipParty


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_is_answered_and_hung_up_by_the_caller(transport: str) -> None:
    pair = Pair(transport=transport)
    leg, incoming = pair.connect()
    assert only(pair.caller.news, Progress) == Progress(leg, 180, b"")
    assert only(pair.caller.news, Answered).body == b"v=0 answer"
    assert only(pair.callee.news, IncomingInvite).body == b"v=0 offer"
    assert pair.wait_news(pair.callee, Acked) == Acked(incoming, b"")
    pair.caller.ua.hang_up(leg, pair.network.now, 'Q.850;cause=16;text="done"')
    assert pair.wait_news(pair.caller, Ended) == Ended(leg, None, EndReason.LOCAL)
    ended = pair.wait_news(pair.callee, Ended)
    assert (ended.leg, ended.reason, ended.status) == (incoming, EndReason.PEER_BYE, None)
    assert ("Reason", 'Q.850;cause=16;text="done"') in ended.headers
    pair.finish()


def test_a_call_is_hung_up_by_the_callee() -> None:
    pair = Pair()
    leg, incoming = pair.connect()
    pair.wait_news(pair.callee, Acked)
    pair.callee.ua.hang_up(incoming, pair.network.now)
    assert pair.wait_news(pair.caller, Ended) == Ended(leg, None, EndReason.PEER_BYE)
    pair.finish()


def test_100_goes_out_before_anybody_is_asked() -> None:
    lone = Lone()
    assert lone.statuses(request()) == [100]
    assert len(lone.news) == 1


def test_a_repeated_invite_gets_the_last_answer_and_makes_no_second_call() -> None:
    lone = Lone()
    lone.send(request())
    leg = only(lone.news, IncomingInvite).leg
    lone.ua.ring(leg, 0.0)
    lone.sent()
    assert lone.statuses(request()) == [180]
    assert lone.ua.call_count == 1


def test_reject() -> None:
    pair = Pair(callee=silent)
    leg = pair.caller.call(CALLEE, 0.0)
    incoming = pair.wait_news(pair.callee, IncomingInvite).leg
    pair.callee.ua.reject(incoming, 486, pair.network.now, headers=(("Retry-After", "30"),))
    assert pair.wait_news(pair.callee, Ended) == Ended(incoming, 486, EndReason.LOCAL)
    ended = pair.wait_news(pair.caller, Ended)
    assert ended == Ended(leg, 486, EndReason.REFUSED, (("Retry-After", "30"),))
    pair.finish()


def test_reject_refuses_to_split_messages() -> None:
    lone = Lone()
    lone.send(request())
    leg = only(lone.news, IncomingInvite).leg
    for headers, reason in ((("X-A", "a\r\nB: c"),), None), ((), "no\r\nX: y"):
        with pytest.raises(Unprintable):
            lone.ua.reject(leg, 486, 0.0, reason, headers)
        assert lone.sent() == []
    lone.ua.answer(leg, b"", 0.0)
    assert [m.status for m in lone.sent() if isinstance(m, Response)] == [200]


def test_invite_refuses_to_split_messages() -> None:
    lone = Lone()
    for value in "a\r\nb", "a\nb", "a\0b":
        with pytest.raises(Unprintable):
            place(lone, headers=(("X-Test", value),))
    assert (lone.sent(), lone.ua.is_idle) == ([], True)


def test_hang_up_refuses_to_split_messages() -> None:
    pair = Pair()
    leg, _ = pair.connect()
    with pytest.raises(Unprintable):
        pair.caller.ua.hang_up(leg, pair.network.now, "SIP\r\nX: y")
    assert pair.caller.news_of(Ended) == []


# --- giving up an outgoing call


def test_hang_up_while_ringing_cancels() -> None:
    pair = Pair(callee=lambda party, output, now: _ring_only(party, output, now))
    leg = pair.caller.call(CALLEE, 0.0)
    pair.wait_news(pair.caller, Progress)
    pair.caller.ua.hang_up(leg, pair.network.now, "SIP;cause=200")
    pair.caller.process()
    assert only(pair.caller.news, Ended) == Ended(leg, None, EndReason.LOCAL)
    ended = pair.wait_news(pair.callee, Ended)
    assert (ended.status, ended.reason) == (487, EndReason.PEER_CANCEL)
    assert ended.headers == (("Reason", "SIP;cause=200"),)
    pair.finish()


def _ring_only(party, output, now) -> None:  # type: ignore[no-untyped-def]  # a handler
    if isinstance(output, IncomingInvite):
        party.ua.ring(output.leg, now)


def test_hang_up_before_any_answer_waits_for_one() -> None:
    lone = Lone()
    leg = place(lone)
    invite = first(lone.sent(), "INVITE")
    lone.ua.hang_up(leg, 0.0)
    assert lone.sent() == []
    assert only(lone.news, Ended) == Ended(leg, None, EndReason.LOCAL)
    cancel = first(lone.send(response(invite, 100, tag=None)), "CANCEL")
    assert cancel.headers.get("Via") == invite.headers.get("Via")
    assert (cancel.uri_text, cancel.cseq.number, cancel.to.tag) == (invite.uri_text, invite.cseq.number, None)
    lone.send(response(cancel, 200))
    assert methods(lone.send(response(invite, 487))) == ["ACK"]
    assert lone.ua.call_count == 0
    lone.finish()


def test_an_answer_that_crosses_cancel_is_acked_and_ended() -> None:
    lone = Lone()
    leg = place(lone)
    invite = first(lone.sent(), "INVITE")
    lone.send(response(invite, 180))
    lone.ua.hang_up(leg, 0.0)
    assert methods(lone.sent()) == ["CANCEL"]
    sent = lone.send(response(invite, 200, body="v=0"))
    assert methods(sent) == ["ACK", "BYE"]
    assert only(lone.news, Ended).reason is EndReason.LOCAL
    assert lone.party.news_of(Answered) == []
    bye = first(sent, "BYE")
    assert bye.cseq.number > invite.cseq.number
    lone.send(response(bye, 200))
    assert lone.ua.call_count == 0
    assert methods(lone.send(response(invite, 200, body="v=0"))) == ["ACK"], "a repeated 2xx gets its ACK again"
    lone.finish()


def test_a_cancelled_call_that_is_never_answered_is_forgotten() -> None:
    lone = Lone()
    leg = place(lone)
    invite = first(lone.sent(), "INVITE")
    lone.send(response(invite, 180))
    lone.ua.hang_up(leg, 0.0)
    lone.wait(33.0)
    assert lone.ua.is_idle


def test_nobody_answers() -> None:
    lone = Lone()
    leg = place(lone)
    assert len(lone.wait(32.0)) == 7
    assert only(lone.news, Ended) == Ended(leg, None, EndReason.TIMEOUT)
    lone.finish()


def test_the_transport_fails() -> None:
    lone = Lone()
    leg = place(lone)
    output = lone.ua.poll_output()
    lone.ua.handle_transport_error(output.transaction, 0.0)
    assert only(lone.news, Ended) == Ended(leg, None, EndReason.TRANSPORT)
    lone.finish()


# --- giving up an incoming call


@pytest.mark.parametrize("method", ["CANCEL", "BYE"])
def test_the_caller_gives_up(method: str) -> None:
    lone = Lone()
    lone.send(request())
    tag = to_tag(_ring(lone))
    message = request("CANCEL") if method == "CANCEL" else request("BYE", branch="z9hG4bK-2", to_tag=tag, cseq=2)
    sent = lone.send(message)
    assert [(m.status, m.cseq.method) for m in sent if isinstance(m, Response)] == [(200, method), (487, "INVITE")]
    reason = EndReason.PEER_CANCEL if method == "CANCEL" else EndReason.PEER_BYE
    assert only(lone.news, Ended).reason is reason
    lone.send(request("ACK", to_tag=tag))
    lone.finish()


def _ring(lone: Lone) -> Response:
    leg = only(lone.news, IncomingInvite).leg
    lone.ua.ring(leg, lone.now)
    ringing = lone.sent()[0]
    assert isinstance(ringing, Response)
    assert ringing.status == 180
    return ringing


def test_cancel_after_the_answer_changes_nothing() -> None:
    lone = Lone(answering)
    lone.send(request())
    assert lone.statuses(request("CANCEL")) == [200]
    assert lone.party.news_of(Ended) == []


def test_cancel_of_nothing() -> None:
    assert Lone().statuses(request("CANCEL")) == [481]


def test_hang_up_of_an_unanswered_call_is_a_final_answer() -> None:
    lone = Lone()
    lone.send(request())
    leg = only(lone.news, IncomingInvite).leg
    lone.ua.hang_up(leg, 0.0)
    assert [m.status for m in lone.sent() if isinstance(m, Response)] == [480]
    assert only(lone.news, Ended) == Ended(leg, 480, EndReason.LOCAL)
    lone.finish()


def test_an_invite_expires() -> None:
    lone = Lone()
    lone.send(request(headers="Expires: 20\r\n"))
    assert [m.status for m in lone.wait(20.0) if isinstance(m, Response)] == [487]
    assert only(lone.news, Ended).reason is EndReason.TIMEOUT


def test_ringing_is_repeated_every_minute() -> None:
    lone = Lone()
    lone.send(request())
    _ring(lone)
    assert [m.status for m in lone.wait(121.0) if isinstance(m, Response)] == [180, 180]


# --- ACK


def test_200_is_repeated_until_ack_and_bye_follows_when_none_comes() -> None:
    lone = Lone(answering)
    lone.send(request())
    sent = lone.wait(31.9)
    statuses = [message.status for message in sent if isinstance(message, Response)]
    assert statuses == [200] * 10, "0.5, 1.5, 3.5, 7.5, then every 4 s"
    assert methods(lone.wait(0.2)) == ["BYE"]
    assert only(lone.news, Ended).reason is EndReason.NO_ACK
    lone.finish()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_ack_stops_the_repetition(transport: str) -> None:
    lone = Lone(answering, transport=transport)
    tag = to_tag(lone.send(request())[-1])
    assert lone.send(request("ACK", branch="z9hG4bK-2", to_tag=tag)) == []
    assert only(lone.news, Acked).body == b""
    assert lone.wait(31.0) == []


def test_hang_up_after_the_answer_waits_for_ack() -> None:
    lone = Lone(answering)
    tag = to_tag(lone.send(request())[-1])
    lone.ua.hang_up(only(lone.news, IncomingInvite).leg, 0.0)
    assert methods(lone.sent()) == []
    assert only(lone.news, Ended).reason is EndReason.LOCAL
    assert methods(lone.send(request("ACK", branch="z9hG4bK-2", to_tag=tag))) == ["BYE"]
    lone.finish()


def test_bye_that_overtakes_ack() -> None:
    lone = Lone(answering)
    tag = to_tag(lone.send(request())[-1])
    assert lone.statuses(request("BYE", branch="z9hG4bK-3", to_tag=tag, cseq=2)) == [200]
    assert lone.send(request("ACK", branch="z9hG4bK-2", to_tag=tag)) == []
    assert only(lone.news, Ended).reason is EndReason.PEER_BYE
    assert lone.wait(10.0) == []


def test_an_offerless_invite_gets_our_offer_and_its_answer_comes_with_ack() -> None:
    lone = Lone(answering)
    answer = lone.send(request())[-1]
    assert answer.body == b"v=0 answer"
    assert only(lone.news, IncomingInvite).body == b""
    lone.send(request("ACK", branch="z9hG4bK-2", to_tag=to_tag(answer), body="v=0 theirs"))
    assert only(lone.news, Acked).body == b"v=0 theirs"


def test_stray_messages_are_dropped() -> None:
    lone = Lone()
    assert lone.send(request("ACK", to_tag="nobody")) == []
    assert lone.send(request("ACK")) == []
    stranger = Request("INVITE", "sip:x@y")
    stranger.headers.add("Via", "SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKunknown")
    stranger.headers.add("From", "<sip:a@b>;tag=1")
    stranger.headers.add("To", "<sip:c@d>")
    stranger.headers.add("Call-ID", "x")
    stranger.headers.add("CSeq", "1 INVITE")
    for status in (100, 180, 200, 486):
        assert lone.send(response(stranger, status)) == []
    assert lone.ua.is_idle


def test_timers_scale() -> None:
    lone = Lone(timers=TimerValues().scaled(0.01))
    leg = place(lone)
    lone.wait(0.33)
    assert only(lone.news, Ended) == Ended(leg, None, EndReason.TIMEOUT)


@pytest.mark.parametrize("moment", ["before the answer", "later", "before other requests"])
def test_a_snapshot_says_bye_after_a_restart(moment: str) -> None:
    """Who stores an answer before it is sent takes the snapshot with it; and requests that the dead process sent after
    the snapshot do not make the BYE look old."""
    snapshots: list[bytes | None] = []

    def snap_and_answer(party: SipParty, output: Output, now: float) -> None:
        if isinstance(output, IncomingInvite):
            snapshots.append(party.ua.dialog_snapshot(output.leg))
        answering(party, output, now)

    pair = Pair(callee=snap_and_answer)
    _, incoming = pair.connect()
    pair.wait_news(pair.callee, Acked)
    if moment == "later":
        snapshots = [pair.callee.ua.dialog_snapshot(incoming)]
    if moment == "before other requests":
        pair.callee.ua.reinvite(incoming, b"v=0 again", pair.network.now)
        pair.wait_news(pair.caller, Offered)
    (snapshot,) = snapshots
    assert snapshot is not None
    assert len(snapshot) < 600
    heir = Lone()
    heir.ua.bye_from_snapshot(snapshot, 0.0)
    bye = heir.party.poll_datagram()
    assert bye is not None
    pair.caller.receive(bye.data, CALLEE, pair.network.now)
    assert pair.wait_news(pair.caller, Ended).reason is EndReason.PEER_BYE
