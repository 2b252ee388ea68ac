"""Real worker processes, real UDP on loopback, phones with a tone each: the spectrum decides who hears whom."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from media_lab import Ear, attach, free_range, media, phone, wait_for

from trebuchet.calls.interfaces import MediaPlane, MediaUnavailable
from trebuchet.media.adapter import MediaPlanePool
from trebuchet.media.messages import Load, SetRemote
from trebuchet.media.port import DigitsInvalid, PortsApart
from trebuchet.model.media_description import MediaDirection
from trebuchet.model.prompt import RenderedPrompt
from trebuchet.testing.rtp_phone import Impairment, RtpPhone, silence_share
from trebuchet.testing.tones import hears, is_free_of, tone

pytestmark = pytest.mark.asyncio(loop_scope="module")

RTCP_GOODBYE = 203
ALICE_HZ, BOB_HZ, STRANGER_HZ, PROMPT_HZ = 440.0, 650.0, 1000.0, 1300.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MediaPlanePool]:
    """One worker for all tests that need nothing special."""
    async with media(tmp_path_factory.mktemp("media")) as running:
        yield running


async def fresh_load(pool: MediaPlanePool) -> Load:
    """A report made after this call."""
    first = pool.stats().workers[0].load
    await wait_for(lambda: pool.stats().workers[0].load is not first)
    load = pool.stats().workers[0].load
    assert load is not None
    return load


def prompt(folder: Path, seconds: float, hz: float = PROMPT_HZ) -> RenderedPrompt:
    path = folder / f"{hz}.pcm"
    pcm = tone(hz, seconds)
    pcm.tofile(path)
    return RenderedPrompt(str(path), len(pcm))


# --- who hears whom ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alice_codec", "bob_codec", "packet_ms"), [("PCMU", "PCMU", 20), ("PCMU", "PCMA", 20), ("PCMA", "PCMU", 30)]
)
async def test_two_parties_hear_each_other_and_not_themselves(
    pool: MediaPlanePool, alice_codec: str, bob_codec: str, packet_ms: int
):
    async with (
        phone(ALICE_HZ, codec=alice_codec, packet_ms=packet_ms) as alice,
        phone(BOB_HZ, codec=bob_codec) as bob,
    ):
        plane: MediaPlane = pool
        a, _ = attach(pool, alice)
        b = plane.open_port(Ear(), near=a)
        bob.follow(b.offer())
        b.accept(bob.describe())
        bob.start()
        assert is_free_of(await alice.hear(0.2), BOB_HZ)
        a.connect(b)
        await asyncio.gather(alice.wait_for_tone(BOB_HZ), bob.wait_for_tone(ALICE_HZ))
        at_alice, at_bob = await asyncio.gather(alice.hear(0.6), bob.hear(0.6))
        assert hears(at_alice, BOB_HZ, above_db=-13) and is_free_of(at_alice, ALICE_HZ)
        assert hears(at_bob, ALICE_HZ, above_db=-13) and is_free_of(at_bob, BOB_HZ)
        assert silence_share(at_alice) < 0.05 and silence_share(at_bob) < 0.05
        a.disconnect()
        await alice.hear(0.1)
        assert is_free_of(await alice.hear(0.3), BOB_HZ)


async def test_ipv6(tmp_path: Path):
    async with (
        media(tmp_path, bind_ipv6="::1") as pool,
        phone(ALICE_HZ, host="::1") as alice,
        phone(BOB_HZ) as bob,
    ):
        a, _ = attach(pool, alice, wants_ipv6=True)
        assert a.offer().address == "::1"
        assert not a.supports(bob.describe())
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        await asyncio.gather(alice.wait_for_tone(BOB_HZ), bob.wait_for_tone(ALICE_HZ))


async def test_ipv6_media_is_refused_when_there_is_none(pool: MediaPlanePool):
    with pytest.raises(MediaUnavailable):
        pool.open_port(Ear(), wants_ipv6=True)


async def test_an_address_of_another_machine_is_told_at_once(tmp_path: Path):
    for binds in ({"bind_ipv4": "192.0.2.1"}, {"bind_ipv6": "2001:db8::1"}):
        began = time.monotonic()
        with pytest.raises(MediaUnavailable, match=f"cannot listen for audio on {next(iter(binds.values()))}: "):
            async with media(tmp_path, **binds):
                pass
        assert time.monotonic() - began < 10, "a worker was started and waited for"


async def test_a_lossy_network_costs_quality_not_the_call(pool: MediaPlanePool):
    async with phone(ALICE_HZ, seed=3) as alice, phone(BOB_HZ) as bob:
        alice.impairment = Impairment(loss=0.05, duplicate=0.05, swap=0.05)
        a, ear = attach(pool, alice)
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        await bob.wait_for_tone(ALICE_HZ)
        heard = await bob.hear(1.5)
        assert hears(heard, ALICE_HZ, above_db=-15)
        assert silence_share(heard) < 0.05
        assert ear.losses == 0


# --- hold, and changes of address -------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["direction", "address"])
async def test_a_held_party_gets_no_packets_until_it_resumes(tmp_path: Path, way: str):
    async with media(tmp_path, timeout_s=0.3) as pool, phone(ALICE_HZ) as alice, phone(BOB_HZ) as bob:
        a, ear = attach(pool, alice)
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        await alice.wait_for_tone(BOB_HZ)
        a.answer(held(alice, way))
        await alice.stop()
        await bob.hear(0.2)
        packets = alice.ear.packets
        await bob.hear(0.6)  # twice the media timeout, measured by the other party's audio
        assert alice.ear.packets == packets
        assert ear.timeouts == 0
        a.answer(alice.describe())
        alice.start()
        await alice.hear(0.1)
        assert hears(await alice.hear(0.3), BOB_HZ)
        assert hears(await bob.hear(0.3), ALICE_HZ)


def held(who: RtpPhone, way: str):
    description = who.describe(MediaDirection.SENDONLY if way == "direction" else MediaDirection.SENDRECV)
    if way == "direction":
        return description
    return type(description)(
        address="0.0.0.0", port=description.port, codecs=description.codecs, direction=MediaDirection.SENDRECV
    )


async def test_signalling_moves_a_party_to_another_address(pool: MediaPlanePool):
    async with (
        phone(ALICE_HZ) as alice,
        phone(BOB_HZ) as bob,
        phone(BOB_HZ + 500, codec="PCMA") as bobs_other,
    ):
        a, _ = attach(pool, alice)
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        await alice.wait_for_tone(BOB_HZ)
        bobs_other.follow(b.answer(bobs_other.describe()))
        bobs_other.start()
        await asyncio.gather(alice.wait_for_tone(BOB_HZ + 500), bobs_other.wait_for_tone(ALICE_HZ))
        assert is_free_of(await alice.hear(0.5), BOB_HZ)  # who still sends from the old address
        packets = bob.ear.packets
        await alice.hear(0.2)
        assert bob.ear.packets == packets


# --- strangers --------------------------------------------------------------------------------------------------------


async def test_after_the_lock_strangers_are_inaudible_and_cost_nothing(pool: MediaPlanePool):
    async with (
        phone(ALICE_HZ) as alice,
        phone(BOB_HZ) as bob,
        phone(STRANGER_HZ, packet_ms=10) as stranger,
    ):
        a, _ = attach(pool, alice)
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        await bob.wait_for_tone(ALICE_HZ)
        before = await fresh_load(pool)
        stranger.follow(a.offer())
        stranger.start()
        for _ in range(500):
            stranger.send_raw(b"\x80\x00" + bytes(170))
        heard = await bob.hear(0.5)
        assert hears(heard, ALICE_HZ, above_db=-13) and is_free_of(heard, STRANGER_HZ)
        assert silence_share(heard) < 0.05
        after = await fresh_load(pool)
        assert after.dropped_packets == before.dropped_packets  # the kernel dropped them
        assert stranger.ear.packets == 0


async def test_before_the_lock_strangers_of_another_host_are_not_believed(pool: MediaPlanePool):
    async with (
        phone(ALICE_HZ) as alice,
        phone(BOB_HZ) as bob,
        phone(STRANGER_HZ, host="127.0.0.2") as stranger,
    ):
        a = pool.open_port(Ear())
        a.answer(alice.describe())
        stranger.follow(a.offer())
        stranger.start()
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        await alice.wait_for_tone(BOB_HZ)  # we send to the signalled address without having heard anything
        assert is_free_of(await bob.hear(0.4), STRANGER_HZ)
        alice.follow(a.offer())
        alice.start()
        await bob.wait_for_tone(ALICE_HZ)
        assert is_free_of(await bob.hear(0.3), STRANGER_HZ)
        assert stranger.ear.packets == 0


async def test_a_phone_that_sends_from_another_port_is_answered_there(pool: MediaPlanePool):
    async with phone(ALICE_HZ) as alice, phone(None) as wrong:
        a = pool.open_port(Ear())
        a.answer(wrong.describe())
        alice.follow(a.offer())
        alice.start()
        a.play_ringback()
        await alice.wait_for_tone(480.0)
        packets = wrong.ear.packets
        await alice.hear(0.2)
        assert wrong.ear.packets == packets


async def test_a_flood_on_one_port_does_not_disturb_the_others(pool: MediaPlanePool):
    async with (
        phone(ALICE_HZ) as alice,
        phone(BOB_HZ) as bob,
        phone(STRANGER_HZ) as flooder,
    ):
        a, _ = attach(pool, alice)
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        c, ear = attach(pool, flooder)
        await bob.wait_for_tone(ALICE_HZ)
        listening = asyncio.create_task(bob.hear(1.0))
        while not listening.done():
            for number in range(200):
                flooder.send_raw(b"\x80\x00" + number.to_bytes(2, "big") + bytes(168 + number))
            await asyncio.sleep(0.01)
        heard = await listening
        assert hears(heard, ALICE_HZ, above_db=-13)
        assert silence_share(heard) < 0.05
        c.play_ringback()
        await flooder.wait_for_tone(480.0)
        assert ear.losses == 0


async def test_hostile_datagrams_end_nothing(pool: MediaPlanePool):
    rng = np.random.default_rng(11)
    async with phone(ALICE_HZ) as alice, phone(BOB_HZ) as bob:
        a, ear = attach(pool, alice)
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        await bob.wait_for_tone(ALICE_HZ)
        for size in [0, 1, 11, 12, 13, 60, 171, 173, 511, 512, 513, 1400]:
            for first in (b"", b"\x80", b"\xbf\x00", b"\x80\xc8", b"\x90\x65"):
                alice.send_raw((first + rng.bytes(size))[:size])
                alice.send_rtcp((first + rng.bytes(size))[:size])
        await bob.hear(0.3)
        await bob.wait_for_tone(ALICE_HZ)
        load = pool.stats().workers[0].load
        assert ear.losses == 0 and (load is None or load.failed_ticks == 0)


async def test_a_closed_socket_of_the_peer_is_no_error(tmp_path: Path):
    async with media(tmp_path, timeout_s=0.5) as pool, phone(BOB_HZ) as bob:
        async with phone(ALICE_HZ) as alice:
            a, ear = attach(pool, alice)
            b, _ = attach(pool, bob, near=a)
            a.connect(b)
            await bob.wait_for_tone(ALICE_HZ)
        await ear.until(lambda: ear.timeouts)  # ICMP errors came meanwhile
        b.play_ringback()
        await bob.wait_for_tone(440.0)
        assert ear.losses == 0


async def test_a_port_that_breaks_ends_alone(pool: MediaPlanePool):
    async with phone(ALICE_HZ) as alice, phone(BOB_HZ) as bob:
        a, ear = attach(pool, alice)
        b, other = attach(pool, bob, near=a)
        a.link.put(
            SetRemote(
                port=a.number,
                address="127.0.0.1",
                rtp_port=alice.port,
                rtcp_port=alice.port + 1,
                law="PCMU",
                payload_type=200,
                accept=(),
                digits_receive=(),
                digits_send=None,
                direction="sendrecv",
                srtp=None,
            )
        )
        await ear.until(lambda: ear.losses)
        a.play_ringback()  # a no-op now
        b.play_ringback()
        await bob.wait_for_tone(440.0)
        assert (ear.losses, other.losses) == (1, 0)
        assert not a.is_open


async def test_the_peer_is_told_goodbye(pool: MediaPlanePool):
    async with phone(ALICE_HZ) as alice:
        port, _ = attach(pool, alice)
        port.play_ringback()
        await alice.wait_for_tone(440.0)
        port.close()
        async with asyncio.timeout(5):
            while RTCP_GOODBYE not in packet_types(await alice.rtcp_heard.get()):
                pass


def packet_types(compound: bytes) -> list[int]:
    """Types of the packets in an RTCP compound (RFC 3550 6.1)."""
    types, at = [], 0
    while at + 4 <= len(compound):
        types.append(compound[at + 1])
        at += 4 * (int.from_bytes(compound[at + 2 : at + 4], "big") + 1)
    return types


# --- digits, prompts, timeouts ----------------------------------------------------------------------------------------


async def test_digits_both_ways(pool: MediaPlanePool):
    async with phone(ALICE_HZ, digits_payload_type=96) as alice:
        port, ear = attach(pool, alice)
        await alice.hear(0.1)
        await alice.press("12#")
        await ear.until(lambda: len(ear.digits) == 3)
        assert ear.digits == "12#"
        began = time.monotonic()
        port.send_digits("5,*w9")
        await alice.wait_for_digits("5*9")
        assert time.monotonic() - began > 1.0  # two pauses of half a second
        with pytest.raises(DigitsInvalid):
            port.send_digits("5x")
        with pytest.raises(DigitsInvalid):
            port.send_digits("W" * 92 + "5")


async def test_digits_as_tones_for_a_phone_without_events(pool: MediaPlanePool):
    async with phone(ALICE_HZ, digits_payload_type=None) as alice:
        port, ear = attach(pool, alice)
        await alice.hear(0.1)
        port.send_digits("5")
        await alice.wait_for_tone(770.0, window_s=0.08)
        assert ear.done == []


async def test_prompts_play_to_one_party_to_their_end(pool: MediaPlanePool, tmp_path: Path):
    async with phone(ALICE_HZ) as alice, phone(BOB_HZ) as bob:
        a, ear = attach(pool, alice)
        b, _ = attach(pool, bob, near=a)
        a.connect(b)
        await alice.wait_for_tone(BOB_HZ)
        playback = a.play(prompt(tmp_path, 0.8))
        await alice.wait_for_tone(PROMPT_HZ)
        mixed, other = await asyncio.gather(alice.hear(0.3), bob.hear(0.3))
        assert hears(mixed, PROMPT_HZ) and hears(mixed, BOB_HZ)
        assert is_free_of(other, PROMPT_HZ)
        await ear.until(lambda: ear.done)
        assert ear.done == [playback]
        await alice.hear(0.1)
        assert is_free_of(await alice.hear(0.3), PROMPT_HZ)


async def test_playbacks_loop_are_replaced_stopped_and_reported_once(pool: MediaPlanePool, tmp_path: Path):
    async with phone(ALICE_HZ) as alice:
        port, ear = attach(pool, alice)
        looped = port.play(prompt(tmp_path, 0.1), is_looped=True)
        await alice.wait_for_tone(PROMPT_HZ, window_s=0.6)
        ringback = port.play_ringback()
        await alice.wait_for_tone(440.0)
        await ear.until(lambda: ear.done == [looped])
        port.stop_playback()
        await ear.until(lambda: ear.done == [looped, ringback])
        missing = port.play(RenderedPrompt(str(tmp_path / "missing.pcm"), 8000))
        await ear.until(lambda: ear.done == [looped, ringback, missing])


async def test_silence_is_told_once(tmp_path: Path):
    async with media(tmp_path, timeout_s=0.4) as pool, phone(ALICE_HZ) as alice, phone(BOB_HZ) as bob:
        _, ear = attach(pool, alice)
        b, bobs_ear = attach(pool, bob)
        await wait_for(lambda: alice.ear.packets)
        await alice.stop()
        b.play_ringback()
        await ear.until(lambda: ear.timeouts)
        await bob.hear(0.8)
        assert (ear.timeouts, bobs_ear.timeouts) == (1, 0)


# --- ports ------------------------------------------------------------------------------------------------------------


async def test_ports_run_out_rest_and_come_back(tmp_path: Path):
    async with media(tmp_path, pairs=3, quarantine_s=0.3) as pool:
        ports = [pool.open_port(Ear()) for _ in range(3)]
        numbers = [port.offer().port for port in ports]
        assert len(set(numbers)) == 3 and all(number % 2 == 0 for number in numbers)
        with pytest.raises(MediaUnavailable):
            pool.open_port(Ear())
        ports[1].close()
        closed_at = time.monotonic()
        reopened = []

        def opens() -> bool:
            try:
                reopened.append(pool.open_port(Ear()))
            except MediaUnavailable:
                return False
            return True

        await wait_for(opens)
        assert time.monotonic() - closed_at >= 0.25
        assert reopened[0].offer().port == numbers[1]


async def test_ports_that_somebody_else_has_are_left_out(tmp_path: Path):
    low, high = free_range(3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", low + 3))
        async with media(tmp_path, rtp_ports=(low, high)) as pool:
            numbers = {pool.open_port(Ear()).offer().port for _ in range(2)}
            assert numbers == {low, low + 4}
            with pytest.raises(MediaUnavailable):
                pool.open_port(Ear())


async def test_a_burst_of_calls_is_served_from_the_stock(tmp_path: Path):
    async with media(tmp_path, pairs=120, ports_per_worker=100) as pool, phone(ALICE_HZ) as alice:
        ports = [pool.open_port(Ear()) for _ in range(99)]
        assert len({port.offer().port for port in ports}) == 99
        last, _ = attach(pool, alice)
        with pytest.raises(MediaUnavailable):
            pool.open_port(Ear())
        last.play_ringback()
        await alice.wait_for_tone(440.0)
        for port in ports:
            port.close()
        await wait_for(lambda: (load := pool.stats().workers[0].load) is not None and load.ports == 1)


async def test_ports_of_different_workers_cannot_be_connected(tmp_path: Path):
    async with media(tmp_path, workers=2) as pool:
        a, b = pool.open_port(Ear()), pool.open_port(Ear())
        with pytest.raises(PortsApart):
            a.connect(b)
        near = pool.open_port(Ear(), near=a)
        a.connect(near)
        assert [worker.ports for worker in pool.stats().workers] == [2, 1]
