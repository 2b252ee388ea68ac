"""`SipPlane`: the signalling plane call control sees, around one SIP user agent.

One leg is one call. What goes wrong with one leg (its listener raises, its message cannot be read) ends that leg.
"""

import asyncio
from collections.abc import Callable

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.errors import TrebuchetError
from trebuchet.base.rand import Rand
from trebuchet.calls.interfaces import (
    IncomingCallHandler,
    Leg,
    LegListener,
    OutgoingCall,
    Refusal,
    SignallingError,
)
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.media_description import MediaDescription
from trebuchet.signalling.causes import REFUSAL_STATUS, cause_of_end, detail_of_end
from trebuchet.signalling.descriptions import read_sdp, to_audio
from trebuchet.signalling.dialler import Dialler
from trebuchet.signalling.dns import Dns
from trebuchet.signalling.door import Door, Visitor
from trebuchet.signalling.fork import parts_of
from trebuchet.signalling.incoming import as_call_of, read_invite
from trebuchet.signalling.info_digits import read_info_digit
from trebuchet.signalling.leg import Attempt, SipLeg
from trebuchet.signalling.outgoing import read_own_domain, route_of
from trebuchet.signalling.phone_book import EmptyBook, PhoneBook, SaveBindings, save_nothing
from trebuchet.signalling.phones import Phones
from trebuchet.signalling.routes import Routes
from trebuchet.signalling.settings import SipSettings
from trebuchet.signalling.shell import SipShell
from trebuchet.signalling.watch import TrunkWatch
from trebuchet.sip.authenticator import Turned
from trebuchet.sip.early_snapshot import is_early
from trebuchet.sip.errors import SipError
from trebuchet.sip.message import Request
from trebuchet.sip.offer_answer import SdpSession
from trebuchet.sip.outputs import (
    Acked,
    Answered,
    Ended,
    Flow,
    HeaderPairs,
    IncomingInvite,
    InfoReceived,
    LegId,
    OfferAnswered,
    Offered,
    OfferRefused,
    OptionsAnswered,
    OutOfDialogRequest,
    Output,
    Progress,
    Send,
)
from trebuchet.sip.register import Contact
from trebuchet.sip.sdp import SessionDescription

log = structlog.get_logger(__name__)

RINGING_STATUSES = (180, 183)


