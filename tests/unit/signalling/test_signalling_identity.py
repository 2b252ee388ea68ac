"""Who calls, both ways: From, P-Asserted-Identity, Privacy, display names, X- headers, Diversion (RFC 5806)."""

import pytest

from trebuchet.calls.interfaces import OutgoingCall
from trebuchet.model.media_description import Codec, MediaDescription
from trebuchet.signalling.door import Visitor
from trebuchet.signalling.identity import MAX_SIP_HEADERS, read_caller, read_diversion, read_sip_headers, write_sender
from trebuchet.signalling.incoming import read_invite
from trebuchet.sip.errors import Malformed, SipError, Unprintable
from trebuchet.sip.message import Request, parse_message

OFFER = MediaDescription(address="127.0.0.1", port=4000, codecs=(Codec("PCMU", 0),))


def invite(
    *headers: str, from_: str = "<sip:+15551230001@c.example>;tag=1", uri: str = "sip:+15551230002@h"
) -> Request:
    lines = (
        f"INVITE {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx",
        f"From: {from_}",
        "To: <sip:+15551230002@h>",
        "Call-ID: a@b",
        "CSeq: 1 INVITE",
        "Contact: <sip:192.0.2.1>",
        *headers,
        "Content-Length: 0",
        "",
        "",
    )
    request = parse_message("\r\n".join(lines).encode())
    assert isinstance(request, Request)
    return request


def test_a_plain_caller() -> None:
    caller = read_caller(invite(from_='"Ada Lovelace" <sip:+1-555-123-0001@c.example>;tag=1'))
    assert (caller.from_, caller.display_name) == ("+15551230001", "Ada Lovelace")
    assert not caller.withholds_number and not caller.withholds_name
    assert caller.preferred_id is None


def test_an_asserted_identity_is_the_preferred_id_and_a_number_wins() -> None:
    request = invite('P-Asserted-Identity: "Desk" <sip:desk@c.example>, <tel:+15551239999>')
    assert read_caller(request).preferred_id == "+15551239999"
    assert read_caller(invite("P-Preferred-Identity: <sip:+15551238888@c.example>")).preferred_id == "+15551238888"


@pytest.mark.parametrize(
    "request_",
    [
        invite("Privacy: id", "P-Asserted-Identity: <sip:+15551230001@c.example>"),
        invite("Privacy: user;critical"),
        invite("P-Asserted-Identity: <tel:+15551230001>", from_='"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1'),
    ],
)
def test_what_a_caller_withholds_does_not_leave_this_layer(request_: Request) -> None:
    caller = read_caller(request_)
    assert caller.from_ == "anonymous"
    assert caller.withholds_number and caller.withholds_name
    assert "15551230001" not in repr(caller)


def test_privacy_none_hides_nothing() -> None:
    assert read_caller(invite("Privacy: none")).from_ == "+15551230001"


def test_a_name_without_a_number_may_be_withheld_alone() -> None:
    caller = read_caller(invite(from_='"Anonymous" <sip:+15551230001@c.example>;tag=1'))
    assert (caller.withholds_number, caller.withholds_name, caller.display_name) == (False, True, None)


def test_a_from_of_an_unknown_scheme_is_nobody() -> None:
    assert read_caller(invite(from_="<http://example.com/>;tag=1")).from_ == "anonymous"


def test_hostile_display_names_are_cut_and_cleaned() -> None:
    request = parse_message(
        invite().to_bytes().replace(b"From: ", b'From: "\x07\x1b[31mEvil \xff' + b"x" * 500 + b'" ')
    )
    assert isinstance(request, Request)
    name = read_caller(request).display_name
    assert name is not None and name.isprintable() and len(name) <= 128
    name.encode()


def test_x_headers_are_handed_on_within_bounds() -> None:
    request = invite("X-Order: 4711", "x-Second: two", "Y-Other: no", "X-Order: again", "X-Long: " + "a" * 2000)
    assert read_sip_headers(request) == {"X-Order": "4711", "x-Second": "two"}
    many = invite(*(f"X-{number}: v" for number in range(100)))
    assert len(read_sip_headers(many)) == MAX_SIP_HEADERS


