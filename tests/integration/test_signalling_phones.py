"""Phones at the SIP door, over a real socket: who is challenged, who is let in, and as whom."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from support.sip_parties import Desk, address, answers
from trebuchet.base.clock import SystemClock
from trebuchet.base.ids import AccountId, DomainId, EndpointId
from trebuchet.base.rand import SystemRand
from trebuchet.calls.interfaces import LogUnavailable, SignallingError
from trebuchet.model.endpoint import Binding, Domain, Endpoint, make_secrets
from trebuchet.signalling.adapter import SipPlane
from trebuchet.signalling.settings import Bind, PhoneSettings, SipSettings
from trebuchet.sip.auth import Credentials, authorize, parse_challenges
from trebuchet.store.interface import Batch, PhoneChanges
from trebuchet.store.memory import MemoryStore

REALM, PASSWORD = "office.example", "correct-horse"
AT = datetime(2016, 3, 2, tzinfo=UTC)
LIMIT_S = 10.0


def endpoint(name: str) -> Endpoint:
    return Endpoint(
        id=EndpointId(f"re-{name}"), account_id=AccountId("u-1"), domain_id=DomainId("rd-1"), name=name, realm=REALM,
        secrets=make_secrets(name, REALM, PASSWORD), created_at=AT,
    )  # fmt: skip


DOMAIN = Domain(id=DomainId("rd-1"), account_id=AccountId("u-1"), name="office", realm=REALM, created_at=AT)


class World:
    def __init__(self, plane: SipPlane, store: MemoryStore, desk: Desk) -> None:
        self.plane, self.store, self.desk = plane, store, desk
        self.wires: list[Wire] = []

    def wire(self) -> "Wire":
        self.wires.append(Wire(self.plane))
        return self.wires[-1]

    async def bindings(self, name: str = "bob") -> list[Binding]:
        return await self.store.bindings(EndpointId(f"re-{name}"))


@asynccontextmanager
async def world(*names: str, **phones: object) -> AsyncIterator[World]:
    """A plane that takes phones from anywhere and nobody else, not even from this machine."""
    store = MemoryStore()
    if names:
        endpoints = tuple(endpoint(name) for name in names)
        await store.write(Batch(phones=PhoneChanges(domains=(DOMAIN,), endpoints=endpoints)))

    async def save(stored: tuple[Binding, ...], removed: tuple[str, ...]) -> None:
        await store.write(Batch(phones=PhoneChanges(bindings=stored, removed_bindings=removed)))

    settings = SipSettings(
        binds=(Bind("127.0.0.1", 0),), allows_loopback=False, phones=PhoneSettings(**phones)  # type: ignore[arg-type]
    )  # fmt: skip
    plane = SipPlane(settings, SystemRand(), SystemClock(), book=store.phones, save_bindings=save)
    desk = Desk(answers("127.0.0.1"))
    plane.handler = desk
    await plane.start()
    made = World(plane, store, desk)
    try:
        yield made
    finally:
        await plane.close()
        for wire in made.wires:
            wire.sock.close()


class Wire:
    """A phone made of one UDP socket."""

    def __init__(self, plane: SipPlane) -> None:
        self.to = address(plane)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self._number = 0

    def text(self, method: str, user: str, uri: str, *headers: str, cseq: int) -> str:
        port = self.sock.getsockname()[1]
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bK{port}x{cseq}",
            "Max-Forwards: 70",
            f"From: <sip:{user}@{REALM}>;tag=f{port}",
            f"To: <{uri if method != 'REGISTER' else f'sip:{user}@{REALM}'}>",
            f"Call-ID: call-{port}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{user}@10.0.0.5:5060>",
            *headers,
            "Content-Length: 0",
        ]
        return "\r\n".join(lines) + "\r\n\r\n"

    async def exchange(self, text: str) -> str:
        """The final answer."""
        self.sock.sendto(text.encode(), self.to)
        async with asyncio.timeout(LIMIT_S):
            while True:
                data = await asyncio.get_running_loop().sock_recv(self.sock, 65_535)
                if data.startswith(b"SIP/2.0 ") and not data.startswith(b"SIP/2.0 1"):
                    return data.decode()

    async def ask(self, method: str, user: str, uri: str, *headers: str) -> str:
        """Without credentials."""
        self._number += 1
        return await self.exchange(self.text(method, user, uri, *headers, cseq=self._number))

    async def prove(
        self, method: str, user: str, uri: str, *headers: str, claimed: str | None = None, password: str = PASSWORD
    ) -> str:
        """With the credentials that the first answer asks for."""
        challenged = await self.ask(method, claimed or user, uri, *headers)
        match = re.search(r"(?:WWW|Proxy)-Authenticate: (.*)\r\n", challenged)
        assert match is not None, challenged
        (challenge,) = parse_challenges([match[1]])
        value = authorize(challenge, Credentials(user, password), method, uri, 1, "c")
        name = "Authorization" if method == "REGISTER" else "Proxy-Authorization"
        return await self.ask(method, claimed or user, uri, f"{name}: {value}", *headers)


def status(answer: str) -> int:
    return int(answer.split(" ")[1])


async def test_a_phone_registers_from_anywhere_and_is_known_by_where_it_came_from() -> None:
    async with world("bob") as place:
        wire = place.wire()
        answer = await wire.prove("REGISTER", "bob", f"sip:{REALM}", "Expires: 120")
        assert status(answer) == 200
        assert "Contact: <sip:bob@10.0.0.5:5060>;q=1;expires=120\r\n" in answer
        (binding,) = await place.bindings()
        assert binding.remote == wire.sock.getsockname()
        assert status(await wire.ask("OPTIONS", "bob", f"sip:{REALM}")) == 200
        assert status(await wire.prove("REGISTER", "bob", f"sip:{REALM}", "Expires: 0")) == 200
        assert await place.bindings() == []
        assert status(await wire.ask("OPTIONS", "bob", f"sip:{REALM}")) == 403


async def test_a_stranger_is_challenged_without_being_remembered() -> None:
    async with world("bob") as place:
        wire = place.wire()
        answers_of = [
            await wire.ask("REGISTER", "bob", f"sip:{REALM}"),
            await wire.ask("REGISTER", "nobody", f"sip:{REALM}"),
            await wire.ask("INVITE", "bob", f"sip:+15550100@{REALM}"),
            await wire.ask("INVITE", "nobody", f"sip:+15550100@{REALM}"),
        ]
        assert [status(each) for each in answers_of] == [401, 401, 407, 407]
        assert place.plane.shell.ua.is_idle and not place.desk.listeners


async def test_who_is_not_a_phone_stays_outside() -> None:
    async with world("bob") as place:
        wire = place.wire()
        assert status(await wire.ask("MESSAGE", "bob", f"sip:{REALM}")) == 403
        foreign = wire.text("INVITE", "bob", f"sip:x@{REALM}", cseq=50).replace(f"bob@{REALM}", "bob@elsewhere.example")
        assert status(await wire.exchange(foreign)) == 403
    async with world() as empty:
        assert status(await empty.wire().ask("REGISTER", "bob", f"sip:{REALM}")) == 403
    async with world("bob", networks=("192.0.2.0/24",)) as elsewhere:
        assert status(await elsewhere.wire().ask("REGISTER", "bob", f"sip:{REALM}")) == 403


async def test_a_call_comes_from_the_address_that_was_proved() -> None:
    async with world("bob", "eve") as place:
        wire = place.wire()
        answer = await wire.prove(
            "INVITE", "bob", f"sip:+15550100@{REALM}", "P-Asserted-Identity: <sip:+15550999@x>", "Privacy: id"
        )
        assert status(answer) == 200
        (call,) = place.desk.calls
        assert (call.from_, call.to, call.endpoint_id) == (f"sip:bob@{REALM}", "+15550100", "re-bob")
        assert (call.preferred_id, call.withholds_number, call.trunk) == (None, False, None)


@pytest.mark.parametrize(("method", "uri"), [("INVITE", f"sip:+15550100@{REALM}"), ("REGISTER", f"sip:{REALM}")])
async def test_nobody_speaks_for_another(method: str, uri: str) -> None:
    async with world("bob", "eve") as place:
        assert status(await place.wire().prove(method, "eve", uri, claimed="bob")) == 403
        assert not place.desk.listeners and await place.bindings() == []


async def test_broken_credentials_are_refused_and_never_passed_on() -> None:
    async with world("bob") as place:
        wire = place.wire()
        broken = 'Proxy-Authorization: Digest username="bob"'
        assert status(await wire.ask("INVITE", "bob", f"sip:+15550100@{REALM}", broken)) == 400
        assert not place.desk.listeners


async def test_a_registration_that_cannot_be_stored_is_not_confirmed() -> None:
    async with world("bob") as place:
        wire = place.wire()
        place.store.fail_with = LogUnavailable("disk full")
        answer = await wire.prove("REGISTER", "bob", f"sip:{REALM}")
        assert status(answer) == 503 and "Retry-After: " in answer


async def test_what_is_wrong_with_a_registration_is_said() -> None:
    async with world("bob") as place:
        wire = place.wire()
        answer = await wire.prove("REGISTER", "bob", f"sip:{REALM}", "Expires: 5")
        assert status(answer) == 423 and "Min-Expires: 60\r\n" in answer


async def test_expired_registrations_are_swept_away() -> None:
    async with world("bob") as place:
        await place.wire().prove("REGISTER", "bob", f"sip:{REALM}")
        (binding,) = await place.bindings()
        binding.expires_at = AT  # type: ignore[misc]  # time passes
        await place.plane.phones.sweep()
        assert await place.bindings() == []


async def test_where_calls_to_our_domains_lead() -> None:
    async with world("bob") as place:
        assert place.plane.check_destination(f"sip:bob@{REALM.upper()}") is None
        with pytest.raises(SignallingError):
            place.plane.check_destination(f"sip:nobody@{REALM}")
