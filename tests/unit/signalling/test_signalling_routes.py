"""Which trunk carries a number, and what may be called at all."""

import pytest

from trebuchet.calls.interfaces import DestinationForbidden, OutgoingCall, SignallingError
from trebuchet.model.media_description import Codec, MediaDescription
from trebuchet.model.trunk import Trunk
from trebuchet.signalling.door import Door
from trebuchet.signalling.outgoing import next_hop, plan, route_of, write_invite
from trebuchet.signalling.resolver import Candidate
from trebuchet.signalling.routes import Routes

TRUNKS = (
    Trunk(name="world", host="192.0.2.1"),
    Trunk(name="france", host="fr.example", patterns=("+33", "33800"), username="u", password="p", transport="tcp"),
    Trunk(name="paris", host="192.0.2.3", port=5070, patterns=("+331*",)),
)
ROUTES = Routes(TRUNKS)
DOOR = Door(TRUNKS, ("pbx.example", "198.51.100.7"), ("203.0.113.0/24",), allows_loopback=True)
OFFER = MediaDescription(address="127.0.0.1", port=4000, codecs=(Codec("PCMU", 0),))


@pytest.mark.parametrize(
    ("number", "trunk"),
    [("+4912345678", "world"), ("+33612345678", "france"), ("+33112345678", "paris"), ("+33800123456", "france")],
)
def test_the_longest_pattern_wins(number: str, trunk: str) -> None:
    assert ROUTES.find(number).name == trunk


def test_without_a_pattern_that_fits_there_is_no_route() -> None:
    routes = Routes([Trunk(name="t", host="h", patterns=("+33",))])
    with pytest.raises(SignallingError):
        routes.find("+4912345678")
    with pytest.raises(SignallingError):
        routes.named("other")


def test_of_equal_patterns_the_first_trunk_wins() -> None:
    routes = Routes([Trunk(name="a", host="h"), Trunk(name="b", host="h")])
    assert routes.find("+4912345678").name == "a"
    assert [trunk.name for trunk in routes] == ["a", "b"]


@pytest.mark.parametrize(
    "to",
    [
        "sip:x@127.0.0.1:5070",
        "sip:x@127.8.8.8",
        "sip:x@[::1]",
        "sip:x@localhost",
        "sip:x@PBX.example.",
        "sip:x@198.51.100.7",
        "sip:x@203.0.113.9",
        "sip:x@[::ffff:203.0.113.9]",
    ],
)
def test_sip_addresses_that_may_be_called(to: str) -> None:
    assert route_of(to, ROUTES, DOOR) is None


@pytest.mark.parametrize(
    "to",
    [
        "sip:x@192.0.2.1",
        "sip:x@evil.example",
        "sip:x@pbx.example.evil.example",
        "sip:x@203.0.114.1",
        "sip:x@0.0.0.0",
        "sip:x@[::]",
        "sip:x@2130706433",
        "sip:x@0x7f.1",
        "sip:x@127.1",
        "sip:x@fr.example",
    ],
)
def test_sip_addresses_that_may_not(to: str) -> None:
    with pytest.raises(DestinationForbidden):
        route_of(to, ROUTES, DOOR)


@pytest.mark.parametrize("to", ["", "1234", "mailto:x@127.0.0.1", "tel:1234", "sip:", "+12", "sip:a b@127.0.0.1"])
def test_what_is_neither_a_number_nor_an_address(to: str) -> None:
    with pytest.raises(SignallingError):
        route_of(to, ROUTES, DOOR)


def test_this_machine_is_only_called_when_allowed() -> None:
    door = Door((), (), (), allows_loopback=False)
    assert not door.may_call("127.0.0.1") and not door.may_call("localhost") and not door.may_call("::1")


def call(to: str, trunk: str | None) -> OutgoingCall:
    return OutgoingCall(from_="+15551230001", to=to, trunk=trunk, offer=OFFER)


def test_a_number_needs_a_trunk_and_a_trunk_a_number() -> None:
    with pytest.raises(SignallingError):
        plan(call("+33612345678", None), ROUTES, DOOR)
    with pytest.raises(SignallingError):
        plan(call("sip:x@127.0.0.1", "world"), ROUTES, DOOR)
    with pytest.raises(SignallingError):
        plan(call("+33612345678", "nobody"), ROUTES, DOOR)


def test_credentials_go_to_their_own_trunk_alone() -> None:
    place = Candidate("192.0.2.99", 5060, "tcp")
    own = write_invite(plan(call("+33612345678", "france"), ROUTES, DOOR), place, "us.example", b"")
    assert own.credentials is not None and own.credentials.hosts == {"fr.example", "192.0.2.99"}
    assert str(own.target) == "sip:+33612345678@fr.example"
    assert write_invite(plan(call("+4912345678", "world"), ROUTES, DOOR), place, "us.example", b"").credentials is None
    direct = plan(call("sip:x@127.0.0.1", None), ROUTES, DOOR)
    assert write_invite(direct, place, "us.example", b"").credentials is None


def test_what_steers_around_the_host_is_taken_off() -> None:
    attempt = plan(
        call("sip:x:secret@127.0.0.1;maddr=198.51.100.1;transport=tcp;lr?Route=%3Csip:e%3E", None), ROUTES, DOOR
    )
    assert str(attempt.target) == "sip:x@127.0.0.1;transport=tcp"
    assert next_hop(attempt) == ("127.0.0.1", None, "tcp", False)
