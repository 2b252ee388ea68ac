"""What tests with real media workers share: a pool, a listener that keeps everything, phones around them."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from trebuchet.base.ids import RecordingId
from trebuchet.calls.interfaces import StopReason
from trebuchet.media.adapter import MediaPlanePool
from trebuchet.media.port import WorkerMediaPort
from trebuchet.media.settings import MediaSettings
from trebuchet.testing.rtp_phone import RtpPhone

TIMEOUT_S = 15.0


class Ear:
    """A `MediaListener` that keeps what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.digits = ""
        self.done: list[int] = []
        self.stopped: list[tuple[RecordingId, int, StopReason]] = []
        self.timeouts = 0
        self.losses = 0
        self._changed = asyncio.Event()

    def handle_media_digit(self, digit: str, duration_ms: int | None) -> None:
        self.digits += digit
        self._changed.set()

    def handle_playback_done(self, playback: int) -> None:
        self.done.append(playback)
        self._changed.set()

    def handle_recorder_stopped(self, recording_id: RecordingId, samples: int, reason: StopReason) -> None:
        self.stopped.append((recording_id, samples, reason))
        self._changed.set()

    def handle_media_timeout(self) -> None:
        self.timeouts += 1
        self._changed.set()

    def handle_media_lost(self) -> None:
        self.losses += 1
        self._changed.set()

    async def until(self, condition: Any) -> None:
        """Wait until `condition()` holds after something was told. Raises `TimeoutError`."""
        async with asyncio.timeout(TIMEOUT_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


def free_range(pairs: int) -> tuple[int, int]:
    """A range of RTP ports below the ephemeral ones of which every port was free just now."""
    for _ in range(200):
        low = random.SystemRandom().randrange(10_000, 32_000 - 2 * pairs, 2)
        if all(_is_free(port) for port in range(low, low + 2 * pairs)):
            return low, low + 2 * pairs - 1
    raise RuntimeError("no free range of ports")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@asynccontextmanager
async def media(data: Path, *, pairs: int = 40, **more: Any) -> AsyncIterator[MediaPlanePool]:
    """A running pool with small limits."""
    values: dict[str, Any] = {"rtp_ports": free_range(pairs), "ports_per_worker": 64} | more
    pool = MediaPlanePool(MediaSettings(data=data, **values))
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def phone(tone_hz: float | None, **more: Any) -> AsyncIterator[RtpPhone]:
    opened = await RtpPhone.open(tone_hz=tone_hz, **more)
    try:
        yield opened
    finally:
        await opened.close()


def attach(pool: MediaPlanePool, to: RtpPhone, **more: Any) -> tuple[WorkerMediaPort, Ear]:
    """A port that answered the phone's offer; the phone sends."""
    ear = Ear()
    port = pool.open_port(ear, **more)
    to.follow(port.answer(to.describe()))
    to.start()
    return port, ear


async def wait_for(condition: Any, timeout_s: float = TIMEOUT_S) -> None:
    """For conditions that nothing announces (another process's state)."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)
