"""Parties of signalling tests: a plane on real sockets, a desk that takes calls, a listener that writes down."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from trebuchet.base.clock import SystemClock
from trebuchet.base.rand import SystemRand
from trebuchet.calls.interfaces import IncomingCall, Leg, OutgoingCall
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.media_description import Codec, MediaDescription
from trebuchet.signalling.adapter import SipPlane
from trebuchet.signalling.dns import Dns
from trebuchet.signalling.settings import Bind, SipSettings

WAIT_S = 15.0
NUMBER = "+15551230002"


def describe(host: str) -> MediaDescription:
    return MediaDescription(
        address=host, port=4000, codecs=(Codec("PCMU", 0), Codec("PCMA", 8)), digits_payload_type=101
    )


def answer_to(offer: MediaDescription, host: str) -> MediaDescription:
    return replace(describe(host), codecs=offer.codecs[:1], direction=offer.direction.reversed())


@dataclass
class Call:
    """A listener that writes down what it is told and lets a test wait for it."""

    host: str = "127.0.0.1"
    told: list[tuple[object, ...]] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    leg: Leg | None = None
    """Of an outgoing call: see `place_call`."""

    def _note(self, *what: object) -> None:
        self.told.append(what)
        self.more.set()

    def handle_ringing(self) -> None:
        self._note("ringing")

    def handle_answered(self, answer: MediaDescription | None) -> None:
        self._note("answered", answer)
        if self.leg is not None:  # as call control does once it is stored
            asyncio.get_running_loop().call_soon(self.leg.confirm)

    def handle_confirmed(self, answer: MediaDescription | None) -> None:
        self._note("confirmed", answer)

    def handle_offer(self, offer: MediaDescription | None) -> MediaDescription | None:
        self._note("offer", offer)
        return describe(self.host) if offer is None else answer_to(offer, self.host)

    def handle_digit(self, digit: str, duration_ms: int | None) -> None:
        self._note("digit", digit, duration_ms)

    def handle_ended(self, cause: Cause, blame: Blame, detail: str | None) -> None:
        self._note("ended", cause, blame, detail)

    async def wait(self, name: str) -> tuple[object, ...]:
        """The first time that was told, also if it lies in the past."""
        async with asyncio.timeout(WAIT_S):
            while True:
                found = next((what[1:] for what in self.told if what[0] == name), None)
                if found is not None:
                    return found
                assert "ended" not in self.names, f"ended before {name}: {self.told}"
                self.more.clear()
                await self.more.wait()

    @property
    def names(self) -> list[object]:
        return [what[0] for what in self.told]


@dataclass
class Desk:
    """Takes calls in the way a test says."""

    take: Callable[[IncomingCall, Leg], None]
    host: str = "127.0.0.1"
    calls: list[IncomingCall] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    listeners: list[Call] = field(default_factory=list)

    def handle_incoming(self, call: IncomingCall, leg: Leg) -> Call:
        self.calls.append(call)
        self.legs.append(leg)
        self.listeners.append(Call(self.host))
        self.take(call, leg)
        return self.listeners[-1]


async def arrival(desk: Desk, caller: "asyncio.Task[None]") -> None:
    """Until the call is there; a caller that failed is the test's failure at once."""
    async with asyncio.timeout(WAIT_S):
        while not desk.listeners:
            if caller.done():
                caller.result()
            await asyncio.sleep(0.01)


def answers(host: str) -> Callable[[IncomingCall, Leg], None]:
    def take(call: IncomingCall, leg: Leg) -> None:
        leg.ring()
        leg.answer(describe(host) if call.offer is None else answer_to(call.offer, host))

    return take


@asynccontextmanager
async def plane(
    host: str = "127.0.0.1", desk: Desk | None = None, *, dns: Dns | None = None, **settings: object
) -> AsyncIterator[SipPlane]:
    transports = ("tls",) if settings.get("tls_server") is not None else ("udp", "tcp")
    chosen = SipSettings(binds=(Bind(host, 0, transports),), **settings)  # type: ignore[arg-type]  # any setting
    made = SipPlane(chosen, SystemRand(), SystemClock(), dns=dns)
    made.handler = desk
    await made.start()
    try:
        yield made
        async with asyncio.timeout(WAIT_S):
            while made.leg_count:
                await asyncio.sleep(0.01)
    finally:
        await made.close()


def address(made: SipPlane) -> tuple[str, int]:
    _, host, port = made.bound[0]
    return host, port


def outgoing(to: str, host: str, **more: object) -> OutgoingCall:
    call = OutgoingCall(from_="+15551230009", to=to, trunk=None, offer=describe(host), sip_headers={"X-Order": "4711"})
    return replace(call, **more)  # type: ignore[arg-type]  # any field


def place_call(made: SipPlane, order: OutgoingCall, call: Call) -> Leg:
    """Call somebody. An answer is acknowledged at once."""
    call.leg = made.place_call(order, call)
    return call.leg
