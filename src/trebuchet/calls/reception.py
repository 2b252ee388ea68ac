"""An INVITE between the door and its call: whose number is it, and which application answers for it?"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from trebuchet.calls.actor import CallActor
from trebuchet.calls.interfaces import Leg, Refusal
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.media_description import MediaDescription

logger = structlog.get_logger(__name__)


class Reception:
    """Listens to the leg until the call exists, then passes everything on to it."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._actor: CallActor | None = None
        self.is_gone = False
        """The caller hung up before there was a call."""
        self._task: asyncio.Task[None] | None = None

    def start(self, receive: Callable[[], Awaitable[CallActor | None]]) -> None:
        """Run `receive` in a task of its own; its actor takes over. An error of ours refuses the call."""
        self._task = asyncio.get_running_loop().create_task(self._receive(receive))

    async def _receive(self, receive: Callable[[], Awaitable[CallActor | None]]) -> None:
        try:
            self._actor = await receive()
        except Exception:
            logger.exception("incoming call failed before it was stored")
            self._leg.reject(Refusal.INTERNAL)

    def handle_ringing(self) -> None:
        """Never for an incoming call."""

    def handle_answered(self, answer: MediaDescription | None) -> None:
        """Never for an incoming call."""

    def handle_confirmed(self, answer: MediaDescription | None) -> None:
        if self._actor is not None:
            self._actor.handle_confirmed(answer)

    def handle_offer(self, offer: MediaDescription | None) -> MediaDescription | None:
        return self._actor.handle_offer(offer) if self._actor is not None else None

    def handle_digit(self, digit: str, duration_ms: int | None) -> None:
        if self._actor is not None:
            self._actor.handle_digit(digit, duration_ms)

    def handle_ended(self, cause: Cause, blame: Blame, detail: str | None) -> None:
        self.is_gone = True
        if self._actor is not None:
            self._actor.handle_ended(cause, blame, detail)
