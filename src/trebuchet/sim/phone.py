"""A softphone for demonstrations and tests, on our own SIP core: it calls, is called, and has a tone of its own.

Only loopback and what is asked for: it answers anybody who reaches its sockets, so bind it to 127.0.0.1 or ::1.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from trebuchet.base.clock import Clock, SystemClock
from trebuchet.base.rand import Rand, SystemRand
from trebuchet.signalling.numbers import is_number
from trebuchet.signalling.settings import Bind, SipSettings
from trebuchet.signalling.shell import SipShell
from trebuchet.sim.phone_call import WAIT_S, CallFailed, End, PhoneCall
from trebuchet.sip.client_auth import TrunkCredentials
from trebuchet.sip.headers import NameAddress
from trebuchet.sip.offer_answer import SdpSession
from trebuchet.sip.outgoing_call import OutgoingInvite
from trebuchet.sip.outputs import (
    Acked,
    Answered,
    Destination,
    Ended,
    IncomingInvite,
    LegId,
    OfferAnswered,
    Offered,
    OfferRefused,
    Output,
    Progress,
)
from trebuchet.sip.timers import TimerValues
from trebuchet.sip.uri import SipUri, escape_user, parse_uri
from trebuchet.testing.rtp_phone import RtpPhone
from trebuchet.testing.tones import Pcm


class Manner(StrEnum):
    """What a phone does by itself when it is called."""

    ANSWER = "answer"
    """Rings and picks up."""
    RING = "ring"
    """Rings until somebody calls `answer`, `reject` or gives up."""
    REJECT = "reject"
    """Refuses with `reject_status`."""
    SILENT = "silent"
    """Does nothing: the caller hears no more than 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSettings:
    """`number`: the user part of its address and of its From. `port`: of SIP, 0 takes a free one. `proxy`: where
    numbers are called (host, port)."""

    number: str
    host: str = "127.0.0.1"
    port: int = 0
    transport: str = "udp"
    proxy: tuple[str, int] | None = None
    tone_hz: float | None = 440.0
    codec: str = "PCMU"
    packet_ms: int = 20
    username: str | None = None
    password: str | None = None
    """Answers challenges of the proxy."""
    timers: TimerValues = field(default_factory=TimerValues)


