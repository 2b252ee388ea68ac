"""Which destinations are dialled: the rules one by one, and what a fraudster would try against them."""

import pytest

from trebuchet.calls.dial_rules import DialRules, Rule, Verdict, dialled_number, kind_of
from trebuchet.model.number import COSTLY_KINDS, NumberKind

DEFAULT = DialRules()
ORDINARY = ["+442079460000", "+15551230002", "+4930123456", "+18005550100", "+80012345678", "+18765551234", "+12"]
COSTLY = {
    "+19002345678": NumberKind.PREMIUM_RATE,
    "+448711234567": NumberKind.PREMIUM_RATE,
    "+33892123456": NumberKind.PREMIUM_RATE,
    "+979123456789": NumberKind.PREMIUM_RATE,
    "+49180512345": NumberKind.SHARED_COST,
    "+80812345678": NumberKind.SHARED_COST,
    "+447012345678": NumberKind.PERSONAL,
    "+15005550006": NumberKind.PERSONAL,
    "+878101234567890": NumberKind.PERSONAL,
    "+870773111632": NumberKind.SATELLITE,
    "+881631123456": NumberKind.SATELLITE,
    "+88213123456": NumberKind.INTERNATIONAL_NETWORK,
    "+883510012345": NumberKind.INTERNATIONAL_NETWORK,
    "+8881234": NumberKind.INTERNATIONAL_NETWORK,
    "+99112345": NumberKind.INTERNATIONAL_NETWORK,
}


@pytest.mark.parametrize("number", ORDINARY)
def test_ordinary_numbers_may_be_called(number: str) -> None:
    assert DEFAULT.judge(number) == Verdict(True, Rule.PREFIX, "+", number)


@pytest.mark.parametrize(("number", "kind"), COSTLY.items())
def test_what_fraud_earns_with_is_denied_by_default(number: str, kind: NumberKind) -> None:
    assert DEFAULT.judge(number) == Verdict(False, Rule.KIND, kind.value, number)


@pytest.mark.parametrize("kind", COSTLY_KINDS)
def test_each_kind_can_be_let_through_alone(kind: NumberKind) -> None:
    rules = DialRules(denied_kinds=tuple(other for other in COSTLY_KINDS if other is not kind))
    assert {number for number in COSTLY if rules.judge(number).is_allowed} == {
        number for number, its in COSTLY.items() if its is kind
    }


def test_digits_behind_a_number_do_not_hide_what_it_is() -> None:
    """Carriers cut them off and put the call through."""
    assert kind_of("+190023456789999") is NumberKind.PREMIUM_RATE
    assert not DEFAULT.judge("+190023456789999").is_allowed


@pytest.mark.parametrize(
    "address",
    [
        "sip:+19002345678@gateway.example",
        "sip:0019002345678@gateway.example",
        "sip:01119002345678@gateway.example",
        "sip:19002345678@gateway.example",
        "sip:%2b19002345678@gateway.example",
        "sip:+1(900)234-5678@gateway.example",
        "sip:+1.900.234.5678;phone-context=x@gateway.example",
        "sip:+19002345678:password@gateway.example",
        "SIP:+19002345678@gateway.example:5070;user=phone",
        "sip:+1900234567899999999999@gateway.example",
    ],
)
def test_a_number_in_a_sip_address_is_judged_like_the_number(address: str) -> None:
    verdict = DEFAULT.judge(address)
    assert (verdict.is_allowed, verdict.rule, verdict.match) == (False, Rule.KIND, "premium-rate")


@pytest.mark.parametrize("address", ["sip:alice@pbx.example", "sip:100@pbx.example", "sip:1234567@pbx", "sip:00@pbx"])
def test_names_and_extensions_are_no_numbers(address: str) -> None:
    assert dialled_number(address) is None
    assert DialRules(allowed_prefixes=()).judge(address) == Verdict(True, Rule.NO_NUMBER)


@pytest.mark.parametrize(
    ("number", "is_allowed", "match"),
    [
        ("+16135550100", True, "+1"),
        ("+18765550100", False, "+1876"),
        ("+18769990100", True, "+1876999"),
        ("+442079460000", True, "+44"),
        ("+4930123456", False, ""),
        ("+33123456789", False, "+33"),
    ],
)
def test_the_longest_prefix_decides_and_a_tie_denies(number: str, is_allowed: bool, match: str) -> None:
    rules = DialRules(allowed_prefixes=("+1", "+44", "+1876999", "+33"), denied_prefixes=("+1876", "+33"))
    assert rules.judge(number) == Verdict(is_allowed, Rule.PREFIX, match, number)


def test_an_exception_wins_over_everything() -> None:
    rules = DialRules(allowed_prefixes=("+44",), denied_prefixes=("+1",), exceptions=("+19002345678",))
    assert rules.judge("+19002345678") == Verdict(True, Rule.EXCEPTION, "+19002345678", "+19002345678")
    assert not rules.judge("+19002345679").is_allowed


def test_numbers_that_no_plan_knows_can_be_denied() -> None:
    rules = DialRules(denied_kinds=(NumberKind.UNASSIGNED,))
    assert rules.judge("+15551230002").match == "unassigned"
    assert rules.judge("+9991234567").match == "unassigned"
    assert rules.judge("+442079460000").is_allowed
