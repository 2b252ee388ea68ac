"""Two signalling planes on real sockets: DNS and failover, drains, failing listeners, probes, traces, TLS."""

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest
import uvloop

from support.ports import free_port
from support.sip_parties import NUMBER, Call, Desk, address, answers, outgoing, place_call, plane
from support.table_dns import TableDns
from trebuchet.base.clock import SystemClock
from trebuchet.base.rand import SystemRand
from trebuchet.calls.interfaces import DestinationForbidden, Leg, Refusal, SignallingError
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.media_description import MediaDescription
from trebuchet.model.trunk import Trunk
from trebuchet.signalling.adapter import SipPlane
from trebuchet.signalling.dns import Srv
from trebuchet.signalling.settings import Bind, SipSettings, TraceSettings
from trebuchet.sip.errors import Unprintable

HOST = "127.0.0.1"


def direct(made: SipPlane, user: str = "bob") -> str:
    host, port = address(made)
    return f"sip:{user}@{host}:{port}"


async def settle(desk: Desk, call: Call, leg: Leg) -> None:
    """End a call that is up and see both sides told."""
    await call.wait("answered")
    await desk.listeners[-1].wait("confirmed")
    leg.hang_up()
    assert (await call.wait("ended"))[0] == Cause.HANGUP
    assert (await desk.listeners[-1].wait("ended"))[:2] == (Cause.HANGUP, Blame.PEER)


async def test_a_name_leads_to_the_next_place_when_the_first_is_dead() -> None:
    desk = Desk(answers(HOST))
    async with plane(desk=desk) as callee:
        dns = TableDns()
        dns.srvs["_sip._udp.pbx.example"] = (
            Srv(1, 0, free_port(), "a.example"),
            Srv(2, 0, address(callee)[1], "a.example"),
        )
        dns.hosts["a.example"] = (HOST,)
        async with plane(dns=dns, allowed_hosts=("pbx.example",)) as caller:
            call = Call()
            await settle(desk, call, place_call(caller, outgoing("sip:bob@pbx.example;transport=udp", HOST), call))
            assert call.names.count("ended") == 1


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_place_that_says_503_is_passed_over(transport: str) -> None:
    full = Desk(lambda call, leg: leg.reject(Refusal.OVERLOADED))
    free = Desk(answers(HOST))
    async with plane(desk=full) as first, plane(desk=free) as second:
        dns = TableDns()
        dns.srvs[f"_sip._{transport}.carrier.example"] = (
            Srv(1, 0, address(first)[1], "a.example"),
            Srv(2, 0, address(second)[1], "a.example"),
        )
        dns.hosts |= {"a.example": (HOST,), "carrier.example": (HOST,)}
        trunk = Trunk(name="carrier", host="carrier.example", transport=transport)
        async with plane(dns=dns, trunks=(trunk,)) as caller:
            call = Call()
            leg = place_call(caller, outgoing(NUMBER, HOST, trunk="carrier"), call)
            await settle(free, call, leg)
            call = Call()
            await settle(free, call, place_call(caller, outgoing(NUMBER, HOST, trunk="carrier"), call))
    assert len(full.calls) == 1, "for a while the full place is not asked first"
    assert len(free.calls) == 2 and free.calls[0].to == NUMBER


async def test_busy_is_an_answer_not_a_reason_to_go_on() -> None:
    busy, other = Desk(lambda call, leg: leg.reject(Refusal.BUSY)), Desk(answers(HOST))
    async with plane(desk=busy) as first, plane(desk=other) as second:
        dns = TableDns()
        dns.srvs["_sip._udp.pbx.example"] = (
            Srv(1, 0, address(first)[1], "a.example"),
            Srv(2, 0, address(second)[1], "a.example"),
        )
        dns.hosts["a.example"] = (HOST,)
        async with plane(dns=dns, allowed_hosts=("pbx.example",)) as caller:
            call = Call()
            place_call(caller, outgoing("sip:bob@pbx.example;transport=udp", HOST), call)
            assert await call.wait("ended") == (Cause.BUSY, Blame.PEER, "486 Busy Here")
    assert other.calls == []


@pytest.mark.parametrize(
    ("to", "resolved", "blame"),
    [
        ("sip:bob@pbx.example:5099", ("224.0.0.5", "169.254.169.254", "0.0.0.0"), Blame.CUSTOMER),
        ("sip:bob@localhost:5099", ("192.0.2.1",), Blame.CUSTOMER),
        ("sip:bob@pbx.example:5099", (), Blame.CARRIER),
    ],
)
async def test_what_a_name_resolves_to_must_be_permitted_too(to: str, resolved: tuple[str, ...], blame: Blame) -> None:
    dns = TableDns()
    dns.hosts |= {"pbx.example": resolved, "localhost": resolved}
    async with plane(dns=dns, allowed_hosts=("pbx.example",), trace=TraceSettings(messages=10)) as caller:
        call = Call()
        place_call(caller, outgoing(to, HOST), call)
        assert (await call.wait("ended"))[:2] == (Cause.TEMPORARY_FAILURE, blame)
        assert caller.shell.trace.messages() == []


