"""After a start: end in good order what an earlier process left behind."""

from dataclasses import replace

import structlog

from trebuchet.base.clock import Clock
from trebuchet.calls.interfaces import (
    Archive,
    Change,
    Log,
    LogUnavailable,
    RecordingFinisher,
    SignallingPlane,
    UnitOfWork,
)
from trebuchet.calls.machine import Machine
from trebuchet.calls.step import Status
from trebuchet.calls.stimuli import Fail
from trebuchet.calls.transcribing import TranscriptionRules
from trebuchet.model.call import Call
from trebuchet.model.cause import Blame, Cause
from trebuchet.model.event import RecordingFinished
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.transcription import Transcription

logger = structlog.get_logger(__name__)

CALLS_AT_ONCE = 100
"""Calls ended in one unit of work: few commits for many calls, each still small."""


class Recovery:
    """Calls that were alive when the last process died are ended with their events and their peers told; recordings
    are made playable and reported."""

    def __init__(
        self,
        machine: Machine,
        archive: Archive,
        log: Log,
        signalling: SignallingPlane,
        finisher: RecordingFinisher,
        clock: Clock,
        transcribing: TranscriptionRules | None = None,
    ) -> None:
        """`transcribing`: salvaged recordings of transcribed calls are to be transcribed by it; `None`: none is."""
        self._transcribing = transcribing
        self._machine, self._archive, self._log = machine, archive, log
        self._signalling, self._finisher, self._clock = signalling, finisher, clock

    async def end_calls(self) -> int:
        """End every call that is still open in the store. Returns how many there were."""
        calls = await self._archive.open_calls()
        for start in range(0, len(calls), CALLS_AT_ONCE):
            await self._end(calls[start : start + CALLS_AT_ONCE])
        return len(calls)

    async def _end(self, calls: list[Call]) -> None:
        at = self._clock.utc()
        steps = [self._machine.decide(Status(call), Fail(Cause.RESTARTED, Blame.US), at) for call in calls]
        changes = tuple(Change(step.status.call, step.facts) for step in steps)
        gathers = tuple(gather for step in steps for gather in step.gathers)
        await self._log.commit(UnitOfWork(changes=changes, gathers=gathers))
        for call in calls:
            if call.dialog is not None:
                self._signalling.hang_up_from_snapshot(call.dialog)

    async def leftovers(self) -> list[Recording]:
        """Recordings that an earlier process left unfinished. To be read before the first call of this one."""
        return await self._archive.unfinished_recordings()

    async def save_recordings(self, leftovers: list[Recording]) -> int:
        """Make each of them playable, and report it; one that cannot be stored now is left to the next start.
        Returns how many are done."""
        done = 0
        for recording in leftovers:
            try:
                await self._save(recording)
                done += 1
            except LogUnavailable as error:
                logger.warning("recording not reported", recording_id=recording.id, code=error.code)
        return done

    async def _save(self, recording: Recording) -> None:
        is_complete = await self._finisher.finish(recording)
        state = RecordingState.COMPLETE if is_complete else RecordingState.ERROR
        ended_at = recording.ended_at or self._clock.utc()
        recording = replace(recording, state=state, ended_at=ended_at)
        call = await self._archive.call(recording.call_id)
        changes: tuple[Change, ...] = ()
        transcriptions: tuple[Transcription, ...] = ()
        if call is not None:
            fact = RecordingFinished(
                recording.id, is_complete, recording.started_at, ended_at, recording.is_silent, recording.webhook
            )
            changes = (Change(call, (fact,)),)
            if self._transcribing is not None:
                transcriptions = self._transcribing.automatic(call, recording, self._clock.utc())
        await self._log.commit(UnitOfWork(changes=changes, recordings=(recording,), transcriptions=transcriptions))
        logger.info("recording salvaged", recording_id=recording.id, is_complete=is_complete)
