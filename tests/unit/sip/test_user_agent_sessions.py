"""A running session: re-INVITE, UPDATE, glare, PRACK of our answers, session timers."""

import pytest
from sip_pair import Lone, Pair, answering, first, methods, only, place, request, response, statuses, to_tag

from trebuchet.sip.message import Request, Response
from trebuchet.sip.outputs import (
    Acked,
    Answered,
    Ended,
    EndReason,
    IncomingInvite,
    LegId,
    OfferAnswered,
    Offered,
    OfferRefused,
    Output,
)
from trebuchet.testing.sip_party import Handler, SipParty


def _accept_calls(party: SipParty, output: Output, now: float) -> None:
    if isinstance(output, IncomingInvite):
        party.ua.answer(output.leg, b"v=0 answer", now)


def _established(handler: Handler = answering, headers: str = "") -> tuple[Lone, str]:
    lone = Lone(handler)
    sent = lone.send(request(headers=headers, body="v=0 offer"))
    tag = to_tag(sent[-1])
    lone.send(request("ACK", branch="z9hG4bK-ack", to_tag=tag))
    return lone, tag


def _leg(lone: Lone) -> LegId:
    return only(lone.news, IncomingInvite).leg


# --- offers


@pytest.mark.parametrize("by_caller", [True, False])
def test_either_side_may_offer(by_caller: bool) -> None:
    pair = Pair(caller=answering)
    leg, incoming = pair.connect()
    pair.wait_news(pair.callee, Acked)
    ours, ours_leg = (pair.caller, leg) if by_caller else (pair.callee, incoming)
    theirs, theirs_leg = (pair.callee, incoming) if by_caller else (pair.caller, leg)
    ours.ua.reinvite(ours_leg, b"v=0 hold", pair.network.now)
    assert pair.wait_news(ours, OfferAnswered) == OfferAnswered(ours_leg, b"v=0 re-answer")
    assert only(theirs.news, Offered) == Offered(theirs_leg, b"v=0 hold", "INVITE")
    ours.ua.hang_up(ours_leg, pair.network.now)
    pair.finish()


def test_a_refused_offer_changes_nothing() -> None:
    def refuse(party: SipParty, output: Output, now: float) -> None:
        _accept_calls(party, output, now)
        if isinstance(output, Offered):
            party.ua.refuse_offer(output.leg, 488, now)

    pair = Pair(callee=refuse)
    leg, _ = pair.connect()
    pair.caller.ua.reinvite(leg, b"v=0 hold", pair.network.now)
    assert pair.wait_news(pair.caller, OfferRefused) == OfferRefused(leg, 488)
    pair.caller.ua.hang_up(leg, pair.network.now)
    pair.finish()


def test_only_the_latest_of_several_waiting_offers_is_sent() -> None:
    pair = Pair()
    leg, _ = pair.connect()
    pair.wait_news(pair.callee, Acked)
    for number in range(3):
        pair.caller.ua.reinvite(leg, b"v=0 %d" % number, pair.network.now)
    pair.wait_news(pair.caller, OfferAnswered, 2)
    assert [output.body for output in pair.callee.news_of(Offered)] == [b"v=0 0", b"v=0 2"]


@pytest.mark.parametrize("seed", range(8))
def test_both_offer_at_once_and_both_are_heard(seed: int) -> None:
    """RFC 3261 14.1: each gets 491, waits a different time, and both offers go through."""
    pair = Pair(seed, caller=answering)
    leg, incoming = pair.connect()
    pair.wait_news(pair.callee, Acked)
    pair.caller.ua.reinvite(leg, b"v=0 from caller", pair.network.now)
    pair.callee.ua.reinvite(incoming, b"v=0 from callee", pair.network.now)
    pair.run(lambda: bool(pair.caller.news_of(OfferAnswered) and pair.callee.news_of(OfferAnswered)))
    assert any(b" 491 " in data[:20] for data in pair.caller.wire + pair.callee.wire)
    assert only(pair.callee.news, Offered).body == b"v=0 from caller"
    assert only(pair.caller.news, Offered).body == b"v=0 from callee"
    pair.caller.ua.hang_up(leg, pair.network.now)
    pair.finish()


