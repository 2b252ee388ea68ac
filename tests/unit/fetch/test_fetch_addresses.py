"""Where a customer's URL may not lead, in every spelling we could think of."""

from ipaddress import IPv6Address, ip_address

import pytest

from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import FetchError, GuardedClient, UrlForbidden
from trebuchet.fetch.url import parse_url, strip_credentials
from trebuchet.testing.raw_http import RawServer, answer_ok

FORBIDDEN_ADDRESSES = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.7",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "fe80::1%1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2a00:1450::200:5efe:7f00:1",
    "2a00:1450::5efe:10.0.0.1",
    "not-an-address",
    "",
]
FORBIDDEN_URLS = [
    "http://127.1/",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://0X7F000001/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.0.0.01/",
    "http://127.0.0.1.5/",
    "http://0/",
    "http://0x/",
    "http://1.2.3/",
    "http://１２７.0.0.1./",
    "http://127。0。0。1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::1%25lo]/",
    "http://[fe80::1%eth0]/",
    "http://[::1/",
    "http://[v1.fe80::a]/",
    "http://127.0.0.1@127.0.0.1/",
    "http://public.example\\@127.0.0.1/",
    "http://%31%32%37.0.0.1/",
    "http://loc\talhost/",
    "http:///path",
    "http://:80/",
    "http://-a.example/",
    "http://a..example/",
    "http://a_b%00.example/",
    "//example.org/",
    "example.org/",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://example.org/",
    "javascript:alert(1)",
    "http://example.org:22/",
    "http://example.org:25/",
    "http://example.org:0/",
    "http://example.org:65536/",
    "http://example.org:6379/",
    "http://example.org:5060/",
    "http://example.org:port/",
    "http://example.org/a b",
    "http://example.org/a\r\nX: y",
    "http://example.org/\x00",
    " http://example.org/",
    "",
    "http://example.org/" + "x" * 2048,
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.0.1",
    "100.128.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "2606:4700::1111",
    "64:ff9b::808:808",
]


class FixedResolver:
    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(self, host: str) -> list[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def test_there_are_many_forms() -> None:
    assert len(FORBIDDEN_ADDRESSES) + len(FORBIDDEN_URLS) > 100


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_forbidden_address(address: str) -> None:
    assert not AddressPolicy().permits(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address(address: str) -> None:
    assert AddressPolicy().permits(address)


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
async def test_forbidden_url_sends_and_resolves_nothing(url: str) -> None:
    resolver = FixedResolver(["1.1.1.1"])
    client = GuardedClient(AddressPolicy(), resolver=resolver)
    with pytest.raises(UrlForbidden):
        await client.request("GET", url, {}, b"", 1.0, 100)
    assert resolver.asked == []
    await client.close()


@pytest.mark.parametrize("address", [a for a in FORBIDDEN_ADDRESSES if a and a[0] in "0123456789:f" and "%" not in a])
async def test_forbidden_address_is_not_reached_by_name_or_literal(address: str) -> None:
    literal = f"[{address}]" if ":" in address else address
    client = GuardedClient(AddressPolicy(), resolver=FixedResolver([address]))
    for url in ("http://name.example/", f"http://{literal}/"):
        with pytest.raises(UrlForbidden):
            await client.request("POST", url, {}, b"x", 1.0, 100)
    await client.close()


@pytest.mark.parametrize("seed_address", ["1.1.1.1", "2606:4700::1111"])
def test_one_bad_answer_condemns_the_name(seed_address: str) -> None:
    with pytest.raises(UrlForbidden):
        AddressPolicy().check([seed_address, "10.0.0.1"])
    with pytest.raises(UrlForbidden):
        AddressPolicy().check([])
    assert AddressPolicy().check([seed_address, seed_address]) == [seed_address]


def test_named_networks_are_allowed_and_nothing_beside_them() -> None:
    policy = AddressPolicy((*LOOPBACK, "10.1.0.0/16"))
    assert policy.permits("127.0.0.1")
    assert policy.permits("::1")
    assert policy.permits("::ffff:127.0.0.1"), "the same host in another family"
    assert policy.permits("10.1.2.3")
    assert not policy.permits("10.2.0.1")
    assert not policy.permits("169.254.169.254")


def test_a_wrong_network_is_an_error() -> None:
    with pytest.raises(ValueError):
        AddressPolicy(("10.0.0.1/8",))


async def test_rebinding_finds_no_gap_between_check_and_connection() -> None:
    """The name is resolved once for a connection, and the connection goes to what was judged: here an address nobody
    listens on, although every later answer is loopback, where a canary listens."""
    # 198.18/15 is never routed, so allowing it gives an address that is permitted and dead.
    resolver = FixedResolver(["198.18.0.1"], ["127.0.0.1"])
    client = GuardedClient(AddressPolicy(("198.18.0.0/15",)), resolver=resolver)
    async with RawServer(answer_ok) as canary:
        for _ in range(3):
            with pytest.raises(FetchError):
                await client.request("POST", f"http://rebinding.example:{canary.port}/", {}, b"x", 0.2, 100)
        assert len(resolver.asked) == 3
        assert canary.connections == 0
    await client.close()


async def test_a_kept_connection_stays_with_its_judged_address() -> None:
    resolver = FixedResolver(["127.0.0.1"], ["10.0.0.1"])
    client = GuardedClient(AddressPolicy(LOOPBACK), resolver=resolver)
    async with RawServer(answer_ok) as server:
        for _ in range(3):
            answer = await client.request("GET", f"http://app.example:{server.port}/", {}, b"", 2.0, 100)
            assert answer.status == 200
        assert resolver.asked == ["app.example"]
        assert server.connections == 1
        await client.close()


def test_every_mapped_form_of_the_forbidden_ipv4_addresses_is_forbidden() -> None:
    policy = AddressPolicy()
    for text in FORBIDDEN_ADDRESSES:
        if text.count(".") == 3 and ":" not in text:
            number = int(ip_address(text))
            for prefix in (0xFFFF << 32, 0x64FF9B << 96, 0x2002 << 112 | number << 80, 0x20010000 << 96):
                assert not policy.permits(str(IPv6Address(prefix | number))), (text, hex(prefix))


def test_parsing_keeps_what_is_needed() -> None:
    url = parse_url("HTTPS://us%65r:p%40ss:w@Exämple.ORG./pä?x=%20&ü#frag")
    assert (url.scheme, url.host, url.port) == ("https", "xn--exmple-cua.org", 443)
    assert url.target == "/p%C3%A4?x=%20&%C3%BC"
    assert url.authorization == "Basic dXNlcjpwQHNzOnc="
    assert url.shown == "https://xn--exmple-cua.org/p%C3%A4?x=%20&%C3%BC"
    assert parse_url("http://[2606:4700:0::1]:8080").authority == "[2606:4700::1]:8080"
    assert parse_url("http://app:5000/a").authority == "app:5000"
    assert parse_url("http://app:80?q").target == "/?q"


def test_credentials_are_not_shown() -> None:
    assert strip_credentials("https://u:p@host/a@b?c=d@e") == "https://host/a@b?c=d@e"
    assert strip_credentials("ftp://u:p:q@host") == "ftp://host"
    assert strip_credentials("http://host/a@b") == "http://host/a@b"
    assert strip_credentials("nonsense") == "nonsense"
