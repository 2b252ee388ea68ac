"""Keys of SRTP in SDP: the `crypto` attribute (RFC 4568 9.1).

Only what changes nothing about protection is understood: a line with an MKI, with parameters that switch encryption or
authentication off, or with a suite that is not ours, is `None`, as if it were not there. Reached by whoever may call in
over TLS; raises nothing.
"""

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""In the order we prefer them."""
KEY_BYTES = 30
"""Master key of 16 bytes and salt of 14, for both suites (RFC 4568 6.1)."""

_LINE = re.compile(
    r"(?P<tag>[0-9]{1,9}) +(?P<suite>[A-Za-z0-9_]+) +inline:(?P<key>[A-Za-z0-9+/]{40})(?P<lifetime>\|[0-9^]{1,20})?"
    r"(?P<params>( +[!-~]+)*) *"
)
_HARMLESS = re.compile(r"WSH=[0-9]{2,5}")
"""A hint for the receiver's replay window; ours is larger than anybody needs."""


@dataclass(frozen=True, slots=True)
class CryptoLine:
    """One offered or chosen key: `tag` (up to nine digits), suite, and the owner's master key with its salt."""

    tag: int
    suite: str
    key: bytes = field(repr=False)

    def __str__(self) -> str:
        """The attribute's value. It holds the key."""
        return f"{self.tag} {self.suite} inline:{b64encode(self.key).decode()}"


def parse_crypto(value: str) -> CryptoLine | None:
    """The value of a `crypto` attribute, `None` for one we cannot keep to."""
    match = _LINE.fullmatch(value)
    if match is None or match["suite"] not in SUITES:
        return None
    if not all(_HARMLESS.fullmatch(param) for param in match["params"].split()):
        return None
    try:
        key = b64decode(match["key"], validate=True)
    except (binascii.Error, ValueError):
        return None
    return CryptoLine(int(match["tag"]), match["suite"], key) if len(key) == KEY_BYTES else None
