"""From `OutgoingCall` to the INVITE: who may be called, over what, and as whom."""

from trebuchet.calls.interfaces import DestinationForbidden, OutgoingCall, SignallingError
from trebuchet.model.trunk import Trunk
from trebuchet.signalling.door import Door
from trebuchet.signalling.identity import write_sender
from trebuchet.signalling.leg import Attempt
from trebuchet.signalling.numbers import is_number
from trebuchet.signalling.phones import Phones
from trebuchet.signalling.resolver import Candidate
from trebuchet.signalling.routes import Routes
from trebuchet.sip.client_auth import TrunkCredentials
from trebuchet.sip.errors import Malformed
from trebuchet.sip.headers import NameAddress
from trebuchet.sip.outgoing_call import OutgoingInvite
from trebuchet.sip.outputs import Destination
from trebuchet.sip.uri import SipUri, escape_user, parse_uri

KEPT_PARAMETERS = frozenset({"transport", "user"})
"""URI parameters of a customer's `sip:` address that reach the wire. `maddr` would lead the call elsewhere."""


def route_of(to: str, routes: Routes, door: Door) -> Trunk | None:
    """The trunk for a number, `None` for a permitted SIP address. Raises `SignallingError`, `DestinationForbidden`."""
    if is_number(to):
        return routes.find(to)
    read_target(to, door)
    return None


def read_target(to: str, door: Door) -> SipUri:
    """A `sip:` address that may be called, without headers, password and what steers around its host."""
    try:
        uri = parse_uri(to)
    except Malformed as error:
        raise SignallingError("neither a number nor a SIP address") from error
    if uri.scheme == "tel":
        raise SignallingError("not a number in E.164 form")
    if not door.may_call(uri.host):
        raise DestinationForbidden("this host may not be called")
    params = tuple(pair for pair in uri.params if pair[0].lower() in KEPT_PARAMETERS)
    return uri.replace(params=params, headers=(), password=None)


def read_own_domain(to: str, phones: Phones) -> SipUri | None:
    """The address, when its host is a domain of ours; `None` for numbers and everybody else's addresses."""
    if is_number(to):
        return None
    try:
        uri = parse_uri(to)
    except Malformed:
        return None
    return uri if uri.scheme != "tel" and phones.is_domain(uri.host) else None


def plan(call: OutgoingCall, routes: Routes, door: Door) -> Attempt:
    """Where the call goes. Raises `SignallingError`, `DestinationForbidden` or `Unprintable`."""
    if call.trunk is None:
        if is_number(call.to):
            raise SignallingError("a number needs a trunk")
        return Attempt(call, read_target(call.to, door), None)
    trunk = routes.named(call.trunk)
    if not is_number(call.to):
        raise SignallingError("a trunk carries calls to numbers")
    return Attempt(
        call, SipUri(scheme="sip", user=escape_user(call.to), password=None, host=trunk.host, port=trunk.port), trunk
    )


def next_hop(attempt: Attempt) -> tuple[str, int | None, str | None, bool]:
    """Host, port, transport and whether it must be TLS: what the resolver is asked."""
    trunk = attempt.trunk
    if trunk is not None:
        return trunk.host, trunk.port, trunk.transport, trunk.transport == "tls"
    target = attempt.target
    is_secure = target.scheme == "sips"
    return target.host, target.port, "tls" if is_secure else target.transport, is_secure


def permitted(attempt: Attempt, candidates: list[Candidate], door: Door) -> list[Candidate]:
    """The candidates a direct call may use; a trunk's are all its own."""
    if attempt.trunk is not None:
        return candidates
    return [each for each in candidates if door.may_reach(attempt.target.host, each.host)]


def write_invite(attempt: Attempt, candidate: Candidate, domain: str, body: bytes) -> OutgoingInvite:
    """The INVITE for one place. Raises `Unprintable` or `Malformed`."""
    sender = write_sender(attempt.call, domain)
    return OutgoingInvite(
        target=attempt.target,
        from_=sender.from_,
        to=NameAddress.of(_addressee(attempt)),
        destination=attempt.flow or Destination(candidate.host, candidate.port, candidate.transport),
        body=body,
        headers=sender.headers,
        credentials=_credentials(attempt, candidate),
        holds_ack=True,
    )


def _addressee(attempt: Attempt) -> SipUri:
    """Who is called: for a phone the endpoint, not the place where it can be found now."""
    target = attempt.target if attempt.flow is None else parse_uri(attempt.call.to)
    return target.replace(params=(), headers=(), password=None, port=None)


def _credentials(attempt: Attempt, candidate: Candidate) -> TrunkCredentials | None:
    trunk = attempt.trunk
    if trunk is None or trunk.username is None:
        return None
    hosts = frozenset({trunk.host.lower(), candidate.host.lower()})
    return TrunkCredentials(trunk.username, trunk.password or "", hosts)
