"""User parts of SIP and tel URIs as the names our model uses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trebuchet.signalling.numbers import is_anonymous, is_number, name_of_text, read_number
from trebuchet.sip.uri import parse_uri


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("sip:+15551230001@pbx.example", "+15551230001"),
        ("sip:15551230001@pbx.example", "+15551230001"),
        ("sip:+1-555-123-0001@pbx.example", "+15551230001"),
        ("sip:+1.555.123.0001@pbx.example;user=phone", "+15551230001"),
        ("sip:+1(555)1230001@pbx.example", "+15551230001"),
        ("sip:%2B15551230001@pbx.example", "+15551230001"),
        ("tel:+1-555-123-0001", "+15551230001"),
        ("tel:5551230001;phone-context=+1", "+15551230001"),
        ("sip:5551230001;phone-context=+1@pbx.example;user=phone", "+15551230001"),
        ("tel:7042;phone-context=example.com", "tel:7042"),
        ("sip:7042;phone-context=example.com@pbx.example", "sip:7042;phone-context=example.com@pbx.example"),
        ("sip:+15551230001;npdi;rn=+15550000000@carrier.example", "+15551230001"),
        ("sip:1001@pbx.example", "sip:1001@pbx.example"),
        ("sip:alice@pbx.example:5070;transport=tcp", "sip:alice@pbx.example"),
        ("sip:alice@[2001:db8::7]:5070", "sip:alice@[2001:db8::7]"),
        ("sip:pbx.example", "sip:pbx.example"),
        ("sip:0015551230001@pbx.example", "sip:0015551230001@pbx.example"),
        ("sip:+0555123000@pbx.example", "sip:+0555123000@pbx.example"),
        ("sip:+1234567890123456@pbx.example", "sip:+1234567890123456@pbx.example"),
        ("mailto:alice@pbx.example", None),
        ("", None),
    ],
)
def test_addresses_become_numbers_or_bare_addresses(uri: str, name: str | None) -> None:
    assert name_of_text(uri) == name


@pytest.mark.parametrize(
    ("uri", "hides"),
    [
        ("sip:anonymous@anonymous.invalid", True),
        ("sip:Anonymous@carrier.example", True),
        ("sip:x@anonymous.invalid", True),
        ("sip:c8a3@x.anonymous.invalid", True),
        ("sip:+15551230001@carrier.example", False),
        ("sip:anonymousfan@carrier.example", False),
    ],
)
def test_anonymous_callers_are_known_by_their_address(uri: str, hides: bool) -> None:
    assert is_anonymous(parse_uri(uri)) is hides


@given(st.text(max_size=40))
def test_whatever_a_user_part_says_the_result_is_a_number_or_nothing(user: str) -> None:
    number = read_number(user)
    assert number is None or is_number(number)


@given(st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True))
def test_every_spelling_of_a_number_gives_the_same(digits: str) -> None:
    spellings = (digits, "+" + digits, "+" + "-".join(digits), f"+{digits[:3]}({digits[3:5]}){digits[5:]}")
    assert {read_number(spelling) for spelling in spellings} == {"+" + digits}
