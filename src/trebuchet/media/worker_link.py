"""One worker as the pool sees it: ready ports, open ports, recordings, signs of life, and what its death means."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog

from trebuchet.base.ids import AccountId, RecordingId
from trebuchet.calls.interfaces import MediaListener, MediaUnavailable, StopReason
from trebuchet.media import messages as m
from trebuchet.media.paths import recorder_path
from trebuchet.media.port import WorkerMediaPort
from trebuchet.media.wav import salvage
from trebuchet.media.worker_process import WorkerProcess

START_S = 20.0
"""A worker is ready about 0.3 s after its start; a machine that is this much slower cannot carry calls."""
LIFE_CHECK_S = 1.0
"""Workers report every second; also the second chance of a worker whose reports our own slowness held up."""

log = structlog.get_logger("trebuchet.media")


@dataclass(frozen=True, slots=True)
class _RunningRecorder:
    recording_id: RecordingId
    listener: MediaListener
    path: Path


@dataclass(slots=True)
class Totals:
    """Sums over the ports that have closed."""

    ports: int = 0
    received: int = 0
    lost: int = 0
    sent: int = 0
    concealed_ms: int = 0

    def add(self, closed: m.PortClosed) -> None:
        self.ports += 1
        self.received += closed.received
        self.lost += closed.lost
        self.sent += closed.sent
        self.concealed_ms += closed.concealed_ms


@dataclass(slots=True, eq=False)
class WorkerLink:
    """`handle_gone` is called once, when the worker died by itself and everything about it has been told."""

    settings: m.Configure
    addresses: dict[int, str]
    """What peers are told, by family."""
    stall_s: float
    handle_gone: Callable[["WorkerLink"], None]
    observe: Callable[[m.Load | m.PortClosed], None] = lambda report: None
    """Told of the worker's figures as they come."""
    load: m.Load | None = None
    totals: Totals = field(default_factory=Totals)
    is_up: bool = False
    _process: WorkerProcess | None = None
    _ready: dict[int, deque[int]] = field(default_factory=lambda: {4: deque(), 6: deque()})
    _ports: dict[int, WorkerMediaPort] = field(default_factory=dict)
    _recorders: dict[int, _RunningRecorder] = field(default_factory=dict)
    _last_number: int = 0
    _last_sign: float = 0.0
    _is_closing: bool = False
    _has_ports: asyncio.Event = field(default_factory=asyncio.Event)
    _is_lost: asyncio.Event = field(default_factory=asyncio.Event)
    _burial: asyncio.Task[None] | None = None
    _life_timer: asyncio.TimerHandle | None = None

    # --- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the process and wait for its first ready ports. Raises `MediaUnavailable`."""
        self._process = await WorkerProcess.start(self.settings, self._handle, self._handle_lost, stall_s=self.stall_s)
        try:
            async with asyncio.timeout(START_S):
                await self._first_of(self._has_ports, self._is_lost)
        except TimeoutError:
            pass
        if not self._has_ports.is_set() or self._is_lost.is_set():
            await self._process.kill()
            self._process = None
            raise MediaUnavailable("a media worker did not become ready; are the RTP ports free?")
        self.is_up = True
        self._see_life()
        self._life_timer = asyncio.get_running_loop().call_later(LIFE_CHECK_S, self._check_life, False)

    async def _first_of(self, *events: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _see_life(self) -> None:
        self._last_sign = asyncio.get_running_loop().time()

    def _check_life(self, is_suspect: bool) -> None:
        loop = asyncio.get_running_loop()
        is_silent = loop.time() - self._last_sign > self.stall_s
        if is_silent and is_suspect:
            log.error("media worker shows no sign of life", pid=self.pid)
            self._handle_lost()
        elif not self._is_lost.is_set():
            self._life_timer = loop.call_later(LIFE_CHECK_S, self._check_life, is_silent)

    def _stop_timer(self) -> None:
        if self._life_timer is not None:
            self._life_timer.cancel()

    def _handle_lost(self) -> None:
        """The channel ended, or should have."""
        was_up, self.is_up = self.is_up, False
        if self._is_lost.is_set():
            return
        self._is_lost.set()
        self._stop_timer()
        if was_up and not self._is_closing:
            self._burial = asyncio.get_running_loop().create_task(self._bury())

    async def _bury(self) -> None:
        """It died: tell the ports, then the recordings with what their files hold, then the pool."""
        log.error("media worker died", pid=self.pid, ports=len(self._ports))
        for port in list(self._ports.values()):
            port.lose()
            self._tell(port.listener.handle_media_lost)
        self._ports.clear()
        if self._process is not None:
            await self._process.kill()
        await self._salvage_recordings()
        self.handle_gone(self)

    async def _salvage_recordings(self) -> None:
        recorders, self._recorders = list(self._recorders.values()), {}
        for recorder in recorders:
            samples = await asyncio.to_thread(_salvaged, recorder.path)
            self._tell(recorder.listener.handle_recorder_stopped, recorder.recording_id, samples, StopReason.LOST)

    async def close(self) -> None:
        """End the worker in good order: its recordings stop (`CLOSED`), files are finished."""
        self._is_closing = True
        self._stop_timer()
        self.is_up = False
        for port in self._ports.values():
            port.lose()
        if self._burial is not None:
            await self._burial
        if self._process is not None:
            self._process.put(m.Exit())
            await self._process.wait_until(self._is_lost)
        self._ports.clear()
        await self._salvage_recordings()

    # --- for the pool ---------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def open_ports(self) -> int:
        return len(self._ports)

    def can_open(self, family: int) -> bool:
        return self.is_up and bool(self._ready[family]) and len(self._ports) < self.settings.capacity

    def open_port(self, listener: MediaListener, family: int, *, is_encrypted: bool = False) -> WorkerMediaPort:
        """A port on a ready pair. Raises `MediaUnavailable`."""
        if not self.can_open(family):
            raise MediaUnavailable("no media port is free")
        rtp_port = self._ready[family].popleft()
        self._last_number += 1
        port = WorkerMediaPort(
            self,
            self._last_number,
            listener,
            address=self.addresses[family],
            rtp_port=rtp_port,
            family=family,
            is_encrypted=is_encrypted,
        )
        self._ports[port.number] = port
        self.put(m.OpenPort(port.number, family, rtp_port))
        return port

    def open_source(self, listener: MediaListener) -> WorkerMediaPort:
        """A port without peer. Raises `MediaUnavailable`."""
        if not self.is_up or len(self._ports) >= self.settings.capacity:
            raise MediaUnavailable("no media port is free")
        self._last_number += 1
        port = WorkerMediaPort(self, self._last_number, listener, address="", rtp_port=0, family=4)
        self._ports[port.number] = port
        self.put(m.OpenSource(port.number))
        return port

    def new_group(self) -> int:
        """The number of a group that nobody is in yet."""
        self._last_number += 1
        return self._last_number

    # --- for the ports (`port.Link`) ------------------------------------------------------------------------------

    def put(self, command: msgspec.Struct) -> None:
        if self._process is not None:
            self._process.put(command)

    def new_recorder(
        self, port: WorkerMediaPort, recording_id: RecordingId, account_id: AccountId, media_name: str
    ) -> int:
        path = recorder_path(Path(self.settings.data), account_id, media_name)
        self._last_number += 1
        self._recorders[self._last_number] = _RunningRecorder(recording_id, port.listener, path)
        return self._last_number

    def refuse_recorder(self, listener: MediaListener, recording_id: RecordingId) -> None:
        """Tell, but not from within the command, that nothing was recorded."""
        asyncio.get_running_loop().call_soon(
            self._tell, listener.handle_recorder_stopped, recording_id, 0, StopReason.CLOSED
        )

    def forget(self, port: WorkerMediaPort) -> None:
        self._ports.pop(port.number, None)

    # --- reports --------------------------------------------------------------------------------------------------

    def _handle(self, report: m.Report) -> None:
        self._see_life()
        match report:
            case m.Load():
                self.load = report
                self.observe(report)
            case m.PortsReady():
                self._ready[report.family].extend(report.rtp_ports)
                self._has_ports.set()
            case m.PortClosed():
                self.totals.add(report)
                self.observe(report)
            case m.RecorderStopped():
                self._handle_recorder_stopped(report)
            case m.DigitHeard() | m.PlaybackEnded() | m.TimedOut() | m.PortFailed():
                port = self._ports.get(report.port)
                if port is not None:
                    self._handle_port_report(port, report)

    def _handle_recorder_stopped(self, report: m.RecorderStopped) -> None:
        recorder = self._recorders.pop(report.recorder, None)
        if recorder is not None:
            reason = StopReason(report.reason)
            self._tell(recorder.listener.handle_recorder_stopped, recorder.recording_id, report.samples, reason)

    def _handle_port_report(
        self, port: WorkerMediaPort, report: m.DigitHeard | m.PlaybackEnded | m.TimedOut | m.PortFailed
    ) -> None:
        match report:
            case m.DigitHeard():
                self._tell(port.listener.handle_media_digit, report.digit, None)
            case m.PlaybackEnded() if report.playback in port.playbacks:
                port.playbacks.discard(report.playback)
                self._tell(port.listener.handle_playback_done, report.playback)
            case m.TimedOut() if not port.has_timed_out:
                port.has_timed_out = True
                self._tell(port.listener.handle_media_timeout)
            case m.PortFailed():
                port.lose()
                self.forget(port)
                self._tell(port.listener.handle_media_lost)
            case _:
                pass  # told already

    def _tell(self, handle: Callable[..., None], *arguments: object) -> None:
        """Listeners must not raise; one that does has its own call ended by whoever wrote it, not everybody's."""
        try:
            handle(*arguments)
        except Exception:
            log.exception("media listener raised")


def _salvaged(path: Path) -> int:
    try:
        return salvage(path)
    except OSError:
        return 0
