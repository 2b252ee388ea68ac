"""Which of our addresses a peer is told: the one that faces it."""

import socket
from collections import OrderedDict
from collections.abc import Sequence

from trebuchet.base.hosts import is_loopback, read_address
from trebuchet.signalling.link import Link

MAX_REMEMBERED = 4096
"""Peers whose facing address is kept; asking the routing table again costs two system calls."""
DISCARD_PORT = 9
"""Any port does: nothing is sent."""


class LocalAddresses:
    """Picks the link and the address for a transport and a peer (`UserAgentConfig.local_address`)."""

    def __init__(self, links: Sequence[Link], advertised_host: str | None) -> None:
        self._links = links
        self._advertised = advertised_host
        self._facing: OrderedDict[str, str] = OrderedDict()

    def link(self, transport: str, remote_host: str) -> Link | None:
        """The link that can reach this peer: right transport and family, loopback to loopback if there is a choice."""
        fitting = [link for link in self._links if link.transport == transport and self._fits(link, remote_host)]
        remote = read_address(remote_host)
        if len(fitting) > 1 and remote is not None:
            return min(fitting, key=lambda link: is_loopback(link.local[0]) != remote.is_loopback)
        return fitting[0] if fitting else None

    def _fits(self, link: Link, remote_host: str) -> bool:
        return read_address(remote_host) is None or (":" in link.local[0]) == (":" in remote_host)

    def address(self, transport: str, remote_host: str) -> tuple[str, int]:
        """Host and port to write into Via and Contact."""
        link = self.link(transport, remote_host)
        host, port = (self._links[0] if link is None else link).local
        remote = read_address(remote_host)
        is_near = remote is not None and remote.is_loopback
        if self._advertised is not None and not is_near and (":" in self._advertised) == (":" in host):
            return self._advertised, port
        bound = read_address(host)
        if bound is None or not bound.is_unspecified:
            return host, port
        return self._find_facing(host, remote_host if remote is not None else None), port

    def _find_facing(self, bound: str, remote_host: str | None) -> str:
        target = remote_host or ("2001:db8::1" if ":" in bound else "192.0.2.1")
        known = self._facing.get(target)
        if known is None:
            known = self._facing[target] = _ask_route(target) or ("::1" if ":" in bound else "127.0.0.1")
            if len(self._facing) > MAX_REMEMBERED:
                self._facing.popitem(last=False)
        return known


def _ask_route(target: str) -> str | None:
    """The source address the kernel would use; connecting a datagram socket sends nothing."""
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target, DISCARD_PORT))
        except OSError:
            return None
        return str(probe.getsockname()[0])
