"""A carrier in miniature: a SIP trunk that asks for a digest and connects numbers with phones.

Calls from the server are challenged; calls of phones are passed on to the server. It sits in the middle of the
signalling only: the SDP goes through untouched, so audio flows directly between server and phone.
"""

import asyncio
from dataclasses import dataclass
from typing import Self

from trebuchet.base.clock import Clock, SystemClock
from trebuchet.base.rand import Rand, SystemRand
from trebuchet.signalling.numbers import read_number
from trebuchet.signalling.settings import Bind, SipSettings
from trebuchet.signalling.shell import SipShell
from trebuchet.sip.auth_server import MIN_KEY_BYTES, NonceMaker, Verdict, issue_challenge, parse_authorization, verify
from trebuchet.sip.errors import SipError
from trebuchet.sip.headers import NameAddress
from trebuchet.sip.message import Request
from trebuchet.sip.outgoing_call import OutgoingInvite
from trebuchet.sip.outputs import (
    Acked,
    Answered,
    Destination,
    Ended,
    EndReason,
    IncomingInvite,
    LegId,
    OfferAnswered,
    Offered,
    OfferRefused,
    Output,
    Progress,
)
from trebuchet.sip.uri import SipUri, escape_user

Place = tuple[str, int]

REALM = "carrier.example"
CLOSE_S = 5.0
"""How long `close` waits for calls to end: what takes longer on one machine is stuck."""
PASSED_ON = ("P-Asserted-Identity", "Privacy", "Diversion")


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierSettings:
    """`username` `None` asks for nothing. `status` is 401 or 407. `algorithms`: strongest first, MD5 or SHA-256."""

    host: str = "127.0.0.1"
    transport: str = "udp"
    username: str | None = "trunk"
    password: str = "secret"
    status: int = 407
    algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    makes_first_nonce_stale: bool = False
    """Answer the first correct credentials with a fresh nonce and `stale=true`."""


@dataclass(slots=True)
class _Half:
    """One side of a connected call, and the other."""

    leg: LegId
    is_caller: bool
    other: "_Half | None" = None
    is_answered: bool = False


