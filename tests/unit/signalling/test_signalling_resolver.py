"""RFC 3263 against a DNS made of tables; no network, time is a number."""

import asyncio

import pytest

from support.table_dns import TableDns
from trebuchet.base.rand import SeededRand
from trebuchet.signalling.dns import Naptr, Srv
from trebuchet.signalling.resolver import MAX_CACHED, PENALTY_S, Candidate, Resolver, Unresolvable, order_by_weight


class World:
    def __init__(self, transports: tuple[str, ...] = ("udp", "tcp")) -> None:
        self.dns = TableDns()
        self.now = 1000.0
        self.resolver = Resolver(self.dns, SeededRand(3), lambda: self.now, transports)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("host", "port", "transport", "expected"),
    [
        ("192.0.2.1", None, None, Candidate("192.0.2.1", 5060, "udp")),
        ("192.0.2.1", 5080, "tcp", Candidate("192.0.2.1", 5080, "tcp")),
        ("2001:db8::1", None, "tls", Candidate("2001:db8::1", 5061, "tls")),
    ],
)
async def test_addresses_need_no_dns(
    world: World, host: str, port: int | None, transport: str | None, expected: Candidate
) -> None:
    assert await world.resolver.resolve(host, port, transport) == [expected]
    assert world.dns.asked == []


async def test_a_port_means_addresses_only(world: World) -> None:
    world.dns.hosts["h.example"] = ("192.0.2.1", "2001:db8::1")
    assert await world.resolver.resolve("h.example", 5070) == [
        Candidate("192.0.2.1", 5070, "udp"),
        Candidate("2001:db8::1", 5070, "udp"),
    ]
    assert world.dns.asked == [("A", "h.example")]


async def test_a_transport_means_srv_and_then_addresses(world: World) -> None:
    world.dns.srvs["_sip._tcp.h.example"] = (Srv(20, 0, 5062, "b.example"), Srv(10, 0, 5061, "a.example"))
    world.dns.hosts |= {"a.example": ("192.0.2.1",), "b.example": ("192.0.2.2",), "h.example": ("192.0.2.3",)}
    assert await world.resolver.resolve("h.example", None, "tcp") == [
        Candidate("192.0.2.1", 5061, "tcp"),
        Candidate("192.0.2.2", 5062, "tcp"),
    ]
    assert await world.resolver.resolve("h.example", None, "udp") == [Candidate("192.0.2.3", 5060, "udp")]


async def test_naptr_chooses_the_transport_among_those_we_speak(world: World) -> None:
    world.dns.naptrs["h.example"] = (
        Naptr(20, 0, "S", "SIP+D2U", "_sip._udp.h.example"),
        Naptr(10, 0, "S", "SIP+D2T", "_sip._tcp.h.example"),
        Naptr(5, 0, "S", "SIPS+D2T", "_sips._tcp.h.example"),
        Naptr(1, 0, "S", "E2U+SIP", "nowhere.example"),
        Naptr(1, 0, "U", "SIP+D2T", "nowhere.example"),
    )
    world.dns.srvs["_sip._tcp.h.example"] = (Srv(1, 1, 5065, "t.example"),)
    world.dns.srvs["_sip._udp.h.example"] = (Srv(1, 1, 5066, "u.example"),)
    world.dns.hosts |= {"t.example": ("192.0.2.1",), "u.example": ("192.0.2.2",)}
    assert await world.resolver.resolve("h.example") == [
        Candidate("192.0.2.1", 5065, "tcp"),
        Candidate("192.0.2.2", 5066, "udp"),
    ]


async def test_without_naptr_every_transport_is_asked_by_srv(world: World) -> None:
    world.dns.srvs["_sip._tcp.h.example"] = (Srv(1, 1, 5065, "t.example"),)
    world.dns.hosts |= {"t.example": ("192.0.2.1",)}
    assert await world.resolver.resolve("h.example") == [Candidate("192.0.2.1", 5065, "tcp")]


async def test_with_nothing_but_an_address_it_is_udp_on_5060(world: World) -> None:
    world.dns.hosts["h.example"] = ("192.0.2.9",)
    assert await world.resolver.resolve("h.example.") == [Candidate("192.0.2.9", 5060, "udp")]


async def test_sips_is_tls_only() -> None:
    world = World(("udp", "tcp", "tls"))
    world.dns.srvs["_sip._udp.h.example"] = (Srv(1, 1, 5065, "t.example"),)
    world.dns.hosts |= {"t.example": ("192.0.2.1",), "h.example": ("192.0.2.2",)}
    assert await world.resolver.resolve("h.example", is_secure=True) == [Candidate("192.0.2.2", 5061, "tls")]