def test_an_offerless_reinvite_gets_our_offer_and_brings_its_answer_with_ack() -> None:
    lone, tag = _established()
    sent = lone.send(request(branch="z9hG4bK-r", to_tag=tag, cseq=2))
    assert statuses(sent) == [100, 200]
    assert only(lone.news, Offered) == Offered(_leg(lone), None, "INVITE")
    assert sent[-1].body == b"v=0 re-answer"
    lone.send(request("ACK", branch="z9hG4bK-ra", to_tag=tag, cseq=2, body="v=0 theirs"))
    assert only(lone.news, OfferAnswered).body == b"v=0 theirs"
    assert lone.wait(10.0) == [], "the ACK stopped the repetition"


def test_a_reinvite_whose_200_is_never_acked_ends_the_call() -> None:
    lone, tag = _established()
    lone.send(request(branch="z9hG4bK-r", to_tag=tag, cseq=2, body="v=0 hold"))
    assert methods(lone.wait(32.1)) == ["BYE"]
    assert only(lone.news, Ended).reason is EndReason.NO_ACK


def test_a_second_offer_before_the_first_is_answered_is_500() -> None:
    lone, tag = _established(_accept_calls)
    assert lone.statuses(request(branch="z9hG4bK-r", to_tag=tag, cseq=2, body="v=0 hold")) == [100]
    sent = lone.send(request(branch="z9hG4bK-s", to_tag=tag, cseq=3, body="v=0 resume"))
    assert statuses(sent) == [500]
    assert "Retry-After" in sent[0].headers
    sent = lone.send(request("UPDATE", branch="z9hG4bK-u", to_tag=tag, cseq=4, body="v=0 update"))
    assert statuses(sent) == [500]
    lone.ua.accept_offer(_leg(lone), b"v=0 yes", 0.0)
    assert statuses(lone.sent()) == [200]


def test_an_offer_while_ours_is_open_is_491() -> None:
    lone, tag = _established()
    lone.ua.reinvite(_leg(lone), b"v=0 ours", 0.0)
    ours = first(lone.sent(), "INVITE")
    assert lone.statuses(request(branch="z9hG4bK-r", to_tag=tag, cseq=2, body="v=0 x")) == [491]
    assert lone.statuses(request("UPDATE", branch="z9hG4bK-u", to_tag=tag, cseq=3, body="v=0 x")) == [491]
    assert lone.statuses(request("UPDATE", branch="z9hG4bK-v", to_tag=tag, cseq=4)) == [200], "no offer, no glare"
    lone.send(response(ours, 200, body="v=0 fine"))
    assert only(lone.news, OfferAnswered).body == b"v=0 fine"


def test_update_with_an_offer_changes_the_session_and_the_target() -> None:
    lone, tag = _established()
    update = request("UPDATE", branch="z9hG4bK-u", to_tag=tag, cseq=2, body="v=0 moved")
    sent = lone.send(update.replace("Contact: <sip:peer@10.0.0.1:5060>", "Contact: <sip:new@10.0.0.50:5090>"))
    assert statuses(sent) == [200]
    assert sent[0].body == b"v=0 re-answer"
    assert only(lone.news, Offered) == Offered(_leg(lone), b"v=0 moved", "UPDATE")
    lone.ua.hang_up(_leg(lone), 0.0)
    bye, target = lone.sent_to()[0]
    assert isinstance(bye, Request)
    assert (bye.uri_text, target) == ("sip:new@10.0.0.50:5090", ("10.0.0.50", 5090))


def test_bye_answers_an_open_offer_with_487() -> None:
    lone, tag = _established(_accept_calls)
    lone.send(request(branch="z9hG4bK-r", to_tag=tag, cseq=2, body="v=0 hold"))
    assert lone.statuses(request("BYE", branch="z9hG4bK-b", to_tag=tag, cseq=3)) == [200, 487]


def test_cancel_of_a_reinvite_leaves_the_call() -> None:
    lone, tag = _established(_accept_calls)
    lone.send(request(branch="z9hG4bK-r", to_tag=tag, cseq=2, body="v=0 hold"))
    assert lone.statuses(request("CANCEL", branch="z9hG4bK-r", to_tag=tag, cseq=2)) == [200, 487]
    assert lone.party.news_of(Ended) == []


