"""Numbers and addresses as SIP carries them, turned into the two forms we know: `+digits` and `sip:user@host`."""

import re

from trebuchet.sip.errors import Malformed
from trebuchet.sip.uri import SipUri, parse_uri, print_host

ANONYMOUS = "anonymous"
MAX_E164_DIGITS = 15
MIN_DIGITS = 7
"""With a `+` in front fewer are an emergency or short code, which has no E.164 form."""
MIN_BARE_DIGITS = 8
"""Without the `+`: fewer are taken for an extension, as a private exchange numbers its desks."""

_SEPARATORS = str.maketrans("", "", "-.() ")
"""Visual separators of RFC 3966 5.1.1, and the blank people type."""
_GLOBAL = re.compile(rf"\+[1-9][0-9]{{{MIN_DIGITS - 1},{MAX_E164_DIGITS - 1}}}")
_BARE = re.compile(rf"[1-9][0-9]{{{MIN_BARE_DIGITS - 1},{MAX_E164_DIGITS - 1}}}")
_DIGITS = re.compile(r"[0-9]{1,15}")


def is_number(text: str) -> bool:
    """Whether this is an E.164 number in the form we use everywhere: `+` and digits."""
    return _GLOBAL.fullmatch(text) is not None


def read_number(user: str) -> str | None:
    """The E.164 number a user part says, else `None`. Parameters within the user part (RFC 3966) are understood."""
    number, _, params = user.partition(";")
    number = number.translate(_SEPARATORS)
    context = _phone_context(params)
    if context is not None:
        return _join(context, number)
    return number if is_number(number) else "+" + number if _BARE.fullmatch(number) else None


def _phone_context(params: str) -> str | None:
    for param in params.split(";"):
        name, _, value = param.partition("=")
        if name.lower() == "phone-context":
            return value
    return None


def _join(context: str, number: str) -> str | None:
    """A local number under a global prefix; under a domain name it is nobody's but that domain's."""
    if number.startswith("+"):
        return number if is_number(number) else None
    joined = context.translate(_SEPARATORS) + number
    return joined if _DIGITS.fullmatch(number) and is_number(joined) else None


def name_of(uri: SipUri) -> str:
    """A URI as our model names a party: the number if there is one, else the bare address."""
    params = "".join(f";{name}={value or ''}" for name, value in uri.params if name.lower() == "phone-context")
    number = read_number(uri.user_text + params) if uri.user else None
    if number is not None:
        return number
    if uri.scheme == "tel":
        return f"tel:{uri.user}"
    user = f"{uri.user}@" if uri.user else ""
    return f"sip:{user}{print_host(uri.host)}"


def name_of_text(uri_text: str) -> str | None:
    """The same for text; `None` when it is no address of ours."""
    try:
        return name_of(parse_uri(uri_text))
    except Malformed:
        return None


def is_anonymous(uri: SipUri) -> bool:
    """The address of somebody who does not want to be known (RFC 3323 4.1.1.3), however it is spelled."""
    return uri.user_text.lower() == ANONYMOUS or uri.host.lower().endswith("anonymous.invalid")
