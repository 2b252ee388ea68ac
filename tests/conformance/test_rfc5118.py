"""RFC 5118: IPv6 in every place of a message, through the message layer and through a whole user agent."""

import pytest
from ipv6_torture import CASES
from torture import Case

from trebuchet.sip.core import UserAgentConfig
from trebuchet.sip.errors import SipError
from trebuchet.sip.grammar import find_param
from trebuchet.sip.message import Message, Request, Response, parse_message, validate_request
from trebuchet.sip.offer_answer import read_audio
from trebuchet.sip.outputs import Address, IncomingInvite, OutOfDialogRequest
from trebuchet.sip.sdp import parse_sdp
from trebuchet.testing.sip_party import SipParty

BY_NAME = {case.name: case for case in CASES}
HERE: Address = ("2001:db8::10", 5060)
THERE: Address = ("2001:db8::9:1", 5070)


def read(name: str) -> Request:
    message = parse_message(BY_NAME[name].data)
    assert isinstance(message, Request)
    validate_request(message)
    return message


def test_the_list_is_complete() -> None:
    assert len(CASES) == len(BY_NAME) == 12
    assert [case.name for case in CASES if case.status is not None] == ["ipv6-bad"]


@pytest.mark.parametrize("name", [case.name for case in CASES if case.status is None])
def test_sound_message_survives_a_round_trip(name: str) -> None:
    message = read(name)
    again: Message = parse_message(message.to_bytes())
    assert (again.start_line(), again.body) == (message.start_line(), message.body)
    assert [str(via) for via in again.vias] == [str(via) for via in message.vias]


def test_brackets_are_needed_around_a_host() -> None:
    with pytest.raises(SipError) as caught:
        read("ipv6-bad")
    assert caught.value.status == 400


def test_a_port_inside_the_brackets_belongs_to_the_address() -> None:
    inside, outside = read("port-ambiguous").uri, read("port-unambiguous").uri
    assert (inside.host, inside.port) == ("2001:db8::10:5070", None)
    assert (outside.host, outside.port) == ("2001:db8::10", 5070)


def test_received_is_read_with_and_without_brackets() -> None:
    for name in ("via-received-param-with-delim", "via-received-param-no-delim"):
        via = read(name).via
        assert via.host == "2001:db8::9:1"
        assert (find_param(via.params, "received") or "").strip("[]") == "2001:db8::9:255"


def test_every_hop_of_mixed_vias_is_read() -> None:
    hops = [
        (via.transport, via.host, via.port, find_param(via.params, "received"))
        for via in read("mult-ip-in-header").vias
    ]
    assert hops == [
        ("UDP", "2001:db8::9:1", 6050, None),
        ("UDP", "192.0.2.1", None, None),
        ("TCP", "2001:db8::9:255", None, "192.0.2.200"),
    ]


@pytest.mark.parametrize(
    ("name", "address", "port"),
    [
        ("ipv6-in-sdp", "2001:db8::20", 6000),
        ("mult-ip-in-sdp", "192.0.2.1", 22334),
        ("ipv4-mapped-ipv6", "::ffff:192.0.2.10", 6000),
    ],
)
def test_where_audio_goes(name: str, address: str, port: int) -> None:
    audio = read_audio(parse_sdp(read(name).body))
    assert audio is not None and (audio.address, audio.port) == (address, port)


def test_mapped_addresses_in_vias() -> None:
    hops = [(via.host, via.port) for via in read("ipv4-mapped-ipv6").vias]
    assert hops == [("::ffff:192.0.2.10", 19823), ("::ffff:192.0.2.2", None)]


def party(*, takes_others: bool = False) -> SipParty:
    foreign = frozenset({"REGISTER"}) if takes_others else frozenset()
    return SipParty(HERE, config=UserAgentConfig(local_address=lambda transport, host: HERE, foreign_methods=foreign))


def answers(made: SipParty, data: bytes) -> list[Response]:
    made.receive(data, THERE, 0.0)
    found = []
    while (datagram := made.poll_datagram()) is not None:
        answer = parse_message(datagram.data)
        assert isinstance(answer, Response)
        assert datagram.destination[0] == THERE[0], "where it came from, whatever `received` says"
        found.append(answer)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_right_answer_over_ipv6(case: Case) -> None:
    made = party()
    found = answers(made, case.data)
    if case.is_call:
        assert [answer.status for answer in found] == [100]
        assert len(made.news_of(IncomingInvite)) == 1
        return
    assert len(found) == 1 and found[0].status in case.answers
    assert made.ua.is_idle


@pytest.mark.parametrize("case", [case for case in CASES if case.is_for_others], ids=lambda case: case.name)
def test_registers_are_handed_on_when_somebody_takes_them(case: Case) -> None:
    made = party(takes_others=True)
    assert answers(made, case.data) == []
    assert len(made.news_of(OutOfDialogRequest)) == 1
