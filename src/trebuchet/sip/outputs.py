"""What the user agent speaks in: addresses, commands' values, and the outputs its shell must carry out or pass on.

Outputs are taken with `UserAgent.poll_output()` until it gives `None`. `Send` is for the transport; every other
output is news about a call (named by its `LegId`) for whoever drives the calls. After `Ended` nothing more is said
about a leg, although its last messages may still be repeated on the wire.
"""

from enum import StrEnum
from typing import NewType

from trebuchet.base.values import frozen
from trebuchet.sip.message import Request, Response

Address = tuple[str, int]
"""Host (IPv6 without brackets) and port."""

LegId = NewType("LegId", int)
"""One INVITE usage of this user agent, made by it, never reused while it runs."""

HeaderPairs = tuple[tuple[str, str], ...]


@frozen
class Flow:
    """Where a message came from, and where its answer goes back to.

    `transport` is `udp`, `tcp` or `tls`; `connection_id` names the connection of a stream transport. When that
    connection has gone, the shell opens one to `remote` or reports the failure.
    """

    transport: str
    local: Address
    remote: Address
    connection_id: int | None = None

    @property
    def is_reliable(self) -> bool:
        return self.transport != "udp"


@frozen
class Destination:
    """A next hop that the shell still has to resolve (RFC 3263). `transport` `None` means UDP."""

    host: str
    port: int | None = None
    transport: str | None = None

    @property
    def is_reliable(self) -> bool:
        return self.transport not in (None, "udp")


NextHop = Flow | Destination


class EndReason(StrEnum):
    """Why a leg ended, as far as SIP can tell."""

    PEER_BYE = "peer-bye"
    PEER_CANCEL = "peer-cancel"
    LOCAL = "local"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TRANSPORT = "transport"
    NO_ACK = "no-ack"
    SESSION_EXPIRED = "session-expired"
    PROTOCOL = "protocol"


@frozen
class Send:
    """Put these bytes on the wire. Report a failure with `handle_transport_error(transaction)`."""

    data: bytes
    to: NextHop
    transaction: str


@frozen
class IncomingInvite:
    """Somebody calls. `body` is the SDP offer, or empty when the peer wants ours. 100 has been sent already.

    `request` may be read now; keeping it keeps memory.
    """

    leg: LegId
    request: Request
    flow: Flow
    body: bytes


@frozen
class Acked:
    """The peer confirmed our 200. `body` is its SDP answer when our 200 carried the offer, otherwise empty."""

    leg: LegId
    body: bytes


@frozen
class Progress:
    """A provisional answer (101–199) to our INVITE; `body` may carry early SDP."""

    leg: LegId
    status: int
    body: bytes


@frozen
class Answered:
    """Our INVITE was accepted and the ACK is on its way. `body` is the SDP answer."""

    leg: LegId
    body: bytes
    response: Response


@frozen
class Offered:
    """The peer wants to change the session. Answer with `accept_offer` or `refuse_offer`.

    `body` is its offer, or `None` when it asks for ours (INVITE without SDP). `method` is INVITE, UPDATE or PRACK.
    """

    leg: LegId
    body: bytes | None
    method: str


@frozen
class OfferAnswered:
    """The peer answered an offer of ours; `body` is its SDP."""

    leg: LegId
    body: bytes


@frozen
class OfferRefused:
    """The peer refused a re-INVITE of ours; the session stays as it was. 408 and 503 mean that nothing came back."""

    leg: LegId
    status: int


@frozen
class InfoReceived:
    """INFO with a payload about keys (`application/dtmf-relay` or `application/dtmf`), answered 200 already."""

    leg: LegId
    content_type: str
    body: bytes


@frozen
class Ended:
    """The leg is over. `status` is the final answer that ended it, if one did.

    `headers` carries what helps to explain it: Reason, Retry-After, Warning, Contact of a redirection.
    """

    leg: LegId
    status: int | None
    reason: EndReason
    headers: HeaderPairs = ()


@frozen
class OptionsAnswered:
    """A probe came back; `status` `None` means that nobody answered."""

    probe: int
    status: int | None


@frozen
class OutOfDialogRequest:
    """A request whose method the configuration claims as its own. Answer it with `UserAgent.respond(transaction, …)`.

    `leg` is the call it belongs to, when it arrived inside a dialog.
    """

    transaction: str
    request: Request
    flow: Flow
    leg: LegId | None


Output = (
    Send
    | IncomingInvite
    | Acked
    | Progress
    | Answered
    | Offered
    | OfferAnswered
    | OfferRefused
    | InfoReceived
    | Ended
    | OptionsAnswered
    | OutOfDialogRequest
)
