"""Places calls: looks for where they may go, sends the INVITE to the first place, and goes on to the next one."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial

from trebuchet.base.errors import TrebuchetError
from trebuchet.calls.interfaces import LegListener, OutgoingCall, SignallingError
from trebuchet.model.cause import Blame, Cause
from trebuchet.signalling.descriptions import to_audio
from trebuchet.signalling.door import Door
from trebuchet.signalling.fork import ForkLeg
from trebuchet.signalling.leg import Attempt, SipLeg
from trebuchet.signalling.outgoing import next_hop, permitted, plan, write_invite
from trebuchet.signalling.resolver import Candidate, Unresolvable
from trebuchet.signalling.routes import Routes
from trebuchet.signalling.shell import SipShell
from trebuchet.sip.errors import Malformed
from trebuchet.sip.outputs import Ended, EndReason, LegId
from trebuchet.sip.register import Contact
from trebuchet.sip.uri import parse_uri

End = Callable[[SipLeg, Cause, Blame, str | None], None]


class Dialler:
    """`make_leg` makes the leg of an attempt; `launched` is told of each INVITE that was sent for it; `end` ends a leg
    that got no further."""

    def __init__(
        self,
        shell: SipShell,
        routes: Routes,
        door: Door,
        *,
        make_leg: Callable[[Attempt, LegListener], SipLeg],
        launched: Callable[[SipLeg, LegId], None],
        end: End,
    ) -> None:
        self._shell, self._routes, self._door = shell, routes, door
        self._make_leg, self._launched, self._end = make_leg, launched, end
        self._searches: dict[SipLeg, asyncio.Task[None]] = {}

    @property
    def search_count(self) -> int:
        """Calls that wait for DNS."""
        return len(self._searches)

    def stop_search(self, leg: SipLeg) -> bool:
        """The call is not wanted any more; whether it waited for DNS."""
        search = self._searches.get(leg)
        if search is not None:
            search.cancel()
        return search is not None

    async def close(self) -> None:
        """Search no more."""
        searches = list(self._searches.values())
        for task in searches:
            task.cancel()
        await asyncio.gather(*searches, return_exceptions=True)

    def dial(self, call: OutgoingCall, listener: LegListener) -> SipLeg:
        """See `SignallingPlane.place_call`; for all but the phones of an endpoint."""
        attempt = plan(call, self._routes, self._door)
        leg = self._make_leg(attempt, listener)
        host, port, transport, is_secure = next_hop(attempt)
        literal = self._shell.resolver.shortcut(host, port, transport, is_secure=is_secure)
        if literal is None:
            self._check(attempt)
            self._search(leg, self._resolve(leg, attempt))
            return leg
        if self._shell.addresses.link(literal.transport, literal.host) is None:
            raise SignallingError(f"no {literal.transport} address of ours leads there")
        attempt.candidates.append(literal)
        self._launch(leg, attempt)
        return leg

    def ring_phones(self, call: OutgoingCall, contacts: list[Contact], listener: LegListener) -> ForkLeg:
        """One INVITE to each phone. Raises only when not even one could be sent for a reason of ours."""
        fork = ForkLeg(listener)
        failures: list[TrebuchetError] = []
        for contact in contacts:
            try:
                fork.add(partial(self._ring_phone, call, contact))
            except TrebuchetError as error:
                failures.append(error)
        if failures and len(failures) == len(contacts):
            raise failures[0]
        asyncio.get_running_loop().call_soon(fork.begin)
        return fork

    def _ring_phone(self, call: OutgoingCall, contact: Contact, listener: LegListener) -> SipLeg:
        flow = contact.flow
        attempt = Attempt(call, parse_uri(contact.uri), None, flow)
        leg = self._make_leg(attempt, listener)
        self._send_invite(leg, attempt, Candidate(*flow.remote, flow.transport))
        return leg

    def _check(self, attempt: Attempt) -> None:
        """Raise now what would make the INVITE unprintable, before DNS is asked."""
        try:
            write_invite(attempt, Candidate("192.0.2.1", 5060, "udp"), "192.0.2.1", b"")
        except Malformed as error:
            raise SignallingError(str(error)) from error

    def _search(self, leg: SipLeg, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._searches[leg] = task
        task.add_done_callback(lambda done: self._searches.pop(leg, None))

    async def _resolve(self, leg: SipLeg, attempt: Attempt) -> None:
        host, port, transport, is_secure = next_hop(attempt)
        try:
            found = await self._shell.resolver.resolve(host, port, transport, is_secure=is_secure)
        except Unresolvable:
            self._end(leg, Cause.TEMPORARY_FAILURE, Blame.CARRIER, Unresolvable.code)
            return
        usable = [
            each
            for each in permitted(attempt, found, self._door)
            if self._shell.addresses.link(each.transport, each.host) is not None
        ]
        if not usable:
            self._end(leg, Cause.TEMPORARY_FAILURE, Blame.CUSTOMER, "no address of this host may be called")
            return
        for each in usable:
            self._shell.remember_server_name((each.host, each.port), host)
        attempt.candidates.extend(usable)
        if not leg.is_unwanted:
            self._launch_guarded(leg, attempt)

    def _launch(self, leg: SipLeg, attempt: Attempt) -> None:
        """Send the INVITE to the next place. Raises `Unprintable` or `SignallingError`, and then nothing was sent."""
        candidate = attempt.current = attempt.candidates.popleft()
        self._send_invite(leg, attempt, candidate)

    def _send_invite(self, leg: SipLeg, attempt: Attempt, candidate: Candidate) -> None:
        leg.is_private = candidate.transport == "tls"
        if attempt.call.offer.srtp and not leg.is_private:
            raise SignallingError("keys would go over the network in the clear")
        domain = self._shell.addresses.address(candidate.transport, candidate.host)[0]
        try:
            invite = write_invite(attempt, candidate, domain, leg.sdp.offer(to_audio(attempt.call.offer)))
        except Malformed as error:
            raise SignallingError(str(error)) from error
        self._launched(leg, self._shell.ua.invite(invite, self._shell.now()))

    def _launch_guarded(self, leg: SipLeg, attempt: Attempt) -> None:
        try:
            self._launch(leg, attempt)
        except TrebuchetError as error:
            self._end(leg, Cause.INTERNAL, Blame.US, error.code)

    def try_elsewhere(self, leg: SipLeg, ended: Ended) -> bool:
        """RFC 3263 4.3: nobody there, or 503: the next place gets a fresh INVITE."""
        attempt = leg.attempt
        if attempt is None or attempt.current is None or leg.is_unwanted or leg.was_answered:
            return False
        is_absent = ended.reason is EndReason.TRANSPORT or (ended.reason is EndReason.TIMEOUT and ended.status is None)
        if not is_absent and ended.status != 503:
            return False
        self._shell.resolver.mark_failed(attempt.current)
        if not attempt.candidates:
            return False
        leg.early_body = b""
        self._launch_guarded(leg, attempt)
        return True