class Carrier:
    """Connects numbers: those in `phones` lead there, all others to `server`."""

    def __init__(self, settings: CarrierSettings, rand: Rand, clock: Clock) -> None:
        self.settings = settings
        self.phones: dict[str, Place] = {}
        self.server: Place | None = None
        self.challenges = 0
        self.accepted = 0
        """INVITEs with good credentials."""
        self.refused = 0
        """INVITEs with wrong ones."""
        self._nonces = NonceMaker(rand.token(2 * MIN_KEY_BYTES))
        self._shell = SipShell(
            SipSettings(binds=(Bind(settings.host, 0),)),
            rand,
            clock,
            self._handle_news,
            product="Trebuchet test carrier",
        )
        self._halves: dict[LegId, _Half] = {}
        self._idle = asyncio.Event()

    @classmethod
    async def open(cls, settings: CarrierSettings | None = None, *, rand: Rand | None = None) -> Self:
        """A carrier that takes calls over UDP and TCP."""
        carrier = cls(settings or CarrierSettings(), rand or SystemRand(), SystemClock())
        await carrier._shell.start()
        return carrier

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @property
    def place(self) -> Place:
        """Host and port of the trunk."""
        return self._shell.links[0].local

    @property
    def call_count(self) -> int:
        """Calls that are being connected or are up."""
        return sum(1 for half in self._halves.values() if half.is_caller)

    # --- a new call

    def _handle_news(self, output: Output) -> None:
        if isinstance(output, IncomingInvite):
            self._handle_invite(output)
            return
        leg = getattr(output, "leg", None)
        half = self._halves.get(leg) if leg is not None else None
        if half is not None:
            self._handle_half(half, output)
            self._shell.flush()

    def _handle_invite(self, invite: IncomingInvite) -> None:
        half = self._halves[invite.leg] = _Half(invite.leg, is_caller=True)
        self._idle.clear()
        number = self._number(invite.request)
        is_phone = number in self.phones
        if is_phone and not self._is_authorized(invite):
            self._shell.flush()
            return
        place = self.phones.get(number) if is_phone else self.server
        if place is None:
            self._shell.ua.reject(invite.leg, 404, self._shell.now())
        else:
            self._connect(half, invite, number, place)
        self._shell.flush()

    def _number(self, request: Request) -> str:
        try:
            user = request.uri.user_text
        except SipError:
            return ""
        return read_number(user) or user

    def _is_authorized(self, invite: IncomingInvite) -> bool:
        settings = self.settings
        if settings.username is None:
            return True
        name = "proxy-authorization" if settings.status == 407 else "authorization"
        value = invite.request.headers.get(name)
        verdict = None if value is None else self._verdict(invite.request, value)
        if verdict is Verdict.ACCEPTED and settings.makes_first_nonce_stale and self.challenges == 1:
            verdict = Verdict.STALE
        if verdict is Verdict.ACCEPTED:
            self.accepted += 1
            return True
        if verdict is Verdict.REFUSED:
            self.refused += 1
            self._shell.ua.reject(invite.leg, 403, self._shell.now())
        else:
            self._challenge(invite.leg, is_stale=verdict is Verdict.STALE)
        return False

    def _verdict(self, request: Request, value: str) -> Verdict:
        settings = self.settings
        try:
            claim = parse_authorization(value)
        except SipError:
            return Verdict.REFUSED
        if claim is None or claim.username != settings.username or claim.uri != request.uri_text:
            return Verdict.REFUSED
        return verify(claim, request.method, settings.password, REALM, self._nonces, self._shell.now(), request.body)

    def _challenge(self, leg: LegId, *, is_stale: bool) -> None:
        self.challenges += 1
        now, settings = self._shell.now(), self.settings
        name = "Proxy-Authenticate" if settings.status == 407 else "WWW-Authenticate"
        headers = tuple(
            (name, issue_challenge(REALM, self._nonces, now, algorithm, is_stale=is_stale))
            for algorithm in settings.algorithms
        )
        self._shell.ua.reject(leg, settings.status, now, headers=headers)

    def _connect(self, half: _Half, invite: IncomingInvite, number: str, place: Place) -> None:
        request = invite.request
        caller = request.from_
        target = SipUri(scheme="sip", user=escape_user(number), password=None, host=place[0], port=place[1])
        headers = [(name, value) for name in PASSED_ON for value in request.headers.get_all(name)]
        headers += [(name, value) for name, value in request.headers if name[:2].lower() == "x-"]
        leg = self._shell.ua.invite(
            OutgoingInvite(
                target=target,
                from_=NameAddress(caller.display_name, caller.uri_text),
                to=NameAddress.of(target.replace(port=None)),
                destination=Destination(place[0], place[1], self.settings.transport),
                body=invite.body,
                headers=tuple(headers),
            ),
            self._shell.now(),
        )
        other = self._halves[leg] = _Half(leg, is_caller=False, other=half)
        half.other = other

    # --- a connected call

    def _handle_half(self, half: _Half, output: Output) -> None:
        if isinstance(output, Ended):
            self._handle_ended(half, output)
            return
        other, ua, now = half.other, self._shell.ua, self._shell.now()
        if other is None:
            return
        match output:
            case Progress(status=status, body=body):
                ua.progress(other.leg, status, body, now)
            case Answered(body=body):
                half.is_answered = other.is_answered = True
                ua.answer(other.leg, body, now)
            case Offered(body=body):
                ua.reinvite(other.leg, body or b"", now)
            case OfferAnswered(body=body) | Acked(body=body) if body:
                ua.accept_offer(other.leg, body, now)
            case OfferRefused(status=status):
                ua.refuse_offer(other.leg, status, now)
            case _:
                return

    def _handle_ended(self, half: _Half, ended: Ended) -> None:
        del self._halves[half.leg]
        other, half.other = half.other, None
        if not self._halves:
            self._idle.set()
        if other is None:
            return
        other.other = None
        now = self._shell.now()
        if other.is_caller and not other.is_answered:
            status = ended.status or (408 if ended.reason is EndReason.TIMEOUT else 503)
            self._shell.ua.reject(other.leg, status, now)
        else:
            self._shell.ua.hang_up(other.leg, now)

    async def close(self) -> None:
        """End every call, wait for that, and close the sockets."""
        for half in list(self._halves.values()):
            self._shell.ua.hang_up(half.leg, self._shell.now())
        self._shell.flush()
        if self._halves:
            try:
                async with asyncio.timeout(CLOSE_S):
                    await self._idle.wait()
            except TimeoutError:
                pass
        await self._shell.close()
