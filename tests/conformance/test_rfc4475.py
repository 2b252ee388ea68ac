"""RFC 4475 against the message layer: every torture message has the verdict it should have."""

from collections.abc import Callable

import pytest
from torture import CASES, ODD_CALL_ID, ODD_METHOD, ODD_URI, REASON, Case

from trebuchet.sip.errors import SipError
from trebuchet.sip.header_list import header_key
from trebuchet.sip.message import (
    Message,
    Request,
    Response,
    make_response,
    parse_message,
    validate_request,
    validate_response,
)
from trebuchet.sip.offer_answer import read_audio
from trebuchet.sip.sdp import parse_sdp

BY_NAME = {case.name: case for case in CASES}


def judge(case: Case) -> Message:
    message = parse_message(case.data)
    if isinstance(message, Request):
        validate_request(message)
    else:
        assert isinstance(message, Response)
        validate_response(message)
    return message


def without_length(message: Message) -> list[tuple[str, str]]:
    return [pair for pair in message.headers if header_key(pair[0]) != "content-length"]


def names(wanted: Callable[[Case], bool]) -> list[str]:
    return [case.name for case in CASES if wanted(case)]


def test_the_list_is_complete() -> None:
    assert len(CASES) == len(BY_NAME) == 49


@pytest.mark.parametrize("name", names(lambda case: case.status is None and not case.is_dropped))
def test_sound_message_survives_a_round_trip(name: str) -> None:
    message = judge(BY_NAME[name])
    again = parse_message(message.to_bytes())
    assert again.start_line() == message.start_line()
    assert again.body == message.body
    assert without_length(again) == without_length(message)


@pytest.mark.parametrize("name", names(lambda case: case.status is not None))
def test_broken_request_gets_its_status(name: str) -> None:
    case = BY_NAME[name]
    with pytest.raises(SipError) as caught:
        judge(case)
    assert caught.value.status == case.status


@pytest.mark.parametrize("name", names(lambda case: case.is_dropped))
def test_broken_response_is_dropped(name: str) -> None:
    with pytest.raises(SipError) as caught:
        judge(BY_NAME[name])
    assert getattr(caught.value, "request", None) is None


@pytest.mark.parametrize("name", names(lambda case: case.status is not None and not case.may_be_silent))
def test_broken_request_can_be_answered(name: str) -> None:
    """Whatever is wrong, the answer carries what the sender needs to match it."""
    case = BY_NAME[name]
    try:
        request = parse_message(case.data)
    except SipError as error:
        request = error.request  # type: ignore[attr-defined]  # parse_message raises Malformed only
    assert isinstance(request, Request)
    answer = parse_message(make_response(request, case.status or 0, to_tag="ours").to_bytes())
    assert isinstance(answer, Response) and answer.status == case.status
    for header in ("via", "from", "call-id", "cseq"):
        assert answer.headers.get_all(header) == request.headers.get_all(header)


