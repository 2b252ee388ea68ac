"""The simulated world: phones, carrier and application, on real sockets."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from support.sip_parties import NUMBER, Call, Desk, answers, outgoing, place_call, plane
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.media_description import MediaDirection
from trebuchet.model.trunk import Trunk
from trebuchet.sim.app import App, Received
from trebuchet.sim.carrier import Carrier, CarrierSettings
from trebuchet.sim.phone import Manner, Phone
from trebuchet.sim.phone_call import CallFailed
from trebuchet.sip.outputs import EndReason
from trebuchet.testing.tones import hears, is_free_of

HOST = "127.0.0.1"
A_HZ, B_HZ = 440.0, 1000.0


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_two_phones_hear_each_other_and_not_themselves(host: str, transport: str) -> None:
    async with (
        await Phone.open("+15551230001", host=host, transport=transport, tone_hz=A_HZ, codec="PCMA") as ann,
        await Phone.open("+15551230002", host=host, transport=transport, tone_hz=B_HZ, codec="PCMA") as bob,
    ):
        call = await ann.call(bob.uri, headers=(("X-Order", "4711"),), display_name="Ann")
        taken = await bob.wait_call()
        await call.wait_answered()
        await taken.wait_answered()
        heard_by_ann, heard_by_bob = await asyncio.gather(call.hear(0.4), taken.hear(0.4))
        assert hears(heard_by_ann, B_HZ) and is_free_of(heard_by_ann, A_HZ)
        assert hears(heard_by_bob, A_HZ) and is_free_of(heard_by_bob, B_HZ)
        assert taken.header("X-Order") == "4711" and (taken.header("From") or "").startswith('"Ann"')
        assert len(call.arrivals) >= 15 and call.arrivals == sorted(call.arrivals)
        await call.send_digits("12#")
        await taken.wait_for_digits("12#")
        taken.hang_up()
        assert (await call.wait_ended()).reason is EndReason.PEER_BYE
        assert (await taken.wait_ended()).reason is EndReason.LOCAL


async def test_hold_silences_the_other_side_and_resume_brings_it_back() -> None:
    async with await Phone.open("ann", tone_hz=A_HZ) as ann, await Phone.open("bob", tone_hz=B_HZ) as bob:
        call = await ann.call(bob.uri)
        taken = await bob.wait_call()
        await call.wait_for_tone(B_HZ)
        await call.hold()
        assert taken.direction is MediaDirection.RECVONLY and taken.rtp.tone_hz is None
        await taken.wait_for_tone(A_HZ)
        await call.resume()
        assert taken.offers_heard == 2
        await call.wait_for_tone(B_HZ)
        await taken.hold(MediaDirection.INACTIVE)
        assert (call.rtp.tone_hz, taken.rtp.tone_hz) == (None, None)


async def test_a_phone_that_rejects_or_rings_or_says_nothing() -> None:
    async with await Phone.open("ann") as ann, await Phone.open("bob") as bob:
        bob.manner, bob.reject_status = Manner.REJECT, 603
        assert (await (await ann.call(bob.uri)).wait_ended()).status == 603
        bob.manner = Manner.RING
        call = await ann.call(bob.uri)
        await call.wait_ringing()
        with pytest.raises(TimeoutError):
            await call.wait_answered(timeout_s=0.1)
        call.hang_up()
        assert (await (await bob.wait_call(2)).wait_ended()).reason is EndReason.PEER_CANCEL
        with pytest.raises(CallFailed, match="ended"):
            await call.wait_answered()
        bob.manner = Manner.SILENT
        call = await ann.call(bob.uri)
        third = await bob.wait_call(3)
        assert call.statuses == []
        third.answer()
        await call.wait_answered()
        third.hang_up()
        with pytest.raises(CallFailed):
            await call.hear(60.0)


async def test_a_caller_who_gives_up_at_once_leaves_nothing() -> None:
    async with await Phone.open("ann") as ann, await Phone.open("bob") as bob:
        bob.manner = Manner.SILENT
        call = await ann.call(bob.uri)
        call.hang_up()
        assert (await call.wait_ended()).reason is EndReason.LOCAL
        assert (await (await bob.wait_call()).wait_ended()).reason is EndReason.PEER_CANCEL


async def test_an_offerless_call_and_codecs_that_do_not_meet() -> None:
    async with (
        await Phone.open("ann", tone_hz=A_HZ) as ann,
        await Phone.open("bob", tone_hz=B_HZ) as bob,
        await Phone.open("cid", codec="PCMA") as cid,
    ):
        call = await ann.call(bob.uri, is_offerless=True)
        taken = await bob.wait_call()
        await taken.wait_answered()
        assert taken.offer == b""
        call.hang_up()
        assert (await (await ann.call(cid.uri)).wait_ended()).status == 488


async def test_a_phone_without_a_proxy_cannot_call_numbers() -> None:
    async with await Phone.open("ann") as ann:
        with pytest.raises(ValueError, match="proxy"):
            await ann.call("+15551230009")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    "settings",
    [
        CarrierSettings(status=401, algorithms=("MD5",)),
        CarrierSettings(status=407, algorithms=("SHA-256", "MD5")),
        CarrierSettings(status=401, algorithms=("SHA-256",), makes_first_nonce_stale=True),
    ],
)
async def test_the_carrier_challenges_the_server_and_connects_numbers(
    settings: CarrierSettings, transport: str
) -> None:
    settings = replace(settings, transport=transport)
    async with await Carrier.open(settings) as carrier, await Phone.open(NUMBER, transport=transport) as phone:
        carrier.phones[NUMBER] = (HOST, phone.port)
        host, port = carrier.place
        trunk = Trunk(name="carrier", host=host, port=port, transport=transport, username="trunk", password="secret")
        async with plane(trunks=(trunk,)) as made:
            call = Call()
            leg = place_call(made, outgoing(NUMBER, HOST, trunk="carrier"), call)
            await call.wait("answered")
            taken = await phone.wait_call()
            await taken.wait_answered()
            assert taken.header("X-Order") == "4711"
            assert "+15551230009" in (taken.header("P-Asserted-Identity") or "")
            assert taken.header("Authorization") is None and taken.header("Proxy-Authorization") is None
            await taken.hold()
            assert call.names[-1] == "offer"
            leg.hang_up()
            await call.wait("ended")
            assert (await taken.wait_ended()).reason is EndReason.PEER_BYE
    assert carrier.accepted == 1 and carrier.refused == 0
    assert carrier.challenges == (2 if settings.makes_first_nonce_stale else 1)
    assert carrier.call_count == 0


async def test_the_carrier_knows_a_wrong_password() -> None:
    async with await Carrier.open() as carrier, await Phone.open(NUMBER) as phone:
        carrier.phones[NUMBER] = (HOST, phone.port)
        trunk = Trunk(name="c", host=HOST, port=carrier.place[1], username="trunk", password="guess")
        async with plane(trunks=(trunk,)) as made:
            call = Call()
            place_call(made, outgoing(NUMBER, HOST, trunk="c"), call)
            assert (await call.wait("ended"))[:2] == (Cause.DECLINED, Blame.CARRIER)
        assert phone.calls == [] and carrier.refused == 1


async def test_phones_reach_the_server_through_the_carrier() -> None:
    desk = Desk(answers(HOST))
    async with await Carrier.open() as carrier:
        trunk = Trunk(name="carrier", host=HOST, port=carrier.place[1])
        async with (
            plane(desk=desk, trunks=(trunk,)) as made,
            await Phone.open("+15551230001", proxy=carrier.place) as phone,
        ):
            carrier.server = (HOST, made.bound[0][2])
            call = await phone.call("+15551230002", headers=(("Diversion", "<tel:+15551230033>;reason=away"),))
            await call.wait_answered()
            assert (desk.calls[0].from_, desk.calls[0].to, desk.calls[0].trunk) == (
                "+15551230001", "+15551230002", "carrier",
            )  # fmt: skip
            assert desk.calls[0].diversion is not None and desk.calls[0].diversion.reason == "away"
            await call.hold()
            desk.legs[0].hang_up()
            assert (await call.wait_ended()).reason is EndReason.PEER_BYE
            busy = await Phone.open("+15551230003")
            busy.manner = Manner.REJECT
            carrier.phones["+15551230003"] = (HOST, busy.port)
            denied = await phone.call("+15551230003")
            assert (await denied.wait_ended()).status == 407, (
                "a phone has no credentials for numbers behind the carrier"
            )
            await busy.close()


async def test_the_app_keeps_events_in_order_and_answers_as_told() -> None:
    async with await App.open() as app, aiohttp.ClientSession() as session:
        hooked: list[str] = []

        async def hook(event: Received) -> web.Response:
            hooked.append(event.data["callId"])
            return web.Response(status=503)

        app.on("answer", hook)
        app.on(None, lambda event: hooked.append("other"))
        waiting = asyncio.create_task(app.wait_for("answer", callId="c-2"))
        statuses = []
        for number in (1, 2):
            data = {"eventType": "answer", "callId": f"c-{number}"}
            async with session.post(app.url("/in"), json=data) as response:
                statuses.append(response.status)
        async with session.get(app.url("/get?eventType=hangup&cause=X")) as response:
            statuses.append(response.status)
        async with session.post(app.url(), data=b"no json") as response:
            statuses.append(response.status)
        assert statuses == [503, 503, 200, 200]
        assert (await waiting).data["callId"] == "c-2"
        assert (await app.wait_for("answer", number=2)).path == "/in"
        assert (await app.wait_for("hangup")).data["cause"] == "X"
        assert app.events[-1].data == {"raw": "no json"}
        assert hooked == ["c-1", "c-2", "other", "other"]
        assert [event.at for event in app.events] == sorted(event.at for event in app.events)
        with pytest.raises(TimeoutError, match="answer"):
            await app.wait_for("recording", timeout_s=0.05)
