"""The audio half of a test phone: an RTP endpoint on asyncio that sends its own tone and keeps what it hears.

It has its own G.711 and RTP code, so that a test with it says something about the product's. Sockets are real; `port`
is even and RTCP sits one above. Nothing here waits by sleeping for "long enough": `hear`, `wait_for_tone` and
`wait_for_digits` wait for what they name, and raise `TimeoutError`.
"""

import asyncio
import struct
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from trebuchet.base.rand import Rand, SeededRand
from trebuchet.base.units import RATE_HZ
from trebuchet.model.media_description import Codec, MediaDescription, MediaDirection
from trebuchet.testing.g711_reference import LAWS, PAYLOAD_TYPES
from trebuchet.testing.rtp_ear import Ear
from trebuchet.testing.tones import Pcm, hears, tone

DIGITS = "0123456789*#ABCD"
DEFAULT_DIGITS_PAYLOAD_TYPE = 101
EVENT_END = 0x80
END_PACKETS = 3
"""The last packet of an event is sent three times (RFC 4733 2.5.1.4)."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """What the phone does to its own outgoing packets; each a share of them, 0–1."""

    loss: float = 0.0
    duplicate: float = 0.0
    swap: float = 0.0
    """Held back and sent after the next one."""


class _Receiver(asyncio.DatagramProtocol):
    """Hands datagrams on; errors of the network (a closed port at the other end) are not the phone's business."""

    def __init__(self, handle: "asyncio.Queue[bytes] | Ear") -> None:
        self._handle = handle

    def datagram_received(self, data: bytes, addr: object) -> None:
        if isinstance(self._handle, Ear):
            self._handle.handle_packet(data, time.monotonic())
        else:
            self._handle.put_nowait(data)


@dataclass(frozen=True, slots=True)
class _EventPacket:
    """One RFC 4733 packet, or a pause (`payload` empty) in which the tone goes on."""

    payload: bytes
    starts: bool = False
    age_samples: int = 0
    """Samples since the event began: the timestamp stays that of the beginning."""


@dataclass
class _Sender:
    """The numbers of the outgoing stream (RFC 3550 5.1)."""

    ssrc: int
    sequence: int
    timestamp: int
    sample: int = 0
    sent: int = 0
    held_back: list[bytes] = field(default_factory=list)

    def packet(self, payload_type: int, payload: bytes, *, marker: bool = False, timestamp: int | None = None) -> bytes:
        stamp = self.timestamp if timestamp is None else timestamp
        head = struct.pack(
            "!BBHII",
            0x80,
            (0x80 if marker else 0) | payload_type,
            self.sequence & 0xFFFF,
            stamp & 0xFFFFFFFF,
            self.ssrc,
        )
        self.sequence += 1
        return head + payload