def test_wsinv_values() -> None:
    request = judge(BY_NAME["wsinv"])
    assert (request.to.uri_text, request.to.tag) == ("sip:vivekg@chair-dnrc.example.com", "1918181833n")
    assert (request.from_.display_name, request.from_.tag) == ('J Rosenberg \\"', "98asjd8")
    assert request.max_forwards == 68
    assert (request.cseq.number, request.cseq.method) == (9, "INVITE")
    assert [(via.transport, via.host, via.branch) for via in request.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert request.headers.get("subject") == ""
    assert request.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert request.contact is not None and request.contact.display_name == 'Quoted string ""'
    assert (request.contact.param("newparam"), request.contact.param("secondparam")) == ("newvalue", "")
    assert request.contact.param("q") == "0.33"
    route = request.routes[0].uri
    assert route.is_lr and route.param("unknownwith") == "value" and route.param("unknown-no-value") == ""


def test_intmeth_values() -> None:
    request = judge(BY_NAME["intmeth"])
    assert isinstance(request, Request)
    assert request.method == request.cseq.method == ODD_METHOD
    assert request.uri_text == str(request.uri) == ODD_URI
    assert request.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert request.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert request.call_id == ODD_CALL_ID
    assert request.to.display_name == "BEL:\x07 NUL: DEL:\x7f"
    assert request.from_.display_name == "token1~` token2'+_ token3*%!.-"
    assert request.from_.tag == "_token~1'+`*%!-."
    assert request.from_.param("fromparam''~+*_!.-%") == "работающий"
    assert request.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


def test_escapes() -> None:
    request = judge(BY_NAME["esc01"])
    assert isinstance(request, Request)
    assert (request.uri.user_text, request.uri.host) == ("sips:user@example.com", "example.net")
    register = judge(BY_NAME["escnull"])
    assert register.to.uri.user_text == "null-\0-null"
    assert [contact.uri.user_text for contact in register.contacts] == ["\0", "\0\0"]
    not_register = judge(BY_NAME["esc02"])
    assert isinstance(not_register, Request) and not_register.method == "RE%47IST%45R"
    assert not_register.contact is not None and not_register.contact.display_name == "%Za"


def test_second_request_in_a_datagram_is_ignored() -> None:
    assert judge(BY_NAME["dblreq"]).body == b""


def test_semicolons_in_the_user() -> None:
    request = judge(BY_NAME["semiuri"])
    assert isinstance(request, Request)
    assert request.uri.user == "user;par=u%40example.net"
    assert request.uri.user_text == "user;par=u@example.net"
    assert request.uri.params == ()


def test_unknown_transports_are_kept() -> None:
    vias = judge(BY_NAME["transports"]).vias
    assert [via.transport for via in vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_binary_body_is_kept() -> None:
    message = judge(BY_NAME["mpart01"])
    assert message.body.endswith(b"--7a9cbec02ceef655--\r\n") and b"\x00\x30\x82\xff\r\n\r\n\x00" in message.body
    assert message.content_type == "multipart/mixed"


def test_reason_phrases() -> None:
    unusual, empty = judge(BY_NAME["unreason"]), judge(BY_NAME["noreason"])
    assert isinstance(unusual, Response) and (unusual.status, unusual.reason) == (200, REASON)
    assert isinstance(empty, Response) and (empty.status, empty.reason) == (100, "")


def test_lenient_addresses() -> None:
    assert judge(BY_NAME["lwsdisp"]).from_.display_name == "caller"
    assert judge(BY_NAME["baddn"]).from_.display_name == "Bell, Alexander"
    spaced = judge(BY_NAME["badaspec"]).to
    assert (spaced.display_name, spaced.uri_text) == ("Watson, Thomas", "sip:t.watson@example.org")


def test_contact_parameters_belong_where_they_are_written() -> None:
    outside, inside = judge(BY_NAME["cparam01"]).contact, judge(BY_NAME["cparam02"]).contact
    assert outside is not None and inside is not None
    assert (outside.param("unknownparam"), outside.uri.params) == ("", ())
    assert (inside.param("unknownparam"), inside.uri.params) == (None, (("unknownparam", None),))
    escaped = judge(BY_NAME["regescrt"]).contact
    assert escaped is not None and escaped.uri.headers == (("Route", "%3Csip:sip.example.com%3E"),)


def test_unknown_schemes_where_they_may_be() -> None:
    request = judge(BY_NAME["unksm2"])
    assert request.to.uri_text == "isbn:2983792873"
    with pytest.raises(SipError) as caught:
        _ = request.to.uri
    assert caught.value.status == 416


def test_rfc2543_invite() -> None:
    request = judge(BY_NAME["inv2543"])
    assert (request.via.branch, request.from_.tag, request.max_forwards) == (None, None, None)
    assert request.record_routes[0].uri.param("maddr") == "ss1.example.com"
    audio = read_audio(parse_sdp(request.body))
    assert audio is not None and (audio.address, audio.port) == ("192.0.2.4", 49217)