async def test_hanging_up_while_dns_is_asked_ends_the_call() -> None:
    dns = TableDns()
    dns.hosts["pbx.example"] = (HOST,)
    async with plane(dns=dns, allowed_hosts=("pbx.example",), trace=TraceSettings(messages=10)) as caller:
        call = Call()
        leg = place_call(caller, outgoing("sip:bob@pbx.example:5099", HOST), call)
        leg.hang_up()
        leg.hang_up()
        assert call.told == [], "news does not come from inside a command"
        assert await call.wait("ended") == (Cause.CANCELLED, Blame.US, None)
        assert caller.shell.trace.messages() == []
    assert call.names == ["ended"]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_nobody_there_fails_at_once(transport: str) -> None:
    async with plane() as caller:
        call = Call()
        async with asyncio.timeout(5):
            place_call(caller, outgoing(f"sip:bob@{HOST}:{free_port()};transport={transport}", HOST), call)
            assert await call.wait("ended") == (Cause.TEMPORARY_FAILURE, Blame.CARRIER, "transport")


async def test_what_cannot_be_placed_raises_and_leaves_nothing() -> None:
    async with plane(trunks=(Trunk(name="carrier", host="192.0.2.1"),), trace=TraceSettings(messages=5)) as caller:
        here = direct(caller)
        for call in (
            outgoing(here, HOST, sip_headers={"X-A": "b\r\nEvil: 1"}),
            outgoing(here, HOST, from_="sip:a@b\r\n"),
            outgoing("+15551230002", HOST, trunk="carrier", diversion_headers=("a\x00b",)),
        ):
            with pytest.raises(Unprintable):
                place_call(caller, call, Call())
        for call in (
            outgoing(NUMBER, HOST, trunk="nobody"),
            outgoing("sip:", HOST),
            outgoing(f"sip:bob@{HOST};transport=tls", HOST),
            outgoing(here, HOST, sip_headers={"Via": "x"}),
        ):
            with pytest.raises(SignallingError):
                place_call(caller, call, Call())
        with pytest.raises(DestinationForbidden):
            place_call(caller, outgoing("sip:bob@192.0.2.7", HOST), Call())
        assert caller.leg_count == 0 and caller.shell.ua.is_idle and caller.shell.trace.messages() == []


async def test_drained_callers_hear_503_and_running_calls_go_on() -> None:
    desk = Desk(answers(HOST))
    async with plane(desk=desk) as callee, plane() as caller:
        first = Call()
        leg = place_call(caller, outgoing(direct(callee), HOST), first)
        await first.wait("answered")
        callee.begin_drain()
        second = Call()
        place_call(caller, outgoing(direct(callee), HOST), second)
        assert (await second.wait("ended"))[0] == Cause.CONGESTION
        await settle(desk, first, leg)


class Broken(Call):
    """Fails when the peer changes the stream."""

    def handle_offer(self, offer: MediaDescription | None) -> MediaDescription | None:
        raise RuntimeError("broken")


