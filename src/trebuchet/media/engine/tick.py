"""The engine: every media port of a worker as one row of arrays, moved on 20 ms at a time, all rows at once.

    receive matrix ─► receive ─► jitter rings, digits                       handle_packets, whenever sockets were
    drained jitter rings ─► conceal ─► levels ─► mix ─► play ─► record ─► encode    tick, once every 20 ms

Stages are modules of their own; this one knows their order, and nothing about how they do it.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from trebuchet.base.rand import Rand
from trebuchet.base.units import FRAME_MS, FRAME_SAMPLES, RATE_HZ
from trebuchet.media.engine import g711
from trebuchet.media.engine.arrays import Adder, Indexes
from trebuchet.media.engine.conceal import Concealer
from trebuchet.media.engine.dtmf_receive import DigitReceiver
from trebuchet.media.engine.dtmf_send import DigitSender
from trebuchet.media.engine.jitter import WINDOW_TICKS, JitterRings, presence
from trebuchet.media.engine.level import SILENCE_PEAK, Levels
from trebuchet.media.engine.mix import ALONE, Mixer
from trebuchet.media.engine.player import Player
from trebuchet.media.engine.ports import Ports
from trebuchet.media.engine.receive import Receiver
from trebuchet.media.engine.recorder import Recorders
from trebuchet.media.engine.reporting import Reporter
from trebuchet.media.engine.rtcp import Reports
from trebuchet.media.engine.rtp import Sender
from trebuchet.media.engine.sources import Sources
from trebuchet.media.engine.stats import mos
from trebuchet.media.engine.timing import StageTimes
from trebuchet.media.engine.values import (
    Closing,
    Event,
    MediaTimeout,
    Pcm,
    PortMisuse,
    PortSettings,
    PortStats,
    RecorderBlock,
    RemoteMedia,
    Silent,
    TickOutput,
)
from trebuchet.media.engine.voices import Voices
from trebuchet.media.engine.watch import MediaWatch

STAGES = ("receive", "pull", "level", "digits", "mix", "play", "record", "encode", "watch")
"""Names under which `Engine.stage_seconds` gives the time spent."""
FRAME_S = FRAME_MS / 1000.0
MS_PER_SAMPLE = 1000.0 / RATE_HZ


class Engine:
    """One worker's media ports. One owner calls it; it is not thread safe.

    The shell receives datagrams into rows of `packets` uint8[max_packets, 512], notes each one's port in `packet_rows`
    and its length in `packet_lengths` (int32[max_packets]), and calls `handle_packets`, any number of times between
    ticks (more often means less delay: see `jitter`). After `tick` it sends the rows of `tx` uint8[capacity, 172] that
    the output names. Arrays keep their identity for the engine's life, so memoryviews of their rows may be kept.

    `clock` measures the stages (any monotonic seconds); without it nothing is measured. Commands raise `PortMisuse`
    for rows that are not open; nothing that a peer sends raises.
    """

    def __init__(self, capacity: int, rand: Rand, clock: Callable[[], float] | None = None) -> None:
        self.capacity = capacity
        self.times = StageTimes(STAGES, clock)
        self._tick = 0
        self._next_tick_at = 0.0
        adder = Adder(capacity, FRAME_SAMPLES)
        self._ports = Ports(capacity)
        self._sources = Sources(capacity)
        self._rings = JitterRings(capacity)
        self._watch = MediaWatch(capacity)
        self._digits = DigitReceiver(capacity)
        self._receiver = Receiver(self._ports, self._sources, self._rings, self._digits, self._watch)
        self._concealer = Concealer(capacity)
        self._levels = Levels(capacity)
        self._sender = Sender(capacity, rand)
        self._dialler = DigitSender(capacity, self._ports, self._sender)
        self._mixer = Mixer(capacity)
        self._voices = Voices(capacity)
        self._player = Player(capacity, adder)
        self._recorders = Recorders(capacity, adder)
        self._reporter = Reporter(self._ports, self._sources, self._sender, Reports(capacity, rand))
        self._share_matrices()
        self._encoded = np.zeros((capacity, FRAME_SAMPLES), np.uint8)
        self._said = np.zeros((capacity + 1, FRAME_SAMPLES), np.int16)
        self._said_before = np.zeros((capacity + 1, FRAME_SAMPLES), np.int16)
        self._heard = np.zeros((capacity, FRAME_SAMPLES), np.int16)

    def _share_matrices(self) -> None:
        self.max_packets = self._receiver.max_packets
        self.packets = self._receiver.packets
        self.packet_rows = self._receiver.packet_rows
        self.packet_lengths = self._receiver.packet_lengths
        self.tx = self._sender.tx

    # rows

    @property
    def high_water(self) -> int:
        """One more than the highest open row: what a tick costs grows with it."""
        return self._ports.high_water

    def allocate(self) -> int:
        """The lowest free row, reserved until `close`. Raises `NoFreePort`."""
        return self._ports.allocate()

    def release(self, row: int) -> None:
        """Give back a row that was allocated but never opened. Raises `PortMisuse` when it is open."""
        if not 0 <= row < self.capacity or self._ports.is_open[row]:
            raise PortMisuse(f"media port {row} cannot be released")
        self._ports.close(row)

    def open(self, row: int, settings: PortSettings) -> None:
        """A fresh port: new SSRC and numbers, alone, silent, nothing known of the peer. Raises `PortMisuse` if open
        already."""
        self._ports.open(row, settings)
        for stage in (
            self._sources, self._rings, self._digits, self._receiver, self._concealer, self._levels, self._sender,
            self._mixer, self._voices, self._reporter,
        ):  # fmt: skip
            stage.open(row)
        self._watch.set_limit(row, settings.timeout_ticks)

    def set_remote(self, row: int, remote: RemoteMedia, now: float) -> None:
        """What was negotiated; again after each re-negotiation. Raises `PortMisuse` for impossible payload numbers."""
        self._ports.require(row)
        was_sending = bool(self._ports.sends[row])
        self._ports.set_remote(row, remote)
        if not remote.direction.receives:
            self._rings.stop(row)
        self._sender.needs_marker[row] |= not was_sending
        self._watch.hear(np.array([row], np.intp))
        self._reporter.start(row, now)

    def set_timeout(self, row: int, timeout_ticks: int) -> None:
        """`MediaTimeout` after this many ticks without RTP or RTCP, from now; 0 never. Only `sendrecv` ports time out:
        a peer that holds us, or is held, may be silent."""
        self._ports.require(row)
        self._watch.set_limit(row, timeout_ticks)

    def forget_source(self, row: int) -> None:
        """The peer changes address or stream: whatever comes next starts a new stream. Counters stay."""
        self._ports.require(row)
        self._sources.forget(row)
        self._rings.stop(row)
        self._digits.forget(row)
        self._reporter.forget(row)

    def close(self, row: int, now: float) -> Closing:
        """End of the port; its row is free. Gives goodbye, last recorded block and figures."""
        self._ports.require(row)
        closing = Closing(self._reporter.goodbye(row, now), self._recorders.stop(row), self.stats(row))
        self._mixer.open(row)
        self._voices.open(row)
        self._player.forget(row)
        self._dialler.stop(row)
        self._digits.forget(row)
        self._rings.stop(row)
        self._reporter.open(row)
        self._watch.set_limit(row, 0)
        self._levels.watch(row, 0)
        self._ports.close(row)
        return closing

    # what arrives

    def handle_packets(self, count: int, now: float) -> None:
        """Take the first `count` datagrams of the receive matrix, all ports at once, in order of arrival within a port.

        Of one port at most `PACKETS_PER_PORT` are looked at. Never raises.
        """
        self.times.start()
        slack = max(0, min(FRAME_SAMPLES, int((self._next_tick_at - now) * RATE_HZ)))
        for row, data in self._receiver.handle(count, now, slack, self._tick):
            self.handle_rtcp(row, data, now)
        self.times.mark(0)

    def handle_rtcp(self, row: int, data: bytes, now: float) -> None:
        """Take one RTCP datagram for an open row. Never raises for what is in it."""
        self._ports.require(row)
        if self._reporter.handle(row, data, now):
            self._watch.hear(np.array([row], np.intp))

    # the step

    def tick(self, now: float) -> TickOutput:
        """One 20 ms step for all rows. Call it every 20 ms; calls that come late are to be caught up one by one."""
        self._tick += 1
        self._next_tick_at = self._expect_tick(now)
        high_water = self._ports.high_water
        events: list[Event] = self._digits.take()
        times = self.times
        times.start()
        said, heard = self._pull(high_water), self._heard[:high_water]
        times.mark(1)
        self._measure(said, events)
        times.mark(2)
        packets, dialled = self._dialler.step()
        times.mark(3)
        self._mix(said, heard)
        times.mark(4)
        ended = self._player.add(heard)
        self._dialler.sound(heard)
        times.mark(5)
        blocks, full = self._recorders.record(self._said, heard, self._tick)
        times.mark(6)
        rows = self._encode(high_water)
        times.mark(7)
        self._watch_peers(high_water, events)
        reports = self._reporter.due(high_water, now)
        times.mark(8)
        return TickOutput(rows, packets, reports, events + dialled + ended + full, blocks)

    def _expect_tick(self, now: float) -> float:
        """When the next tick is due, on the grid of the punctual ones: a late tick says nothing about the next."""
        is_lost = not 0 <= now - self._next_tick_at <= FRAME_S
        return (now if is_lost else self._next_tick_at) + FRAME_S

    def _pull(self, high_water: int) -> Pcm:
        """This tick's frame of every party, decoded and made whole."""
        self._said, self._said_before = self._said_before, self._said
        said, before, encoded = self._said[:high_water], self._said_before, self._encoded[:high_water]
        present = self._rings.pull(high_water, encoded)
        g711.decode_rows(encoded, self._rings.law[:high_water], said)
        first, second = presence(present)
        incomplete = np.flatnonzero((first == 0) | (second == 0))
        self._concealer.run[:high_water][(first != 0) & (second != 0)] = 0
        if len(incomplete):
            self._concealer.heal(said, before, incomplete, first[incomplete], second[incomplete])
        return said

    def _measure(self, said: Pcm, events: list[Event]) -> None:
        """Levels; and, since it is known now who is silent, frames that may be left out."""
        peak = self._levels.measure(said)
        skip = np.flatnonzero((self._rings.excess[: len(said)] > 0) & (peak < SILENCE_PEAK))
        if len(skip):
            self._skip(skip)
        if self._tick % WINDOW_TICKS == 0:
            overdue = self._rings.adapt(len(said))
            if len(overdue):
                self._skip(overdue)
        events.extend(Silent(row) for row in self._levels.watch_silence(len(said)).tolist())

    def _skip(self, rows: Indexes) -> None:
        """Replace the frames just pulled for `rows` by the next ones: their delay is a frame shorter now."""
        encoded, present = self._rings.pull_again(rows)
        frames = np.empty(encoded.shape, np.int16)
        g711.decode_rows(encoded, self._rings.law[rows], frames)
        first, second = presence(present)
        whole = (first != 0) & (second != 0)
        self._said[rows] = np.where(whole[:, None], frames, 0)

    def _mix(self, said: Pcm, heard: Pcm) -> None:
        """Who speaks is shaped, and playbacks that are spoken are added, for the mix alone: afterwards `said` is what
        the parties said."""
        shaped = self._voices.shape(said, self._levels.peak[: len(said)])
        speaking = self._player.speak(said)
        self._mixer.mix(self._said, heard)
        said[speaking] = 0
        self._voices.restore(said, shaped)
        self._voices.adjust_ears(heard)

    def _encode(self, high_water: int) -> Indexes:
        """Payloads and headers of the transmit matrix; gives the rows to send."""
        self._sender.advance(high_water)
        rows = np.flatnonzero(self._ports.sends[:high_water] & ~self._dialler.is_busy[:high_water])
        encoded = self._encoded[:high_water]
        g711.encode_rows(self._heard[:high_water], self._ports.law[:high_water], encoded)
        self._sender.payload[:high_water] = encoded
        self._sender.write_headers(self._ports.payload_type, rows, high_water)
        return rows

    def _watch_peers(self, high_water: int, events: list[Event]) -> None:
        expects = self._ports.sends[:high_water] & self._ports.receives[:high_water]
        events.extend(MediaTimeout(row) for row in self._watch.step(expects).tolist())

    # who hears whom

    def connect(self, rows: Iterable[int]) -> int:
        """A new group: two rows are a bridge, more a conference. Rows leave the groups they were in. Gives the group's
        number."""
        members = list(rows)
        for row in members:
            self._ports.require(row)
        return self._mixer.connect(members)

    def join(self, row: int, group: int) -> None:
        """Add a row to a group that `connect` gave."""
        self._ports.require(row)
        self._mixer.join(row, group)

    def disconnect(self, row: int) -> None:
        """The row hears nobody and nobody hears it; the others stay together."""
        self._ports.require(row)
        self._mixer.join(row, ALONE)

    def set_voice(self, row: int, *, can_speak: bool, can_hear: bool) -> None:
        """Mute and hold within the group; prompts and the recorder are not affected."""
        self._ports.require(row)
        self._mixer.set_voice(row, can_speak, can_hear)

    def set_gains(self, row: int, *, mic_db: float = 0.0, ear_db: float = 0.0, gate_dbov: float | None = None) -> None:
        """How loud the group hears this row, how loud it hears the group, and below which peak it is not heard at all
        (`None`: never). Prompts and the recorder are not affected."""
        self._ports.require(row)
        self._voices.set(row, mic_db, ear_db, gate_dbov)

    # prompts, digits, silence

    def play(self, row: int, pcm: Pcm, playback_id: int, *, loop: bool = False, volume: int = 0) -> None:
        """Play int16[samples] at 8 kHz to this row's party alone, over whatever it hears. Replaces what played before.

        `pcm` is shared and must not change while it plays; `volume` -4..4 in steps of 3 dB. Ends with `PlaybackDone`.
        """
        self._ports.require(row)
        if pcm.dtype != np.int16 or pcm.ndim != 1:
            raise PortMisuse(f"a prompt is int16[samples], not {pcm.dtype}[{pcm.ndim} dimensions]")
        self._player.play(row, pcm, playback_id, loop, volume)

    def speak(self, row: int, pcm: Pcm, playback_id: int, *, loop: bool = False, volume: int = 0) -> None:
        """As `play`, but it is the row's own voice: everybody in its group hears it. For rows without a peer."""
        self._ports.require(row)
        self._player.play(row, pcm, playback_id, loop, volume, is_voice=True)

    def stop_playback(self, row: int) -> None:
        """Silence at the next tick; nothing happens when nothing plays."""
        self._ports.require(row)
        self._player.stop(row)

    def send_digits(self, row: int, digits: str, *, duration_ms: int = 100, gap_ms: int = 100) -> None:
        """Send `0-9*#A-D` (`,` pauses half a second) after those still being sent, as RFC 4733 events or, to a peer
        that takes none, as tones; `DigitsSent` ends it. Raises `PortMisuse` for other characters and too many."""
        self._ports.require(row)
        self._dialler.send(row, digits, duration_ms, gap_ms)

    def stop_digits(self, row: int) -> None:
        """Send no further digits."""
        self._ports.require(row)
        self._dialler.stop(row)

    def watch_silence(self, row: int, ticks: int, peak: int = SILENCE_PEAK) -> None:
        """`Silent` once the party has said nothing for `ticks` from now, and again after it spoke; 0 stops it. A frame
        below `peak` (1–32767) says nothing."""
        self._ports.require(row)
        self._levels.watch(row, ticks, peak)

    # recording

    def record(self, row: int, recorder_id: int, *, channels: int = 1, max_samples: int | None = None) -> None:
        """Record from the next tick on: mono is what the party said plus what it heard, stereo said left and heard
        right.

        `max_samples` per channel, `None` without end. Raises `PortMisuse` when the row records already.
        """
        self._ports.require(row)
        self._recorders.start(row, recorder_id, channels, max_samples)

    def stop_recording(self, row: int) -> RecorderBlock | None:
        """Stop; gives what was not yet put out, `None` if there is nothing. The block is valid until the row's next
        command."""
        self._ports.require(row)
        return self._recorders.stop(row)

    # figures

    def stats(self, row: int) -> PortStats:
        """Figures of an open row since it was opened."""
        self._ports.require(row)
        sources, rings, receiver = self._sources, self._rings, self._receiver
        received, lost = sources.total_received(row), sources.lost(row)
        depth_ms = int(rings.lead[row] * MS_PER_SAMPLE) if rings.is_running[row] else 0
        late = int(rings.late[row] + sources.stale[row])
        remote_lost, round_trip_ms = self._reporter.remote(row)
        loss = (lost + int(rings.late[row])) / max(1, received + lost)
        return PortStats(
            received=received,
            received_bytes=int(receiver.received_bytes[row]),
            sent=int(self._sender.sent[row]),
            lost=lost,
            duplicated=int(sources.duplicated[row]),
            reordered=int(sources.reordered[row]),
            late=late,
            malformed=int(receiver.malformed[row] + self._digits.malformed[row] + self._reporter.malformed(row)),
            unknown_payload=int(receiver.unknown_payload[row]),
            overflow=int(receiver.overflow[row]),
            restarts=int(sources.restarts[row] + rings.jumps[row]),
            concealed_ms=int(self._concealer.concealed[row]) * FRAME_MS // 2,
            depth_ms=depth_ms,
            jitter_ms=float(sources.jitter[row]) * MS_PER_SAMPLE,
            level_dbov=self._levels.dbov(row),
            mos=mos(loss, depth_ms, round_trip_ms),
            remote_lost_fraction=remote_lost,
            round_trip_ms=round_trip_ms,
        )

    def stage_seconds(self) -> Mapping[str, float]:
        """Seconds spent in each of `STAGES` since the last call of this."""
        return self.times.take()