@pytest.mark.parametrize(("status", "reason"), [(481, EndReason.PROTOCOL), (408, EndReason.TIMEOUT)])
def test_an_answer_that_denies_the_dialog_ends_the_call(status: int, reason: EndReason) -> None:
    lone, _ = _established()
    lone.ua.reinvite(_leg(lone), b"v=0 ours", 0.0)
    lone.send(response(first(lone.sent(), "INVITE"), status))
    ended = only(lone.news, Ended)
    assert (ended.status, ended.reason) == (status, reason)


def test_a_reinvite_that_is_never_answered_ends_the_call() -> None:
    lone, _ = _established()
    lone.ua.reinvite(_leg(lone), b"v=0 ours", 0.0)
    assert methods(lone.wait(32.5))[-1] == "BYE"
    assert only(lone.news, Ended).reason is EndReason.TIMEOUT


def test_500_with_retry_after_is_tried_again() -> None:
    lone, _ = _established()
    lone.ua.reinvite(_leg(lone), b"v=0 ours", 0.0)
    lone.send(response(first(lone.sent(), "INVITE"), 500, headers="Retry-After: 3\r\n"))
    assert methods(lone.wait(2.9)) == []
    again = first(lone.wait(1.0), "INVITE")
    assert again.body == b"v=0 ours"
    lone.send(response(again, 200, body="v=0 fine"))
    assert only(lone.news, OfferAnswered).body == b"v=0 fine"


# --- our reliable provisional answers


def _required(*progress: tuple[int, bytes]) -> tuple[Lone, Response]:
    lone = Lone()
    lone.send(request(headers="Require: 100rel\r\n", body="v=0 offer"))
    leg = _leg(lone)
    for status, body in progress:
        lone.ua.progress(leg, status, body, 0.0)
    sent = lone.sent()
    assert len(sent) == 1
    assert isinstance(sent[0], Response)
    return lone, sent[0]


def _prack(answer: Response, number: int = 2) -> str:
    rack = f"RAck: {answer.headers.get('RSeq')} 1 INVITE\r\n"
    return request("PRACK", branch=f"z9hG4bK-p{number}", to_tag=to_tag(answer), cseq=number, headers=rack)


def test_ringing_is_reliable_only_when_required() -> None:
    lone, ringing = _required((180, b""))
    assert ringing.require == {"100rel"}
    assert ringing.headers.get("RSeq")
    assert statuses(lone.wait(3.6)) == [180, 180, 180], "repeated until PRACK at 0.5, 1.5, 3.5"
    assert lone.statuses(_prack(ringing)) == [200]
    assert lone.wait(20.0) == []
    other = Lone(answering)
    sent = other.send(request(headers="Supported: 100rel\r\n"))
    assert all("RSeq" not in message.headers for message in sent)


def test_a_wrong_prack_is_481() -> None:
    lone, ringing = _required((180, b""))
    wrong = _prack(ringing).replace(f"RAck: {ringing.headers.get('RSeq')}", "RAck: 1")
    assert lone.statuses(wrong) == [481]
    assert lone.statuses(_prack(ringing, 3)) == [200]


def test_answer_waits_for_the_prack_of_early_media() -> None:
    lone, early = _required((183, b"v=0 early"))
    lone.ua.answer(_leg(lone), b"v=0 answer", 0.0)
    assert lone.sent() == []
    assert lone.statuses(_prack(early)) == [200, 200]


def test_answer_does_not_wait_for_the_prack_of_ringing() -> None:
    lone, _ = _required((180, b""))
    lone.ua.answer(_leg(lone), b"v=0 answer", 0.0)
    assert statuses(lone.sent()) == [200]
    assert set(statuses(lone.wait(5.0))) == {200}, "ringing is not repeated any more"


