"""The rules of recording (a call may be recorded any number of times; each span is a recording of its own)."""

from datetime import datetime

from trebuchet.base.ids import Ids
from trebuchet.base.values import replace
from trebuchet.calls.commands import (
    AlreadyRecording,
    RecordingLimitLocked,
    RecordingLimitTooLong,
    UpdateCall,
    WrongCallState,
)
from trebuchet.calls.effects import StartRecorder, StopRecorder
from trebuchet.calls.step import Status, Step
from trebuchet.calls.stimuli import BeginRecording
from trebuchet.model.call import Call, CallState
from trebuchet.model.recording import Recording, RecordingSettings, RecordingState


class RecordingRules:
    """Decides what a client's recording settings do. Pure: ids come from `ids`, time from the caller."""

    def __init__(self, ids: Ids, max_duration_s: int) -> None:
        self._ids = ids
        self._max_duration_s = max_duration_s

    def check_duration(self, max_duration_s: int | None) -> None:
        """Raises `RecordingLimitTooLong` for more than the operator allows."""
        if max_duration_s is not None and max_duration_s > self._max_duration_s:
            raise RecordingLimitTooLong(self._max_duration_s)

    def update(self, status: Status, command: UpdateCall, at: datetime) -> Step:
        """Apply the recording keys of an update. Raises what `CallCommands.update` names."""
        self._check(status, command)
        if status.call.state.is_final or not command.concerns_recording:
            return Step(status)
        status = replace(status, call=replace(status.call, recording=self._settings(status.call, command)))
        if command.is_recording and status.call.state.is_up:
            return self.start(status, at)
        if command.is_recording is False and status.recording is not None:
            return self.stop(status, at)
        return Step(status)

    def _check(self, status: Status, command: UpdateCall) -> None:
        call, duration = status.call, command.recording_max_duration_s
        if call.state.is_final and (command.is_recording or duration is not None):
            raise WrongCallState(call.id, call.state)
        self.check_duration(duration)
        if status.recording is not None and command.is_recording:
            raise AlreadyRecording(call.id)
        if status.recording is not None and duration is not None:
            raise RecordingLimitLocked(call.id)

    @staticmethod
    def _settings(call: Call, command: UpdateCall) -> RecordingSettings:
        old = call.recording
        return RecordingSettings(
            is_enabled=old.is_enabled if command.is_recording is None else command.is_recording,
            format=command.recording_format or old.format,
            max_duration_s=(
                old.max_duration_s if command.recording_max_duration_s is None else command.recording_max_duration_s
            ),
        )

    def begin(self, status: Status, wanted: BeginRecording, at: datetime) -> Step:
        """A recording with settings of its own. Raises `AlreadyRecording`, `RecordingLimitTooLong`."""
        if status.recording is not None:
            raise AlreadyRecording(status.call.id)
        self.check_duration(wanted.max_duration_s)
        old = status.call.recording
        settings = RecordingSettings(format=wanted.format, max_duration_s=wanted.max_duration_s)
        step = self.start(replace(status, call=replace(status.call, recording=settings)), at)
        assert step.status.recording is not None, "it has just been started"
        recording = replace(
            step.status.recording,
            is_silent=wanted.is_silent,
            webhook=wanted.webhook,
            transcript_webhook=wanted.transcript_webhook,
        )
        limit_s = min(wanted.max_duration_s or self._max_duration_s, self._max_duration_s)
        call = replace(step.status.call, recording=replace(old, is_enabled=True))
        start = StartRecorder(recording, limit_s, wanted.channels, wanted.silence)
        return Step(replace(step.status, call=call, recording=recording), (), (recording,), (start,))

    def start(self, status: Status, at: datetime) -> Step:
        """Begin the next recording of the call."""
        call, n = status.call, status.call.recordings_made + 1
        recording = Recording(
            id=self._ids.recording(),
            account_id=call.account_id,
            call_id=call.id,
            media_name=f"{call.id}-{n}.{call.recording.format}",
            state=RecordingState.RECORDING,
            started_at=at,
        )
        settings = replace(call.recording, is_enabled=True)
        status = replace(status, call=replace(call, recordings_made=n, recording=settings), recording=recording)
        limit = min(settings.max_duration_s or self._max_duration_s, self._max_duration_s)
        return Step(status, (), (recording,), (StartRecorder(recording, limit),))

    @staticmethod
    def stop(status: Status, at: datetime) -> Step:
        """End the running recording; its file is saved afterwards."""
        assert status.recording is not None, "only called while a recording runs"
        saving = replace(status.recording, state=RecordingState.SAVING, ended_at=at)
        status = replace(status, recording=None)
        return Step(status, (), (saving,), (StopRecorder(saving.id),))

    @classmethod
    def stopped_by_itself(cls, status: Status, at: datetime) -> Step:
        """The recorder reached its limit or failed: as if the client had switched it off."""
        settings = replace(status.call.recording, is_enabled=False)
        step = cls.stop(replace(status, call=replace(status.call, recording=settings)), at)
        return replace(step, effects=())

    def at_answer(self, status: Status, at: datetime) -> Step:
        """A recording that was asked for before the answer starts now."""
        if status.call.recording.is_enabled and status.call.state is CallState.ANSWERED:
            return self.start(status, at)
        return Step(status)
