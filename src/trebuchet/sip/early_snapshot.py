"""What a restarted process needs to end a call that an earlier one had not set up yet.

There is no confirmed dialog, only an INVITE: one of ours is cancelled, one of the peer's is refused. Both are kept as
they went over the wire, without their body, behind one line that says whose it is and where the other side was. With
ours are the early dialogs: a callee that picked up just before the end is out of CANCEL's reach, and hears BYE in its
own (RFC 3261 15).
"""

import json

from trebuchet.base.values import frozen
from trebuchet.sip.errors import Malformed, SipError
from trebuchet.sip.message import Request, parse_message
from trebuchet.sip.outputs import Destination, Flow, NextHop

_MARK = "early"
_BEGINNING = f'["{_MARK}"'.encode()


@frozen
class OurInvite:
    """An INVITE of ours that got a provisional answer."""

    request: Request
    to: Destination
    dialogs: tuple[bytes, ...] = ()
    """A snapshot of each early dialog."""


@frozen
class PeerInvite:
    """An INVITE of the peer that has no final answer; our answers to it bear this tag."""

    request: Request
    flow: Flow
    tag: str


def is_early(snapshot: bytes) -> bool:
    """Whether it is one of these, and not one of a dialog."""
    return snapshot.startswith(_BEGINNING)


def freeze(invite: OurInvite | PeerInvite) -> bytes:
    if isinstance(invite, OurInvite):
        to, dialogs = invite.to, [dialog.decode() for dialog in invite.dialogs]
        return _write(["ours", to.host, to.port, to.transport, dialogs], invite.request)
    flow = invite.flow
    return _write(["peer", flow.transport, list(flow.local), list(flow.remote), invite.tag], invite.request)


def _write(facts: list[object], request: Request) -> bytes:
    head = json.dumps([_MARK, *facts], separators=(",", ":")).encode()
    return head + b"\n" + Request(request.method, request.uri_text, request.headers).to_bytes()


def thaw(snapshot: bytes) -> OurInvite | PeerInvite:
    """Raises `Malformed` for anything `freeze` did not write."""
    head, _, message = snapshot.partition(b"\n")
    try:
        request = parse_message(message)
        mark, whose, *facts = json.loads(head)
        if mark != _MARK or not isinstance(request, Request):
            raise ValueError(mark)
        if whose == "ours":
            host, port, transport, dialogs = facts
            return OurInvite(request, Destination(host, port, transport), tuple(map(str.encode, dialogs)))
        transport, local, remote, tag = facts
        return PeerInvite(request, Flow(transport, tuple(local), tuple(remote)), tag)
    except (ValueError, TypeError, SipError) as error:
        raise Malformed("not a snapshot of an early call") from error


def place_of(hop: NextHop) -> Destination:
    """Where a message to `hop` goes, for a process that has no connections yet."""
    if isinstance(hop, Destination):
        return hop
    return Destination(hop.remote[0], hop.remote[1], hop.transport)
