"""The media plane's face on the event loop: a pool of worker processes, implementing `calls.interfaces.MediaPlane`."""

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

import structlog

from trebuchet.calls.interfaces import AudioGroupListener, MediaListener, MediaPort, MediaUnavailable
from trebuchet.media.group import WorkerGroup
from trebuchet.media.messages import Configure, Load, PortClosed
from trebuchet.media.port import WorkerMediaPort
from trebuchet.media.settings import MediaSettings
from trebuchet.media.worker_link import Totals, WorkerLink

RESTART_FIRST_S, RESTART_MAX_S = 0.05, 30.0
"""Pause before a dead worker is replaced: nearly none the first time, doubled while replacements die or fail."""
LONG_LIFE_S = 60.0
"""A worker that lived this long was healthy: its death starts the pauses anew."""

log = structlog.get_logger("trebuchet.media")


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """A snapshot of one worker."""

    index: int
    pid: int | None
    is_up: bool
    ports: int
    load: Load | None
    """The worker's own last report; at most about a second old."""
    totals: Totals


@dataclass(frozen=True, slots=True)
class MediaStats:
    """A snapshot of the pool. `restarts` counts replaced workers."""

    workers: tuple[WorkerStats, ...]
    restarts: int


class MediaPlanePool:
    """N workers, each with its share of the port range. `start` it before use; `close` ends the workers."""

    def __init__(self, settings: MediaSettings) -> None:
        """Raises `ValueError` for settings that cannot work."""
        self._settings = settings
        self._shares = _shares(settings.rtp_ports, settings.workers)
        self._addresses = _addresses(settings)
        self._links: list[WorkerLink] = []
        self._restarts = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._pauses: dict[int, float] = {}
        self._started_at: dict[int, float] = {}
        self.observe: Callable[[Load | PortClosed], None] = lambda report: None
        """Told of all workers' figures as they come; set before `start`."""

    @property
    def addresses(self) -> dict[int, str]:
        """What peers are told, by family (4, 6)."""
        return dict(self._addresses)

    async def start(self) -> None:
        """Start all workers. Raises `MediaUnavailable` when one does not become ready, at once for an address that is
        not this machine's."""
        for bind in filter(None, (self._settings.bind_ipv4, self._settings.bind_ipv6)):
            _check_bind(bind)
        self._links = [self._new_link(index) for index in range(self._settings.workers)]
        results = await asyncio.gather(*(link.start() for link in self._links), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            await self.close()
            raise failures[0]
        now = asyncio.get_running_loop().time()
        self._started_at = dict.fromkeys(range(len(self._links)), now)

    async def close(self) -> None:
        """End all workers: recordings are finished and reported, then ports are no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(link.close() for link in self._links))

    # --- MediaPlane -----------------------------------------------------------------------------------------------

    def open_port(
        self,
        listener: MediaListener,
        *,
        near: MediaPort | None = None,
        wants_ipv6: bool = False,
        is_encrypted: bool = False,
    ) -> WorkerMediaPort:
        """See `MediaPlane.open_port`."""
        family = 6 if wants_ipv6 else 4
        if family not in self._addresses:
            raise MediaUnavailable("there is no IPv6 media address")
        return self._choose(near, family).open_port(listener, family, is_encrypted=is_encrypted)

    def open_group(self, listener: AudioGroupListener) -> WorkerGroup:
        """See `MediaPlane.open_group`."""
        is_everywhere = ip_address(self._settings.bind_ipv4).is_unspecified
        return WorkerGroup(listener, "127.0.0.1" if is_everywhere else self._settings.bind_ipv4)

    def _choose(self, near: MediaPort | None, family: int) -> WorkerLink:
        if near is not None:
            for link in self._links:
                if isinstance(near, WorkerMediaPort) and near.link is link:
                    return link
            raise MediaUnavailable("the worker of the other port is gone")
        able = [link for link in self._links if link.can_open(family)]
        if not able:
            raise MediaUnavailable("no media port is free")
        return min(able, key=lambda link: link.open_ports)

    @property
    def load(self) -> float:
        """See `MediaPlane.load`; 1 while no worker is up."""
        loads = [link.load.load if link.load else 0.0 for link in self._links if link.is_up]
        return max(loads, default=1.0)

    def stats(self) -> MediaStats:
        """Figures of now; cheap."""
        workers = tuple(
            WorkerStats(index, link.pid, link.is_up, link.open_ports, link.load, link.totals)
            for index, link in enumerate(self._links)
        )
        return MediaStats(workers, self._restarts)

    # --- workers come and go --------------------------------------------------------------------------------------

    def _new_link(self, index: int) -> WorkerLink:
        settings = self._settings
        low, high = self._shares[index]
        configure = Configure(
            data=str(settings.data.absolute()),
            low_port=low,
            high_port=high,
            bind_ipv4=settings.bind_ipv4,
            bind_ipv6=settings.bind_ipv6,
            capacity=settings.ports_per_worker,
            timeout_s=settings.timeout_s,
            quarantine_s=settings.quarantine_s,
            channels=2 if settings.has_stereo_recordings else 1,
            cpu=_core(index) if settings.is_pinned else None,
            is_realtime=settings.is_realtime,
        )
        return WorkerLink(configure, self._addresses, settings.stall_s, self._handle_gone, self.observe)

    def _handle_gone(self, gone: WorkerLink) -> None:
        index = self._links.index(gone)
        lived_s = asyncio.get_running_loop().time() - self._started_at[index]
        if lived_s > LONG_LIFE_S:
            self._pauses.pop(index, None)
        task = asyncio.get_running_loop().create_task(self._replace(index))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, index: int) -> None:
        """Until a new worker is up. Cancelled by `close`, which then ends whatever was started."""
        while True:
            pause_s = self._pauses.get(index, RESTART_FIRST_S)
            self._pauses[index] = min(2 * pause_s, RESTART_MAX_S)
            await asyncio.sleep(pause_s)
            self._links[index] = link = self._new_link(index)
            try:
                await link.start()
            except MediaUnavailable:
                log.exception("media worker cannot be replaced yet", worker=index)
                continue
            self._started_at[index] = asyncio.get_running_loop().time()
            self._restarts += 1
            return


def _shares(rtp_ports: tuple[int, int], workers: int) -> list[tuple[int, int]]:
    """Ranges of whole pairs, lowest port even, highest odd."""
    low, high = rtp_ports
    first, pairs = low + low % 2, (high + 1 - low - low % 2) // 2
    if workers < 1 or not (1024 <= low <= high <= 65_535) or pairs < workers:
        raise ValueError(f"RTP ports {low}-{high} do not hold a pair for each of {workers} workers")
    bounds = [first + 2 * (pairs * index // workers) for index in range(workers + 1)]
    return [(bounds[index], bounds[index + 1] - 1) for index in range(workers)]


def _core(index: int) -> int:
    """From the last core downwards: the first ones also serve interrupts and the server itself."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[-1 - index % len(cores)]


def _addresses(settings: MediaSettings) -> dict[int, str]:
    addresses = {4: settings.advertised_ipv4 or _reachable(settings.bind_ipv4)}
    if settings.bind_ipv6 is not None:
        addresses[6] = settings.advertised_ipv6 or _reachable(settings.bind_ipv6)
    for family, address in addresses.items():
        if ip_address(address).version != family:
            raise ValueError(f"{address} is no IPv{family} address")
    return addresses


def _check_bind(bind: str) -> None:
    """The workers, who bind port after port, would take a wrong address for ports that others have."""
    family = socket.AF_INET6 if ip_address(bind).version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((bind, 0))
        except OSError as error:
            raise MediaUnavailable(f"cannot listen for audio on {bind}: {error.strerror or error}") from error


def _reachable(bind: str) -> str:
    """The bind address, or for "all interfaces" the address this machine uses towards the world. Sends nothing."""
    address = ip_address(bind)
    if not address.is_unspecified:
        return address.compressed
    is_ipv6 = address.version == 6
    with socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("2001:db8::1" if is_ipv6 else "192.0.2.1", 9))  # documentation addresses, RFC 5737, 3849
            return str(probe.getsockname()[0])
        except OSError:
            return "::1" if is_ipv6 else "127.0.0.1"
