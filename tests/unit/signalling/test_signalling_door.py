"""Who may call in, and which resolved address may be used."""

import pytest

from trebuchet.model.trunk import Trunk
from trebuchet.signalling.door import Door, Visitor

CARRIER = Trunk(name="carrier", host="sip.carrier.example", sources=("192.0.2.0/28", "2001:db8:1::/48", "192.0.2.77"))
OTHER = Trunk(name="other", host="198.51.100.1")


@pytest.fixture
def door() -> Door:
    return Door((CARRIER, OTHER), ("pbx.example", "203.0.113.5"), ("10.1.0.0/16",), allows_loopback=True)


@pytest.mark.parametrize(
    ("source", "visitor"),
    [
        ("192.0.2.15", Visitor("carrier")),
        ("192.0.2.77", Visitor("carrier")),
        ("::ffff:192.0.2.15", Visitor("carrier")),
        ("2001:db8:1:2::3", Visitor("carrier")),
        ("198.51.100.1", Visitor("other")),
        ("203.0.113.5", Visitor(None)),
        ("10.1.200.3", Visitor(None)),
        ("127.0.0.1", Visitor(None)),
        ("::1", Visitor(None)),
        ("192.0.2.16", None),
        ("203.0.113.6", None),
        ("2001:db8:2::1", None),
        ("", None),
        ("pbx.example", None),
    ],
)
def test_sources(door: Door, source: str, visitor: Visitor | None) -> None:
    assert door.admit(source) == visitor


def test_names_are_let_in_by_what_they_resolve_to(door: Door) -> None:
    assert door.names == {"sip.carrier.example", "pbx.example"}
    door.learn({"sip.carrier.example": ["198.51.100.20"], "pbx.example": ["198.51.100.30", "rubbish"]})
    assert door.admit("198.51.100.20") == Visitor("carrier")
    assert door.admit("198.51.100.30") == Visitor(None)
    door.learn({"pbx.example": ["198.51.100.31"]})
    assert door.admit("198.51.100.30") is None
    assert door.admit("198.51.100.20") == Visitor("carrier"), "a name that did not resolve keeps its addresses"


def test_this_machine_can_be_kept_out() -> None:
    assert Door((), (), (), allows_loopback=False).admit("127.0.0.1") is None


@pytest.mark.parametrize(
    ("host", "address", "may"),
    [
        ("pbx.example", "198.51.100.30", True),
        ("pbx.example", "127.0.0.1", True),
        ("pbx.example", "0.0.0.0", False),
        ("pbx.example", "224.0.0.5", False),
        ("pbx.example", "169.254.169.254", False),
        ("pbx.example", "fe80::1", False),
        ("pbx.example", "not an address", False),
        ("localhost", "127.0.0.1", True),
        ("localhost", "198.51.100.30", False),
        ("203.0.113.5", "203.0.113.5", True),
        ("203.0.113.6", "203.0.113.6", False),
    ],
)
def test_resolved_addresses(door: Door, host: str, address: str, may: bool) -> None:
    assert door.may_reach(host, address) is may


def test_a_name_may_not_lead_home_when_home_is_closed() -> None:
    closed = Door((), ("pbx.example",), (), allows_loopback=False)
    assert not closed.may_reach("pbx.example", "127.0.0.1")


def test_a_network_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError):
        Door((), (), ("10.0.0.0/99",), allows_loopback=True)
