"""Drives one transaction through the real transaction layer and notes what can be seen from outside."""

from collections import deque
from dataclasses import dataclass

from trebuchet.sip.message import Headers, Request, make_response, parse_message
from trebuchet.sip.outputs import Flow, LegId, Output, Send
from trebuchet.sip.timers import TimerQueue, TimerValues
from trebuchet.sip.transaction import Event, Purpose, State, Transaction
from trebuchet.sip.transactions import Failed, Passed, Transactions

VALUES = TimerValues()
LETTERS = "ABDEFGHIJKLM"


@dataclass(frozen=True)
class Seen:
    """The next state, what went out, what was told, and which timers run afterwards."""

    state: State
    sent: tuple[str, ...] = ()
    told: str | None = None
    timers: str = ""


def request(method: str, branch: str = "z9hG4bKtest") -> Request:
    headers = Headers()
    headers.add("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch}")
    headers.add("Max-Forwards", "70")
    headers.add("From", "<sip:a@192.0.2.1>;tag=from")
    headers.add("To", "<sip:b@192.0.2.2>")
    headers.add("Call-ID", "call-1")
    headers.add("CSeq", f"1 {method}")
    return Request(method, "sip:b@192.0.2.2", headers)


class TransactionBench:
    """One client or server transaction, over UDP or TCP, at any time."""

    def __init__(self, method: str, *, is_client: bool, transport: str = "udp") -> None:
        self.now = 0.0
        self.timers = TimerQueue()
        self.outbox: deque[Output] = deque()
        self.layer = Transactions(VALUES, self.timers, self.outbox, 10)
        self.request = request(method)
        flow = Flow(transport, ("192.0.2.1", 5060), ("192.0.2.2", 5060))
        self.transaction: Transaction
        if is_client:
            self.transaction = self.layer.start_client(self.request, flow, LegId(1), Purpose.INVITE, self.now)
        else:
            self.transaction = self.layer.start_server(self.request, flow, self.now)
        self.is_client = is_client
        self.first_sent = self.take_sent()

    def fire(self, event: Event) -> Seen:
        upcall = self._fire(event)
        told = None
        if isinstance(upcall, Passed):
            told = "passed"
        elif isinstance(upcall, Failed):
            told = str(upcall.status)
        return Seen(self.transaction.state, self.take_sent(), told, self.armed())

    def _fire(self, event: Event) -> Passed | Failed | None:
        key = self.transaction.key
        if event.name.startswith("TIMER_"):
            self.timers.cancel(key, event.value)
            return self.layer.handle_timer(key, event.value, self.now)
        if event is Event.TRANSPORT_ERROR:
            return self.layer.handle_transport_error(key, self.now)
        if event in (Event.REPEAT, Event.ACK):
            message = self.request if event is Event.REPEAT else request("ACK")
            found = self.layer.find_server(message)
            if found is not None:
                self.layer.handle_repeat(found, message, self.now)
            return None
        status = {Event.PROVISIONAL: 180, Event.SUCCESS: 200, Event.FAILURE: 486}[event]
        response = make_response(self.request, status, None, "to")
        if self.is_client:
            return self.layer.handle_response(response, self.now)
        self.layer.respond(key, response, self.now)
        return None

    def take_sent(self) -> tuple[str, ...]:
        names = []
        while self.outbox:
            output = self.outbox.popleft()
            assert isinstance(output, Send)
            message = parse_message(output.data)
            names.append(message.method if isinstance(message, Request) else str(message.status))
        return tuple(names)

    def armed(self) -> str:
        return "".join(letter for letter in LETTERS if self.timers.is_armed(self.transaction.key, letter))


def reach(method: str, path: tuple[Event, ...], *, is_client: bool, transport: str = "udp") -> TransactionBench:
    bench = TransactionBench(method, is_client=is_client, transport=transport)
    for event in path:
        bench.fire(event)
    return bench
