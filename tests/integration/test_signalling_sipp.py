"""The signalling plane against SIPp: real sockets, UDP and TCP, IPv4 and IPv6."""

import asyncio
from pathlib import Path

import pytest

from support.sip_parties import NUMBER, Call, Desk, address, answer_to, answers, arrival, outgoing, place_call, plane
from support.sipp import Sipp, play
from trebuchet.base.hosts import bracketed
from trebuchet.calls.interfaces import IncomingCall, Leg, Refusal
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.media_description import MediaDescription, MediaDirection
from trebuchet.model.trunk import Trunk
from trebuchet.signalling.settings import TraceSettings

WAYS = [(transport, host) for transport in ("udp", "tcp") for host in ("127.0.0.1", "::1")]

every_way = pytest.mark.parametrize(("transport", "host"), WAYS)


# --- incoming


@every_way
async def test_a_call_comes_in_is_answered_and_ends(tmp_path: Path, transport: str, host: str) -> None:
    desk = Desk(answers(host), host)
    async with plane(host, desk) as made:
        await play("caller_answered", tmp_path, address(made), transport=transport)
        call, listener = desk.calls[0], desk.listeners[0]
        assert await listener.wait("ended") == (Cause.HANGUP, Blame.PEER, None)
    assert (call.from_, call.to, call.display_name) == ("+15551230001", NUMBER, "SIPp")
    assert call.sip_headers == {"X-Order": "4711"}
    assert call.diversion is not None and call.diversion.original_to == "+15551230033"
    assert call.offer is not None and call.offer.address == host
    assert [codec.name for codec in call.offer.codecs] == ["PCMA", "PCMU"]
    assert listener.names == ["confirmed", "ended"]


@every_way
async def test_we_hang_up(tmp_path: Path, transport: str, host: str) -> None:
    desk = Desk(answers(host), host)
    async with plane(host, desk) as made:
        caller = asyncio.create_task(play("caller_hung_up", tmp_path, address(made), transport=transport))
        await arrival(desk, caller)
        await desk.listeners[0].wait("confirmed")
        assert desk.legs[0].dialog_snapshot()
        desk.legs[0].hang_up()
        assert await desk.listeners[0].wait("ended") == (Cause.HANGUP, Blame.US, None)
        await caller
        desk.legs[0].hang_up()
        assert desk.legs[0].dialog_snapshot() is None


async def test_another_process_says_bye_from_the_snapshot(tmp_path: Path) -> None:
    desk = Desk(answers("127.0.0.1"))
    async with plane("127.0.0.1", desk) as made:
        caller = asyncio.create_task(play("caller_hung_up", tmp_path, address(made)))
        await arrival(desk, caller)
        await desk.listeners[0].wait("confirmed")
        snapshot = desk.legs[0].dialog_snapshot()
        assert snapshot is not None
        async with plane() as other:
            other.hang_up_from_snapshot(snapshot)
            other.hang_up_from_snapshot(b"rubbish")
            await caller
        desk.legs[0].hang_up()


@every_way
async def test_a_caller_who_gives_up(tmp_path: Path, transport: str, host: str) -> None:
    desk = Desk(lambda call, leg: leg.ring(), host)
    async with plane(host, desk) as made:
        await play("caller_cancels", tmp_path, address(made), transport=transport)
        assert await desk.listeners[0].wait("ended") == (Cause.CANCELLED, Blame.PEER, None)


@pytest.mark.parametrize(
    ("refusal", "status", "cause"),
    [
        (Refusal.DECLINED, 603, Cause.DECLINED),
        (Refusal.UNAVAILABLE, 480, Cause.NO_ANSWER),
        (Refusal.OVERLOADED, 503, Cause.CONGESTION),
    ],
)
async def test_a_call_is_refused(tmp_path: Path, refusal: Refusal, status: int, cause: Cause) -> None:
    desk = Desk(lambda call, leg: leg.reject(refusal))
    async with plane("127.0.0.1", desk) as made:
        await play(f"caller_refused_{status}", tmp_path, address(made))
        assert (await desk.listeners[0].wait("ended"))[:2] == (cause, Blame.US)