class Phone:
    """One phone with any number of calls. Open it with `Phone.open`, end it with `close` (or `async with`)."""

    def __init__(self, settings: PhoneSettings, rand: Rand, clock: Clock) -> None:
        self.settings = settings
        self.manner = Manner.ANSWER
        self.reject_status = 486
        self.calls: list[PhoneCall] = []
        """All of them, oldest first, also those that have ended."""
        self._rand = rand
        transports = tuple(dict.fromkeys((settings.transport, "udp")))
        self._shell = SipShell(
            SipSettings(binds=(Bind(settings.host, settings.port, transports),), timers=settings.timers),
            rand,
            clock,
            self._handle_news,
            product="Trebuchet test phone",
        )
        self._legs: dict[LegId, PhoneCall] = {}
        self._opening: dict[LegId, list[Output]] = {}
        """What happened to calls whose audio sockets are being opened."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()

    @classmethod
    async def open(
        cls, number: str, *, rand: Rand | None = None, clock: Clock | None = None, **settings: object
    ) -> Self:
        """A phone that can be called. `settings` are the further fields of `PhoneSettings`."""
        chosen = PhoneSettings(number=number, **settings)  # type: ignore[arg-type]  # any field of the settings
        phone = cls(chosen, rand or SystemRand(), clock or SystemClock())
        await phone._shell.start()
        return phone

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @property
    def number(self) -> str:
        return self.settings.number

    @property
    def port(self) -> int:
        """Its SIP port."""
        return self._shell.links[0].local[1]

    @property
    def uri(self) -> str:
        """The address under which it can be called directly."""
        return str(self._uri(self.number, (self.settings.host, self.port)))

    def _uri(self, user: str, place: tuple[str, int]) -> SipUri:
        transport = self.settings.transport
        params = (("transport", transport),) if transport != "udp" else ()
        return SipUri(scheme="sip", user=escape_user(user), password=None, host=place[0], port=place[1], params=params)

    # --- calling

    async def call(
        self,
        target: str,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        display_name: str = "",
        is_offerless: bool = False,
    ) -> PhoneCall:
        """Call a `sip:` address directly, or anything else (a number, a name) at the proxy. Returns at once:
        `wait_ringing`, `wait_answered` and `wait_ended` tell how it goes. Raises `ValueError` for what is neither."""
        uri = parse_uri(target) if target.startswith("sip") else self._uri(target, self._proxy(target))
        call = await self._new_call(is_incoming=False)
        port = uri.port if uri.port is not None else 5060
        invite = OutgoingInvite(
            target=uri,
            from_=NameAddress.of(self._uri(self.number, (self.settings.host, self.port)), display_name),
            to=NameAddress.of(uri.replace(params=())),
            destination=Destination(uri.host, port, uri.transport or "udp"),
            body=b"" if is_offerless else call.answer_body(b""),
            headers=headers,
            credentials=self._credentials(),
        )
        call.leg = self._shell.ua.invite(invite, self._shell.now())
        self._legs[call.leg] = call
        self._shell.flush()
        return call

    def _proxy(self, target: str) -> tuple[str, int]:
        if self.settings.proxy is None:
            kind = "number" if is_number(target) else "name"
            raise ValueError(f"a phone without a proxy cannot call a {kind}")
        return self.settings.proxy

    def _credentials(self) -> TrunkCredentials | None:
        settings = self.settings
        if settings.username is None:
            return None
        hosts = frozenset() if settings.proxy is None else frozenset({settings.proxy[0]})
        return TrunkCredentials(settings.username, settings.password or "", hosts)

    async def wait_call(self, number: int = 1, *, timeout_s: float | None = WAIT_S) -> PhoneCall:
        """The n-th call that came in, counted from 1; also one that has ended. `timeout_s` `None` waits for ever."""
        async with asyncio.timeout(timeout_s):
            while True:
                incoming = [call for call in self.calls if call.is_incoming]
                if len(incoming) >= number:
                    return incoming[number - 1]
                self._arrived.clear()
                await self._arrived.wait()

    async def _new_call(self, *, is_incoming: bool) -> PhoneCall:
        settings = self.settings
        rtp = await RtpPhone.open(
            host=settings.host,
            tone_hz=settings.tone_hz,
            codec=settings.codec,
            packet_ms=settings.packet_ms,
            seed=self._rand.below(1 << 30),
        )
        call = PhoneCall(self, rtp, SdpSession(self._rand.below(1 << 62)), is_incoming=is_incoming)
        self.calls.append(call)
        return call

    # --- commands of its calls

    def ring(self, call: PhoneCall) -> None:
        self._command(call, self._shell.ua.ring)

    def answer(self, call: PhoneCall) -> None:
        if call.is_answered:
            return
        body = call.answer_body(call.offer)
        call.is_answered = True
        if call.offer:
            call.follow(call.offer)
        self._command(call, lambda leg, now: self._shell.ua.answer(leg, body, now))

    def reject(self, call: PhoneCall, status: int) -> None:
        self._command(call, lambda leg, now: self._shell.ua.reject(leg, status, now))

    def hang_up(self, call: PhoneCall) -> None:
        self._command(call, self._shell.ua.hang_up)

    def reinvite(self, call: PhoneCall, body: bytes) -> None:
        self._command(call, lambda leg, now: self._shell.ua.reinvite(leg, body, now))

    def _command(self, call: PhoneCall, act: Callable[[LegId, float], None]) -> None:
        if call.leg is not None and call.end is None:
            act(call.leg, self._shell.now())
            self._shell.flush()

    # --- news

    def _handle_news(self, output: Output) -> None:
        if isinstance(output, IncomingInvite):
            self._opening[output.leg] = []
            task = asyncio.get_running_loop().create_task(self._handle_invite(output))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        leg = getattr(output, "leg", None)
        if leg in self._opening:
            self._opening[leg].append(output)
        elif leg in self._legs:
            call = self._legs[leg]
            self._handle_call_news(call, output)
            call.note()

    async def _handle_invite(self, invite: IncomingInvite) -> None:
        call = await self._new_call(is_incoming=True)
        call.leg, call.request, call.offer = invite.leg, invite.request, invite.body
        self._legs[invite.leg] = call
        for output in self._opening.pop(invite.leg):
            self._handle_news(output)
        self._arrived.set()
        try:
            self._behave(call)
        except CallFailed:
            call.reject(488)

    def _behave(self, call: PhoneCall) -> None:
        match self.manner:
            case Manner.ANSWER:
                call.ring()
                call.answer()
            case Manner.RING:
                call.ring()
            case Manner.REJECT:
                call.reject(self.reject_status)
            case Manner.SILENT:
                return

    def _handle_call_news(self, call: PhoneCall, output: Output) -> None:
        match output:
            case Progress():
                call.statuses.append(output.status)
            case Answered():
                call.is_answered = call.is_confirmed = True
                call.follow(output.body)
            case Acked():
                call.is_confirmed = True
                call.follow(output.body)
            case Offered():
                self._handle_offered(call, output)
            case OfferAnswered():
                call.follow(output.body)
                call.offers_answered += 1
            case OfferRefused():
                call.offers_refused += 1
            case Ended():
                call.end = End(output.reason, output.status)
                self._legs.pop(output.leg, None)
                self._release(call)
            case _:
                return

    def _handle_offered(self, call: PhoneCall, offered: Offered) -> None:
        call.offers_heard += 1
        try:
            body = call.answer_body(offered.body or b"")
        except CallFailed:
            self._command(call, lambda leg, now: self._shell.ua.refuse_offer(leg, 488, now))
            return
        call.follow(offered.body or b"")
        self._command(call, lambda leg, now: self._shell.ua.accept_offer(leg, body, now))

    def _release(self, call: PhoneCall) -> None:
        """Close the call's sockets; what was heard stays."""
        task = asyncio.get_running_loop().create_task(call.rtp.close())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def heard(self) -> Pcm:
        """What the newest call has heard."""
        return self.calls[-1].heard

    async def close(self) -> None:
        """Hang up what is up, wait for that, and close every socket."""
        for call in [each for each in self.calls if each.end is None]:
            call.hang_up()
        open_calls = [call for call in self.calls if call.end is None and call.leg is not None]
        await asyncio.gather(*(call.wait_ended() for call in open_calls), return_exceptions=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in self.calls:
            await call.rtp.close()
        await self._shell.close()
