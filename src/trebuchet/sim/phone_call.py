"""One call of a simulated phone: signalling on our SIP core, audio by a test phone with a tone of its own."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from trebuchet.model.media_description import Codec, MediaDescription, MediaDirection
from trebuchet.signalling.descriptions import read_sdp, to_audio
from trebuchet.sip.message import Request
from trebuchet.sip.offer_answer import SdpSession
from trebuchet.sip.outputs import EndReason, LegId
from trebuchet.testing.rtp_phone import RtpPhone
from trebuchet.testing.tones import Pcm

if TYPE_CHECKING:
    from trebuchet.sim.phone import Phone

T = TypeVar("T")

WAIT_S = 15.0
"""How long a `wait_*` waits unless told otherwise: far beyond what anything on one machine takes."""


class CallFailed(Exception):
    """The call ended while something else of it was waited for."""


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended. `status`: the final answer, if one ended it."""

    reason: EndReason
    status: int | None


class PhoneCall:
    """A call of `phone`. Every `wait_*` returns when it is so, raises `CallFailed` when the call ends before,
    and `TimeoutError` when neither happens."""

    def __init__(self, phone: "Phone", rtp: RtpPhone, sdp: SdpSession, *, is_incoming: bool) -> None:
        self._phone = phone
        self.rtp = rtp
        self._tone_hz = rtp.tone_hz
        self.direction = MediaDirection.SENDRECV
        """Ours, as we said it last."""
        self.sdp = sdp
        self.is_incoming = is_incoming
        self.leg: LegId | None = None
        self.request: Request | None = None
        """The INVITE that came in; `None` for a call of ours."""
        self.offer: bytes = b""
        """The caller's SDP, empty when it wants ours."""
        self.statuses: list[int] = []
        """Provisional answers received (our calls)."""
        self.remote: MediaDescription | None = None
        """The other side's newest description."""
        self.is_answered = False
        self.is_confirmed = False
        self.offers_answered = 0
        self.offers_refused = 0
        self.offers_heard = 0
        """Re-INVITEs and UPDATEs of the other side."""
        self.end: End | None = None
        self._changed = asyncio.Event()

    # --- what the phone tells

    def note(self) -> None:
        """Something about the call changed."""
        self._changed.set()

    def follow(self, body: bytes) -> None:
        """Send audio where this description says."""
        read = read_sdp(body) if body else None
        if read is None:
            return
        self.remote = read[1]
        self.rtp.follow(read[1])
        self._adjust_tone()
        self.rtp.start()

    def _adjust_tone(self) -> None:
        """Our tone sounds while we say that we send and the other side that it listens."""
        is_heard = self.direction.sends and (self.remote is None or self.remote.direction.receives)
        self.rtp.tone_hz = self._tone_hz if is_heard else None

    def answer_body(self, offer: bytes) -> bytes:
        """Our answer to an offer, or our offer when there is none. Raises `CallFailed` when nothing fits."""
        if not offer:
            return self.sdp.offer(to_audio(self.rtp.describe()))
        read = read_sdp(offer)
        codec = None if read is None else next((c for c in read[1].codecs if c.name == self.rtp.codec), None)
        if read is None or codec is None:
            raise CallFailed("the offer holds no codec of this phone")
        self.direction = read[1].direction.reversed()
        ours = replace(
            self.rtp.describe(),
            codecs=(Codec(codec.name, codec.payload_type),),
            digits_payload_type=read[1].digits_payload_type,
            direction=self.direction,
        )
        return self.sdp.answer(read[0], to_audio(ours))

    # --- what the user does

    def ring(self) -> None:
        """Let the caller hear that it rings."""
        self._phone.ring(self)

    def answer(self) -> None:
        """Pick up."""
        self._phone.answer(self)

    def reject(self, status: int = 486) -> None:
        """Refuse with a SIP status."""
        self._phone.reject(self, status)

    def hang_up(self) -> None:
        """End the call in whatever state it is."""
        self._phone.hang_up(self)

    async def hold(self, direction: MediaDirection = MediaDirection.SENDONLY) -> None:
        """Offer a stream in which the other side does not send; returns when that was accepted."""
        await self._offer(direction)

    async def resume(self) -> None:
        """Offer both directions again; returns when that was accepted."""
        await self._offer(MediaDirection.SENDRECV)

    async def _offer(self, direction: MediaDirection) -> None:
        answered, refused = self.offers_answered, self.offers_refused
        self._phone.reinvite(self, self.sdp.offer(to_audio(self.rtp.describe(direction))))
        await self._wait(lambda: self.offers_answered > answered or self.offers_refused > refused)
        if self.offers_refused > refused:
            raise CallFailed("the other side refused the change")
        self.direction = direction
        self._adjust_tone()

    async def send_digits(self, digits: str) -> None:
        """Press keys (RFC 4733); returns when all are sent."""
        await self.rtp.press(digits)

    # --- what happened

    @property
    def heard(self) -> Pcm:
        """Everything heard so far, `int16[samples]` at 8 kHz."""
        return self.rtp.heard

    @property
    def arrivals(self) -> list[float]:
        """When each audio packet arrived, monotonic seconds."""
        return self.rtp.ear.arrivals

    @property
    def digits_heard(self) -> str:
        return self.rtp.digits_heard

    def header(self, name: str) -> str | None:
        """A header of the INVITE that came in."""
        return None if self.request is None else self.request.headers.get(name)

    async def wait_ringing(self, timeout_s: float = WAIT_S) -> None:
        await self._wait(lambda: 180 in self.statuses or self.is_answered, timeout_s)

    async def wait_answered(self, timeout_s: float = WAIT_S) -> None:
        """Both sides know that the call is up."""
        await self._wait(lambda: self.is_confirmed, timeout_s)

    async def wait_ended(self, timeout_s: float = WAIT_S) -> End:
        async with asyncio.timeout(timeout_s):
            while self.end is None:
                self._changed.clear()
                await self._changed.wait()
        return self.end

    async def wait_offers_heard(self, count: int, timeout_s: float = WAIT_S) -> None:
        """Until the other side has changed the stream so many times."""
        await self._wait(lambda: self.offers_heard >= count, timeout_s)

    async def hear(self, seconds: float, *, timeout_s: float = WAIT_S) -> Pcm:
        """The next `seconds` of audio."""
        return await self._while_up(self.rtp.hear(seconds, timeout_s=timeout_s))

    async def wait_for_tone(self, hz: float, *, timeout_s: float = WAIT_S) -> None:
        """Until that tone is clearly heard."""
        await self._while_up(self.rtp.wait_for_tone(hz, timeout_s=timeout_s))

    async def wait_for_digits(self, digits: str, *, timeout_s: float = WAIT_S) -> None:
        """Until exactly these keys have been heard."""
        await self._while_up(self.rtp.wait_for_digits(digits, timeout_s=timeout_s))

    async def _wait(self, is_so: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
        async with asyncio.timeout(timeout_s):
            while not is_so():
                if self.end is not None:
                    raise CallFailed(f"the call ended: {self.end.reason.value} {self.end.status or ''}".rstrip())
                self._changed.clear()
                await self._changed.wait()

    async def _while_up(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, unless the call ends first."""
        task = asyncio.ensure_future(work)
        ended = asyncio.ensure_future(self.wait_ended(timeout_s=3600.0))
        try:
            await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise CallFailed("the call ended")
            return task.result()
        finally:
            for each in (task, ended):
                each.cancel()
            await asyncio.gather(task, ended, return_exceptions=True)
