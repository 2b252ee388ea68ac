"""One INVITE, several phones: early dialogs, routes, and answers nobody waits for."""

import pytest
from sip_pair import Lone, first, methods, only, place, request, response, statuses

from trebuchet.sip.invite_client import MAX_FORKS
from trebuchet.sip.message import Request
from trebuchet.sip.outputs import Answered, Destination, Ended, EndReason, LegId, Progress, Send

LEG = LegId(1)
RELIABLE = "Require: 100rel\r\nRSeq: {}\r\n"


def _called() -> tuple[Lone, Request]:
    lone = Lone()
    place(lone)
    return lone, first(lone.sent(), "INVITE")


def test_the_first_answer_wins_and_the_second_is_acked_and_ended() -> None:
    lone, invite = _called()
    lone.send(response(invite, 180, tag="one"))
    lone.send(response(invite, 180, tag="two"))
    assert [output.status for output in lone.party.news_of(Progress)] == [180, 180]
    assert methods(lone.send(response(invite, 200, tag="two", body="v=0 two"))) == ["ACK"]
    assert only(lone.news, Answered).body == b"v=0 two"
    sent = lone.send(response(invite, 200, tag="one", body="v=0 one"))
    assert methods(sent) == ["ACK", "BYE"]
    assert [message.to.tag for message in sent] == ["one", "one"]
    assert methods(lone.send(response(invite, 200, tag="one"))) == ["ACK"], "repeated: the ACK alone"
    assert methods(lone.send(response(invite, 200, tag="two"))) == ["ACK"]
    lone.send(response(first(sent, "BYE"), 200))
    assert lone.party.news_of(Ended) == []
    assert lone.ua.call_count == 1


def test_an_answer_after_the_end_is_acked_and_ended() -> None:
    lone, invite = _called()
    assert methods(lone.send(response(invite, 200, tag="one"))) == ["ACK"]
    lone.ua.hang_up(LEG, 0.0)
    bye = first(lone.sent(), "BYE")
    lone.send(response(bye, 200))
    assert lone.ua.call_count == 0
    assert methods(lone.send(response(invite, 200, tag="late"))) == ["ACK", "BYE"]
    lone.finish()


def test_forks_are_bounded() -> None:
    lone, invite = _called()
    for number in range(3 * MAX_FORKS):
        lone.send(response(invite, 180, tag=f"early{number}"))
    acked = sum(len(methods(lone.send(response(invite, 200, tag=f"t{number}")))) > 0 for number in range(3 * MAX_FORKS))
    assert acked == MAX_FORKS


def test_a_bye_for_the_only_early_dialog_ends_the_call() -> None:
    lone, invite = _called()
    lone.send(response(invite, 180, tag="one"))
    bye = request("BYE", to_tag=invite.from_.tag, from_tag="one", call_id=invite.call_id, cseq=9)
    sent = lone.send(bye)
    assert (statuses(sent), methods(sent)) == ([200], ["CANCEL"])
    assert only(lone.news, Ended).reason is EndReason.PEER_BYE
    lone.send(response(invite, 487))
    lone.finish()


def test_a_refusal_of_another_try_does_not_end_the_call() -> None:
    lone, invite = _called()
    text = response(invite, 486).replace(f"branch={invite.via.branch}", "branch=z9hG4bKelse")
    assert lone.send(text) == []
    assert lone.party.news_of(Ended) == []


@pytest.mark.parametrize("status", [300, 302, 404, 486, 503, 603])
def test_refusals_are_acked_and_told(status: int) -> None:
    lone, invite = _called()
    headers = "Retry-After: 60\r\nContact: <sip:else@where>\r\n"
    assert methods(lone.send(response(invite, status, headers=headers))) == ["ACK"]
    ended = only(lone.news, Ended)
    assert (ended.status, ended.reason) == (status, EndReason.REFUSED)
    assert ("Retry-After", "60") in ended.headers
    assert methods(lone.send(response(invite, status))) == ["ACK"]
    lone.finish()


def test_loose_routes_are_followed_in_reverse_order() -> None:
    lone, invite = _called()
    routes = "Record-Route: <sip:p2.example;lr>\r\nRecord-Route: <sip:10.0.0.8:5080;lr>\r\n"
    lone.send(response(invite, 200, headers=routes))
    lone.ua.hang_up(LEG, 0.0)
    bye, target = lone.sent_to()[0]
    assert isinstance(bye, Request)
    assert bye.uri_text == "sip:peer@10.0.0.1:5060"
    assert bye.headers.get_all("Route") == ["<sip:10.0.0.8:5080;lr>", "<sip:p2.example;lr>"]
    assert target == ("10.0.0.8", 5080)


