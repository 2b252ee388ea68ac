"""Which addresses a customer's URL may lead to: the public internet, and what the operator named.

Every address a name resolves to is judged, and one bad one condemns the name: mixed answers are what rebinding
looks like. The connection then goes to the address that was judged (`client`).

Sources: the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890), RFC 6052 (NAT64),
RFC 3056 (6to4), RFC 4380 (Teredo).
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from trebuchet.fetch.errors import UrlForbidden

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

LOOPBACK = ("127.0.0.0/8", "::1/128")
"""What the development default allows."""

_NEVER_IPV4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network, and "any address"
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT relays
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
"""The only block from which public addresses are given out."""
_NEVER_IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
"""What a DNS64 resolver makes of an IPv4-only name: judged by the IPv4 address inside (RFC 6052 2.1)."""


class AddressPolicy:
    """Public addresses, and beyond them the networks the operator allowed."""

    def __init__(self, allowed_networks: Iterable[str] = ()) -> None:
        """`allowed_networks` in CIDR form. Raises `ValueError` for anything else."""
        self._allowed: tuple[Network, ...] = tuple(ip_network(text) for text in allowed_networks)

    def permits(self, text: str) -> bool:
        """Whether a connection may go to this IP literal."""
        try:
            address = _unwrap(ip_address(text))
        except ValueError:
            return False
        return self._is_allowed(address) or _is_public(address)

    def check(self, addresses: Iterable[str]) -> list[str]:
        """The addresses, all of them permitted and at least one. Raises `UrlForbidden`."""
        found = list(dict.fromkeys(addresses))
        if not found or not all(map(self.permits, found)):
            raise UrlForbidden("the host leads to an address that is off limits")
        return found

    def _is_allowed(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._allowed)


def _unwrap(address: Address) -> Address:
    """The IPv4 address an IPv6 one stands for, where the network would make it one."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise ValueError("scoped")
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NEVER_IPV4)
    return (
        address in _GLOBAL_IPV6 and not any(address in network for network in _NEVER_IPV6) and not _is_isatap(address)
    )


def _is_isatap(address: IPv6Address) -> bool:
    """An interface id that tunnels to an IPv4 address (RFC 5214 6.1)."""
    return (int(address) >> 32) & 0xFDFFFFFF == 0x00005EFE
