"""What an unwelcome or broken request gets, and that it leaves nothing behind."""

import pytest
from sip_pair import Lone, answering, methods, only, request, statuses, to_tag

from trebuchet.sip.message import Response
from trebuchet.sip.outputs import Ended, EndReason, IncomingInvite, InfoReceived, OutOfDialogRequest

SDP_PART = (
    "--frontier\r\nContent-Type: application/isup;version=itu-t92+\r\n\r\n\x01\x02\r\n"
    "--frontier\r\nContent-Type: application/sdp\r\n\r\nv=0 inner\r\n--frontier--\r\n"
)


def _answer(lone: Lone, text: str) -> Response:
    sent = lone.send(text)
    assert len(sent) == 1, sent
    assert isinstance(sent[0], Response)
    return sent[0]


@pytest.mark.parametrize(
    ("text", "status", "header"),
    [
        (request("JUMP"), 405, ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE")),
        (request("REGISTER"), 405, ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE")),
        (request(headers="Require: 100rel, magic, other\r\n"), 420, ("Unsupported", "magic, other")),
        (request(uri="http://example.org"), 416, None),
        (request(body="hello", content_type="text/plain"), 415, ("Accept", "application/sdp, multipart/mixed")),
        (request(body="x", headers="Content-Encoding: gzip\r\n"), 415, ("Accept-Encoding", "identity")),
        (request(headers="Accept: text/plain\r\n"), 406, None),
        (request(headers="Supported: timer\r\nSession-Expires: 60\r\n"), 422, ("Min-SE", "90")),
        (request(to_tag="unknown"), 481, None),
        (request("BYE", to_tag="unknown"), 481, None),
        (request("BYE"), 481, None),
        (request("INFO", to_tag="unknown"), 481, None),
        (request(headers="Session-Expires: soon\r\n"), 400, None),
        (request(headers="Max-Forwards: 70\r\n"), 400, None),
        (request().replace("Contact: <sip:peer@10.0.0.1:5060>\r\n", ""), 400, None),
        (request().replace("CSeq: 1 INVITE", "CSeq: 1 BYE"), 400, None),
        (request().replace("Call-ID: call-1\r\n", ""), 400, None),
        (request().replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), 505, None),
        (request(headers="Record-Route: <sip:a;lr>\r\n" * 17), 400, None),
    ],
)
def test_refused_without_a_trace(text: str, status: int, header: tuple[str, str] | None) -> None:
    lone = Lone()
    answer = _answer(lone, text)
    assert answer.status == status
    if header is not None:
        assert answer.headers.get(header[0]) == header[1]
    assert lone.news == []
    assert lone.ua.is_idle, "a refusal keeps no state"
    assert _answer(lone, text).headers.get("To") == answer.headers.get("To"), "the same tag for a repetition"


def test_a_broken_ack_is_not_answered() -> None:
    lone = Lone()
    assert lone.send(request("ACK").replace("CSeq: 1 ACK", "CSeq: one ACK")) == []
    assert lone.send(request("ACK").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia")) == []


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"hello", b"\0" * 100, b"INVITE", b"SIP/2.0 200 OK\r\n\r\n"])
def test_noise_is_not_answered(data: bytes) -> None:
    assert Lone().send(data) == []


