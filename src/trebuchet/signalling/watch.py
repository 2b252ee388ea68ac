"""Keeping an eye on trunks: the addresses behind their names, and whether they answer (OPTIONS, RFC 3261 11)."""

import asyncio

from trebuchet.signalling.door import Door
from trebuchet.signalling.resolver import Unresolvable
from trebuchet.signalling.settings import SipSettings
from trebuchet.signalling.shell import SipShell
from trebuchet.sip.outputs import Destination, OptionsAnswered

LEARN_S = 60.0
"""How often names are resolved again for the door; the resolver asks DNS no more often than the TTL says."""
FIRST_LEARN_S = 3.0
"""How long the start waits for DNS: without it the first calls of a trunk known by name would be turned away."""


class TrunkWatch:
    """Two background tasks; without names and without a probe interval there is none."""

    def __init__(self, settings: SipSettings, shell: SipShell, door: Door) -> None:
        self._settings = settings
        self._shell = shell
        self._door = door
        self._ports = {trunk.host.lower(): (trunk.port, trunk.transport) for trunk in settings.trunks}
        self._probes: dict[int, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.states: dict[str, bool | None] = {trunk.name: None for trunk in settings.trunks}

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._door.names:
            try:
                async with asyncio.timeout(FIRST_LEARN_S):
                    await self._learn()
            except TimeoutError:
                pass
            self._tasks.append(loop.create_task(self._keep_learning()))
        if self._settings.probe_interval_s is not None and self._settings.trunks:
            self._tasks.append(loop.create_task(self._keep_probing(self._settings.probe_interval_s)))

    async def _keep_learning(self) -> None:
        while True:
            await asyncio.sleep(LEARN_S)
            await self._learn()

    async def _learn(self) -> None:
        names = sorted(self._door.names)
        found = await asyncio.gather(*(self._addresses_of(name) for name in names))
        self._door.learn({name: addresses for name, addresses in zip(names, found, strict=True) if addresses})

    async def _addresses_of(self, name: str) -> tuple[str, ...]:
        """Every place the name leads to when called, and its plain addresses: a carrier calls from either."""
        port, transport = self._ports.get(name, (None, None))
        try:
            candidates = await self._shell.resolver.resolve(name, port, transport)
            return (*(each.host for each in candidates), *await self._shell.resolver.addresses(name))
        except Unresolvable:
            return ()

    async def _keep_probing(self, interval_s: float) -> None:
        while True:
            for trunk in self._settings.trunks:
                destination = Destination(trunk.host, trunk.port, trunk.transport)
                self._probes[self._shell.ua.options(destination, self._shell.now())] = trunk.name
            self._shell.flush()
            await asyncio.sleep(interval_s)

    def handle_answer(self, answer: OptionsAnswered) -> None:
        """Any answer shows that somebody is there, except that of a server which says it cannot serve."""
        name = self._probes.pop(answer.probe, None)
        if name is not None:
            self.states[name] = answer.status is not None and answer.status not in (408, 503)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
