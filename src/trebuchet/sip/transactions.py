"""The transaction layer: finds the transaction of a message or timer, asks its table, carries the actions out.

It owns every table of running transactions and their bound. What concerns the user of a transaction comes back as a
`Passed` or `Failed` value; what concerns the wire is appended to `outbox` as `Send`.
"""

from collections import deque
from collections.abc import Callable

from trebuchet.base.values import frozen
from trebuchet.sip.errors import SipError
from trebuchet.sip.headers import Via
from trebuchet.sip.invite_client import InviteClient
from trebuchet.sip.invite_server import InviteServer
from trebuchet.sip.message import Headers, Request, Response, parse_message
from trebuchet.sip.non_invite_client import NonInviteClient
from trebuchet.sip.non_invite_server import NonInviteServer
from trebuchet.sip.outputs import Destination, Flow, LegId, NextHop, Output, Send
from trebuchet.sip.timers import TimerQueue, TimerValues
from trebuchet.sip.transaction import (
    Action,
    ClientTransaction,
    Event,
    Purpose,
    ServerTransaction,
    State,
    Transaction,
)

MAGIC_COOKIE = "z9hG4bK"
_TIMER_EVENTS = {event.value: event for event in Event if event.name.startswith("TIMER_")}


@frozen
class Passed:
    """An answer for the user of a client transaction."""

    transaction: ClientTransaction
    response: Response


@frozen
class Failed:
    """A transaction ended without an answer: `status` is 408 (time-out) or 503 (transport), RFC 3261 8.1.3.1."""

    transaction: Transaction
    status: int


Upcall = Passed | Failed


