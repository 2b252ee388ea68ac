"""Digits to the peer: RFC 4733 events (2.5: one packet a tick while the key is down, audio suppressed meanwhile, the
end sent three times), or audible key tones in place of everything else for a peer that takes no events."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from trebuchet.base.units import FRAME_MS, FRAME_SAMPLES, TICKS_PER_S
from trebuchet.media.engine import tones
from trebuchet.media.engine.dtmf_receive import KEYS
from trebuchet.media.engine.ports import Ports
from trebuchet.media.engine.rtp import Sender
from trebuchet.media.engine.values import DigitsSent, Event, Pcm, PortMisuse

VOLUME_DBM0 = 10
"""Sent as -10 dBm0, a usual key (RFC 4733 2.3.4)."""
END_PACKETS = 3
"""RFC 4733 2.5.1.4."""
END_BIT = 0x80
MIN_TICKS, MAX_TICKS = 2, 400
"""A key is down for 40 ms (ITU-T Q.24: the shortest that is detected) to 8 s (the duration field holds 8.19 s)."""
MAX_DIGITS = 1024
"""Most that may wait for one row: two and a half minutes of pauses and more of keys."""
PAUSE = ","
"""Half a second of nothing between digits; other pauses of dial strings are written with several."""
PAUSE_TICKS = TICKS_PER_S // 2


@cache
def key_tone(digit: str, ticks: int) -> Pcm:
    """int16[ticks * 160], shared."""
    pcm = tones.keys(digit, ticks * FRAME_MS, 0)
    pcm.setflags(write=False)
    return pcm


@dataclass(slots=True)
class Dialling:
    """Digits on their way out of one row."""

    digits: str
    key_ticks: int
    gap_ticks: int
    wait: int = 0
    tick: int = 0
    timestamp: int = 0


class DigitSender:
    """The few rows that are dialling; `is_busy` bool[capacity] says whose audio is suppressed this tick."""

    def __init__(self, capacity: int, ports: Ports, sender: Sender) -> None:
        self._ports = ports
        self._sender = sender
        self._dialling: dict[int, Dialling] = {}
        self._tones: list[tuple[int, Pcm]] = []
        """This tick's frames for rows whose peers take no events."""
        self.is_busy = np.zeros(capacity, np.bool_)

    def send(self, row: int, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Dial after what is still being dialled. Raises `PortMisuse` for other characters, or too many."""
        under_way = self._dialling.get(row)
        total = digits if under_way is None else under_way.digits + digits
        wrong = not digits or any(digit not in KEYS + PAUSE for digit in digits)
        if wrong or len(total) > MAX_DIGITS:
            raise PortMisuse(f"media port {row} cannot send these {len(digits)} digits")
        if under_way is not None:
            under_way.digits = total
            return
        key_ticks = max(MIN_TICKS, min(MAX_TICKS, -(-duration_ms // FRAME_MS)))
        self._dialling[row] = Dialling(digits, key_ticks, max(MIN_TICKS, -(-gap_ms // FRAME_MS)))

    def stop(self, row: int) -> None:
        """Silence at once: the far end ends the event when its packets stop (RFC 4733 2.5.2.2)."""
        self._dialling.pop(row, None)
        self.is_busy[row] = False

    def step(self) -> tuple[list[tuple[int, bytes]], list[Event]]:
        """One tick for the rows that dial: event packets to send, and rows that are done."""
        packets: list[tuple[int, bytes]] = []
        events: list[Event] = []
        self._tones.clear()
        for row, dialling in list(self._dialling.items()):
            if not dialling.digits:
                self.stop(row)
                events.append(DigitsSent(row))
                continue
            packet = self._step_row(row, dialling)
            self.is_busy[row] = packet is not None
            if packet is not None and self._ports.sends[row]:
                packets.append((row, packet))
        return packets, events

    def _step_row(self, row: int, dialling: Dialling) -> bytes | None:
        if dialling.wait:
            dialling.wait -= 1
            return None
        digit = dialling.digits[0]
        if digit == PAUSE:
            self._next(dialling, PAUSE_TICKS)
            return None
        if dialling.tick == 0:
            dialling.timestamp = int(self._sender.timestamp[row])
        if self._ports.digits_type[row] < 0:
            self._sound(row, dialling, digit)
            return None
        dialling.tick += 1
        packet = self._packet(row, dialling, KEYS.index(digit))
        if dialling.tick == dialling.key_ticks + END_PACKETS - 1:
            self._next(dialling, dialling.gap_ticks)
        return packet

    def _sound(self, row: int, dialling: Dialling, digit: str) -> None:
        start = dialling.tick * FRAME_SAMPLES
        self._tones.append((row, key_tone(digit, dialling.key_ticks)[start : start + FRAME_SAMPLES]))
        dialling.tick += 1
        if dialling.tick >= dialling.key_ticks:
            self._next(dialling, dialling.gap_ticks)

    def sound(self, heard: Pcm) -> None:
        """Put this tick's key tones into `heard` int16[n, 160], in place of what else these rows would hear."""
        for row, frame in self._tones:
            heard[row, : len(frame)] = frame
            heard[row, len(frame) :] = 0

    def _next(self, dialling: Dialling, wait: int) -> None:
        dialling.digits = dialling.digits[1:]
        dialling.tick = 0
        dialling.wait = wait if dialling.digits else 0

    def _packet(self, row: int, dialling: Dialling, code: int) -> bytes:
        ticks = min(dialling.tick, dialling.key_ticks)
        end = END_BIT if ticks == dialling.key_ticks else 0
        payload = bytes((code, end | VOLUME_DBM0)) + (ticks * FRAME_SAMPLES).to_bytes(2, "big")
        number = int(self._ports.digits_type[row])
        self._sender.needs_marker[row] = True
        return self._sender.packet(row, number, dialling.tick == 1, dialling.timestamp, payload)
