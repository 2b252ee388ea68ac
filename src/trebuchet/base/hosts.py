"""Host names and addresses as they are written."""

import ipaddress
from functools import lru_cache

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

LOCAL_NAME = "localhost"
REMEMBERED = 4096
"""Hosts whose reading is kept: every SIP message asks several times about the same few."""


def bracketed(host: str) -> str:
    """A host as it stands before a port: an IPv6 address in brackets (RFC 3986 3.2.2), anything else as it is."""
    return f"[{host}]" if ":" in host else host


@lru_cache(maxsize=REMEMBERED)
def read_address(host: str) -> IpAddress | None:
    """An IP literal, IPv4 in IPv6 unwrapped and zones cut off; `None` for a name."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_loopback(host: str) -> bool:
    """Whether a host means this machine as it is written; other names are not looked up."""
    address = read_address(host)
    return host == LOCAL_NAME if address is None else address.is_loopback