def test_a_prack_that_our_answer_overtook_is_still_answered() -> None:
    lone, ringing = _required((180, b""))
    lone.ua.answer(_leg(lone), b"v=0 answer", 0.0)
    assert statuses(lone.sent()) == [200]
    assert lone.statuses(_prack(ringing)) == [200]
    wrong = _prack(ringing, 3).replace(f"RAck: {ringing.headers.get('RSeq')}", "RAck: 1")
    assert lone.statuses(wrong) == [481]


def test_a_second_reliable_answer_waits_for_the_first() -> None:
    lone, ringing = _required((180, b""), (183, b"v=0 early"))
    sent = lone.send(_prack(ringing))
    assert statuses(sent) == [200, 183]
    assert int(sent[1].headers.get("RSeq") or 0) == int(ringing.headers.get("RSeq") or 0) + 1


def test_without_prack_the_call_fails() -> None:
    lone, _ = _required((180, b""))
    assert statuses(lone.wait(32.1))[-1] == 504
    assert only(lone.news, Ended).reason is EndReason.NO_ACK


# --- session timers (RFC 4028)

TIMER = "Supported: timer\r\n"


@pytest.mark.parametrize(
    ("headers", "said", "requires"),
    [
        ("", None, False),
        (TIMER, "1800;refresher=uac", True),
        (TIMER + "Session-Expires: 600\r\n", "600;refresher=uac", True),
        (TIMER + "Session-Expires: 600;refresher=uas\r\n", "600;refresher=uas", True),
        (TIMER + "Session-Expires: 120\r\nMin-SE: 300\r\n", "300;refresher=uac", True),
        ("Session-Expires: 600\r\n", "600;refresher=uas", False),
    ],
)
def test_what_our_200_says(headers: str, said: str | None, requires: bool) -> None:
    lone = Lone(answering)
    answer = lone.send(request(headers=headers))[-1]
    assert answer.headers.get("Session-Expires") == said
    assert ("timer" in answer.require) is requires


def test_we_refresh_by_update_when_the_peer_knows_it() -> None:
    lone, _ = _established(headers=TIMER + "Session-Expires: 600;refresher=uas\r\nAllow: INVITE, UPDATE\r\n")
    assert methods(lone.wait(299.0)) == []
    update = first(lone.wait(2.0), "UPDATE")
    assert update.headers.get("Session-Expires") == "600;refresher=uac"
    assert update.body == b""
    lone.send(response(update, 200, headers="Session-Expires: 600;refresher=uac\r\n"))
    assert methods(lone.wait(298.0)) == []
    assert methods(lone.wait(4.0))[0] == "UPDATE"


def test_we_refresh_by_reinvite_otherwise_with_the_same_sdp() -> None:
    lone, _ = _established(headers=TIMER + "Session-Expires: 600;refresher=uas\r\n")
    again = first(lone.wait(301.0), "INVITE")
    assert again.body == b"v=0 answer"
    sent = lone.send(response(again, 200, headers="Session-Expires: 600;refresher=uac\r\n", body="v=0 offer"))
    assert methods(sent) == ["ACK"]
    assert lone.party.news_of(OfferAnswered) == [], "the same SDP is no news"


def test_a_refused_update_is_replaced_by_a_reinvite() -> None:
    lone, _ = _established(headers=TIMER + "Session-Expires: 600;refresher=uas\r\nAllow: UPDATE\r\n")
    update = first(lone.wait(301.0), "UPDATE")
    assert methods(lone.send(response(update, 405))) == ["INVITE"]


def test_a_session_that_is_not_refreshed_ends() -> None:
    lone, _ = _established(headers=TIMER + "Session-Expires: 600\r\n")
    assert methods(lone.wait(600 - 32 - 1)) == []
    assert set(methods(lone.wait(2.0))) == {"BYE"}
    assert only(lone.news, Ended).reason is EndReason.SESSION_EXPIRED


def test_a_refresh_of_the_peer_keeps_the_session() -> None:
    lone, tag = _established(headers=TIMER + "Session-Expires: 600\r\n")
    for number in range(2, 6):
        lone.wait(300.0)
        update = request(
            "UPDATE", branch=f"z9hG4bK-{number}", to_tag=tag, cseq=number, headers=TIMER + "Session-Expires: 600\r\n"
        )
        sent = lone.send(update)
        assert statuses(sent) == [200]
        assert sent[0].headers.get("Session-Expires") == "600;refresher=uac"
    assert lone.party.news_of(Ended) == []


