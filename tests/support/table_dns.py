"""A DNS made of tables, for tests of RFC 3263: no network."""

import asyncio
from typing import Any

from trebuchet.signalling.dns import DnsFailure, Naptr, Records, Srv


class TableDns:
    """Answers from dictionaries and counts the questions."""

    def __init__(self) -> None:
        self.naptrs: dict[str, tuple[Naptr, ...]] = {}
        self.srvs: dict[str, tuple[Srv, ...]] = {}
        self.hosts: dict[str, tuple[str, ...]] = {}
        self.ttl_s = 60.0
        self.asked: list[tuple[str, str]] = []
        self.is_down = False

    def _answer(self, kind: str, name: str, table: dict[str, Any]) -> Records[Any]:
        self.asked.append((kind, name))
        if self.is_down:
            raise DnsFailure("no answer")
        return Records(table.get(name, ()), self.ttl_s)

    async def naptr(self, name: str) -> Records[Naptr]:
        return self._answer("NAPTR", name, self.naptrs)

    async def srv(self, name: str) -> Records[Srv]:
        return self._answer("SRV", name, self.srvs)

    async def addresses(self, name: str) -> Records[str]:
        await asyncio.sleep(0)
        return self._answer("A", name, self.hosts)
