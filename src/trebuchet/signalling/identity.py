"""Who calls, in the headers of an INVITE, both ways (RFC 3323, 3325, 5806).

Everybody who may call in is believed about identities: they are carriers, configured hosts, or this machine.
The application is not one of those who may see what the caller withholds (RFC 3325 7): a withheld identity stays here.
"""

from collections.abc import Iterable

from trebuchet.base.values import frozen
from trebuchet.calls.interfaces import OutgoingCall
from trebuchet.model.call import DIVERSION_REASONS, Diversion
from trebuchet.signalling.numbers import ANONYMOUS, is_anonymous, is_number, name_of, name_of_text
from trebuchet.sip import identity as sip_identity
from trebuchet.sip.errors import Malformed, SipError
from trebuchet.sip.grammar import TOKEN, Params, check_printable, unquote
from trebuchet.sip.headers import NameAddress
from trebuchet.sip.message import Request
from trebuchet.sip.uri import SipUri, escape_user, parse_uri

MAX_SIP_HEADERS = 32
MAX_SIP_HEADER_CHARACTERS = 1024
"""`X-` headers passed on, and the length of each: they end up in events and in memory for the length of the call."""
MAX_DISPLAY_NAME = 128
MAX_DIVERSION_HEADERS = 10
MAX_DIVERSION_PARAMETERS = 10


@frozen
class Caller:
    """What an INVITE says about its sender."""

    from_: str
    display_name: str | None
    preferred_id: str | None
    withholds_number: bool
    withholds_name: bool


def read_caller(request: Request) -> Caller:
    """Raises `SipError` for a From that cannot be read."""
    from_ = request.from_
    uri = _from_uri(from_)
    wants_privacy = sip_identity.wants_privacy(request)
    hides = wants_privacy or uri is None or is_anonymous(uri)
    name = clean(from_.display_name)
    has_hidden_name = wants_privacy or name.lower() == ANONYMOUS or (hides and not name)
    return Caller(
        from_=ANONYMOUS if hides or uri is None else name_of(uri),
        display_name=None if has_hidden_name or not name else name,
        preferred_id=None if hides else _preferred_id(request),
        withholds_number=hides,
        withholds_name=has_hidden_name,
    )


def _from_uri(from_: NameAddress) -> SipUri | None:
    """`None` for a scheme we do not know: such a caller has no address of ours."""
    try:
        return from_.uri
    except SipError as error:
        if error.status == 416:
            return None
        raise


def _preferred_id(request: Request) -> str | None:
    for header in ("p-asserted-identity", "p-preferred-identity"):
        try:
            addresses = NameAddress.parse_many(request.headers.get_all(header))
        except Malformed:
            continue
        names = [name for name in (name_of_text(address.uri_text) for address in addresses) if name is not None]
        if names:
            return next((name for name in names if is_number(name)), names[0])
    return None


def clean(text: str, limit: int = MAX_DISPLAY_NAME) -> str:
    """Text of a peer made fit for events and logs: bounded, no control characters, no bytes that are not text."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text.strip()
    kept = "".join(character if character.isprintable() else " " for character in text[:limit])
    return kept.encode("utf-8", "replace").decode().strip()


def read_sip_headers(request: Request) -> dict[str, str]:
    """The `X-` headers, the first of each name, within bounds."""
    found: dict[str, str] = {}
    for name, value in request.headers:
        if name[:2].lower() == "x-" and len(value) <= MAX_SIP_HEADER_CHARACTERS and name not in found:
            found[name] = clean(value, MAX_SIP_HEADER_CHARACTERS)
            if len(found) >= MAX_SIP_HEADERS:
                break
    return found


def read_diversion_headers(request: Request) -> tuple[str, ...]:
    """The entries as they came, topmost first, as a transfer copies them."""
    try:
        values = request.headers.values("diversion")[:MAX_DIVERSION_HEADERS]
    except Malformed:
        return ()
    return tuple(clean(value, MAX_SIP_HEADER_CHARACTERS) for value in values)


def read_diversion(request: Request) -> Diversion | None:
    """The last diversion: the topmost entry, with the count over all of them (RFC 5806 6.3)."""
    entries = sip_identity.diversions(request)[:MAX_DIVERSION_HEADERS]
    if not entries:
        return None
    last = entries[0]
    is_private = last.privacy in ("full", "uri")
    return Diversion(
        original_to="Anonymous" if is_private else name_of_text(last.address.uri_text) or clean(last.address.uri_text),
        reason=last.reason if last.reason in DIVERSION_REASONS else "unknown",
        screen="yes" if last.screen == "yes" else "no",
        privacy="full" if is_private else "off",
        counter=sum(entry.counter or 1 for entry in entries),
        limit=last.limit,
        parameters=_further(last.params),
    )


def _further(params: Params) -> tuple[tuple[str, str], ...]:
    return tuple((clean(name), clean(unquote(value or ""))) for name, value in params[:MAX_DIVERSION_PARAMETERS])


# --- outgoing


@frozen
class Sender:
    """How an outgoing INVITE names us: its From, and the headers that go with it."""

    from_: NameAddress
    headers: tuple[tuple[str, str], ...]


def write_sender(call: OutgoingCall, domain: str) -> Sender:
    """From, P-Asserted-Identity, Privacy, Diversion and `X-` headers.

    `domain` is the host behind a number. Raises `Unprintable` or `Malformed` for text that cannot be sent.
    """
    own = write_address(call.from_, domain)
    headers: list[tuple[str, str]] = []
    if call.trunk is not None and call.from_ != ANONYMOUS:
        headers.append(("P-Asserted-Identity", f"<{own}>"))
    if call.is_private:
        headers.append(("Privacy", "id"))
    headers += [("Diversion", check_printable(value)) for value in call.diversion_headers]
    headers += _check_sip_headers(call.sip_headers.items())
    from_ = sip_identity.ANONYMOUS if call.is_private or call.from_ == ANONYMOUS else NameAddress.of(own)
    return Sender(from_, tuple(headers))


def write_address(party: str, domain: str) -> SipUri:
    """A number at `domain`, or the address itself without headers. Raises `Malformed` or `Unprintable`."""
    check_printable(party)
    if party == ANONYMOUS or is_number(party):
        return SipUri(scheme="sip", user=escape_user(party), password=None, host=domain)
    return parse_uri(party).replace(headers=())


def _check_sip_headers(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    checked: list[tuple[str, str]] = []
    for name, value in pairs:
        if name[:2].lower() != "x-" or TOKEN.fullmatch(name) is None:
            raise Malformed("only X- headers can be set")
        checked.append((name, check_printable(value)))
    return checked