async def test_a_listener_that_fails_ends_its_own_leg_alone() -> None:
    desk = Desk(answers(HOST))
    async with plane(desk=desk) as callee, plane() as caller:
        other, broken = Call(), Broken()
        other_leg = place_call(caller, outgoing(direct(callee), HOST), other)
        place_call(caller, outgoing(direct(callee), HOST), broken)
        await other.wait("answered")
        await broken.wait("answered")
        for listener in desk.listeners:
            await listener.wait("confirmed")
        theirs = next(leg_id for leg_id, leg in callee._legs.items() if leg.listener is desk.listeners[1])
        callee.shell.ua.reinvite(theirs, b"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                                 b"m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n", callee.shell.now())  # fmt: skip
        callee.shell.flush()
        assert await broken.wait("ended") == (Cause.INTERNAL, Blame.US, None)
        assert (await desk.listeners[1].wait("ended"))[:2] == (Cause.HANGUP, Blame.PEER)
        assert other.names == ["ringing", "answered"]
        other_leg.hang_up()
        await desk.listeners[0].wait("ended")


async def test_a_private_call_shows_the_callee_nobody() -> None:
    desk = Desk(answers(HOST))
    async with plane(desk=desk, trace=TraceSettings(messages=50)) as callee, plane() as caller:
        call = Call()
        await settle(desk, call, place_call(caller, outgoing(direct(callee), HOST, is_private=True), call))
        seen = b"".join(each.data for each in callee.shell.trace.messages())
    assert desk.calls[0].from_ == "anonymous" and desk.calls[0].withholds_number
    assert b"5551230009" not in seen and b"Privacy: id" in seen


async def test_trunks_are_asked_whether_they_are_there() -> None:
    async with plane() as carrier:
        up = Trunk(name="up", host=HOST, port=address(carrier)[1])
        down = Trunk(name="down", host=HOST, port=free_port())
        async with plane(trunks=(up, down), probe_interval_s=0.05) as made, asyncio.timeout(10):
            assert made.trunk_states == {"up": None, "down": None}
            while None in made.trunk_states.values():
                await asyncio.sleep(0.01)
            assert made.trunk_states == {"up": True, "down": False}


async def test_a_trunk_known_by_name_may_call_in_from_where_its_name_leads() -> None:
    dns = TableDns()
    dns.srvs["_sip._udp.carrier.example"] = (Srv(1, 0, 5070, "gw.carrier.example"),)
    dns.hosts["gw.carrier.example"] = (HOST,)
    desk = Desk(answers(HOST))
    trunk = Trunk(name="carrier", host="carrier.example")
    async with plane(desk=desk, dns=dns, trunks=(trunk,), allows_loopback=False) as callee, plane() as caller:
        call = Call()
        await settle(desk, call, place_call(caller, outgoing(direct(callee), HOST), call))
    assert desk.calls[0].trunk == "carrier"


async def test_a_trace_is_kept_only_when_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "sip.txt"
    desk = Desk(answers(HOST))
    async with (
        plane(desk=desk, trace=TraceSettings(messages=4, path=file)) as callee,
        plane() as caller,
    ):
        call = Call()
        await settle(desk, call, place_call(caller, outgoing(direct(callee), HOST), call))
        async with asyncio.timeout(5):
            while not callee.shell.trace.messages()[-1].data.startswith(b"SIP/2.0 200"):
                await asyncio.sleep(0.01)
        assert len(callee.shell.trace.messages()) == 4
        assert caller.shell.trace.messages() == []
    text = file.read_text()
    assert text.count("<- udp") >= 3 and "INVITE sip:bob@" in text and "BYE" in text


async def test_a_port_in_use_is_an_error_that_names_it() -> None:
    async with plane() as made:
        host, port = address(made)
        second = SipPlane(SipSettings(binds=(Bind(HOST, 0), Bind(host, port))), SystemRand(), SystemClock())
        with pytest.raises(OSError, match=f"^cannot listen on sip {host}:{port}: Address already in use$"):
            await second.start()
        assert second.bound == ()


async def test_everywhere_means_the_address_that_faces_the_peer() -> None:
    desk = Desk(answers(HOST))
    async with plane("0.0.0.0", desk, trace=TraceSettings(messages=50)) as callee, plane() as caller:
        call = Call()
        port = address(callee)[1]
        await settle(desk, call, place_call(caller, outgoing(f"sip:bob@{HOST}:{port}", HOST), call))
        contacts = [each.data for each in callee.shell.trace.messages() if each.is_sent and b"Contact:" in each.data]
    assert contacts and all(f"<sip:{HOST}:{port}>".encode() in data for data in contacts)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_server_s_event_loop_is_uvloop(transport: str) -> None:
    async def main() -> None:
        desk = Desk(answers(HOST))
        async with plane(desk=desk) as callee, plane() as caller:
            call = Call()
            to = f"{direct(callee)};transport={transport}"
            await settle(desk, call, place_call(caller, outgoing(to, HOST), call))
            nobody = Call()
            place_call(caller, outgoing(f"sip:x@{HOST}:{free_port()};transport={transport}", HOST), nobody)
            assert (await nobody.wait("ended"))[0] == Cause.TEMPORARY_FAILURE

    uvloop.run(main())


def certificate(folder: Path) -> tuple[Path, Path]:
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-keyout", str(key), "-out", str(cert), "-subj", "/CN=pbx.example", "-addext", "subjectAltName=DNS:pbx.example",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return key, cert


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_tls_checks_the_name_that_was_called(tmp_path: Path, is_trusted: bool) -> None:
    key, cert = certificate(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(cert, key)
    client = ssl.create_default_context(cafile=str(cert)) if is_trusted else ssl.create_default_context()
    desk = Desk(answers(HOST))
    async with plane(desk=desk, tls_server=server, tls_client=client) as callee:
        dns = TableDns()
        dns.hosts["pbx.example"] = (HOST,)
        async with plane(dns=dns, allowed_hosts=("pbx.example",), tls_server=server, tls_client=client) as made:
            call = Call()
            leg = place_call(made, outgoing(f"sips:bob@pbx.example:{address(callee)[1]}", HOST), call)
            if is_trusted:
                await settle(desk, call, leg)
            else:
                assert (await call.wait("ended"))[:2] == (Cause.TEMPORARY_FAILURE, Blame.CARRIER)