def test_422_raises_our_interval() -> None:
    lone = Lone()
    place(lone)
    invite = first(lone.sent(), "INVITE")
    assert invite.headers.get("Session-Expires") == "1800"
    sent = lone.send(response(invite, 422, headers="Min-SE: 3600\r\n"))
    assert methods(sent) == ["ACK", "INVITE"]
    again = first(sent, "INVITE")
    assert again.headers.get("Session-Expires") == "3600"
    assert again.headers.get("Min-SE") == "3600"
    assert again.cseq.number == invite.cseq.number + 1
    assert (again.call_id, again.from_.tag) == (invite.call_id, invite.from_.tag)
    sent = lone.send(response(again, 422, headers="Min-SE: 3600\r\n"))
    assert methods(sent) == ["ACK"]
    assert only(lone.news, Ended).status == 422


def test_two_user_agents_keep_a_session_for_a_day_and_notice_a_dead_peer() -> None:
    pair = Pair()
    pair.connect()
    pair.wait_news(pair.callee, Acked)
    pair.pass_time(86_400.0)
    assert pair.caller.news_of(Ended) == [] == pair.callee.news_of(Ended)
    assert sum(data.startswith(b"UPDATE") for data in pair.caller.wire) == 95, "every 900 s"
    pair.network.loss = 1.0
    pair.pass_time(1800.0)
    assert only(pair.callee.news, Ended).reason in (EndReason.SESSION_EXPIRED, EndReason.TIMEOUT)
    assert only(pair.caller.news, Ended).reason in (EndReason.SESSION_EXPIRED, EndReason.TIMEOUT)
    pair.finish()


def test_a_session_timer_we_asked_for_is_ours_to_refresh_when_the_peer_says_so() -> None:
    lone = Lone()
    place(lone)
    invite = first(lone.sent(), "INVITE")
    lone.send(response(invite, 200, headers="Session-Expires: 200;refresher=uac\r\nAllow: UPDATE\r\n", body="v=0"))
    assert only(lone.news, Answered)
    assert set(methods(lone.wait(101.0))) == {"UPDATE"}


def test_a_reinvite_left_hanging_goes_with_its_call() -> None:
    lone, tag = _established()
    lone.ua.reinvite(_leg(lone), b"v=0 ours", 0.0)
    lone.send(response(first(lone.sent(), "INVITE"), 100))
    assert lone.statuses(request("BYE", branch="z9hG4bK-b", to_tag=tag, cseq=2)) == [200]
    lone.wait(33.0)
    assert lone.ua.is_idle


def test_a_reinvite_that_is_tried_for_ever_ends_the_call() -> None:
    lone, _ = _established()
    lone.ua.reinvite(_leg(lone), b"v=0 ours", 0.0)
    lone.send(response(first(lone.sent(), "INVITE"), 100))
    lone.wait(181.0)
    assert only(lone.news, Ended).reason is EndReason.TIMEOUT


def test_an_update_before_the_answer_has_its_place() -> None:
    """RFC 3311 5.2: not while the INVITE's own offer waits, but after a reliable answer to it."""
    lone = Lone()
    lone.send(request(headers="Require: 100rel\r\n", body="v=0 offer"))
    leg = _leg(lone)
    lone.ua.progress(leg, 183, b"v=0 early", 0.0)
    early = lone.sent()[0]
    assert isinstance(early, Response)
    tag = to_tag(early)
    update = request("UPDATE", branch="z9hG4bK-u1", to_tag=tag, cseq=2, body="v=0 other")
    assert lone.statuses(update) == [500]
    assert lone.statuses(_prack(early, 3)) == [200]
    assert lone.statuses(request("UPDATE", branch="z9hG4bK-u2", to_tag=tag, cseq=4, body="v=0 other")) == []
    assert only(lone.news, Offered) == Offered(leg, b"v=0 other", "UPDATE")
    lone.ua.accept_offer(leg, b"v=0 yes", 0.0)
    assert statuses(lone.sent()) == [200]