@every_way
async def test_hold_and_resume(tmp_path: Path, transport: str, host: str) -> None:
    desk = Desk(answers(host), host)
    async with plane(host, desk) as made:
        await play("caller_holds", tmp_path, address(made), transport=transport)
        await desk.listeners[0].wait("ended")
    offers = [what[1] for what in desk.listeners[0].told if what[0] == "offer"]
    assert [offer.direction for offer in offers if isinstance(offer, MediaDescription)] == [
        MediaDirection.SENDONLY,
        MediaDirection.SENDRECV,
    ]


@every_way
async def test_a_call_without_an_offer_takes_ours(tmp_path: Path, transport: str, host: str) -> None:
    desk = Desk(answers(host), host)
    async with plane(host, desk) as made:
        await play("caller_offerless", tmp_path, address(made), transport=transport)
        (answer,) = await desk.listeners[0].wait("confirmed")
        await desk.listeners[0].wait("ended")
    assert desk.calls[0].offer is None
    assert isinstance(answer, MediaDescription) and answer.codecs[0].name == "PCMA"


@every_way
async def test_a_caller_who_requires_reliable_ringing(tmp_path: Path, transport: str, host: str) -> None:
    desk = Desk(lambda call, leg: leg.ring(), host)
    async with plane(host, desk, trace=TraceSettings(messages=20)) as made:
        caller = asyncio.create_task(play("caller_prack", tmp_path, address(made), transport=transport))
        await arrival(desk, caller)
        async with asyncio.timeout(10):
            while not any(each.data.startswith(b"PRACK") for each in made.shell.trace.messages()):
                await asyncio.sleep(0.01)
        offer = desk.calls[0].offer
        assert offer is not None
        desk.legs[0].answer(answer_to(offer, host))
        await caller
        await desk.listeners[0].wait("ended")


async def test_keys_sent_in_info(tmp_path: Path) -> None:
    desk = Desk(answers("127.0.0.1"))
    async with plane("127.0.0.1", desk) as made:
        await play("caller_sends_info", tmp_path, address(made))
        await desk.listeners[0].wait("ended")
    assert [what[1:] for what in desk.listeners[0].told if what[0] == "digit"] == [("5", 160), ("#", None)]


async def test_codecs_we_lack_get_488(tmp_path: Path) -> None:
    desk = Desk(answers("127.0.0.1"))
    async with plane("127.0.0.1", desk) as made:
        await play("caller_refused_488", tmp_path, address(made))
    assert desk.calls == []


@every_way
async def test_a_stranger_gets_403_and_leaves_nothing(tmp_path: Path, transport: str, host: str) -> None:
    desk = Desk(answers(host), host)
    async with plane(host, desk, allows_loopback=False) as made:
        await play("caller_refused_403", tmp_path, address(made), transport=transport)
        assert made.shell.ua.is_idle
    assert desk.calls == []


async def test_a_draining_server_sends_new_callers_away(tmp_path: Path) -> None:
    desk = Desk(answers("127.0.0.1"))
    async with plane("127.0.0.1", desk) as made:
        made.begin_drain()
        await play("caller_refused_503", tmp_path, address(made))
    assert desk.calls == []


async def test_a_handler_that_fails_costs_one_call(tmp_path: Path) -> None:
    def take(call: IncomingCall, leg: Leg) -> None:
        if len(desk.calls) == 1:
            raise RuntimeError("broken")
        answers("127.0.0.1")(call, leg)

    desk = Desk(take)
    async with plane("127.0.0.1", desk) as made:
        with pytest.raises(AssertionError, match="500"):
            await play("caller_answered", tmp_path / "first", address(made))
        await play("caller_answered", tmp_path / "second", address(made))