async def test_a_srv_target_of_dot_offers_no_service(world: World) -> None:
    world.dns.srvs["_sip._udp.h.example"] = (Srv(0, 0, 0, ""),)
    with pytest.raises(Unresolvable):
        await world.resolver.resolve("h.example", None, "udp")


@pytest.mark.parametrize("host", ["nowhere.example", "", ".", "a" * 300])
async def test_unknown_hosts(world: World, host: str) -> None:
    with pytest.raises(Unresolvable):
        await world.resolver.resolve(host)


async def test_a_silent_dns_is_not_remembered(world: World) -> None:
    world.dns.hosts["h.example"] = ("192.0.2.9",)
    world.dns.is_down = True
    with pytest.raises(Unresolvable):
        await world.resolver.resolve("h.example", 5060)
    world.dns.is_down = False
    assert await world.resolver.resolve("h.example", 5060)


async def test_answers_are_believed_as_long_as_their_ttl(world: World) -> None:
    world.dns.hosts["h.example"] = ("192.0.2.9",)
    await world.resolver.resolve("h.example", 5060)
    world.now += 59
    await world.resolver.resolve("H.example", 5060)
    assert len(world.dns.asked) == 1
    world.now += 2
    world.dns.hosts["h.example"] = ("192.0.2.10",)
    assert await world.resolver.resolve("h.example", 5060) == [Candidate("192.0.2.10", 5060, "udp")]


async def test_no_answer_is_believed_for_ever_and_zero_not_at_all(world: World) -> None:
    world.dns.hosts["h.example"] = ("192.0.2.9",)
    world.dns.ttl_s = 10.0**9
    await world.resolver.resolve("h.example", 5060)
    world.now += 3601
    world.dns.ttl_s = 0.0
    await world.resolver.resolve("h.example", 5060)
    await world.resolver.resolve("h.example", 5060)
    assert len(world.dns.asked) == 3


async def test_the_cache_is_bounded(world: World) -> None:
    for number in range(MAX_CACHED + 50):
        with pytest.raises(Unresolvable):
            await world.resolver.resolve(f"h{number}.example", 5060)
    asked = len(world.dns.asked)
    with pytest.raises(Unresolvable):
        await world.resolver.resolve("h0.example", 5060)
    with pytest.raises(Unresolvable):
        await world.resolver.resolve(f"h{MAX_CACHED + 49}.example", 5060)
    assert len(world.dns.asked) == asked + 1


async def test_one_question_serves_all_who_wait(world: World) -> None:
    world.dns.hosts["h.example"] = ("192.0.2.9",)
    await asyncio.gather(*(world.resolver.resolve("h.example", 5060) for _ in range(50)))
    assert len(world.dns.asked) == 1


async def test_one_who_gives_up_does_not_spoil_it_for_the_others(world: World) -> None:
    world.dns.hosts["h.example"] = ("192.0.2.9",)
    first = asyncio.ensure_future(world.resolver.resolve("h.example", 5060))
    second = asyncio.ensure_future(world.resolver.resolve("h.example", 5060))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == [Candidate("192.0.2.9", 5060, "udp")]


async def test_a_place_that_failed_is_tried_last_for_a_while(world: World) -> None:
    world.dns.hosts["h.example"] = ("192.0.2.1", "192.0.2.2")
    first, second = await world.resolver.resolve("h.example", 5060)
    world.resolver.mark_failed(first)
    assert await world.resolver.resolve("h.example", 5060) == [second, first]
    world.now += PENALTY_S + 1
    assert await world.resolver.resolve("h.example", 5060) == [first, second]


def test_weights_share_the_load_in_proportion() -> None:
    rand = SeededRand(11)
    rows = (Srv(1, 30, 1, "a"), Srv(1, 10, 2, "b"), Srv(1, 0, 3, "c"), Srv(0, 0, 4, "first"))
    firsts: dict[str, int] = {}
    for _ in range(4000):
        ordered = order_by_weight(rows, rand)
        assert ordered[0].target == "first" and len(ordered) == 4
        firsts[ordered[1].target] = firsts.get(ordered[1].target, 0) + 1
    assert 2.3 < firsts["a"] / firsts["b"] < 3.9
    assert firsts.get("c", 0) < 300