def test_the_topmost_diversion_is_the_last_one_and_counters_add_up() -> None:
    request = invite(
        "Diversion: <sip:+1-555-123-0033@c.example>;reason=no-answer;screen=yes;privacy=off;counter=2;limit=5;x=y",
        "Diversion: <sip:+15551230044@c.example>;reason=unconditional",
    )
    diversion = read_diversion(request)
    assert diversion is not None
    assert (diversion.original_to, diversion.reason, diversion.screen) == ("+15551230033", "no-answer", "yes")
    assert (diversion.privacy, diversion.counter, diversion.limit) == ("off", 3, 5)
    assert diversion.parameters == (("x", "y"),)


def test_a_private_diversion_shows_nobody_and_odd_values_become_the_defaults() -> None:
    diversion = read_diversion(invite("Diversion: <sip:+15551230033@c.example>;privacy=full;reason=whatever;screen=up"))
    assert diversion is not None
    assert (diversion.original_to, diversion.privacy) == ("Anonymous", "full")
    assert (diversion.reason, diversion.screen, diversion.limit) == ("unknown", "no", None)
    assert read_diversion(invite()) is None
    assert read_diversion(invite("Diversion: <<broken")) is None


def test_the_whole_incoming_call() -> None:
    request = invite(
        "X-A: 1", "Diversion: <tel:+15551230033>", '  ;reason=away, "B" <sip:b@c>', uri="sip:+15551230002@h;user=phone"
    )
    call = read_invite(request, Visitor("carrier"), OFFER)
    assert (call.from_, call.to, call.trunk) == ("+15551230001", "+15551230002", "carrier")
    assert call.request_uri == "sip:+15551230002@h;user=phone"
    assert [" ".join(value.split()) for value in call.diversion_headers] == [
        "<tel:+15551230033> ;reason=away",
        '"B" <sip:b@c>',
    ]
    assert call.offer is OFFER


def test_a_request_uri_of_an_unknown_scheme_has_its_status() -> None:
    with pytest.raises(SipError) as raised:
        read_invite(invite(uri="http://example.com/"), Visitor(None), None)
    assert raised.value.status == 416


def outgoing(
    from_: str = "+15551230001",
    *,
    trunk: str | None = "carrier",
    is_private: bool = False,
    sip_headers: dict[str, str] | None = None,
    diversion_headers: tuple[str, ...] = (),
) -> OutgoingCall:
    return OutgoingCall(
        from_=from_,
        to="+15551230002",
        trunk=trunk,
        offer=OFFER,
        is_private=is_private,
        sip_headers=sip_headers or {},
        diversion_headers=diversion_headers,
    )


def test_a_number_goes_into_from_and_is_asserted_to_a_trunk() -> None:
    sender = write_sender(outgoing(sip_headers={"X-A": "b"}, diversion_headers=("<tel:+1>;reason=away",)), "us.example")
    assert str(sender.from_) == "<sip:+15551230001@us.example>"
    assert sender.headers == (
        ("P-Asserted-Identity", "<sip:+15551230001@us.example>"),
        ("Diversion", "<tel:+1>;reason=away"),
        ("X-A", "b"),
    )


def test_a_private_call_names_nobody_but_to_the_trunk() -> None:
    sender = write_sender(outgoing(is_private=True), "us.example")
    assert str(sender.from_) == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert dict(sender.headers)["Privacy"] == "id"
    assert dict(sender.headers)["P-Asserted-Identity"] == "<sip:+15551230001@us.example>"
    direct = write_sender(outgoing(is_private=True, trunk=None), "us.example")
    assert "15551230001" not in str(direct)


def test_a_sip_address_calls_as_itself() -> None:
    sender = write_sender(outgoing("sip:bob@users.example", trunk=None), "us.example")
    assert str(sender.from_) == "<sip:bob@users.example>"
    assert sender.headers == ()


@pytest.mark.parametrize(
    "call",
    [
        outgoing(sip_headers={"X-A": "b\r\nEvil: yes"}),
        outgoing(sip_headers={"X-A": "b\x00"}),
        outgoing("sip:bob@users.example\r\nEvil: yes"),
        outgoing(diversion_headers=("<tel:+1>\nEvil: yes",)),
    ],
)
def test_nothing_breaks_out_of_its_header(call: OutgoingCall) -> None:
    with pytest.raises(Unprintable):
        write_sender(call, "us.example")


@pytest.mark.parametrize("name", ["Via", "X A", "X-\r\nEvil", "P-Asserted-Identity"])
def test_only_x_headers_can_be_set(name: str) -> None:
    with pytest.raises(Malformed):
        write_sender(outgoing(sip_headers={name: "v"}), "us.example")
