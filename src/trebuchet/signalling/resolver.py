"""Where a SIP request goes: transport, address and port for a host (RFC 3263 4).

    host is an address      no lookup
    port is given           A/AAAA
    transport is given      SRV _sip._udp.host, else A/AAAA with the default port
    neither                 NAPTR, else SRV of every transport we speak, else A/AAAA over UDP (TLS for sips)

The result is a list: when the first place does not answer, or answers 503, the next one is tried (4.3). A place that
failed goes to the end of later lists for a while. Answers are kept as long as their TTL says, in a bounded cache, and
one question asked by many calls at once is asked once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from trebuchet.base.errors import RemoteError
from trebuchet.base.hosts import read_address
from trebuchet.base.rand import Rand
from trebuchet.base.values import frozen
from trebuchet.signalling.dns import NEGATIVE_TTL_S, Dns, DnsFailure, Naptr, Records, Srv

MAX_CACHED = 1024
"""Names kept; the least recently used goes first."""
MAX_TTL_S = 3600.0
"""No answer is believed longer, whatever its TTL says."""
MAX_CANDIDATES = 16
"""Places tried for one request: more would only keep a caller waiting."""
MAX_PENDING = 256
"""Different questions under way at once; further ones fail, so that a burst of made-up names stays cheap."""
PENALTY_S = 30.0
"""How long a place that failed is tried last."""
MAX_PENALTIES = 256
MAX_NAME = 253

DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
_SRV_PREFIXES = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
_NAPTR_SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}


class Unresolvable(RemoteError):
    """Nothing is known of that host, or DNS does not answer."""

    code = "host-unresolvable"
    retryable = True


@frozen
class Candidate:
    """One place to send to: an IP literal."""

    host: str
    port: int
    transport: str


class Resolver:
    """RFC 3263 with a cache. `transports` are those we can send over, `now` is monotonic seconds."""

    def __init__(self, dns: Dns, rand: Rand, now: Callable[[], float], transports: Sequence[str]) -> None:
        self._dns = dns
        self._rand = rand
        self._now = now
        self._transports = tuple(transports)
        self._cache: OrderedDict[tuple[str, str], tuple[float, tuple[Any, ...]]] = OrderedDict()
        self._pending: dict[tuple[str, str], asyncio.Task[tuple[Any, ...]]] = {}
        self._penalties: OrderedDict[Candidate, float] = OrderedDict()

    def shortcut(
        self, host: str, port: int | None, transport: str | None, *, is_secure: bool = False
    ) -> Candidate | None:
        """The only candidate of a host that is an address: no lookup, no waiting. `None` for a name."""
        if read_address(host) is None:
            return None
        chosen = transport or ("tls" if is_secure else "udp")
        return Candidate(host, port or DEFAULT_PORTS.get(chosen, 5060), chosen)

    async def resolve(
        self, host: str, port: int | None = None, transport: str | None = None, *, is_secure: bool = False
    ) -> list[Candidate]:
        """The places to try, best first; never empty. Raises `Unresolvable`."""
        literal = self.shortcut(host, port, transport, is_secure=is_secure)
        if literal is not None:
            return [literal]
        host = _check_name(host)
        try:
            found = await self._candidates(host, port, transport, is_secure)
        except DnsFailure as error:
            raise Unresolvable(str(error)) from error
        if not found:
            raise Unresolvable("the host has no address")
        return self._failed_last(found[:MAX_CANDIDATES])

    async def addresses(self, name: str) -> tuple[str, ...]:
        """Just the addresses of a name, possibly none. Raises `Unresolvable` when DNS does not answer."""
        try:
            return await self._lookup("A", _check_name(name), self._dns.addresses)
        except DnsFailure as error:
            raise Unresolvable(str(error)) from error

    def mark_failed(self, candidate: Candidate) -> None:
        """That place did not answer or said 503: try others before it for a while."""
        self._penalties[candidate] = self._now() + PENALTY_S
        self._penalties.move_to_end(candidate)
        while len(self._penalties) > MAX_PENALTIES:
            self._penalties.popitem(last=False)

    def _failed_last(self, found: list[Candidate]) -> list[Candidate]:
        now = self._now()
        return sorted(dict.fromkeys(found), key=lambda candidate: self._penalties.get(candidate, 0.0) > now)

    async def _candidates(self, host: str, port: int | None, transport: str | None, is_secure: bool) -> list[Candidate]:
        default = "tls" if is_secure else "udp"
        if port is not None:
            return await self._from_addresses(host, port, transport or default)
        found: list[Candidate] = []
        for kind, name in await self._services(host, transport, is_secure):
            found += await self._from_srv(name, kind)
        chosen = transport or default
        return found or await self._from_addresses(host, DEFAULT_PORTS.get(chosen, 5060), chosen)

    async def _services(self, host: str, transport: str | None, is_secure: bool) -> list[tuple[str, str]]:
        """Transports and the SRV names to ask, in order of preference."""
        if transport is not None:
            return [(transport, _SRV_PREFIXES[transport] + host)] if transport in _SRV_PREFIXES else []
        usable = [name for name in self._transports if name == "tls" or not is_secure]
        rows: tuple[Naptr, ...] = await self._lookup("NAPTR", host, self._dns.naptr)
        named = [
            (_NAPTR_SERVICES[row.service], row.replacement)
            for row in sorted(rows, key=lambda row: (row.order, row.preference))
            if row.flags == "S" and _NAPTR_SERVICES.get(row.service) in usable
        ]
        return named or [(name, _SRV_PREFIXES[name] + host) for name in usable]

    async def _from_srv(self, name: str, transport: str) -> list[Candidate]:
        rows: tuple[Srv, ...] = await self._lookup("SRV", name, self._dns.srv)
        found: list[Candidate] = []
        for row in order_by_weight(rows, self._rand)[:MAX_CANDIDATES]:
            if row.target:
                found += await self._from_addresses(row.target, row.port, transport)
        return found

    async def _from_addresses(self, host: str, port: int, transport: str) -> list[Candidate]:
        literals = (host,) if read_address(host) is not None else await self._lookup("A", host, self._dns.addresses)
        return [Candidate(literal, port, transport) for literal in literals]

    async def _lookup(self, kind: str, name: str, ask: Callable[[str], Awaitable[Records[Any]]]) -> tuple[Any, ...]:
        key = (kind, name.lower())
        cached = self._cache.get(key)
        if cached is not None and cached[0] > self._now():
            self._cache.move_to_end(key)
            return cached[1]
        task = self._pending.get(key)
        if task is None:
            if len(self._pending) >= MAX_PENDING:
                raise DnsFailure("too many lookups are under way")
            task = self._pending[key] = asyncio.ensure_future(self._ask(key, ask))
            task.add_done_callback(lambda done: self._pending.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, key: tuple[str, str], ask: Callable[[str], Awaitable[Records[Any]]]) -> tuple[Any, ...]:
        records = await ask(key[1])
        ttl_s = min(records.ttl_s if records.items else NEGATIVE_TTL_S, MAX_TTL_S)
        if ttl_s > 0:
            self._cache[key] = (self._now() + ttl_s, records.items)
            self._cache.move_to_end(key)
            while len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        return records.items

    async def close(self) -> None:
        """Give up the questions under way."""
        tasks = list(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def order_by_weight(rows: Iterable[Srv], rand: Rand) -> list[Srv]:
    """SRV rows by priority, and among equals at random in proportion to their weights (RFC 2782)."""
    ordered: list[Srv] = []
    left = sorted(rows, key=lambda row: (row.priority, row.weight, row.target, row.port))
    while left:
        equals = [row for row in left if row.priority == left[0].priority]
        total = sum(row.weight for row in equals)
        mark = rand.below(total + 1)
        chosen = equals[-1]
        for row in equals:
            mark -= row.weight
            if mark <= 0:
                chosen = row
                break
        ordered.append(chosen)
        left.remove(chosen)
    return ordered


def _check_name(host: str) -> str:
    name = host.rstrip(".")
    if not name or len(name) > MAX_NAME:
        raise Unresolvable("not a host name")
    return name
