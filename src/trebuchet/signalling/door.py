"""Who may call in, and whom a `sip:` URI may reach.

In: sources of trunks, configured hosts and networks, and this machine unless told otherwise; everybody else gets 403.
Out: this machine and configured hosts; a name is judged by its spelling first and by its address once resolved.
"""

import ipaddress
from collections.abc import Iterable, Mapping

from trebuchet.base.hosts import LOCAL_NAME, IpAddress, read_address
from trebuchet.base.values import frozen
from trebuchet.model.trunk import Trunk

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@frozen
class Visitor:
    """A source that may call in. `trunk` is `None` for this machine and for configured hosts."""

    trunk: str | None


class Door:
    """Answers from memory: names are turned into addresses beforehand by `learn`.

    Raises `ValueError` for a network that is none.
    """

    def __init__(
        self,
        trunks: Iterable[Trunk],
        allowed_hosts: Iterable[str],
        allowed_networks: Iterable[str],
        *,
        allows_loopback: bool,
    ) -> None:
        self._trunks = tuple(trunks)
        self._sources = [(read_network(source), trunk.name) for trunk in self._trunks for source in trunk.sources]
        self._networks = [read_network(text) for text in allowed_networks]
        self._hosts = frozenset(host.lower().rstrip(".") for host in allowed_hosts)
        self._addresses = {address for host in self._hosts if (address := read_address(host)) is not None}
        self._learned: dict[str, frozenset[IpAddress]] = {}
        self._allows_loopback = allows_loopback
        self._known: dict[IpAddress, str | None] = {}
        self._rebuild()

    @property
    def names(self) -> frozenset[str]:
        """The names whose addresses `learn` should be told."""
        hosts = {trunk.host.lower() for trunk in self._trunks} | self._hosts
        return frozenset(host for host in hosts if read_address(host) is None)

    def learn(self, addresses: Mapping[str, Iterable[str]]) -> None:
        """What the names resolve to now; a name that is missing keeps what was known."""
        for name, literals in addresses.items():
            found = (read_address(literal) for literal in literals)
            self._learned[name] = frozenset(address for address in found if address is not None)
        self._rebuild()

    def _rebuild(self) -> None:
        known: dict[IpAddress, str | None] = dict.fromkeys(self._addresses)
        for host in self._hosts:
            known.update(dict.fromkeys(self._learned.get(host, ())))
        for trunk in self._trunks:
            literal = read_address(trunk.host)
            own = {literal} if literal is not None else self._learned.get(trunk.host.lower(), frozenset())
            known.update(dict.fromkeys(own, trunk.name))
        self._known = known

    def admit(self, host: str) -> Visitor | None:
        """The visitor behind a source address, `None` for a stranger."""
        address = read_address(host)
        if address is None:
            return None
        if address in self._known:
            return Visitor(self._known[address])
        for network, trunk in self._sources:
            if address in network:
                return Visitor(trunk)
        if (self._allows_loopback and address.is_loopback) or any(address in network for network in self._networks):
            return Visitor(None)
        return None

    def may_call(self, host: str) -> bool:
        """Whether a URI with this host may be called at all. A name passes by being configured."""
        address = read_address(host)
        if address is not None:
            return self._may_reach(address)
        name = host.lower().rstrip(".")
        return name in self._hosts or (name == LOCAL_NAME and self._allows_loopback)

    def may_reach(self, host: str, address_text: str) -> bool:
        """Whether the address a permitted `host` resolved to may be used.

        `localhost` must be this machine. A configured name may lead anywhere but to this machine (unless that is
        allowed) and to addresses that are nobody's: its DNS is its owner's, not ours.
        """
        address = read_address(address_text)
        if address is None:
            return False
        if read_address(host) is not None:
            return self._may_reach(address)
        if host.lower().rstrip(".") == LOCAL_NAME:
            return address.is_loopback and self._allows_loopback
        if address.is_loopback:
            return self._allows_loopback
        return not (address.is_multicast or address.is_unspecified or address.is_link_local or address.is_reserved)

    def _may_reach(self, address: IpAddress) -> bool:
        if address.is_unspecified or address.is_multicast:
            return False
        if self._allows_loopback and address.is_loopback:
            return True
        return address in self._addresses or any(address in network for network in self._networks)


def read_network(text: str) -> IpNetwork:
    """A network, or an address as the network of one. Raises `ValueError`."""
    return ipaddress.ip_network(text.strip(), strict=False)
