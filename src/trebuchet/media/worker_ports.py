"""The ports of a worker: which number has which row, sockets and recorder, and what commands do to them."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from trebuchet.base.units import TICKS_PER_S
from trebuchet.calls.interfaces import StopReason, Tone
from trebuchet.media import messages as m
from trebuchet.media.engine import Direction, Engine, Law, PortMisuse, PortSettings, RemoteMedia, tones
from trebuchet.media.guarded_socket import GuardedSocket
from trebuchet.media.port_stock import BINDS_PER_TICK, PortStock
from trebuchet.media.prompt_memory import PromptMemory
from trebuchet.media.srtp_keys import Protection
from trebuchet.media.srtp_socket import PortCipher
from trebuchet.media.traffic import Traffic
from trebuchet.media.worker_recorders import WorkerRecorders

Report = Callable[[m.Report], None]

TONES = {Tone.JOINED: tones.joined, Tone.LEFT: tones.left}


class PortMissing(PortMisuse):
    """A command for a port that is not open: it failed or was closed while the command was on its way."""

    code = "media-port-missing"


@dataclass(slots=True)
class WorkerPort:
    number: int
    row: int
    family: int
    rtp_port: int
    rtp: GuardedSocket
    rtcp: GuardedSocket
    cipher: PortCipher | None = None
    """What protects both sockets; `None`: nothing."""

    def protect(self, protection: Protection) -> None:
        """Protect both sockets, or change what has changed about it."""
        if self.cipher is not None:
            self.cipher.apply(protection)
            return
        self.cipher = PortCipher(protection)
        self.rtp.protect(self.cipher, is_rtcp=False)
        self.rtcp.protect(self.cipher, is_rtcp=True)


class WorkerPorts:
    """Applies commands. Whatever goes wrong with one port ends that port alone, with `PortFailed`."""

    def __init__(
        self,
        settings: m.Configure,
        engine: Engine,
        traffic: Traffic,
        recorders: WorkerRecorders,
        cname: bytes,
        report: Report,
    ) -> None:
        self._engine = engine
        self._traffic = traffic
        self._recorders = recorders
        self._report = report
        self._prompts = PromptMemory()
        self._settings = PortSettings(cname=cname, timeout_ticks=round(settings.timeout_s * TICKS_PER_S))
        low, high, rest_s = settings.low_port, settings.high_port, settings.quarantine_s
        self._stocks = {4: PortStock(4, settings.bind_ipv4, low, high, rest_s)}
        if settings.bind_ipv6 is not None:
            self._stocks[6] = PortStock(6, settings.bind_ipv6, low, high, rest_s)
        self._ports: dict[int, WorkerPort] = {}
        self._sources: dict[int, int] = {}
        """Ports without sockets, and their rows."""
        self._groups: dict[int, int] = {}
        """The server's number of a group, and the engine's."""
        self.numbers: dict[int, int] = {}
        """Row to port number."""

    def __len__(self) -> int:
        return len(self._ports) + len(self._sources)

    def fill_stock(self, now: float, limit: int = BINDS_PER_TICK) -> None:
        """Bind ahead, and tell."""
        for stock in self._stocks.values():
            ready = stock.fill(now, limit)
            if ready:
                self._report(m.PortsReady(stock.family, ready))

    def apply(self, command: m.Command, now: float) -> None:
        """Do it. Raises what the port's part raises; the caller then calls `fail`."""
        match command:
            case m.OpenPort():
                self._open(command, now)
            case m.OpenSource():
                self._open_source(command.port)
            case m.SetRemote():
                self._set_remote(self._find(command.port), command, now)
            case m.Connect() | m.JoinGroup() | m.CloseGroup() | m.SetVoice() | m.Disconnect():
                self._apply_group(command)
            case m.Play():
                self._play(command)
            case m.PlayRingback():
                row = self._find(command.port).row
                self._engine.play(row, tones.ringback(), command.playback, loop=True)
            case m.PlayTone():
                self._start(command.port)(self._row(command.port), TONES[Tone(command.tone)](), command.playback)
            case m.StopPlayback():
                self._engine.stop_playback(self._row(command.port))
            case m.SendDigits():
                self._send_digits(self._find(command.port), command.digits)
            case m.StartRecorder():
                self._start_recorder(command)
            case m.StopRecorder():
                self._recorders.stop(self._find(command.port).row, StopReason.ASKED)
            case m.ClosePort():
                self._close(command.port, now)
            case m.Configure() | m.Exit():
                raise PortMisuse("not a command for a port")

    def _apply_group(self, command: m.Connect | m.JoinGroup | m.CloseGroup | m.SetVoice | m.Disconnect) -> None:
        engine = self._engine
        match command:
            case m.Connect():
                engine.connect([self._row(command.port), self._row(command.other)])
            case m.JoinGroup():
                row = self._row(command.port)
                if command.group not in self._groups:
                    self._groups[command.group] = engine.connect(())
                engine.join(row, self._groups[command.group])
            case m.CloseGroup():
                self._groups.pop(command.group, None)
            case m.SetVoice():
                row = self._row(command.port)
                engine.set_voice(row, can_speak=command.can_speak, can_hear=command.can_hear)
                engine.set_gains(row, mic_db=command.mic_db, ear_db=command.ear_db, gate_dbov=command.gate_dbov)
            case m.Disconnect():
                engine.disconnect(self._row(command.port))

    def _row(self, number: int) -> int:
        row = self._sources.get(number)
        return self._find(number).row if row is None else row

    def _start(self, number: int) -> Callable[..., None]:
        """How a playback of this port starts: a source speaks it to its group."""
        return self._engine.speak if number in self._sources else self._engine.play

    def _open_source(self, number: int) -> None:
        row = self._engine.allocate()
        self._engine.open(row, PortSettings())
        self._sources[number] = row
        self.numbers[row] = number

    def _find(self, number: int) -> WorkerPort:
        port = self._ports.get(number)
        if port is None:
            raise PortMissing(f"no port {number}")
        return port

    def _open(self, command: m.OpenPort, now: float) -> None:
        stock = self._stocks[command.family]
        pair = stock.take(command.rtp_port)
        if pair is None:
            raise PortMissing(f"port {command.rtp_port} is not ready")
        try:
            row = self._engine.allocate()
            self._engine.open(row, self._settings)
        except Exception:
            pair.close()
            stock.rest(command.rtp_port, now)
            raise
        port = WorkerPort(
            command.port, row, command.family, command.rtp_port, GuardedSocket(pair.rtp), GuardedSocket(pair.rtcp)
        )
        self._ports[command.port] = port
        self.numbers[row] = command.port
        self._traffic.add(row, port.rtp, port.rtcp)

    def _set_remote(self, port: WorkerPort, command: m.SetRemote, now: float) -> None:
        if command.srtp is not None:
            port.protect(Protection(*command.srtp))
            self._traffic.refresh(port.row, port.rtp, port.rtcp)
        if command.address:
            host = ip_address(command.address).compressed
            is_new_source = port.rtp.signal((host, command.rtp_port))
            port.rtcp.signal((host, command.rtcp_port))
            self._traffic.refresh(port.row, port.rtp, port.rtcp)
            if is_new_source:
                self._engine.forget_source(port.row)
        remote = RemoteMedia(
            law=Law[command.law],
            payload_type=command.payload_type,
            accept=tuple((number, Law[law]) for number, law in command.accept),
            digits_receive=command.digits_receive,
            digits_send=command.digits_send,
            direction=Direction(command.direction),
        )
        self._engine.set_remote(port.row, remote, now)

    def _play(self, command: m.Play) -> None:
        row = self._row(command.port)
        try:
            pcm = self._prompts.load(command.path, command.samples)
        except (OSError, ValueError):
            self._engine.stop_playback(row)
            self._report(m.PlaybackEnded(command.port, command.playback))
            return
        self._start(command.port)(row, pcm, command.playback, loop=command.is_looped, volume=command.volume)

    def _send_digits(self, port: WorkerPort, digits: str) -> None:
        """Too many at once are left out: no reason to end a call. Call control sees to it that there never are."""
        with contextlib.suppress(PortMisuse):
            self._engine.send_digits(port.row, digits)

    def _start_recorder(self, command: m.StartRecorder) -> None:
        try:
            self._recorders.start(self._find(command.port).row, command)
        except PortMisuse:
            self._report(m.RecorderStopped(command.recorder, 0, StopReason.FAILED.value))
            raise

    def _close(self, number: int, now: float) -> None:
        source = self._sources.pop(number, None)
        if source is not None:
            del self.numbers[source]
            self._engine.close(source, now)
        port = self._ports.pop(number, None)
        if port is None:
            return
        del self.numbers[port.row]
        closing = self._engine.close(port.row, now)
        self._recorders.finish(port.row, closing.last_block, StopReason.CLOSED)
        if closing.goodbye:
            self._traffic.send_report(port.row, closing.goodbye)
        self._traffic.remove(port.row, port.rtp, port.rtcp)
        self._stocks[port.family].rest(port.rtp_port, now)
        s = closing.stats
        self._report(m.PortClosed(number, s.received, s.lost, s.sent, s.concealed_ms, s.jitter_ms, s.mos))

    def fail(self, number: int, now: float) -> None:
        """The port broke: close it and tell."""
        self._close(number, now)
        self._report(m.PortFailed(number))

    def close(self, now: float) -> None:
        """Close everything."""
        for number in [*self._ports, *self._sources]:
            self._close(number, now)
        for stock in self._stocks.values():
            stock.close()
