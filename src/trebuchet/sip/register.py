"""The registrar: which phones an address of record leads to (RFC 3261 10.3).

Pure rules: a REGISTER and the contacts there are, in; the answer and the contacts to store or drop, out. Who may
register has been settled before (`authenticator`), so everything here is reached by the holders of a password only.
Times are seconds on a clock that goes on while we are not running, as contacts outlive the process.
"""

import re
from collections.abc import Iterable, Sequence

from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.sip.errors import Malformed, SipError
from trebuchet.sip.grammar import find_param
from trebuchet.sip.headers import NameAddress, parse_seconds
from trebuchet.sip.message import Request
from trebuchet.sip.outputs import Flow, HeaderPairs
from trebuchet.sip.transactions import response_target
from trebuchet.sip.uri import SipUri, parse_uri

DEFAULT_EXPIRES_S = 3600
"""For a phone that names no time (RFC 3261 10.2.1.1)."""
MAX_URI_CHARACTERS = 512
"""Of a contact: far above real ones, and each is repeated in every answer."""
MAX_Q = 1000
_Q = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


@frozen_keywords
class RegisterRules:
    """The operator's choices. Seconds and counts."""

    min_expires_s: int = 60
    """Less is refused with 423: registrations cost a commit each."""
    max_expires_s: int = 3600
    """More is cut to this."""
    max_contacts: int = 10
    """Phones of one endpoint at once; a further one takes the place of the one that would expire first."""


@frozen_keywords
class Contact:
    """One phone. `flow` is the way its REGISTER came, by which it is reached; `q` in thousandths."""

    uri: str
    call_id: str
    cseq: int
    q: int
    expires_at: float
    flow: Flow

    @property
    def key(self) -> str:
        return contact_key(parse_uri(self.uri))


@frozen
class Outcome:
    """The answer, and what changes with it. `stored` replace those of the same key."""

    status: int
    headers: HeaderPairs
    stored: tuple[Contact, ...] = ()
    removed: tuple[Contact, ...] = ()


def contact_key(uri: SipUri) -> str:
    """Equal for equal URIs (RFC 3261 19.1.4), as far as contacts differ in anything that matters."""
    return f"{uri.scheme}:{uri.user_text}@{uri.host.lower()}:{uri.port or ''};{uri.transport or ''}"


def register(request: Request, current: Sequence[Contact], flow: Flow, now: float, rules: RegisterRules) -> Outcome:
    """What a REGISTER of somebody who may do this leads to. Raises `SipError` with the status it deserves: 400 for what
    cannot be read or contradicts itself, 500 for a request older than one we have seen."""
    alive = [contact for contact in current if contact.expires_at > now]
    addresses = request.contacts
    if any(address.uri_text == "*" for address in addresses):
        return _remove_all(request, addresses, current, alive)
    lives = [_read_expires(address, request) for address in addresses]
    if any(0 < life_s < rules.min_expires_s for life_s in lives):
        return Outcome(423, (("Min-Expires", str(rules.min_expires_s)),))
    wanted = [
        _read_contact(address, request, flow, now + min(life_s, rules.max_expires_s))
        for address, life_s in zip(addresses, lives, strict=True)
    ]
    known = {contact.key: contact for contact in alive}
    for contact in wanted:
        _check_order(known.get(contact.key), contact.call_id, contact.cseq)
    after = known | {contact.key: contact for contact in wanted}
    kept = _longest_lived({k: contact for k, contact in after.items() if contact.expires_at > now}, rules.max_contacts)
    stored = tuple(contact for contact in wanted if kept.get(contact.key) is contact)
    removed = tuple(contact for contact in current if contact.key not in kept)
    return Outcome(200, _listing(kept.values(), now), stored, removed)


def _read_contact(address: NameAddress, request: Request, flow: Flow, expires_at: float) -> Contact:
    uri = address.uri
    if uri.scheme == "tel":
        raise Malformed("a telephone number is no contact")
    text = str(uri.replace(headers=()))
    if len(text) > MAX_URI_CHARACTERS:
        raise Malformed("a contact that is too long")
    return Contact(
        uri=text,
        call_id=request.call_id,
        cseq=request.cseq.number,
        q=_read_q(find_param(address.params, "q")),
        expires_at=expires_at,
        flow=response_target(request.via, flow),
    )


def _read_expires(address: NameAddress, request: Request) -> int:
    """The contact's own parameter, else the header, else the default; what cannot be read counts as the default
    (RFC 3261 10.2.1.1)."""
    for text in (address.param("expires"), request.headers.get("expires")):
        if text is not None:
            try:
                return parse_seconds(text)
            except Malformed:
                return DEFAULT_EXPIRES_S
    return DEFAULT_EXPIRES_S


def _read_q(text: str | None) -> int:
    """RFC 3261 25.1: 0 to 1 with up to three digits after the point; absent means 1."""
    if not text:
        return MAX_Q
    if _Q.fullmatch(text) is None:
        raise Malformed("not a q value")
    return round(float(text) * MAX_Q)


def _check_order(known: Contact | None, call_id: str, cseq: int) -> None:
    """RFC 3261 10.3 step 7: within one Call-ID a later number only."""
    if known is not None and known.call_id == call_id and known.cseq >= cseq:
        raise SipError("a registration older than the one there is", 500)


def _remove_all(
    request: Request, addresses: Sequence[NameAddress], current: Sequence[Contact], alive: Sequence[Contact]
) -> Outcome:
    """`Contact: *` (RFC 3261 10.3 step 6): alone, and with `Expires: 0`."""
    expires = request.headers.get("expires")
    if len(addresses) > 1 or expires is None or parse_seconds(expires) != 0:
        raise Malformed("a star is for removing everything")
    for contact in alive:
        _check_order(contact, request.call_id, request.cseq.number)
    return Outcome(200, (), (), tuple(current))


def _longest_lived(contacts: dict[str, Contact], limit: int) -> dict[str, Contact]:
    """Those that live longest, in the order they came."""
    if len(contacts) <= limit:
        return contacts
    by_life = sorted(contacts.values(), key=lambda contact: contact.expires_at, reverse=True)
    kept = {id(contact) for contact in by_life[:limit]}
    return {key: contact for key, contact in contacts.items() if id(contact) in kept}


def _listing(contacts: Iterable[Contact], now: float) -> HeaderPairs:
    """All contacts there are now, with the time they have left (RFC 3261 10.3 step 8)."""
    return tuple(
        ("Contact", f"<{contact.uri}>;q={contact.q / MAX_Q:g};expires={max(1, round(contact.expires_at - now))}")
        for contact in contacts
    )
