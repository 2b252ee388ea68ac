"""What a test phone hears: RTP packets laid out by their timestamps, and the digits among them."""

import asyncio
import struct

import numpy as np

from trebuchet.base.units import RATE_HZ
from trebuchet.testing.g711_reference import LAWS
from trebuchet.testing.tones import Pcm

JUMP_SAMPLES = 5 * RATE_HZ
"""A timestamp further away than this is a new time line, put behind what was heard so far."""
GROWTH_SAMPLES = 60 * RATE_HZ
DIGITS = "0123456789*#ABCD"


class Ear:
    """Collects one incoming stream. `codecs` maps payload numbers to `PCMU`/`PCMA`."""

    def __init__(self, codecs: dict[int, str], digits_payload_type: int | None) -> None:
        self.codecs = codecs
        self.digits_payload_type = digits_payload_type
        self.digits: list[str] = []
        self.packets = 0
        self.bad_packets = 0
        self.arrivals: list[float] = []
        """Monotonic arrival time of each audio packet."""
        self.sequences: list[int] = []
        self.ssrcs: set[int] = set()
        self._pcm = np.zeros(GROWTH_SAMPLES, dtype=np.int16)
        self._end = 0
        self._origin: tuple[int, int] | None = None
        """(timestamp, index in the samples) that belong together."""
        self._last_event: tuple[int, int] | None = None
        self._more = asyncio.Event()

    async def wait(self) -> None:
        """Until another packet has arrived."""
        self._more.clear()
        await self._more.wait()

    @property
    def length(self) -> int:
        """Samples heard so far, gaps included."""
        return self._end

    def pcm(self, start: int = 0, end: int | None = None) -> Pcm:
        """A copy of what was heard, sliced like a list."""
        return self._pcm[: self._end][start:end].copy()

    def handle_packet(self, data: bytes, now: float) -> None:
        if len(data) < 12 or data[0] != 0x80:
            self.bad_packets += 1
            return
        number, sequence, timestamp, ssrc = struct.unpack_from("!xBHII", data)
        self.packets += 1
        self.ssrcs.add(ssrc)
        self.sequences.append(sequence)
        if number & 0x7F == self.digits_payload_type:
            self._handle_event(data[12:], timestamp, ssrc)
        elif (codec := self.codecs.get(number & 0x7F)) is not None:
            self.arrivals.append(now)
            self._place(LAWS[codec].decode(data[12:]), timestamp)
        else:
            self.bad_packets += 1
        self._more.set()

    def _handle_event(self, payload: bytes, timestamp: int, ssrc: int) -> None:
        if len(payload) >= 4 and payload[0] < len(DIGITS) and self._last_event != (timestamp, ssrc):
            self._last_event = (timestamp, ssrc)
            self.digits.append(DIGITS[payload[0]])

    def _place(self, samples: Pcm, timestamp: int) -> None:
        index = self._index(timestamp)
        end = index + len(samples)
        if end > len(self._pcm):
            self._pcm = np.concatenate([self._pcm, np.zeros(GROWTH_SAMPLES, dtype=np.int16)])
        self._pcm[index:end] = samples
        self._end = max(self._end, end)

    def _index(self, timestamp: int) -> int:
        if self._origin is not None:
            base, index = self._origin
            place = index + ((timestamp - base + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            if place >= 0 and abs(place - self._end) < JUMP_SAMPLES:
                return place
        self._origin = (timestamp, self._end)
        return self._end
