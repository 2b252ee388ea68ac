"""The rules of transcription: which recordings are turned into text, and which of them by themselves."""

from datetime import datetime

from trebuchet.base.ids import Ids, TranscriptionId
from trebuchet.base.values import replace
from trebuchet.calls.commands import RecordingNotComplete, RecordingNotTranscribable
from trebuchet.model.call import Call, WebhookTarget
from trebuchet.model.event import TranscriptionFinished
from trebuchet.model.recording import Recording, RecordingFormat, RecordingState
from trebuchet.model.transcription import Transcription, TranscriptionState, make_excerpt


class TranscriptionRules:
    """Pure: ids come from `ids`, time from the caller."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def begin(
        self,
        recording: Recording,
        at: datetime,
        webhook: WebhookTarget | None = None,
        transcription_id: TranscriptionId | None = None,
    ) -> Transcription:
        """A transcription that is to be made. `webhook`: where its event goes instead of the call's own target.
        `transcription_id`: its id, otherwise a new one. Raises `RecordingNotComplete`, `RecordingNotTranscribable`."""
        if recording.state is not RecordingState.COMPLETE:
            raise RecordingNotComplete(recording.id)
        if not is_transcribable(recording):
            raise RecordingNotTranscribable(recording.id, recording.media_name)
        return Transcription(
            id=transcription_id or self._ids.transcription(),
            account_id=recording.account_id,
            call_id=recording.call_id,
            recording_id=recording.id,
            created_at=at,
            duration_ms=_duration_ms(recording),
            webhook=webhook,
        )

    def automatic(self, call: Call, recording: Recording, at: datetime) -> tuple[Transcription, ...]:
        """What follows from a finished recording by itself."""
        is_wanted = call.is_transcribed or recording.transcript_webhook is not None
        if is_wanted and recording.state is RecordingState.COMPLETE and is_transcribable(recording):
            return (self.begin(recording, at, recording.transcript_webhook),)
        return ()


def is_transcribable(recording: Recording) -> bool:
    """Only wav is (API rule)."""
    return recording.media_name.lower().endswith(f".{RecordingFormat.WAV}")


def complete(transcription: Transcription, text: str) -> tuple[Transcription, TranscriptionFinished]:
    """The text is there, also as a media file."""
    done = replace(transcription, state=TranscriptionState.COMPLETED, excerpt=make_excerpt(text), text_chars=len(text))
    return done, TranscriptionFinished(done)


def fail(transcription: Transcription) -> tuple[Transcription, TranscriptionFinished]:
    """There will be no text."""
    done = replace(transcription, state=TranscriptionState.ERROR)
    return done, TranscriptionFinished(done)


def _duration_ms(recording: Recording) -> int:
    """As recorded; for recordings of a killed server as the clock says."""
    if recording.duration_ms is not None:
        return recording.duration_ms
    if recording.ended_at is None:
        return 0
    return max(0, int((recording.ended_at - recording.started_at).total_seconds() * 1000))
