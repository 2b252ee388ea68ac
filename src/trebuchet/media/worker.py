"""The media worker process: `python -m trebuchet.media.worker FD`, started by the server with one end of a channel.

It sleeps until a tick is due. A tick applies the commands that wait (as many as leave it on time: `backlog`), receives
what has come, moves the engine on by 20 ms, sends, hands recorded blocks to the writing thread, and reports. Nothing a
command asks for can be heard before the next tick, and waking up for each would take the core away from the server at
every step of every call. The process ends on command, or when the channel ends because the server died; then it
finishes its files first. Signals meant for the server are not for it.
"""

import gc
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

import structlog

from trebuchet.base.rand import SystemRand
from trebuchet.base.units import TICKS_PER_S
from trebuchet.calls.interfaces import StopReason
from trebuchet.logs import configure_logs
from trebuchet.media import messages as m
from trebuchet.media.backlog import Backlog
from trebuchet.media.channel import ChannelClosed, Inbox, Outbox, inherited_socket
from trebuchet.media.engine import DigitPressed, Engine, MediaTimeout, PlaybackDone, RecorderFull, Silent, TickOutput
from trebuchet.media.port_stock import READY_IPV4
from trebuchet.media.priority import raise_descriptor_limit, stay_on_core, take_precedence
from trebuchet.media.tick_clock import TickClock
from trebuchet.media.traffic import Traffic
from trebuchet.media.worker_ports import PortMissing, WorkerPorts
from trebuchet.media.worker_recorders import WorkerRecorders

MAX_FAILED_TICKS = TICKS_PER_S
"""A second of ticks that all fail: the state is broken for good, and a new worker serves calls better."""
LAST_WORDS_S = 2.0
"""How long the end waits for the server to take the last reports."""
CNAME_BYTES = 12
DESCRIPTORS_PER_PORT = 3
"""RTP, RTCP, and the file of its recording."""
SPARE_DESCRIPTORS = 400
"""The stock of bound ports, and the process's own."""

log = structlog.get_logger("trebuchet.media.worker")


