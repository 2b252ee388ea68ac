"""Who is calling, and on whose behalf (RFC 3323 Privacy, RFC 3325 P-Asserted-Identity, RFC 5806 Diversion).

These headers are claims of the previous hop: whether to believe them is for the caller to decide, by
where the message came from.
"""

from collections.abc import Iterable

from trebuchet.base.values import frozen
from trebuchet.sip.errors import Malformed
from trebuchet.sip.grammar import Params, find_param, param_value, parse_decimal, split_list
from trebuchet.sip.headers import NameAddress
from trebuchet.sip.message_values import Message

ANONYMOUS = NameAddress("Anonymous", "sip:anonymous@anonymous.invalid")
"""The From address of a caller who does not want to be known (RFC 3323 4.1.1.3)."""
MAX_DIVERSIONS = 1_000
"""Bound of the `counter` and `limit` numbers we read; real chains have a handful."""

_NAMED = frozenset({"reason", "screen", "privacy", "counter", "limit"})


@frozen
class Diversion:
    """One diversion of a call: from which address, and why.

    `reason` and the others are lower case, `None` when not said. `counter`: diversions this entry stands for.
    """

    address: NameAddress
    reason: str | None = None
    screen: str | None = None
    privacy: str | None = None
    counter: int | None = None
    limit: int | None = None
    params: Params = ()

    def __str__(self) -> str:
        named: list[tuple[str, str | None]] = [
            (name, param_value(str(value)))
            for name, value in (
                ("reason", self.reason),
                ("privacy", self.privacy),
                ("screen", self.screen),
                ("counter", self.counter),
                ("limit", self.limit),
            )
            if value is not None
        ]
        params = (*named, *self.params)
        return str(NameAddress(self.address.display_name, self.address.uri_text, params))


def parse_diversion(value: str) -> list[Diversion]:
    """The entries of one Diversion line, most recent first. Raises `Malformed`."""
    return [_diversion(NameAddress.parse(item)) for item in split_list(value)]


def _diversion(address: NameAddress) -> Diversion:
    params = address.params
    return Diversion(
        NameAddress(address.display_name, address.uri_text),
        _word(params, "reason"),
        _word(params, "screen"),
        _word(params, "privacy"),
        _number(params, "counter"),
        _number(params, "limit"),
        tuple(pair for pair in params if pair[0].lower() not in _NAMED),
    )


def _word(params: Params, name: str) -> str | None:
    value = find_param(params, name)
    return value.lower() if value else None


def _number(params: Params, name: str) -> int | None:
    value = find_param(params, name)
    return parse_decimal(value, MAX_DIVERSIONS) if value else None


def diversions(message: Message) -> list[Diversion]:
    """All diversions of a message, most recent first; entries that cannot be read are left out.

    A call is not refused for a broken Diversion: it is information, not addressing.
    """
    found: list[Diversion] = []
    for line in message.headers.get_all("diversion"):
        try:
            found += parse_diversion(line)
        except Malformed:
            continue
    return found


def asserted_identities(message: Message) -> list[NameAddress]:
    """P-Asserted-Identity: at most one `sip:` and one `tel:` address (RFC 3325 9.1). Raises `Malformed`."""
    return NameAddress.parse_many(message.headers.get_all("p-asserted-identity"))


def privacy(message: Message) -> frozenset[str]:
    """The values of Privacy in lower case (`id`, `user`, `header`, `session`, `none`, `critical`)."""
    words: Iterable[str] = ",".join(message.headers.get_all("privacy")).replace(";", ",").split(",")
    return frozenset(word.strip(" \t").lower() for word in words) - {""}


def wants_privacy(message: Message) -> bool:
    """Whether the caller's identity must not be shown to the called party."""
    return bool(privacy(message) & {"id", "user", "header"})
