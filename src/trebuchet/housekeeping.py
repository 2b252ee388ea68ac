"""Removes from the log what has been kept long enough: keys of requests, and what became of deliveries."""

import asyncio
from datetime import timedelta

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.errors import TrebuchetError
from trebuchet.model.keyed_request import LIFETIME
from trebuchet.store.interface import Batch, Outdated, Store

BETWEEN_PIECES_S = 0.5
"""Pause while there is more to remove: 4,000 rows a second, as many as the busiest log takes in."""
BETWEEN_LOOKS_S = 60.0

_logger = structlog.get_logger()


class Housekeeping:
    def __init__(self, store: Store, clock: Clock, keep_deliveries: timedelta) -> None:
        self._store, self._clock, self._keep_deliveries = store, clock, keep_deliveries

    async def run(self) -> None:
        """For ever; a log that cannot be written is tried again later."""
        while True:
            await asyncio.sleep(BETWEEN_PIECES_S if await self.remove_piece() else BETWEEN_LOOKS_S)

    async def remove_piece(self) -> bool:
        """Whether there was something to remove."""
        now = self._clock.utc()
        outdated = Outdated(keys_before=now - LIFETIME, deliveries_before=now - self._keep_deliveries)
        try:
            if not await self._store.has_outdated(outdated):
                return False
            await self._store.write(Batch(outdated=outdated))
        except TrebuchetError as failure:
            _logger.warning("housekeeping failed", reason=failure.code)
            return False
        return True
