"""Dialogs: RFC 3261 12. What both sides must remember to send and recognise requests within a call.

A dialog keeps clean text, not messages: addresses without display names, so that whatever bytes a peer once sent are
neither kept nor repeated. `Dialog.next_hop` never fails: an address we cannot use falls back to where the peer's last
message came from.
"""

import json

from trebuchet.sip.errors import Malformed, SipError
from trebuchet.sip.grammar import check_printable
from trebuchet.sip.header_list import Headers
from trebuchet.sip.headers import NameAddress
from trebuchet.sip.message import Request, Response
from trebuchet.sip.outputs import Destination, Flow, NextHop
from trebuchet.sip.uri import SipUri, parse_uri

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, the peer's tag."""

MAX_ROUTES = 16
"""Record-Route entries we keep: real paths have a handful; each is repeated in every request of the call."""

_SNAPSHOT_VERSION = 1


class Dialog:
    """One peer relation. `local` and `remote` are From and To of our requests, tags included."""

    __slots__ = (
        "flow",
        "is_behind_nat",
        "key",
        "local",
        "peer_rseq",
        "remote",
        "remote_cseq",
        "routes",
        "target",
    )

    def __init__(
        self,
        key: DialogKey,
        local: str,
        remote: str,
        target: str,
        routes: tuple[str, ...],
        flow: Flow | None,
    ) -> None:
        self.key = key
        self.local = local
        self.remote = remote
        self.target = target
        self.routes = routes
        self.flow = flow
        self.is_behind_nat = False
        self.remote_cseq: int | None = None
        self.peer_rseq: int | None = None

    @property
    def call_id(self) -> str:
        return self.key[0]

    @property
    def remote_tag(self) -> str:
        return self.key[2]

    @classmethod
    def from_request(cls, request: Request, local_tag: str, flow: Flow) -> "Dialog":
        """Our side of a dialog the peer's INVITE opens (12.1.1). Raises `SipError` when it cannot open one."""
        contact = request.contact
        if contact is None:
            raise SipError("an INVITE without Contact")
        routes = tuple(_clean(route) for route in _bounded(request.record_routes))
        key = (check_printable(request.call_id), local_tag, request.from_.tag or "")
        local = _clean(request.to.with_tag(local_tag))
        dialog = cls(key, local, _clean(request.from_), _clean_uri(contact), routes, flow)
        dialog.remote_cseq = request.cseq.number
        dialog.is_behind_nat = _is_behind_nat(request, contact, flow)
        return dialog

    @classmethod
    def from_response(cls, response: Response, fallback_target: str, flow: Flow) -> "Dialog":
        """Our side of a dialog the peer's answer to our INVITE opens (12.1.2)."""
        contact = response.contact
        routes = tuple(_clean(route) for route in reversed(_bounded(response.record_routes)))
        target = fallback_target if contact is None else _clean_uri(contact)
        key = (check_printable(response.call_id), response.from_.tag or "", response.to.tag or "")
        return cls(key, _clean(response.from_), _clean(response.to), target, routes, flow)

    def refresh_target(self, message: Request | Response) -> None:
        """Take the peer's new Contact (12.2.1.2, 12.2.2). Raises `Malformed` and changes nothing when it is broken."""
        contact = message.contact
        if contact is not None:
            self.target = _clean_uri(contact)

    def request(self, method: str, cseq: int, via: str) -> Request:
        """A request within the dialog, loose or strict routing as the first route asks (12.2.1.1)."""
        uri_text, routes = self.target, self.routes
        if routes and not _is_loose(routes[0]):
            first = parse_uri(NameAddress.parse(routes[0]).uri_text)
            uri_text, routes = str(first.replace(headers=())), (*routes[1:], f"<{self.target}>")
        headers = Headers()
        headers.add("Via", via)
        headers.add("Max-Forwards", "70")
        for route in routes:
            headers.add("Route", route)
        headers.add("From", self.local)
        headers.add("To", self.remote)
        headers.add("Call-ID", self.call_id)
        headers.add("CSeq", f"{cseq} {method}")
        return Request(method, uri_text, headers)

    def next_hop(self) -> NextHop:
        """Where requests of this dialog go.

        Without routes, over a connection or to a peer behind a NAT, that is where the peer's messages come from: its
        Contact cannot be reached, or need not be.
        """
        flow = self.flow
        if flow is not None and not self.routes and (flow.is_reliable or self.is_behind_nat):
            return flow
        destination = self.destination()
        return destination if destination is not None else flow or Destination("invalid.invalid")

    def destination(self) -> Destination | None:
        """The next hop by name: the first route, else the remote target. `None` when that is no SIP address."""
        try:
            return destination_of(parse_uri(NameAddress.parse(self.routes[0]).uri_text if self.routes else self.target))
        except SipError:
            return None

    def snapshot(self, cseq: int) -> bytes:
        """Enough to say BYE after a restart; `cseq` is the last number we used."""
        flow = self.flow if self.is_behind_nat else None
        way = None if flow is None else [flow.transport, list(flow.local), list(flow.remote)]
        values = [_SNAPSHOT_VERSION, self.key, self.local, self.remote, self.target, self.routes, cseq, way]
        return json.dumps(values, separators=(",", ":")).encode()

    @classmethod
    def from_snapshot(cls, data: bytes) -> tuple["Dialog", int]:
        """The dialog and the last number used. Raises `Malformed` for anything `snapshot` did not write."""
        try:
            version, key, local, remote, target, routes, cseq, way = json.loads(data)
            if version != _SNAPSHOT_VERSION:
                raise ValueError(version)
            flow = None if way is None else Flow(way[0], tuple(way[1]), tuple(way[2]))
            dialog = cls(tuple(key), local, remote, target, tuple(routes), flow)
            dialog.is_behind_nat = flow is not None
            return dialog, int(cseq)
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            raise Malformed("not a dialog snapshot") from error


def destination_of(uri: SipUri) -> Destination:
    """The next hop a SIP URI names (RFC 3263 4; `maddr` and `transport` override). Raises `SipError` for `tel:`."""
    if uri.scheme == "tel":
        raise SipError("a telephone URI names no host", 416)
    transport = uri.transport or ("tls" if uri.scheme == "sips" else None)
    return Destination(uri.param("maddr") or uri.host, uri.port, transport)


def _clean(address: NameAddress) -> str:
    return str(NameAddress("", _printable_uri(address.uri_text), address.params))


def _clean_uri(contact: NameAddress) -> str:
    return check_printable(_printable_uri(contact.uri_text))


def _printable_uri(text: str) -> str:
    return text if text.isascii() else str(parse_uri(text))


def _is_loose(route: str) -> bool:
    try:
        return NameAddress.parse(route).uri.is_lr
    except SipError:
        return True


def _bounded(routes: list[NameAddress]) -> list[NameAddress]:
    if len(routes) > MAX_ROUTES:
        raise SipError("too many Record-Route headers")
    return routes


def _is_behind_nat(request: Request, contact: NameAddress, flow: Flow) -> bool:
    """The peer shows an address in Via and Contact that is not the one its packets come from, and no proxy helps."""
    via = request.via
    if via.host == flow.remote[0] or len(request.headers.values("Via")) > 1:
        return False
    try:
        return contact.uri.host == via.host
    except SipError:
        return False
