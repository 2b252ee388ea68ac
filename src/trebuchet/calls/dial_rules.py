"""Which destinations may be dialled at all: the operator's defence against toll fraud.

One verdict for everything that dials: new calls, transfers, fallback numbers. The rules, in this order; the first that
has something to say decides:

    exceptions      prefixes that may always be dialled
    prefixes        the longest matching prefix of the denied and the allowed ones; a tie denies; no match denies
    kinds           what the number is by its numbering plan: premium rate, satellite, ...

A `sip:` address is judged by its user part when that part is a number (`+…`, `00…`, `011…` or eight digits and more),
because a gateway behind it would dial that number; whether its host may be called is the signalling plane's decision.
Source of the kinds: the `phonenumbers` metadata, and ITU-T E.164 for country codes that are no country.
"""

import re
from enum import StrEnum
from urllib.parse import unquote

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.model.number import COSTLY_KINDS, NumberKind

_BY_COUNTRY_CODE = {
    808: NumberKind.SHARED_COST,
    870: NumberKind.SATELLITE,
    878: NumberKind.PERSONAL,
    881: NumberKind.SATELLITE,
    882: NumberKind.INTERNATIONAL_NETWORK,
    883: NumberKind.INTERNATIONAL_NETWORK,
    888: NumberKind.INTERNATIONAL_NETWORK,
    979: NumberKind.PREMIUM_RATE,
    991: NumberKind.INTERNATIONAL_NETWORK,
}
_BY_TYPE = {
    PhoneNumberType.PREMIUM_RATE: NumberKind.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST: NumberKind.SHARED_COST,
    PhoneNumberType.PERSONAL_NUMBER: NumberKind.PERSONAL,
    PhoneNumberType.PAGER: NumberKind.PAGER,
    PhoneNumberType.UAN: NumberKind.UNIVERSAL,
    PhoneNumberType.UNKNOWN: NumberKind.UNASSIGNED,
}
_DIALLED = re.compile(r"(?:(?:\+|00|011)(?P<long>[1-9][0-9]{6,14})|(?P<bare>[1-9][0-9]{7,14}))[0-9]*")
"""An international number as people dial it; fewer digits are an extension. Digits beyond the longest number are cut,
as carriers do."""
_SEPARATORS = str.maketrans("", "", "-.() ")
_COUNTRY_CODE_DIGITS = 3


class Rule(StrEnum):
    """Which rule decided."""

    NO_NUMBER = "no-number"
    EXCEPTION = "exceptions"
    PREFIX = "prefixes"
    KIND = "kinds"


@frozen
class Verdict:
    """May it be dialled, and who says so. `match` is the prefix or kind that decided; empty when no prefix matched."""

    is_allowed: bool
    rule: Rule
    match: str = ""
    number: str | None = None
    """The number that was judged; `None` for an address without one."""


@frozen_keywords
class DialRules:
    """Prefixes are `+` and digits; `+` alone matches every number."""

    allowed_prefixes: tuple[str, ...] = ("+",)
    denied_prefixes: tuple[str, ...] = ()
    denied_kinds: tuple[NumberKind, ...] = COSTLY_KINDS
    exceptions: tuple[str, ...] = ()

    def judge(self, to: str) -> Verdict:
        """The verdict on an E.164 number or a `sip:` address."""
        number = dialled_number(to)
        if number is None:
            return Verdict(True, Rule.NO_NUMBER)
        exception = _longest(number, self.exceptions)
        if exception is not None:
            return Verdict(True, Rule.EXCEPTION, exception, number)
        allowed, denied = _longest(number, self.allowed_prefixes), _longest(number, self.denied_prefixes)
        if allowed is None or (denied is not None and len(denied) >= len(allowed)):
            return Verdict(False, Rule.PREFIX, denied or "", number)
        kind = kind_of(number)
        if kind in self.denied_kinds:
            return Verdict(False, Rule.KIND, kind.value, number)
        return Verdict(True, Rule.PREFIX, allowed, number)


def _longest(number: str, prefixes: tuple[str, ...]) -> str | None:
    return max((prefix for prefix in prefixes if number.startswith(prefix)), key=len, default=None)


def dialled_number(to: str) -> str | None:
    """The E.164 number a destination means, `None` for a `sip:` address whose user is none."""
    if to.startswith("+"):
        return to
    user, at, _ = to.partition(":")[2].rpartition("@")
    if not at:
        return None
    local = unquote(user).partition(";")[0].partition(":")[0].translate(_SEPARATORS)
    match = _DIALLED.fullmatch(local)
    return None if match is None else "+" + (match["long"] or match["bare"])


def kind_of(number: str) -> NumberKind:
    """What an E.164 number is. A number that is too long counts as what it is when cut: carriers cut as well."""
    for length in range(1, _COUNTRY_CODE_DIGITS + 1):
        code = number[1 : 1 + length]
        if code.isdecimal() and int(code) in _BY_COUNTRY_CODE:
            return _BY_COUNTRY_CODE[int(code)]
    try:
        parsed = phonenumbers.parse(number)
    except NumberParseException:
        return NumberKind.UNASSIGNED
    return _BY_TYPE.get(_type_of(parsed), NumberKind.ORDINARY)


def _type_of(parsed: PhoneNumber) -> int:
    found = phonenumbers.number_type(parsed)
    if found == PhoneNumberType.UNKNOWN and phonenumbers.truncate_too_long_number(parsed):
        found = phonenumbers.number_type(parsed)
    return found