class Worker:
    """The loop of one worker. `sock` is its end of the channel, `settings` the first command."""

    def __init__(self, sock: socket.socket, inbox: Inbox[m.Command], settings: m.Configure) -> None:
        self._socket = sock
        self._inbox = inbox
        self._backlog: Backlog[m.Command] = Backlog(time.monotonic)
        self._outbox = Outbox(sock)
        self._report = self._outbox.put
        rand = SystemRand()
        self._engine = Engine(settings.capacity, rand, time.perf_counter)
        self._traffic = Traffic(self._engine)
        self._recorders = WorkerRecorders(self._engine, Path(settings.data), settings.channels, self._report)
        cname = rand.token(CNAME_BYTES).hex().encode()
        self._ports = WorkerPorts(settings, self._engine, self._traffic, self._recorders, cname, self._report)
        self._clock = TickClock(time.monotonic())
        self._shell_s = {"in": 0.0, "out": 0.0, "files": 0.0}
        self._failed_ticks = 0
        self._failed_in_a_row = 0
        self._is_over = False

    def run(self) -> None:
        """Until told to end, or until the server is gone."""
        self._ports.fill_stock(time.monotonic(), READY_IPV4)
        try:
            while not self._is_over:
                time.sleep(self._clock.wait_s(time.monotonic()))
                begun = time.monotonic()
                self._take_commands()
                self._tick(begun)
                self._outbox.flush()
        except ChannelClosed:
            log.warning("server is gone, media worker ends")
        self._end()

    # --- commands -------------------------------------------------------------------------------------------------

    def _take_commands(self) -> None:
        self._backlog.add(self._inbox.read())
        for command in self._backlog.turn():
            if isinstance(command, m.Exit):
                self._is_over = True
                return
            self._apply(command)

    def _apply(self, command: m.Command) -> None:
        now = time.monotonic()
        try:
            self._ports.apply(command, now)
        except PortMissing:
            if isinstance(command, m.OpenPort):
                self._ports.fail(command.port, now)
        except Exception:  # the border of one port: its call ends, the others go on
            log.exception("media command failed", command=type(command).__name__)
            if not isinstance(command, m.Configure | m.CloseGroup | m.Exit):
                self._ports.fail(command.port, now)

    # --- the tick -------------------------------------------------------------------------------------------------

    def _tick(self, begun: float) -> None:
        missed = self._clock.begin(begun)
        if missed:
            log.warning("media ticks left out", ticks=missed)
        try:
            self._step(begun)
            self._failed_in_a_row = 0
        except Exception:  # one bad step must not silence every call
            log.exception("media tick failed")
            self._failed_ticks += 1
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= MAX_FAILED_TICKS:
                raise
        self._clock.end(time.monotonic() - begun)
        if self._clock.ticks % TICKS_PER_S == 0:
            self._report_load()

    def _step(self, now: float) -> None:
        shell = self._shell_s
        start = time.perf_counter()
        self._traffic.drain(now)
        received = time.perf_counter()
        output = self._engine.tick(now)
        computed = time.perf_counter()
        self._traffic.send(output)
        sent = time.perf_counter()
        self._recorders.take_blocks(output.blocks)
        self._report_events(output)
        self._recorders.flush()
        self._ports.fill_stock(now)
        shell["in"] += received - start
        shell["out"] += sent - computed
        shell["files"] += time.perf_counter() - sent

    def _report_events(self, output: TickOutput) -> None:
        numbers = self._ports.numbers
        for event in output.events:
            number = numbers.get(event.row)
            if number is None:
                continue
            match event:
                case DigitPressed():
                    self._report(m.DigitHeard(number, event.digit))
                case PlaybackDone():
                    self._report(m.PlaybackEnded(number, event.playback_id))
                case RecorderFull():
                    self._recorders.finish(event.row, None, StopReason.MAX_DURATION)
                case Silent():
                    self._recorders.stop(event.row, StopReason.SILENCE)
                case MediaTimeout():
                    self._report(m.TimedOut(number))
                case _:
                    pass  # nobody asked for the end of digits

    def _report_load(self) -> None:
        """Once a second."""
        clock = self._clock
        engine_s = dict(self._engine.stage_seconds())
        shell_s = self._shell_s
        shell_s["in"] = max(0.0, shell_s["in"] - engine_s.get("receive", 0.0))  # the drain calls the engine
        self._report(
            m.Load(
                load=clock.load,
                ports=len(self._ports),
                recorders=len(self._recorders),
                ticks=clock.ticks,
                late_ticks=clock.late_ticks,
                missed_ticks=clock.missed_ticks,
                worst_late_s=clock.take_worst_late_s(),
                stages=shell_s | engine_s,
                failed_ticks=self._failed_ticks,
                dropped_packets=self._traffic.dropped_packets,
            )
        )
        self._shell_s = dict.fromkeys(shell_s, 0.0)

    # --- the end --------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        self._ports.close(time.monotonic())
        self._recorders.close()
        deadline = time.monotonic() + LAST_WORDS_S
        try:
            while not self._outbox.flush() and time.monotonic() < deadline:
                select.select((), (self._socket,), (), LAST_WORDS_S)
        except ChannelClosed:
            pass  # nobody listens any more
        self._socket.close()


def _first_command(sock: socket.socket, inbox: Inbox[m.Command]) -> m.Configure:
    """Raises `ChannelClosed` when the server goes away first, or does not speak our language."""
    select.select((sock,), (), ())
    commands = inbox.read()
    if len(commands) != 1 or not isinstance(commands[0], m.Configure):
        raise ChannelClosed("the first command is missing")
    return commands[0]


def _prepare_process() -> None:
    """A session of its own, so that a terminal's Ctrl-C goes to the server, which ends its workers in good order; the
    same for a service manager's SIGTERM."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _raise_descriptor_limit(capacity: int) -> None:
    allowed = raise_descriptor_limit()
    needed = DESCRIPTORS_PER_PORT * capacity + SPARE_DESCRIPTORS
    if allowed < needed:
        log.warning("too few descriptors for all media ports", allowed=allowed, needed=needed)


def main() -> None:
    configure_logs()
    _prepare_process()
    sock = inherited_socket(int(sys.argv[1]))
    inbox: Inbox[m.Command] = Inbox(sock, m.command_decoder)
    try:
        settings = _first_command(sock, inbox)
    except ChannelClosed:
        return
    _raise_descriptor_limit(settings.capacity)
    if settings.cpu is not None:
        stay_on_core(settings.cpu)
    worker = Worker(sock, inbox, settings)
    if settings.is_realtime:
        take_precedence()
    gc.collect()
    gc.freeze()
    gc.disable()  # nothing here makes reference cycles; a collection would be a late tick
    worker.run()


if __name__ == "__main__":
    main()