def test_a_strict_router_gets_itself_as_request_uri() -> None:
    lone, invite = _called()
    routes = "Record-Route: <sip:p2.example;lr>\r\nRecord-Route: <sip:10.0.0.8:5080>\r\n"
    lone.send(response(invite, 200, headers=routes))
    lone.ua.hang_up(LEG, 0.0)
    bye, target = lone.sent_to()[0]
    assert isinstance(bye, Request)
    assert bye.uri_text == "sip:10.0.0.8:5080"
    assert bye.headers.get_all("Route") == ["<sip:p2.example;lr>", "<sip:peer@10.0.0.1:5060>"]
    assert target == ("10.0.0.8", 5080)


def test_an_unusable_contact_falls_back_to_the_source() -> None:
    lone, invite = _called()
    text = response(invite, 200).replace("Contact: <sip:peer@10.0.0.1:5060>", "Contact: <http://x/>")
    assert methods(lone.send(text)) == ["ACK"]
    assert only(lone.news, Answered)


# --- reliable provisional answers of the peer (RFC 3262)


def test_reliable_progress_is_acknowledged_once_and_in_order() -> None:
    lone, invite = _called()
    assert methods(lone.send(response(invite, 183, headers=RELIABLE.format(10), body="v=0 early"))) == ["PRACK"]
    assert only(lone.news, Progress).body == b"v=0 early"
    assert lone.send(response(invite, 183, headers=RELIABLE.format(10), body="v=0 early")) == []
    assert lone.send(response(invite, 183, headers=RELIABLE.format(12))) == [], "one is missing"
    sent = lone.send(response(invite, 180, headers=RELIABLE.format(11)))
    prack = first(sent, "PRACK")
    assert prack.headers.get("RAck") == f"11 {invite.cseq.number} INVITE"
    assert [output.status for output in lone.party.news_of(Progress)] == [183, 180]
    assert methods(lone.send(response(invite, 180, tag="two", headers=RELIABLE.format(500)))) == ["PRACK"]


@pytest.mark.parametrize("status", [183, 200])
def test_an_answer_that_cannot_open_a_dialog_does_not_stop_the_call(status: int) -> None:
    """Dropped as if lost: the INVITE is still repeated, and its time-out still comes."""
    lone, invite = _called()
    assert lone.send(response(invite, status, headers="Record-Route: nonsense\r\n")) == []
    assert methods(lone.wait(32.0)) == ["INVITE"] * 6
    assert only(lone.news, Ended).reason is EndReason.TIMEOUT
    lone.finish()


def test_a_broken_flow_falls_back_to_the_contact() -> None:
    lone = Lone(transport="tcp")
    place(lone)
    invite = first(lone.sent(), "INVITE")
    lone.send(response(invite, 200), source=("10.0.0.1", 39999))
    lone.ua.hang_up(LEG, 0.0)
    assert lone.ua.poll_output() is not None, "Ended"
    output = lone.ua.poll_output()
    assert isinstance(output, Send)
    assert output.to == lone.party.flow(("10.0.0.1", 39999)), "the connection first"
    lone.ua.handle_transport_error(output.transaction, 0.0)
    again = lone.ua.poll_output()
    assert again == Send(output.data, Destination("10.0.0.1", 5060, None), output.transaction)
    lone.ua.handle_transport_error(output.transaction, 0.0)
    lone.finish()


def _held() -> tuple[Lone, Request]:
    """Answered, and not acknowledged yet."""
    lone = Lone()
    place(lone, holds_ack=True)
    invite = first(lone.sent(), "INVITE")
    assert methods(lone.send(response(invite, 200, tag="one", body="v=0 one"))) == []
    assert only(lone.news, Answered).body == b"v=0 one"
    return lone, invite


def test_an_ack_that_is_held_waits_to_be_released() -> None:
    lone, invite = _held()
    assert methods(lone.send(response(invite, 200, tag="one"))) == [], "repeated, and still nothing"
    lone.ua.acknowledge(LEG)
    (ack,) = lone.sent()
    assert isinstance(ack, Request) and (ack.method, ack.to.tag) == ("ACK", "one")
    lone.ua.acknowledge(LEG)
    assert lone.sent() == []
    assert methods(lone.send(response(invite, 200, tag="one"))) == ["ACK"]


def test_what_is_said_in_the_dialog_comes_after_the_held_ack() -> None:
    lone, invite = _held()
    lone.ua.hang_up(LEG, 0.0)
    sent = lone.sent()
    assert methods(sent) == ["ACK", "BYE"]
    lone.send(response(first(sent, "BYE"), 200))
    assert methods(lone.send(response(invite, 200, tag="one"))) == ["ACK"]
    lone.finish()


def test_a_held_ack_of_a_call_that_the_callee_ended() -> None:
    lone, invite = _held()
    bye = request("BYE", to_tag=invite.from_.tag, from_tag="one", call_id=invite.call_id, cseq=9)
    assert statuses(lone.send(bye)) == [200]
    lone.ua.acknowledge(LEG)
    assert lone.sent() == []
    assert methods(lone.send(response(invite, 200, tag="one"))) == ["ACK"]


def test_another_fork_does_not_wait_for_the_held_ack() -> None:
    lone, invite = _held()
    assert methods(lone.send(response(invite, 200, tag="two"))) == ["ACK", "BYE"]