class Transactions:
    """All running transactions. `is_full` says that no more fit: the caller refuses what would make a new one."""

    def __init__(self, values: TimerValues, timers: TimerQueue, outbox: deque[Output], limit: int) -> None:
        self._values = values
        self._timers = timers
        self._outbox = outbox
        self._limit = limit
        self._clients: dict[str, ClientTransaction] = {}
        self._servers: dict[str, ServerTransaction] = {}
        self._merges: dict[str, str] = {}
        self._do: dict[Action, Callable[[Transaction, float, Response | None], None]] = {
            Action.SEND: self._send,
            Action.REPLY: self._reply,
            Action.ACK: self._ack,
            Action.PASS: self._pass,
            Action.DROP_STORED: self._drop_stored,
            Action.DOUBLE: self._double,
            Action.CAP: self._cap,
            Action.JUMP_TO_T2: self._jump_to_t2,
            Action.TELL_TIMEOUT: self._tell_timeout,
            Action.TELL_TRANSPORT: self._tell_transport,
        } | {action: self._armer(action) for action in Action if action.name.startswith(("ARM_", "STOP_"))}
        self._upcall: Upcall | None = None
        self._replied = b""

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    @property
    def is_full(self) -> bool:
        return len(self) >= self._limit

    # --- client side

    def start_client(
        self,
        request: Request,
        to: NextHop,
        leg: LegId | None,
        purpose: Purpose,
        now: float,
        fallback: Destination | None = None,
    ) -> ClientTransaction:
        """Send a request of ours (its topmost Via holds our fresh branch) and look after it."""
        kind = InviteClient if request.method == "INVITE" else NonInviteClient
        key = client_key(request.via.branch, request.method)
        transaction = kind(key, request.to_bytes(), to, leg, purpose, fallback)
        self._clients[key] = transaction
        self._start(transaction, now)
        return transaction

    def adopt_client(self, request: Request, to: NextHop, purpose: Purpose, deadline: float) -> None:
        """Look after an INVITE that an earlier process sent and that got a provisional answer, until the deadline.
        Nothing is sent."""
        key = client_key(request.via.branch, request.method)
        transaction = InviteClient(key, request.to_bytes(), to, None, purpose, None)
        transaction.state, transaction.interval = State.PROCEEDING, self._values.t1
        self._clients[key] = transaction
        self.limit(key, deadline)

    def client(self, key: str) -> ClientTransaction | None:
        return self._clients.get(key)

    def handle_response(self, response: Response, now: float) -> Upcall | None:
        """An answer arrived. One that belongs to nothing of ours is dropped (RFC 3261 18.1.2)."""
        transaction = self._clients.get(client_key(response.via.branch, response.cseq.method))
        if transaction is None:
            return None
        return self._step(transaction, _response_event(response.status), now, response)

    def limit(self, key: str, deadline: float, *, is_new: bool = True) -> None:
        """Let an INVITE that got a provisional answer wait no longer than that. `is_new=False` keeps a limit it has."""
        transaction = self._clients.get(key)
        waits = isinstance(transaction, InviteClient) and transaction.state is State.PROCEEDING
        if waits and (is_new or not self._timers.is_armed(key, "B")):
            self._timers.set(key, "B", deadline)

    def abandon(self, key: str) -> None:
        """Forget a client transaction whose user has given up (RFC 3261 9.1, 64*T1 after CANCEL)."""
        transaction = self._clients.get(key)
        if transaction is not None:
            self._forget(transaction)

    # --- server side

    def find_server(self, request: Request) -> ServerTransaction | None:
        """The transaction a request, ACK or CANCEL of the peer belongs to (RFC 3261 17.2.3)."""
        method = "INVITE" if request.method in ("ACK", "CANCEL") else request.method
        return self._servers.get(server_key(request, method))

    def server(self, key: str) -> ServerTransaction | None:
        return self._servers.get(key)

    def handle_repeat(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """The peer repeated a request, or acknowledged a failure of ours."""
        self._step(transaction, Event.ACK if request.method == "ACK" else Event.REPEAT, now, None)

    def is_merged(self, request: Request) -> bool:
        """The same request came already by another path (RFC 3261 8.2.2.2)."""
        return merge_key(request) in self._merges

    def start_server(self, request: Request, flow: Flow, now: float) -> ServerTransaction:
        """Remember a request of the peer; its answers go to `response_target(request, flow)`."""
        kind = InviteServer if request.method == "INVITE" else NonInviteServer
        merge = merge_key(request) if request.to.tag is None else None
        key = server_key(request, request.method)
        transaction = kind(key, response_target(request.via, flow), merge)
        self._servers[key] = transaction
        if merge is not None:
            self._merges[merge] = key
        self._start(transaction, now)
        return transaction

    def respond(self, key: str, response: Response, now: float) -> bytes | None:
        """Answer a request of the peer; gives the bytes sent, or `None` when its transaction has gone."""
        transaction = self._servers.get(key)
        if transaction is None:
            return None
        self._step(transaction, _response_event(response.status), now, response)
        return self._replied

    # --- both

    def handle_timer(self, key: str, name: str, now: float) -> Upcall | None:
        transaction = self._find(key)
        if transaction is None:
            return None
        return self._step(transaction, _TIMER_EVENTS[name], now, None)

    def handle_transport_error(self, key: str, now: float) -> Upcall | None:
        """What was sent for this transaction did not get out. A fallback, if there is one, is tried once."""
        transaction = self._find(key)
        if transaction is None:
            return None
        if isinstance(transaction, ClientTransaction) and transaction.fallback is not None:
            transaction.to, transaction.fallback = transaction.fallback, None
            self._send(transaction, now, None)
            return None
        return self._step(transaction, Event.TRANSPORT_ERROR, now, None)

    def _find(self, key: str) -> Transaction | None:
        return self._clients.get(key) or self._servers.get(key)

    def _start(self, transaction: Transaction, now: float) -> None:
        transaction.interval = self._values.t1
        for action in transaction.START:
            self._do[action](transaction, now, None)

    def _step(self, transaction: Transaction, event: Event, now: float, response: Response | None) -> Upcall | None:
        cell = transaction.TABLE.get((transaction.state, event))
        if cell is None:
            return None
        self._upcall = None
        transaction.state, actions = cell
        for action in actions:
            self._do[action](transaction, now, response)
        upcall, self._upcall = self._upcall, None
        if transaction.state is State.TERMINATED:
            self._forget(transaction)
        return upcall

    def _forget(self, transaction: Transaction) -> None:
        for name in transaction.TIMERS:
            self._timers.cancel(transaction.key, name)
        self._clients.pop(transaction.key, None)
        self._servers.pop(transaction.key, None)
        if isinstance(transaction, ServerTransaction) and transaction.merge_key is not None:
            self._merges.pop(transaction.merge_key, None)

    # --- actions

    def _send(self, transaction: Transaction, now: float, response: Response | None) -> None:
        if transaction.data:
            self._outbox.append(Send(transaction.data, transaction.to, transaction.key))

    def _reply(self, transaction: Transaction, now: float, response: Response | None) -> None:
        assert response is not None
        self._replied = transaction.data = response.to_bytes()
        self._send(transaction, now, response)

    def _ack(self, transaction: Transaction, now: float, response: Response | None) -> None:
        assert response is not None
        data = failure_ack(transaction.data, response)
        self._outbox.append(Send(data, transaction.to, transaction.key))

    def _pass(self, transaction: Transaction, now: float, response: Response | None) -> None:
        if isinstance(transaction, ClientTransaction) and response is not None:
            self._upcall = Passed(transaction, response)

    def _drop_stored(self, transaction: Transaction, now: float, response: Response | None) -> None:
        transaction.data = b""

    def _double(self, transaction: Transaction, now: float, response: Response | None) -> None:
        transaction.interval *= 2

    def _cap(self, transaction: Transaction, now: float, response: Response | None) -> None:
        transaction.interval = min(transaction.interval, self._values.t2)

    def _jump_to_t2(self, transaction: Transaction, now: float, response: Response | None) -> None:
        transaction.interval = self._values.t2

    def _tell_timeout(self, transaction: Transaction, now: float, response: Response | None) -> None:
        self._upcall = Failed(transaction, 408)

    def _tell_transport(self, transaction: Transaction, now: float, response: Response | None) -> None:
        self._upcall = Failed(transaction, 503)

    def _armer(self, action: Action) -> Callable[[Transaction, float, Response | None], None]:
        verb, name = action.name.split("_")[:2]
        is_wait = action is Action.ARM_J

        def stop(transaction: Transaction, now: float, response: Response | None) -> None:
            self._timers.cancel(transaction.key, name)

        def arm(transaction: Transaction, now: float, response: Response | None) -> None:
            delay = self._values.timeout if is_wait else self._delay(name, transaction)
            if delay is not None:
                self._timers.set(transaction.key, name, now + delay)

        return arm if verb == "ARM" else stop

    def _delay(self, name: str, transaction: Transaction) -> float | None:
        """RFC 3261 table 4. On a reliable transport nothing is repeated and nothing has to be absorbed."""
        if name in "AEG":
            return None if transaction.is_reliable else transaction.interval
        if name in "BFHLM":
            return self._values.timeout
        if transaction.is_reliable:
            return 0.0
        return {"D": self._values.d, "J": self._values.timeout}.get(name, self._values.t4)


def _response_event(status: int) -> Event:
    if status < 200:
        return Event.PROVISIONAL
    return Event.SUCCESS if status < 300 else Event.FAILURE


def client_key(branch: str | None, method: str) -> str:
    return f"c {branch} {method}"


def server_key(request: Request, method: str) -> str:
    """The key of a server transaction, remembered with the request."""
    return request.headers.cached(f"key {method}", lambda headers: _server_key(request, method))


def _server_key(request: Request, method: str) -> str:
    """RFC 3261 17.2.3: branch, sent-by and method; for branches of RFC 2543 what that RFC compared."""
    via = request.via
    branch = via.branch
    if branch is not None and branch.startswith(MAGIC_COOKIE):
        return f"s {branch} {via.host.lower()}:{via.port} {method}"
    number = request.cseq.number
    return (
        f"o {request.call_id} {number} {request.from_.tag} {via.host}:{via.port}:{branch} {request.uri_text} {method}"
    )


def merge_key(request: Request) -> str:
    """What two copies of one request have in common, whichever way they came (RFC 3261 8.2.2.2)."""
    return request.headers.cached("merge key", lambda headers: _merge_key(request))


def _merge_key(request: Request) -> str:
    cseq = request.cseq
    return f"{request.from_.tag} {request.call_id} {cseq.number} {cseq.method}"


def response_target(via: Via, flow: Flow) -> Flow:
    """Where answers go: RFC 3261 18.2.2 and RFC 3581 4.

    The packet's source address always (maddr is ignored: it would let a stranger aim our answers), its source port when
    the peer asked for it with rport, otherwise the port the peer says it listens on.
    """
    if flow.is_reliable or via.rport is not None:
        return flow
    port = via.port or DEFAULT_PORT
    if port == flow.remote[1]:
        return flow
    return Flow(flow.transport, flow.local, (flow.remote[0], port), flow.connection_id)


DEFAULT_PORT = 5060


def failure_ack(invite: bytes, response: Response) -> bytes:
    """The ACK for a non-2xx answer (RFC 3261 17.1.1.3), made from the INVITE as it was sent."""
    request = parse_message(invite)
    if not isinstance(request, Request):
        raise SipError("an INVITE transaction holds a request")
    headers = Headers()
    headers.add("Via", request.headers.values("Via")[0])
    headers.add("Max-Forwards", "70")
    headers.take(request.headers, "Route")
    headers.take(request.headers, "From")
    headers.take(response.headers, "To")
    headers.take(request.headers, "Call-ID")
    headers.add("CSeq", f"{request.cseq.number} ACK")
    return Request("ACK", request.uri_text, headers).to_bytes()
