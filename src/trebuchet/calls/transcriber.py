"""Makes text from recordings, one at a time and beside everything else.

The store is the queue: a transcription is stored before anybody is promised one, and what is stored and not finished
is done next, also by the server that runs after this one.
"""

import asyncio
from datetime import datetime

import structlog

from trebuchet.base.clock import Clock
from trebuchet.base.ids import AccountId, TranscriptionId
from trebuchet.calls import transcribing
from trebuchet.calls.commands import Overloaded
from trebuchet.calls.interfaces import (
    Listening,
    Log,
    LogUnavailable,
    TranscriptionArchive,
    TranscriptionFailed,
    UnitOfWork,
)
from trebuchet.calls.notes import CallNotes
from trebuchet.calls.transcribing import TranscriptionRules
from trebuchet.model.call import WebhookTarget
from trebuchet.model.event import TranscriptionFinished
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.transcription import Transcription

logger = structlog.get_logger(__name__)

LOOK_AHEAD = 100
"""Waiting transcriptions looked at when the next is chosen, so that one customer's many do not hold up another's."""
MAX_WAITING = LOOK_AHEAD
"""With so many waiting, clients are asked to come back: the last one would be done in hours."""
RETRY_AFTER_S = 60
STORE_RETRY_S = 1.0
"""Wait between attempts to reach a log that is not there."""


class Transcriber:
    """Implements `calls.commands.TranscriptionCommands`."""

    def __init__(
        self,
        *,
        rules: TranscriptionRules,
        log: Log,
        archive: TranscriptionArchive,
        notes: CallNotes,
        listening: Listening,
        clock: Clock,
    ) -> None:
        self._rules, self._log, self._archive, self._notes = rules, log, archive, notes
        self._listening, self._clock = listening, clock
        self._news = asyncio.Event()
        self._last_account: AccountId | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with what an earlier process has left."""
        self._news.set()
        self._task = asyncio.get_running_loop().create_task(self._work(), name="transcriber")

    async def close(self) -> None:
        """What is not finished stays stored as such."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def look(self) -> None:
        """A transcription that is to be made may have been stored."""
        self._news.set()

    async def transcribe(
        self,
        recording: Recording,
        webhook: WebhookTarget | None = None,
        transcription_id: TranscriptionId | None = None,
    ) -> Transcription:
        """See `TranscriptionCommands.transcribe`."""
        transcription = self._rules.begin(recording, self._now(), webhook, transcription_id)
        if len(await self._archive.unfinished_transcriptions(MAX_WAITING)) >= MAX_WAITING:
            raise Overloaded(RETRY_AFTER_S)
        await self._log.commit(UnitOfWork(transcriptions=(transcription,)))
        self._news.set()
        return transcription

    def _now(self) -> datetime:
        return self._clock.utc()

    # --- the work ---------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                while (waiting := await self._archive.unfinished_transcriptions(LOOK_AHEAD)) != []:
                    await self._do(self._choose(waiting))
            except LogUnavailable:
                await self._rest()
            except Exception:  # an error of ours must not end all transcription
                logger.exception("transcription failed inside")
                await self._rest()

    async def _rest(self) -> None:
        """Before everything that waits is looked at again."""
        await asyncio.sleep(STORE_RETRY_S)
        self._news.set()

    def _choose(self, waiting: list[Transcription]) -> Transcription:
        """The oldest one, of another account than the last one if there is any."""
        chosen = next((item for item in waiting if item.account_id != self._last_account), waiting[0])
        self._last_account = chosen.account_id
        return chosen

    async def _do(self, transcription: Transcription) -> None:
        """Raises `LogUnavailable`: then it is done again, as nobody has heard of it."""
        recording = await self._archive.recording(transcription.recording_id)
        done, fact = await self._listen(transcription, recording)
        await self._notes.add(transcription.call_id, fact, done)

    async def _listen(
        self, transcription: Transcription, recording: Recording | None
    ) -> tuple[Transcription, TranscriptionFinished]:
        if recording is None or recording.state is not RecordingState.COMPLETE:
            return transcribing.fail(transcription)
        try:
            return transcribing.complete(transcription, await self._listening.listen(transcription, recording))
        except TranscriptionFailed as error:
            logger.warning("not transcribed", recording_id=recording.id, code=error.code, pii_reason=str(error))
        except Exception as error:  # an engine may be anybody's plug-in
            logger.warning("not transcribed", recording_id=recording.id, kind=type(error).__name__)
        return transcribing.fail(transcription)