class RtpPhone:
    """One RTP endpoint. Open it with `RtpPhone.open`, point it with `follow` (or `send_to`), then `start`."""

    def __init__(
        self, *, host: str, codec: str, payload_type: int, digits_payload_type: int | None, packet_ms: int, rand: Rand
    ) -> None:
        self.host = host
        self.port = 0
        self.codec = codec
        self.payload_type = payload_type
        self.digits_payload_type = digits_payload_type
        self.packet_ms = packet_ms
        self.tone_hz: float | None = None
        self.tone_level_db = -12.0
        self.impairment = Impairment()
        self.ear = Ear({payload_type: codec, **{PAYLOAD_TYPES[c]: c for c in LAWS}}, digits_payload_type)
        self.rtcp_heard: asyncio.Queue[bytes] = asyncio.Queue()
        self._rand = rand
        self._remote: tuple[str, int] | None = None
        self._sender = _Sender(rand.below(1 << 32), rand.below(1 << 16), rand.below(1 << 32))
        self._events: deque[_EventPacket] = deque()
        self._events_done = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._rtp: asyncio.DatagramTransport | None = None
        self._rtcp: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(
        cls,
        *,
        host: str = "127.0.0.1",
        tone_hz: float | None = None,
        codec: str = "PCMU",
        payload_type: int | None = None,
        digits_payload_type: int | None = DEFAULT_DIGITS_PAYLOAD_TYPE,
        packet_ms: int = 20,
        seed: int = 1,
    ) -> "RtpPhone":
        """A phone with bound sockets that does not send yet. `tone_hz` of `None` sends nothing but digits."""
        number = PAYLOAD_TYPES[codec] if payload_type is None else payload_type
        phone = cls(
            host=host, codec=codec, payload_type=number, digits_payload_type=digits_payload_type, packet_ms=packet_ms,
            rand=SeededRand(seed),
        )  # fmt: skip
        phone.tone_hz = tone_hz
        await phone._bind()
        return phone

    async def _bind(self) -> None:
        loop = asyncio.get_running_loop()
        while self._rtcp is None:
            rtp, _ = await loop.create_datagram_endpoint(lambda: _Receiver(self.ear), local_addr=(self.host, 0))
            port = rtp.get_extra_info("sockname")[1]
            try:
                if port % 2:
                    raise OSError("odd port")
                rtcp, _ = await loop.create_datagram_endpoint(
                    lambda: _Receiver(self.rtcp_heard), local_addr=(self.host, port + 1)
                )
            except OSError:
                rtp.close()
                continue
            except BaseException:  # cancelled while it was being opened
                rtp.close()
                raise
            self._rtp, self._rtcp, self.port = rtp, rtcp, port

    # --- signalling's view -------------------------------------------------------------------------------------------

    def describe(self, direction: MediaDirection = MediaDirection.SENDRECV) -> MediaDescription:
        """What this phone would write into an offer or an answer."""
        return MediaDescription(
            address=self.host,
            port=self.port,
            codecs=(Codec(self.codec, self.payload_type),),
            digits_payload_type=self.digits_payload_type,
            direction=direction,
            packet_ms=self.packet_ms,
        )

    def follow(self, description: MediaDescription) -> None:
        """Send where the other side's description says, with the payload numbers it names."""
        self.send_to(description.address, description.port)
        if description.digits_payload_type is not None:
            self.digits_payload_type = self.ear.digits_payload_type = description.digits_payload_type

    def send_to(self, host: str, port: int) -> None:
        self._remote = (host, port)

    # --- sending -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to send: a packet every `packet_ms`, by an absolute schedule."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop sending; the phone still hears."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            self._send_next()
            due += self.packet_ms / 1000.0
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _send_next(self) -> None:
        sender, samples = self._sender, self.packet_ms * RATE_HZ // 1000
        event = self._events.popleft() if self._events else None
        if event is not None and event.payload and self.digits_payload_type is not None:
            stamp = sender.timestamp - event.age_samples
            self._put(sender.packet(self.digits_payload_type, event.payload, marker=event.starts, timestamp=stamp))
        elif self.tone_hz is not None:
            seconds = self.packet_ms / 1000.0
            pcm = tone(self.tone_hz, seconds, level_db=self.tone_level_db, start_sample=sender.sample)
            self._put(sender.packet(self.payload_type, LAWS[self.codec].encode(pcm), marker=sender.sent == 0))
        if event is not None and not self._events:
            self._events_done.set()
        sender.sample += samples
        sender.timestamp += samples

    def _chance(self, share: float) -> bool:
        return share > 0.0 and self._rand.below(1_000_000) < share * 1_000_000

    def _put(self, packet: bytes) -> None:
        sender = self._sender
        sender.sent += 1
        if self._chance(self.impairment.loss):
            return
        if self._chance(self.impairment.swap):
            sender.held_back.append(packet)
            return
        copies = 2 if self._chance(self.impairment.duplicate) else 1
        for data in [packet] * copies + sender.held_back:
            self.send_raw(data)
        sender.held_back.clear()

    def send_raw(self, data: bytes) -> None:
        """Any bytes to the remote RTP port."""
        if self._rtp is not None and self._remote is not None:
            self._rtp.sendto(data, self._remote)

    def send_rtcp(self, data: bytes) -> None:
        """Any bytes to the remote RTCP port."""
        if self._rtcp is not None and self._remote is not None:
            self._rtcp.sendto(data, (self._remote[0], self._remote[1] + 1))

    async def press(self, digits: str, *, duration_ms: int = 100, gap_ms: int = 60) -> None:
        """Send RFC 4733 events in place of the tone; returns when all are out. The phone must be started."""
        self._events_done.clear()
        for digit in digits:
            self._events.extend(self._event_packets(DIGITS.index(digit), duration_ms))
            self._events.extend([_EventPacket(b"")] * max(1, gap_ms // self.packet_ms))
        await self._events_done.wait()

    def _event_packets(self, code: int, duration_ms: int) -> list[_EventPacket]:
        step = self.packet_ms * RATE_HZ // 1000
        count = max(1, duration_ms // self.packet_ms)
        packets = [
            _EventPacket(struct.pack("!BBH", code, 10, step * (i + 1)), starts=i == 0, age_samples=step * i)
            for i in range(count)
        ]
        last = struct.pack("!BBH", code, EVENT_END | 10, step * count)
        ends = [_EventPacket(last, age_samples=step * (count + i)) for i in range(END_PACKETS)]
        return packets + ends

    # --- hearing -----------------------------------------------------------------------------------------------------

    @property
    def heard(self) -> Pcm:
        """Everything heard so far, placed by RTP timestamps, lost packets as silence."""
        return self.ear.pcm()

    @property
    def digits_heard(self) -> str:
        return "".join(self.ear.digits)

    async def hear(self, seconds: float, *, timeout_s: float = 10.0) -> Pcm:
        """The next `seconds` of audio that arrive from now on."""
        start = self.ear.length
        wanted = start + round(seconds * RATE_HZ)
        async with asyncio.timeout(timeout_s):
            while self.ear.length < wanted:
                await self.ear.wait()
        return self.ear.pcm(start, wanted)

    async def wait_for_tone(self, hz: float, *, timeout_s: float = 10.0, window_s: float = 0.2) -> None:
        """Until the newest `window_s` of what is heard clearly hold the tone."""
        window = round(window_s * RATE_HZ)
        async with asyncio.timeout(timeout_s):
            while not (self.ear.length >= window and hears(self.ear.pcm(-window), hz)):
                await self.ear.wait()

    async def wait_for_digits(self, digits: str, *, timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while self.digits_heard != digits:
                await self.ear.wait()

    async def close(self) -> None:
        await self.stop()
        for transport in (self._rtp, self._rtcp):
            if transport is not None:
                transport.close()
        self._rtp = self._rtcp = None


def silence_share(pcm: Pcm) -> float:
    """Share of samples that are (nearly) zero: what was lost, or never sent."""
    return float(np.mean(np.abs(pcm.astype(np.int32)) <= 8)) if len(pcm) else 1.0