# --- outgoing


def uri(sipp: Sipp, transport: str) -> str:
    return f"sip:bob@{bracketed(sipp.host)}:{sipp.port};transport={transport}"


@every_way
async def test_a_call_goes_out_rings_is_answered_and_hung_up(tmp_path: Path, transport: str, host: str) -> None:
    async with plane(host) as made, Sipp("called_answers", tmp_path, host=host, transport=transport) as sipp:
        await sipp.start()
        call = Call(host)
        leg = place_call(made, outgoing(uri(sipp, transport), host), call)
        (answer,) = await call.wait("answered")
        assert isinstance(answer, MediaDescription) and answer.address == host
        leg.hang_up()
        await sipp.finish()
    assert call.names == ["ringing", "answered", "ended"]
    assert call.told[-1] == ("ended", Cause.HANGUP, Blame.US, None)


@every_way
async def test_the_callee_hangs_up(tmp_path: Path, transport: str, host: str) -> None:
    async with plane(host) as made, Sipp("called_hangs_up", tmp_path, host=host, transport=transport) as sipp:
        await sipp.start()
        call = Call(host)
        place_call(made, outgoing(uri(sipp, transport), host), call)
        assert await call.wait("ended") == (Cause.HANGUP, Blame.PEER, "Q.850;cause=16")
        await sipp.finish()


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (486, Cause.BUSY),
        (404, Cause.NO_SUCH_NUMBER),
        (603, Cause.DECLINED),
        (480, Cause.NO_ANSWER),
        (503, Cause.CONGESTION),
    ],
)
async def test_the_callee_refuses(tmp_path: Path, status: int, cause: Cause) -> None:
    async with plane() as made, Sipp(f"called_refuses_{status}", tmp_path) as sipp:
        await sipp.start()
        call = Call()
        place_call(made, outgoing(uri(sipp, "udp"), "127.0.0.1"), call)
        found = await call.wait("ended")
        assert found[0] == cause and str(found[2]).startswith(str(status))
        await sipp.finish()


@every_way
async def test_we_give_up_while_it_rings(tmp_path: Path, transport: str, host: str) -> None:
    async with plane(host) as made, Sipp("called_is_cancelled", tmp_path, host=host, transport=transport) as sipp:
        await sipp.start()
        call = Call(host)
        leg = place_call(made, outgoing(uri(sipp, transport), host), call)
        await call.wait("ringing")
        leg.hang_up()
        assert (await call.wait("ended"))[:2] == (Cause.CANCELLED, Blame.US)
        await sipp.finish()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("status", [401, 407])
async def test_a_trunk_that_asks_for_credentials(tmp_path: Path, status: int, transport: str) -> None:
    async with Sipp(f"called_challenges_{status}", tmp_path, transport=transport) as sipp:
        await sipp.start()
        trunk = Trunk(
            name="carrier",
            host="127.0.0.1",
            port=sipp.port,
            transport=transport,
            username="trunkuser",
            password="trunksecret",
        )
        async with plane(trunks=(trunk,)) as made:
            assert made.check_destination(NUMBER) == "carrier"
            call = Call()
            leg = place_call(made, outgoing(NUMBER, "127.0.0.1", trunk="carrier"), call)
            await call.wait("answered")
            leg.hang_up()
            await sipp.finish()


async def test_a_wrong_password_is_a_declined_call(tmp_path: Path) -> None:
    async with Sipp("called_challenges_401", tmp_path) as sipp:
        await sipp.start()
        trunk = Trunk(name="carrier", host="127.0.0.1", port=sipp.port, username="trunkuser", password="wrong")
        async with plane(trunks=(trunk,)) as made:
            call = Call()
            place_call(made, outgoing(NUMBER, "127.0.0.1", trunk="carrier"), call)
            assert await call.wait("ended") == (Cause.DECLINED, Blame.CARRIER, "403 Forbidden")
            await sipp.finish()
