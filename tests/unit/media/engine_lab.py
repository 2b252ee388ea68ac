"""A bench for the engine's tests: peers that make packets, a lab that carries them in and listens to what comes out."""

from collections.abc import Iterable, Sequence

import numpy as np

from trebuchet.base.rand import SeededRand
from trebuchet.base.units import FRAME_MS, FRAME_SAMPLES, RATE_HZ
from trebuchet.media.engine import Engine, Event, Law, PortSettings, RemoteMedia, TickOutput, g711

Pcm = np.ndarray


def sine(frequency_hz: float, samples: int, amplitude: float = 8000.0, start: int = 0) -> Pcm:
    time = np.arange(start, start + samples) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time)).astype(np.int16)


def noise(samples: int, seed: int, amplitude: int = 6000) -> Pcm:
    """Every stretch of it is unlike every other: good for finding out what came where."""
    return np.random.default_rng(seed).integers(-amplitude, amplitude, samples).astype(np.int16)


def strength(pcm: Pcm, frequency_hz: float) -> float:
    """Amplitude of one frequency in a signal."""
    time = np.arange(len(pcm)) / RATE_HZ
    return float(2.0 * abs(np.exp(-2j * np.pi * frequency_hz * time) @ pcm.astype(np.float64)) / len(pcm))


class Peer:
    """A far end: makes RTP packets of its audio."""

    def __init__(
        self, law: Law = Law.PCMU, payload_type: int | None = None, ssrc: int = 0x1234, seq: int = 65530
    ) -> None:
        self.law = law
        self.payload_type = 8 * law if payload_type is None else payload_type
        self.ssrc, self.seq, self.timestamp = ssrc, seq, 0xFFFFFF00

    def header(self, payload_type: int, marker: bool = False, timestamp: int | None = None) -> bytes:
        stamp = self.timestamp if timestamp is None else timestamp
        header = bytes((0x80, payload_type | (0x80 if marker else 0))) + (self.seq & 0xFFFF).to_bytes(2, "big")
        self.seq += 1
        return header + (stamp & 0xFFFFFFFF).to_bytes(4, "big") + self.ssrc.to_bytes(4, "big")

    def packet(self, pcm: Pcm, marker: bool = False) -> bytes:
        data = self.header(self.payload_type, marker) + g711.encode(pcm, self.law).tobytes()
        self.timestamp += len(pcm)
        return data

    def packets(self, pcm: Pcm, samples: int = FRAME_SAMPLES) -> list[bytes]:
        return [self.packet(pcm[at : at + samples]) for at in range(0, len(pcm) - samples + 1, samples)]

    def digit(self, code: int, duration: int, timestamp: int, end: bool = False, marker: bool = False) -> bytes:
        payload = bytes((code, (0x80 if end else 0) | 10)) + duration.to_bytes(2, "big")
        return self.header(101, marker, timestamp) + payload

    def press(self, code: int, ticks: int = 5) -> list[bytes]:
        """A whole key press, the end packet three times."""
        start = self.timestamp
        events = [self.digit(code, 160 * (n + 1), start, marker=n == 0) for n in range(ticks)]
        events += [self.digit(code, 160 * ticks, start, end=True) for _ in range(3)]
        self.timestamp += 160 * (ticks + 3)
        return events


class Lab:
    """An engine, a clock that is a number, and everything that came out."""

    def __init__(
        self, rows: int, seed: int = 1, remote: RemoteMedia | None = None, capacity: int | None = None
    ) -> None:
        self.engine = Engine(capacity or rows, SeededRand(seed))
        self.now = 1000.0
        self.events: list[Event] = []
        self.outputs: list[TickOutput] = []
        self.heard: list[list[Pcm]] = [[] for _ in range(rows)]
        for row in range(rows):
            assert self.engine.allocate() == row
            self.engine.open(row, PortSettings())
            self.engine.set_remote(row, remote or RemoteMedia(), self.now)

    def receive(self, packets: Iterable[tuple[int, bytes]], early_s: float = 0.0) -> None:
        """Hand datagrams over, `early_s` before the next tick."""
        count = 0
        for count, (row, data) in enumerate(packets, start=1):
            size = min(len(data), self.engine.packets.shape[1])
            self.engine.packets[count - 1, :size] = np.frombuffer(data[:size], np.uint8)
            self.engine.packet_rows[count - 1] = row
            self.engine.packet_lengths[count - 1] = size
        self.engine.handle_packets(count, self.now + FRAME_MS / 1000.0 - early_s)

    def tick(self, *packets: tuple[int, bytes], early_s: float = 0.0) -> TickOutput:
        """20 ms pass; the packets came in them."""
        if packets:
            self.receive(packets, early_s)
        self.now += FRAME_MS / 1000.0
        output = self.engine.tick(self.now)
        self.events += output.events
        self.outputs.append(output)
        for row in range(len(self.heard)):
            law = Law(int(self.engine._ports.law[row]))
            self.heard[row].append(g711.decode(self.engine.tx[row, 12:].copy(), law))
        return output

    def run(self, row: int, ticks: Sequence[Sequence[bytes]], after: int = 15) -> Pcm:
        """Give `row` these packets tick by tick, then silence; what row 1 - row's party heard meanwhile."""
        start = len(self.heard[1 - row])
        for packets in ticks:
            self.tick(*((row, packet) for packet in packets))
        for _ in range(after):
            self.tick()
        return np.concatenate(self.heard[1 - row][start:])

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def quantised(pcm: Pcm, law: Law = Law.PCMU) -> Pcm:
    return g711.decode(g711.encode(pcm, law), law)


def where(part: Pcm, whole: Pcm) -> int:
    """The offset at which `part` occurs exactly in `whole`; -1 if it does not."""
    windows = np.lib.stride_tricks.sliding_window_view(whole, len(part))
    found = np.flatnonzero((windows[:, :8] == part[:8]).all(axis=1))
    return next((int(at) for at in found if np.array_equal(windows[at], part)), -1)


def bridged(**options: object) -> Lab:
    lab = Lab(2, **options)  # type: ignore[arg-type]
    lab.engine.connect((0, 1))
    return lab