def test_options_tells_what_we_can() -> None:
    lone = Lone()
    answer = _answer(lone, request("OPTIONS"))
    assert answer.status == 200
    assert answer.allow >= {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE"}
    assert answer.supported == {"100rel", "timer"}
    assert "application/sdp" in (answer.headers.get("Accept") or "")
    assert lone.ua.is_idle


def test_sdp_is_found_in_a_multipart_body() -> None:
    lone = Lone()
    text = request(body=SDP_PART, content_type='multipart/mixed;boundary="frontier"')
    assert lone.statuses(text) == [100]
    assert only(lone.news, IncomingInvite).body == b"v=0 inner"


def test_a_merged_request_is_482() -> None:
    lone = Lone()
    assert lone.statuses(request()) == [100]
    assert lone.statuses(request(branch="z9hG4bK-other-path")) == [482]
    assert lone.ua.call_count == 1


def test_answers_go_back_to_where_the_request_came_from() -> None:
    lone = Lone()
    source = ("192.0.2.77", 40000)
    lone.party.receive(request(via="10.9.9.9:5060;rport").encode(), source, 0.0)
    message, target = lone.sent_to()[0]
    assert target == source
    assert message.via.received == "192.0.2.77"
    assert message.via.rport == 40000
    lone.party.receive(request(via="10.9.9.9:5070", branch="z9hG4bK-2", call_id="2").encode(), source, 0.0)
    message, target = lone.sent_to()[0]
    assert target == ("192.0.2.77", 5070), "without rport: the source address, the port of Via"
    assert message.via.received == "192.0.2.77"


def test_a_peer_behind_nat_is_reached_where_it_comes_from() -> None:
    lone = Lone(answering)
    source = ("192.0.2.77", 40000)
    lone.party.receive(request(via="10.0.0.1:5060;rport").encode(), source, 0.0)
    answer, _ = lone.sent_to()[-1]
    moved = ("192.0.2.77", 41111)
    ack = request("ACK", branch="z9hG4bK-2", to_tag=to_tag(answer), via="10.0.0.1:5060;rport")
    lone.party.receive(ack.encode(), moved, 0.0)
    lone.ua.hang_up(only(lone.news, IncomingInvite).leg, 0.0)
    message, target = lone.sent_to()[0]
    assert (methods([message]), target) == (["BYE"], moved)


def test_bounds_are_kept() -> None:
    lone = Lone(max_calls=3)
    for number in range(5):
        sent = lone.send(request(branch=f"z9hG4bK-{number}", call_id=str(number)))
        expected = 100 if number < 3 else 503
        assert statuses(sent) == [expected]
        assert ("Retry-After" in sent[0].headers) == (expected == 503)
    assert lone.ua.call_count == 3


def test_transactions_are_bounded_and_running_ones_go_on() -> None:
    lone = Lone(max_transactions=2)
    lone.send(request())
    lone.send(request(branch="z9hG4bK-2", call_id="2"))
    assert lone.statuses(request(branch="z9hG4bK-3", call_id="3")) == [503]
    assert lone.statuses(request("CANCEL")) == [200, 487]


def test_draining_refuses_new_calls_only() -> None:
    lone = Lone(answering)
    tag = to_tag(lone.send(request())[-1])
    lone.ua.drain()
    for text in (request(branch="z9hG4bK-9", call_id="9"), request("OPTIONS", branch="z9hG4bK-8", call_id="8")):
        answer = _answer(lone, text)
        assert (answer.status, answer.headers.get("Retry-After")) == (503, "5")
    lone.send(request("ACK", branch="z9hG4bK-2", to_tag=tag))
    assert lone.statuses(request("BYE", branch="z9hG4bK-3", to_tag=tag, cseq=2)) == [200]


# --- within a dialog


def _established(**config: object) -> tuple[Lone, str]:
    lone = Lone(answering, **config)  # type: ignore[arg-type]  # fields of the configuration by name
    tag = to_tag(lone.send(request())[-1])
    lone.send(request("ACK", branch="z9hG4bK-ack", to_tag=tag))
    return lone, tag


def test_requests_out_of_order_are_500() -> None:
    lone, tag = _established()
    assert lone.statuses(request("OPTIONS", branch="z9hG4bK-5", to_tag=tag, cseq=5)) == [200]
    sent = lone.send(request("OPTIONS", branch="z9hG4bK-4", to_tag=tag, cseq=4))
    assert statuses(sent) == [500]
    assert "Retry-After" in sent[0].headers
    assert lone.statuses(request("OPTIONS", branch="z9hG4bK-4", to_tag=tag, cseq=4)) == [500], "repeated"


@pytest.mark.parametrize("content_type", ["application/dtmf-relay", "application/dtmf"])
def test_info_with_a_key_is_passed_on_once(content_type: str) -> None:
    lone, tag = _established()
    info = request("INFO", branch="z9hG4bK-i", to_tag=tag, cseq=2, body="Signal=5", content_type=content_type)
    assert lone.statuses(info) == [200]
    assert lone.statuses(info) == [200]
    leg = only(lone.news, IncomingInvite).leg
    assert only(lone.news, InfoReceived) == InfoReceived(leg, content_type, b"Signal=5")


def test_info_of_another_kind() -> None:
    lone, tag = _established()
    assert lone.statuses(request("INFO", branch="z9hG4bK-1", to_tag=tag, cseq=2)) == [200], "a keep-alive"
    text = request("INFO", branch="z9hG4bK-2", to_tag=tag, cseq=3, body="x", content_type="text/plain")
    assert lone.statuses(text) == [415]
    assert lone.party.news_of(InfoReceived) == []


def test_a_dialog_that_has_gone_is_481() -> None:
    lone, tag = _established()
    bye = request("BYE", branch="z9hG4bK-b", to_tag=tag, cseq=2)
    assert lone.statuses(bye) == [200]
    assert lone.statuses(bye) == [200], "a repeated BYE finds its answer"
    assert lone.statuses(request("INFO", branch="z9hG4bK-c", to_tag=tag, cseq=3)) == [481]
    lone.finish()


def test_a_request_from_a_new_address_still_belongs_to_its_dialog() -> None:
    lone, tag = _established()
    bye = request("BYE", branch="z9hG4bK-b", to_tag=tag, cseq=2, via="10.0.0.99:5060")
    lone.party.receive(bye.encode(), ("10.0.0.99", 5060), 0.0)
    message, target = lone.sent_to()[0]
    assert (statuses([message]), target) == ([200], ("10.0.0.99", 5060))
    assert only(lone.news, Ended).reason is EndReason.PEER_BYE


def test_the_wrong_tags_do_not_end_a_call() -> None:
    lone, tag = _established()
    assert lone.statuses(request("BYE", branch="z9hG4bK-b", to_tag=tag, from_tag="wrong", cseq=2)) == [481]
    assert lone.statuses(request("BYE", branch="z9hG4bK-c", to_tag=tag + "x", cseq=2)) == [481]
    assert lone.party.news_of(Ended) == []


def test_foreign_methods_are_handed_out_and_answered() -> None:
    lone = Lone(foreign_methods=frozenset({"REGISTER"}))
    assert lone.send(request("REGISTER")) == []
    output = only(lone.news, OutOfDialogRequest)
    assert output.leg is None
    lone.ua.respond(output.transaction, output.request, 401, 0.0, (("WWW-Authenticate", "Digest realm=x"),))
    sent = lone.sent()
    assert statuses(sent) == [401]
    assert lone.statuses(request("REGISTER")) == [401]
    assert lone.party.news_of(OutOfDialogRequest) == [output]
    lone.finish()


def test_a_foreign_request_nobody_answers_is_forgotten() -> None:
    lone = Lone(foreign_methods=frozenset({"REGISTER"}))
    lone.send(request("REGISTER"))
    lone.wait(33.0)
    assert lone.ua.is_idle


def test_raw_bytes_in_names_are_survived() -> None:
    lone = Lone(answering)
    text = request().replace("From: <sip:peer", 'From: "J\xf6rg" <sip:peer').replace("To: <", 'To: "Gr\xfc\xdfe" <')
    sent = lone.send(text.encode("latin-1"))
    assert statuses(sent) == [100, 180, 200]
    tag = to_tag(sent[-1])
    lone.send(request("ACK", branch="z9hG4bK-2", to_tag=tag))
    lone.ua.hang_up(only(lone.news, IncomingInvite).leg, 0.0)
    assert methods(lone.sent()) == ["BYE"]