class SipPlane:
    """Implements `calls.interfaces.SignallingPlane`. Set `handler` before `start`; without it callers get 480.

    Reachable by anybody: the sockets. Strangers get 403, and no state is kept for them.
    """

    def __init__(
        self,
        settings: SipSettings,
        rand: Rand,
        clock: Clock,
        *,
        dns: Dns | None = None,
        book: PhoneBook | None = None,
        save_bindings: SaveBindings = save_nothing,
    ) -> None:
        self._settings = settings
        self._rand = rand
        self.handler: IncomingCallHandler | None = None
        self._door = Door(
            settings.trunks,
            settings.allowed_hosts,
            settings.allowed_networks,
            allows_loopback=settings.allows_loopback,
        )
        self._routes = Routes(settings.trunks)
        self._shell = SipShell(
            settings,
            rand,
            clock,
            self._handle_news,
            gate=self._gate,
            is_known=lambda host: self._door.admit(host) is not None or self.phones.is_known(host),
            dns=dns,
            foreign_methods=frozenset({"REGISTER"}),
        )
        self.phones = Phones(
            settings.phones,
            EmptyBook() if book is None else book,
            save_bindings,
            rand,
            clock,
            respond=self._respond,
            vouch=self._shell.vouch,
        )
        self._watch = TrunkWatch(settings, self._shell, self._door)
        self._legs: dict[LegId, SipLeg] = {}
        self._dialler = Dialler(
            self._shell, self._routes, self._door, make_leg=self._make_leg, launched=self._launched, end=self._end
        )

    # --- life

    async def start(self) -> None:
        """Bind every address and learn the addresses of configured names. Raises `OSError`."""
        await self._shell.start()
        await self._watch.start()
        self.phones.start()

    @property
    def bound(self) -> tuple[tuple[str, str, int], ...]:
        """What is listened on: transport, host, port."""
        return tuple((link.transport, *link.local) for link in self._shell.links)

    @property
    def shell(self) -> SipShell:
        """The sockets and the user agent, for traces and figures."""
        return self._shell

    @property
    def trunk_states(self) -> dict[str, bool | None]:
        """Whether each trunk answered its last probe; `None` when it is not asked, or not yet."""
        return self._watch.states

    @property
    def leg_count(self) -> int:
        """Legs that have not ended."""
        return len(self._legs) + self._dialler.search_count

    def begin_drain(self) -> None:
        """From now on new callers get 503 with Retry-After; what runs goes on."""
        self._shell.ua.drain()

    async def close(self) -> None:
        """Close the sockets. Legs that are still up are forgotten without a word: hang them up before."""
        await self._dialler.close()
        await self._watch.close()
        await self.phones.close()
        await self._shell.close()

    # --- what call control asks for

    def check_destination(self, to: str) -> str | None:
        if self._phones_at(to) is not None:
            return None
        trunk = route_of(to, self._routes, self._door)
        return None if trunk is None else trunk.name

    def wants_encryption(self, to: str) -> bool:
        if self._phones_at(to) is not None:
            return False
        trunk = route_of(to, self._routes, self._door)
        return trunk is not None and trunk.is_encrypted

    def place_call(self, call: OutgoingCall, listener: LegListener) -> Leg:
        contacts = self._phones_at(call.to)
        if contacts is not None:
            return self._dialler.ring_phones(call, contacts, listener)
        return self._dialler.dial(call, listener)

    def hang_up_from_snapshot(self, snapshot: bytes) -> None:
        agent = self._shell.ua
        try:
            for part in parts_of(snapshot):
                end = agent.give_up_from_snapshot if is_early(part) else agent.bye_from_snapshot
                end(part, self._shell.now())
        except TrebuchetError as error:
            log.warning("dialog snapshot not usable", code=error.code)
        self._shell.flush()

    def _phones_at(self, to: str) -> list[Contact] | None:
        """The phones of an endpoint's address; `None` for any other destination. Raises `SignallingError` for an
        address within a domain of ours that is nobody's."""
        uri = read_own_domain(to, self.phones)
        if uri is None:
            return None
        contacts = self.phones.contacts_at(uri)
        if contacts is None:
            raise SignallingError("no such endpoint")
        return contacts

    def _make_leg(self, attempt: Attempt, listener: LegListener) -> SipLeg:
        leg = SipLeg(self, self._new_sdp(), None, attempt)
        leg.listener = listener
        return leg

    def _launched(self, leg: SipLeg, leg_id: LegId) -> None:
        leg.id = leg_id
        self._legs[leg_id] = leg
        self._shell.flush()

    # --- commands of legs

    def ring(self, leg: SipLeg) -> None:
        self._command(leg, lambda leg_id, now: self._shell.ua.ring(leg_id, now))

    def answer(self, leg: SipLeg, description: MediaDescription) -> None:
        audio = to_audio(description)
        offer, leg.peer_offer = leg.peer_offer, None
        body = leg.sdp.offer(audio) if offer is None else leg.sdp.answer(offer, audio)
        leg.was_answered = True
        self._command(leg, lambda leg_id, now: self._shell.ua.answer(leg_id, body, now))

    def reject(self, leg: SipLeg, refusal: Refusal) -> None:
        if leg.is_outgoing or leg.was_answered:
            self.hang_up(leg)
            return
        leg.refusal = refusal
        self._refuse(leg, REFUSAL_STATUS[refusal])

    def _refuse(self, leg: SipLeg, status: int) -> None:
        headers = (("Retry-After", str(self._settings.retry_after_s)),) if status == 503 else ()
        self._command(leg, lambda leg_id, now: self._shell.ua.reject(leg_id, status, now, None, headers))

    def hang_up(self, leg: SipLeg) -> None:
        leg.is_unwanted = True
        if self._dialler.stop_search(leg):
            asyncio.get_running_loop().call_soon(self._end, leg, Cause.CANCELLED, Blame.US, None)
            return
        self._command(leg, lambda leg_id, now: self._shell.ua.hang_up(leg_id, now))

    def confirm(self, leg: SipLeg) -> None:
        self._command(leg, lambda leg_id, now: self._shell.ua.acknowledge(leg_id))

    def dialog_snapshot(self, leg: SipLeg) -> bytes | None:
        return None if leg.id is None else self._shell.ua.dialog_snapshot(leg.id)

    def early_snapshot(self, leg: SipLeg) -> bytes | None:
        return None if leg.id is None else self._shell.ua.early_snapshot(leg.id)

    def _command(self, leg: SipLeg, act: Callable[[LegId, float], None]) -> None:
        if leg.id is not None:
            act(leg.id, self._shell.now())
            self._shell.flush()

    # --- news of the user agent

    def _gate(self, request: Request, flow: Flow) -> Turned | None:
        """Trunks are known by their address, phones by their password, wherever they are; of everybody else only this
        machine and configured hosts may call."""
        host = flow.remote[0]
        visitor = self._door.admit(host)
        if (visitor is None or visitor.trunk is None) and self.phones.may_come_from(host):
            domain = self.phones.domain_of(request)
            if domain is not None and request.method in ("REGISTER", "INVITE"):
                return None if self._shell.ua.is_repeat(request) else self.phones.check(request, domain, flow)
            if request.method == "OPTIONS" and self.phones.is_known(host):
                return None
        if visitor is None:
            return Turned(403, ())
        return Turned(404, ()) if request.method == "REGISTER" else None

    def _respond(self, news: OutOfDialogRequest, status: int, headers: HeaderPairs) -> None:
        self._shell.ua.respond(news.transaction, news.request, status, self._shell.now(), headers)
        self._shell.flush()

    def _handle_news(self, output: Output) -> None:
        if isinstance(output, IncomingInvite):
            self._guard(self._handle_invite, output)
        elif isinstance(output, OutOfDialogRequest):
            self.phones.handle_register(output)
        elif isinstance(output, OptionsAnswered):
            self._watch.handle_answer(output)
        elif not isinstance(output, Send):
            leg = self._legs.get(output.leg)
            if leg is not None:
                self._tell_leg(leg, output)

    def _guard(self, act: Callable[[IncomingInvite], None], output: IncomingInvite) -> None:
        try:
            act(output)
        except Exception as error:
            log.exception("incoming call failed", kind=type(error).__name__)
            leg = self._legs.get(output.leg)
            if leg is not None:
                self.reject(leg, Refusal.INTERNAL)

    def _handle_invite(self, invite: IncomingInvite) -> None:
        leg = SipLeg(self, self._new_sdp(), invite.leg, None)
        self._legs[invite.leg] = leg
        endpoint = self.phones.endpoint_behind(invite.request)
        visitor = Visitor(None) if endpoint is not None else self._door.admit(invite.flow.remote[0])
        if visitor is None:
            self._refuse(leg, 403)
            return
        leg.is_private = invite.flow.transport == "tls"
        read = read_sdp(invite.body, is_private=leg.is_private) if invite.body else None
        must_encrypt = visitor.trunk is not None and self._routes.named(visitor.trunk).is_encrypted
        if (invite.body and read is None) or (must_encrypt and not self._is_encrypted(leg, read)):
            self._refuse(leg, 488)
            return
        if read is not None:
            leg.peer_offer = read[0]
        try:
            offer = None if read is None else read[1]
            call = read_invite(invite.request, visitor, offer, wants_encryption=must_encrypt)
            if endpoint is not None:
                call = as_call_of(endpoint, call)
        except SipError as error:
            self._refuse(leg, error.status)
            return
        listener = self.handler.handle_incoming(call, leg) if self.handler is not None else None
        if listener is not None:
            leg.listener = listener
        elif leg.refusal is None and not leg.is_unwanted:
            self.reject(leg, Refusal.UNAVAILABLE)

    @staticmethod
    def _is_encrypted(leg: SipLeg, read: tuple[SessionDescription, MediaDescription] | None) -> bool:
        """Whether the audio is, or, when the offer is ours to make, can be."""
        return leg.is_private if read is None else bool(read[1].srtp)

    def _tell_leg(self, leg: SipLeg, output: Output) -> None:
        try:
            self._handle_leg_news(leg, output)
        except Exception as error:
            log.exception("leg failed", news=type(output).__name__, kind=type(error).__name__)
            self._fail(leg)

    def _fail(self, leg: SipLeg) -> None:
        """An error of ours ends this leg alone: the peer hears BYE, CANCEL or a refusal, its listener the cause."""
        leg.is_unwanted = True
        self._command(leg, lambda leg_id, now: self._shell.ua.hang_up(leg_id, now))
        self._end(leg, Cause.INTERNAL, Blame.US, None)

    def _handle_leg_news(self, leg: SipLeg, output: Output) -> None:
        listener = leg.listener
        if isinstance(output, Ended):
            self._handle_ended(leg, output)
        elif listener is None:
            return
        elif isinstance(output, Progress):
            self._handle_progress(leg, listener, output)
        elif isinstance(output, Answered):
            self._handle_answered(leg, listener, output)
        elif isinstance(output, Acked):
            listener.handle_confirmed(_description(leg, output.body))
        elif isinstance(output, Offered):
            self._handle_offered(leg, listener, output)
        elif isinstance(output, OfferAnswered):
            listener.handle_confirmed(_description(leg, output.body))
        elif isinstance(output, InfoReceived):
            digit = read_info_digit(output.content_type, output.body)
            if digit is not None:
                listener.handle_digit(*digit)
        else:
            assert isinstance(output, OfferRefused)

    def _handle_progress(self, leg: SipLeg, listener: LegListener, progress: Progress) -> None:
        if progress.body:
            leg.early_body = progress.body
        if progress.status in RINGING_STATUSES and not leg.has_rung:
            leg.has_rung = True
            listener.handle_ringing()

    def _handle_answered(self, leg: SipLeg, listener: LegListener, answered: Answered) -> None:
        """A 200 without SDP follows a provisional answer that carried it (RFC 3262 5)."""
        leg.was_answered = True
        body = answered.body or leg.early_body
        leg.attempt, leg.early_body = None, b""
        listener.handle_answered(_description(leg, body))

    def _handle_offered(self, leg: SipLeg, listener: LegListener, offered: Offered) -> None:
        read = read_sdp(offered.body, is_private=leg.is_private) if offered.body is not None else None
        if offered.body is not None and read is None:
            self._refuse_offer(leg)
            return
        ours = listener.handle_offer(None if read is None else read[1])
        if ours is None:
            self._refuse_offer(leg)
            return
        audio = to_audio(ours)
        body = leg.sdp.offer(audio) if read is None else leg.sdp.answer(read[0], audio)
        self._command(leg, lambda leg_id, now: self._shell.ua.accept_offer(leg_id, body, now))

    def _refuse_offer(self, leg: SipLeg) -> None:
        self._command(leg, lambda leg_id, now: self._shell.ua.refuse_offer(leg_id, 488, now))

    def _handle_ended(self, leg: SipLeg, ended: Ended) -> None:
        if leg.id is not None:
            self._legs.pop(leg.id, None)
        if self._dialler.try_elsewhere(leg, ended):
            return
        cause, blame = cause_of_end(
            ended, is_outgoing=leg.is_outgoing, was_answered=leg.was_answered, refusal=leg.refusal
        )
        self._end(leg, cause, blame, detail_of_end(ended))

    def _end(self, leg: SipLeg, cause: Cause, blame: Blame, detail: str | None) -> None:
        """Tell the listener, once, as the last thing."""
        if leg.has_ended:
            return
        leg.has_ended = True
        if leg.id is not None:
            self._legs.pop(leg.id, None)
        listener, leg.listener, leg.attempt, leg.peer_offer = leg.listener, None, None, None
        if listener is None:
            return
        try:
            listener.handle_ended(cause, blame, detail)
        except Exception as error:
            log.exception("leg failed at its end", kind=type(error).__name__)

    def _new_sdp(self) -> SdpSession:
        return SdpSession(self._rand.below(1 << 62))


def _description(leg: SipLeg, body: bytes) -> MediaDescription | None:
    read = read_sdp(body, is_private=leg.is_private) if body else None
    return None if read is None else read[1]
