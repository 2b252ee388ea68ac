"""Diversion, asserted identity and privacy."""

import pytest

from trebuchet.sip.errors import Malformed
from trebuchet.sip.headers import NameAddress
from trebuchet.sip.identity import (
    ANONYMOUS,
    Diversion,
    asserted_identities,
    diversions,
    parse_diversion,
    privacy,
    wants_privacy,
)
from trebuchet.sip.message import Headers, Request


def request(*headers: tuple[str, str]) -> Request:
    return Request("INVITE", "sip:a@h", Headers(headers))


def test_parse_diversion() -> None:
    first, second = parse_diversion(
        '"A, B" <sip:+1@h>;reason=User-Busy;privacy=off;screen=yes;counter=2;limit=5;x="y z", '
        '<tel:+2>;reason="own words"'
    )
    address = NameAddress("A, B", "sip:+1@h")
    assert first == Diversion(address, "user-busy", "yes", "off", 2, 5, (("x", '"y z"'),))
    assert second == Diversion(NameAddress("", "tel:+2"), "own words")
    assert str(second) == '<tel:+2>;reason="own words"'
    assert parse_diversion(str(first)) == [first]


@pytest.mark.parametrize("text", ["", "x", "<sip:a@h>;counter=x", "<sip:a@h>;counter=1001", "<sip:a@h>,"])
def test_malformed_diversion(text: str) -> None:
    with pytest.raises(Malformed):
        parse_diversion(text)


def test_broken_diversions_do_not_matter() -> None:
    found = diversions(request(("Diversion", "<sip:a@h>"), ("Diversion", "broken"), ("Diversion", "<sip:b@h>")))
    assert [entry.address.uri_text for entry in found] == ["sip:a@h", "sip:b@h"]


def test_asserted_identities_and_privacy() -> None:
    message = request(
        ("P-Asserted-Identity", '"Alice" <sip:a@h>, <tel:+1>'), ("Privacy", "ID; critical"), ("Privacy", "session")
    )
    assert [address.uri_text for address in asserted_identities(message)] == ["sip:a@h", "tel:+1"]
    assert privacy(message) == {"id", "critical", "session"}
    assert wants_privacy(message)
    assert not wants_privacy(request(("Privacy", "none"))) and not wants_privacy(request())
    assert str(ANONYMOUS) == '"Anonymous" <sip:anonymous@anonymous.invalid>'
