"""Asking DNS: the four record kinds RFC 3263 needs, behind a protocol that tests replace."""

from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from trebuchet.base.values import frozen

T = TypeVar("T")

NEGATIVE_TTL_S = 30.0
"""How long "there is no such record" is believed: short, so that a repaired zone works soon."""
LOOKUP_S = 5.0
"""A question that takes longer has failed: the caller is waiting for a phone to ring."""
HOSTS_FILE = Path("/etc/hosts")


class DnsFailure(Exception):
    """No answer came (time-out, server failure); unlike an empty answer it says nothing about the name."""


@frozen
class Naptr:
    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@frozen
class Srv:
    priority: int
    weight: int
    port: int
    target: str


@frozen
class Records(Generic[T]):
    """What was found, possibly nothing, and for how many seconds it may be believed."""

    items: tuple[T, ...]
    ttl_s: float


class Dns(Protocol):
    """Each raises `DnsFailure` when no answer came; a name or record that does not exist is an empty answer."""

    async def naptr(self, name: str) -> Records[Naptr]: ...

    async def srv(self, name: str) -> Records[Srv]: ...

    async def addresses(self, name: str) -> Records[str]:
        """IPv4 and IPv6 literals; IPv4 first."""
        ...


class SystemDns:
    """The name servers and the hosts file of this machine."""

    def __init__(self) -> None:
        self._resolver: dns.asyncresolver.Resolver | None = None

    def _servers(self) -> dns.asyncresolver.Resolver:
        """Read the machine's configuration at the first question: most calls ask none."""
        if self._resolver is None:
            try:
                self._resolver = dns.asyncresolver.Resolver()
            except dns.resolver.NoResolverConfiguration as error:
                raise DnsFailure("no name server is configured") from error
            self._resolver.lifetime = LOOKUP_S
        return self._resolver

    async def naptr(self, name: str) -> Records[Naptr]:
        rows, ttl_s = await self._ask(name, "NAPTR")
        return Records(
            tuple(
                Naptr(
                    row.order,
                    row.preference,
                    row.flags.decode("ascii", "replace").upper(),
                    row.service.decode("ascii", "replace").upper(),
                    str(row.replacement).rstrip("."),
                )
                for row in rows
            ),
            ttl_s,
        )

    async def srv(self, name: str) -> Records[Srv]:
        rows, ttl_s = await self._ask(name, "SRV")
        return Records(
            tuple(Srv(row.priority, row.weight, row.port, str(row.target).rstrip(".")) for row in rows), ttl_s
        )

    async def addresses(self, name: str) -> Records[str]:
        local = _hosts_file_addresses(name)
        if local:
            return Records(local, NEGATIVE_TTL_S)
        found: list[str] = []
        ttl_s = NEGATIVE_TTL_S
        for kind in ("A", "AAAA"):
            rows, kind_ttl_s = await self._ask(name, kind)
            if rows:
                ttl_s = kind_ttl_s if not found else min(ttl_s, kind_ttl_s)
            found += [row.address for row in rows]
        return Records(tuple(found), ttl_s)

    async def _ask(self, name: str, kind: str) -> tuple[tuple[Any, ...], float]:
        try:
            answer = await self._servers().resolve(name, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return (), NEGATIVE_TTL_S
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            raise DnsFailure(f"{kind} lookup failed: {type(error).__name__}") from error
        if answer.rrset is None:
            return (), NEGATIVE_TTL_S
        return tuple(answer.rrset), float(answer.rrset.ttl)


def _hosts_file_addresses(name: str) -> tuple[str, ...]:
    """The hosts file is read anew each time: answers are cached above, and it may change."""
    try:
        lines = HOSTS_FILE.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    words = (line.partition("#")[0].lower().split() for line in lines)
    found = [fields[0] for fields in words if len(fields) > 1 and name.lower() in fields[1:]]
    return tuple(sorted(dict.fromkeys(found), key=lambda address: ":" in address))
